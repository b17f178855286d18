"""Consumer contracts: what an application really uses of the API, and whether another server gives it that.

A contract is made from the wire log of the emulator that the application's tests ran on. It lists the operations with
their parameters, body fields and answers, the requests of the signaling and the webhooks that were accepted, and keeps
one exchange of each kind, in order, to be replayed elsewhere: `usage.py` makes one, `replay.py` replays it. Nothing in
it is counted or measured, so that the same tests give the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.contract.api import NOTHING

VERSION = 1
MAX_EXCHANGES = 5_000
MAX_FILE_BYTES = 32 * 1024 * 1024


class ContractError(ValueError):
    """The file is no consumer contract; the text says why."""


@dataclass
class Use:
    """How one operation was used."""

    parameters: set[str] = field(default_factory=set)
    body: set[str] = field(default_factory=set)
    """JSON pointers of the fields that were sent."""
    statuses: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        return {
            "statuses": sorted(self.statuses),
            "parameters": sorted(self.parameters),
            "body": sorted(self.body),
        }


@dataclass(frozen=True)
class Recorded:
    """One exchange, without secrets; bodies are parsed JSON, NOTHING where there was none."""

    method: str
    path: str
    query: str
    body: Any
    status: int
    answer: Any
    text: str | None = None
    """The body as it was sent, when that was no JSON."""
    account: str = ""
    """Names and ids are one account's: the same name in another is another room. With pytest, the test's name."""

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"method": self.method, "path": self.path, "query": self.query, "status": self.status}
        if self.body is not NOTHING:
            told["body"] = self.body
        if self.text is not None:
            told["body_text"] = self.text
        if self.account:
            told["account"] = self.account
        if self.answer is not NOTHING:
            told["answer"] = self.answer
        return told


@dataclass
class Contract:
    consumer: str
    uses: dict[str, Use] = field(default_factory=dict)
    """By operation id."""
    signaling: set[str] = field(default_factory=set)
    """What clients asked for over the WebSocket (`message publish`)."""
    webhooks: set[str] = field(default_factory=set)
    """Types of events that a receiver accepted (2xx)."""
    exchanges: list[Recorded] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "consumer_contract": VERSION,
            "consumer": self.consumer,
            "operations": {name: use.as_json() for name, use in sorted(self.uses.items())},
            "signaling": sorted(self.signaling),
            "webhooks": sorted(self.webhooks),
            "exchanges": [exchange.as_json() for exchange in self.exchanges],
        }

    def write(self, path: Path) -> None:
        """Raises OSError."""
        path.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Contract:
        """Raises OSError, ContractError."""
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ContractError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ContractError(f"{path}: no consumer contract, which is text in UTF-8: {error.reason}") from None
        except (ValueError, RecursionError) as error:
            raise ContractError(f"{path}: no JSON: {error}") from None
        try:
            return cls.of_json(raw)
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from None

    @classmethod
    def of_json(cls, raw: Any) -> Contract:
        """Raises ContractError."""
        if not isinstance(raw, dict) or raw.get("consumer_contract") != VERSION:
            raise ContractError(f'a consumer contract has "consumer_contract": {VERSION}')
        try:
            return cls(
                str(raw["consumer"]),
                {
                    name: Use(set(use["parameters"]), set(use["body"]), set(use["statuses"]))
                    for name, use in raw["operations"].items()
                },
                set(map(str, raw["signaling"])),
                set(map(str, raw["webhooks"])),
                [
                    Recorded(
                        str(each["method"]),
                        str(each["path"]),
                        str(each["query"]),
                        each.get("body", NOTHING),
                        int(each["status"]),
                        each.get("answer", NOTHING),
                        None if each.get("body_text") is None else str(each["body_text"]),
                        str(each.get("account", "")),
                    )
                    for each in raw["exchanges"]
                ],
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ContractError(f"not a whole contract: {error!r:.80}") from None

    def note_uses(self, other: Contract) -> None:
        """All that has been used elsewhere, too, without the exchanges."""
        for name, use in other.uses.items():
            ours = self.uses.setdefault(name, Use())
            ours.statuses |= use.statuses
            ours.parameters |= use.parameters
            ours.body |= use.body
        self.signaling |= other.signaling
        self.webhooks |= other.webhooks

    def describe(self) -> str:
        """`2 operations in 7 exchanges`."""
        return f"{counted(len(self.uses), 'operation')} in {counted(len(self.exchanges), 'exchange')}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return NOTHING


def pointers(value: Any, prefix: str = "") -> Iterator[str]:
    """Of all members, without the elements of lists."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{prefix}/{name}"
            yield from pointers(inner, f"{prefix}/{name}")
