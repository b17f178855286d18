"""A consumer contract, said again to another server.

Ids and tokens that an answer gave are looked up in the answers of the replay; what hangs on something that a replay can
not have (somebody in the room) is not reachable there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from emulator.contract.api import NOTHING, Answer, Api, Differs, NotReachable
from emulator.contract.consumer import Contract, Recorded, pointers
from emulator.contract.document import Document, Operation, rooms_document
from emulator.contract.run import Verdict

_ONLY_WITH_PEOPLE = "/active_session_id"
"""Left out of a room in which nobody is (R-71)."""


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
        self._account: str | None = None
        self._accounts = 0

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
                    self._accounts += 1
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
        _compare(exchange, answer, listing="/meta/total_results" in set(pointers(exchange.answer)))

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
        own = f"{self._api.run}-{self._accounts}-{name}"
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
    """Raises Differs unless the answer has the same status, and every field that the consumer was given.

    NotReachable when all that is missing hangs on somebody in the room.
    """
    answer.expect(exchange.status)
    if exchange.answer is NOTHING:
        return
    missing = [pointer for pointer in _missing(exchange.answer, answer.body) if not listing or pointer != "/data"]
    if missing and all(pointer.endswith(_ONLY_WITH_PEOPLE) for pointer in missing):
        raise NotReachable(f"in the recording somebody was in the room; here nobody is, and there is no {missing[0]}")
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
