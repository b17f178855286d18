"""Consumer contracts: what an application really uses of the API, and whether another server gives it that.

A contract is made from the wire log of the emulator that the application's tests ran on. It lists the operations with
their parameters, body fields and answers, the requests of the signaling and the webhooks that were accepted, and keeps
one exchange of each kind, in order, to be replayed elsewhere. Ids and tokens that an answer gave are looked up in the
answers of the replay; what hangs on something that a replay can not have (somebody in the room) is not reachable there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from emulator.contract.api import NOTHING, Answer, Api, Differs, NotReachable
from emulator.contract.document import Document, Operation, rooms_document
from emulator.contract.run import Verdict

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
    calls: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
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
    account: int = 0
    """Names and ids are one account's: the same name in another is another room."""

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
    signaling: dict[str, int] = field(default_factory=dict)
    """What clients asked for over the WebSocket (`videoroom publish`), and how often."""
    webhooks: dict[str, int] = field(default_factory=dict)
    """Types of events that a receiver accepted (2xx), and how often."""
    exchanges: list[Recorded] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "consumer_contract": VERSION,
            "consumer": self.consumer,
            "operations": {name: use.as_json() for name, use in sorted(self.uses.items())},
            "signaling": dict(sorted(self.signaling.items())),
            "webhooks": dict(sorted(self.webhooks.items())),
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
                    name: Use(set(use["parameters"]), set(use["body"]), set(use["statuses"]), int(use["calls"]))
                    for name, use in raw["operations"].items()
                },
                dict(raw["signaling"]),
                dict(raw["webhooks"]),
                [
                    Recorded(
                        str(each["method"]),
                        str(each["path"]),
                        str(each["query"]),
                        each.get("body", NOTHING),
                        int(each["status"]),
                        each.get("answer", NOTHING),
                        None if each.get("body_text") is None else str(each["body_text"]),
                        int(each.get("account", 0)),
                    )
                    for each in raw["exchanges"]
                ],
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ContractError(f"not a whole contract: {error!r:.80}") from None

    def add(self, other: Contract, document: Document | None = None) -> None:
        """What has been used elsewhere, too. Of accounts in which nothing new was said, no exchange is kept."""
        document = document or rooms_document()
        for name, use in other.uses.items():
            ours = self.uses.setdefault(name, Use())
            ours.calls += use.calls
            ours.statuses |= use.statuses
            ours.parameters |= use.parameters
            ours.body |= use.body
        for counts, more in ((self.signaling, other.signaling), (self.webhooks, other.webhooks)):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count
        said = {_kind_of(exchange, document) for exchange in self.exchanges}
        for account in dict.fromkeys(exchange.account for exchange in other.exchanges):
            exchanges = [exchange for exchange in other.exchanges if exchange.account == account]
            kinds = {_kind_of(exchange, document) for exchange in exchanges}
            if kinds <= said or len(self.exchanges) + len(exchanges) > MAX_EXCHANGES:
                continue
            said |= kinds
            number = self.exchanges[-1].account + 1 if self.exchanges else 0
            self.exchanges += [replace(exchange, account=number) for exchange in exchanges]


# -- making one -------------------------------------------------------------------------------------------------------


def contract_of(entries: Iterable[Mapping[str, Any]], *, consumer: str, document: Document | None = None) -> Contract:
    """From the entries of `GET /_emulator/wire`, oldest first."""
    contract = Contract(consumer)
    kept: set[tuple[object, ...]] = set()
    for entry in entries:
        match entry.get("kind"):
            case "rest" if entry.get("surface") == "rest" and entry.get("status") is not None:
                _note_call(contract, entry, document or rooms_document(), kept)
            case "frame" if entry.get("direction") == "in" and entry.get("text"):
                name = _asked_for(entry["text"])
                if name is not None:
                    contract.signaling[name] = contract.signaling.get(name, 0) + 1
            case "webhook" if 200 <= (entry.get("status") or 0) < 300:
                event = entry["event_type"]
                contract.webhooks[event] = contract.webhooks.get(event, 0) + 1
    return contract


def _note_call(contract: Contract, entry: Mapping[str, Any], document: Document, kept: set[tuple[object, ...]]) -> None:
    operation = document.find(entry["method"], entry["path"])
    if operation is None or entry.get("faults"):
        return  # no use of the API, or wrong on purpose
    body, answer = _json(entry["request"]), _json(entry["response"])
    use = contract.uses.setdefault(operation.id, Use())
    parameters = tuple(name for name, _ in parse_qsl(entry["query"], keep_blank_values=True))
    fields = tuple(_pointers(body)) if isinstance(body, dict) else ()
    use.calls += 1
    use.statuses.add(entry["status"])
    use.parameters.update(parameters)
    use.body.update(fields)
    # One of each kind is enough, but whatever gives ids to others is kept.
    kind = (operation.id, entry["status"], parameters, fields)
    gives = entry["status"] in (201, 202) and operation.method == "POST"
    if (gives or kind not in kept) and len(contract.exchanges) < MAX_EXCHANGES:
        kept.add(kind)
        path = entry["path"].removeprefix("/v2")
        text = entry["request"] if body is NOTHING and entry["request"] else None
        if text is not None and entry.get("sizes", {}).get("request", 0) > len(text.encode()):
            return  # cut when it was noted: it was JSON, perhaps, and can not be said again
        contract.exchanges.append(Recorded(entry["method"], path, entry["query"], body, entry["status"], answer, text))


def _kind_of(exchange: Recorded, document: Document) -> tuple[object, ...]:
    operation = document.find(exchange.method, f"/v2{exchange.path}")
    parameters = frozenset(name for name, _ in parse_qsl(exchange.query, keep_blank_values=True))
    fields = frozenset(_pointers(exchange.body)) if isinstance(exchange.body, dict) else frozenset()
    return (operation and operation.id, exchange.status, parameters, fields)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return NOTHING


def _pointers(value: Any, prefix: str = "") -> Iterator[str]:
    """Of all members, without the elements of lists."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{prefix}/{name}"
            yield from _pointers(inner, f"{prefix}/{name}")


def _asked_for(text: str) -> str | None:
    """`videoroom publish` of a frame; None for what is no request."""
    frame = _json(text)
    if not isinstance(frame, dict) or not isinstance(frame.get("janus"), str):
        return None
    body = frame.get("body")
    if frame["janus"] == "message" and isinstance(body, dict):
        return f"message {body.get('request', '?')}"
    return str(frame["janus"])


# -- replaying it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verified:
    """What came of one exchange."""

    exchange: Recorded
    operation: str
    verdict: Verdict
    message: str = ""

    def __str__(self) -> str:
        told = f"{self.verdict:<13} {self.operation}: {self.exchange.method} {self.exchange.path}"
        return f"{told}\n              {self.message}" if self.message else told


class Replay:
    """Replays a contract in order. `known` maps ids, tokens and names of the recording to those of the replay."""

    def __init__(self, contract: Contract, api: Api, *, document: Document | None = None) -> None:
        self._contract = contract
        self._api = api
        self._document = document or rooms_document()
        self._known: dict[str, str] = {}
        self._account = 0

    async def run(self) -> list[Verified]:
        """Rooms that it makes are deleted in the end, whatever happens."""
        found = []
        try:
            for number, exchange in enumerate(self._contract.exchanges):
                operation = self._document.find(exchange.method, exchange.path)
                name = operation.id if operation is not None else f"{exchange.method} {exchange.path}"
                self._api.current = f"{number} {name}"
                if exchange.account != self._account:
                    self._account, self._known = exchange.account, {}
                try:
                    await self._again(exchange, operation)
                except Differs as difference:
                    found.append(Verified(exchange, name, Verdict.DIFFERS, str(difference)))
                except NotReachable as error:
                    found.append(Verified(exchange, name, Verdict.NOT_REACHABLE, str(error)))
                else:
                    found.append(Verified(exchange, name, Verdict.HOLDS))
        finally:
            await self._api.clear()
        return found

    async def _again(self, exchange: Recorded, operation: Operation | None) -> None:
        path, body = self._path(exchange, operation), self._here(exchange.body)
        query = {name: self._here_text(value) for name, value in parse_qsl(exchange.query, keep_blank_values=True)}
        if isinstance(body, dict) and isinstance(body.get("unique_name"), str):
            body = {**body, "unique_name": self._named(body["unique_name"])}
        if "filter[unique_name]" in query:
            query["filter[unique_name]"] = self._named(query["filter[unique_name]"])
        if operation is not None and operation.id == "DeleteRoomRecordings":
            raise NotReachable("a bulk delete is not replayed: it could reach recordings that are not ours")
        key = "given" if operation is None or operation.secured else None
        if exchange.status == 401:
            key = None
        raw = None if exchange.text is None else exchange.text.encode()
        answer = await self._api.call(exchange.method, path, body, query=query, key=key, raw=raw)
        if exchange.method == "POST" and operation is not None and operation.id == "CreateRoom":
            self._api.keep(answer)
        self._learn(exchange.answer, answer.body)
        _compare(exchange, answer, listing="/meta/total_results" in set(_pointers(exchange.answer)))

    def _path(self, exchange: Recorded, operation: Operation | None) -> str:
        """Raises NotReachable when it speaks of an id that the replay has not been given."""
        segments = exchange.path.split("/")
        template = operation.template.split("/") if operation is not None else segments
        for place, (segment, part) in enumerate(zip(segments, template, strict=False)):
            if part.startswith("{"):
                if segment in self._known:
                    segments[place] = self._known[segment]
                elif exchange.status < 400:
                    raise NotReachable(f"nothing in the replay gave the {part.strip('{}')} {segment}")
        return "/".join(segments)

    def _named(self, name: str) -> str:
        """Names are unique in an account, so those of a replay are its own."""
        own = f"{self._api.run}-{self._account}-{name}" if self._account else f"{self._api.run}-{name}"
        return self._known.setdefault(f"name {name}", own[:200])

    def _learn(self, recorded: Any, given: Any) -> None:
        """What stood where an id or a token of the recording stood is that id or token here."""
        if isinstance(recorded, dict) and isinstance(given, dict):
            for name, value in recorded.items():
                if isinstance(value, str) and isinstance(given.get(name), str) and _is_reference(name):
                    self._known.setdefault(value, given[name])
                else:
                    self._learn(value, given.get(name))

    def _here(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._here(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._here(inner) for inner in value]
        return self._known.get(value, value) if isinstance(value, str) else value

    def _here_text(self, value: str) -> str:
        return self._known.get(value, value)


def _is_reference(name: str) -> bool:
    return name == "id" or name.endswith(("_id", "token"))


def _compare(exchange: Recorded, answer: Answer, *, listing: bool) -> None:
    """Raises Differs unless the answer has the same status, and every field that the consumer was given."""
    answer.expect(exchange.status)
    if exchange.answer is NOTHING:
        return
    missing = [pointer for pointer in _missing(exchange.answer, answer.body) if not listing or pointer != "/data"]
    if missing:
        raise Differs(f"{answer.request}: the consumer was given {', '.join(missing)}, and here is not")


def _missing(recorded: Any, given: Any, prefix: str = "") -> Sequence[str]:
    """Pointers of members that are not there, or of another kind. Of lists only the kind is compared."""
    if isinstance(recorded, dict):
        if not isinstance(given, dict):
            return [prefix or "/"]
        found: list[str] = []
        for name, value in recorded.items():
            if name not in given:
                found.append(f"{prefix}/{name}")
            else:
                found += _missing(value, given[name], f"{prefix}/{name}")
        return found
    same = isinstance(given, list) if isinstance(recorded, list) else _kind(recorded) == _kind(given)
    return [] if same else [prefix or "/"]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__
