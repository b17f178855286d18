"""What an application has used of the emulator, as a consumer contract: from wire logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from emulator.contract.api import NOTHING
from emulator.contract.consumer import MAX_EXCHANGES, Contract, Recorded, Use, parsed, pointers
from emulator.contract.document import Document, rooms_document
from emulator.contract.placeholders import Placeholders

Kind = tuple[object, ...]
"""Two exchanges of a kind say the same of what is used."""


class Gathering:
    """What several accounts have used, in whichever order they come.

    Of accounts in which nothing new was said, no exchange is kept. Which those are, only their names decide: tests that
    run in another order or spread over several workers give the same contract.
    """

    def __init__(self, consumer: str, document: Document | None = None) -> None:
        self._document = document or rooms_document()
        self._used = Contract(consumer)
        self._accounts: dict[frozenset[Kind], tuple[str, list[Recorded]]] = {}
        """Of accounts that have said the same, the one with the first name."""
        self._exchanges = 0

    def add(self, account: str, used: Contract) -> None:
        self._used.note_uses(used)
        if used.exchanges:
            self._keep(account, used.exchanges)

    def merge(self, gathered: Contract) -> None:
        """Another gathering's `everything`."""
        self._used.note_uses(gathered)
        for account in dict.fromkeys(exchange.account for exchange in gathered.exchanges):
            self._keep(account, [exchange for exchange in gathered.exchanges if exchange.account == account])

    def _keep(self, account: str, exchanges: list[Recorded]) -> None:
        kinds = frozenset(_kind_of(exchange, self._document) for exchange in exchanges)
        before = self._accounts.get(kinds)
        if before is not None and before[0] <= account:
            return
        self._exchanges += len(exchanges) - (0 if before is None else len(before[1]))
        self._accounts[kinds] = account, exchanges
        while self._exchanges > MAX_EXCHANGES:
            last = max(self._accounts, key=lambda each: self._accounts[each][0])
            self._exchanges -= len(self._accounts.pop(last)[1])

    def everything(self) -> Contract:
        """With all accounts that may be kept in the end."""
        return self._contract(choose=False)

    def contract(self) -> Contract:
        return self._contract(choose=True)

    def _contract(self, *, choose: bool) -> Contract:
        made = Contract(self._used.consumer)
        made.note_uses(self._used)
        said: set[Kind] = set()
        names: set[str] = set()
        for kinds, (account, exchanges) in sorted(self._accounts.items(), key=lambda each: each[1][0]):
            if choose and kinds <= said:
                continue
            said |= kinds
            name, number = account, 1
            while name in names:  # a test that was run again
                number += 1
                name = f"{account} ({number})"
            names.add(name)
            made.exchanges += [replace(exchange, account=name) for exchange in exchanges]
        return made


def contract_of(entries: Iterable[Mapping[str, Any]], *, consumer: str, document: Document | None = None) -> Contract:
    """From the entries of `GET /_emulator/wire` of one account, oldest first."""
    contract = Contract(consumer)
    kept: set[Kind] = set()
    for entry in entries:
        match entry.get("kind"):
            case "rest" if entry.get("surface") == "rest" and entry.get("status") is not None:
                _note_call(contract, entry, document or rooms_document(), kept)
            case "frame" if entry.get("direction") == "in" and entry.get("text"):
                name = _asked_for(entry["text"])
                if name not in (None, "keepalive"):  # that one only says how long it took
                    contract.signaling.add(name)
            case "webhook" if 200 <= (entry.get("status") or 0) < 300:
                contract.webhooks.add(entry["event_type"])
    placeholders = Placeholders()
    contract.exchanges = [placeholders.put_into(exchange) for exchange in contract.exchanges]
    return contract


def _note_call(contract: Contract, entry: Mapping[str, Any], document: Document, kept: set[Kind]) -> None:
    operation = document.find(entry["method"], entry["path"])
    if operation is None or entry.get("faults"):
        return  # no use of the API, or wrong on purpose
    body, answer = parsed(entry["request"]), parsed(entry["response"])
    use = contract.uses.setdefault(operation.id, Use())
    parameters = tuple(name for name, _ in parse_qsl(entry["query"], keep_blank_values=True))
    fields = tuple(pointers(body)) if isinstance(body, dict) else ()
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


def _kind_of(exchange: Recorded, document: Document) -> Kind:
    operation = document.find(exchange.method, f"/v2{exchange.path}")
    parameters = frozenset(name for name, _ in parse_qsl(exchange.query, keep_blank_values=True))
    fields = frozenset(pointers(exchange.body)) if isinstance(exchange.body, dict) else frozenset()
    return (operation and operation.id, exchange.status, parameters, fields)


def _asked_for(text: str) -> str | None:
    """`videoroom publish` of a frame; None for what is no request."""
    frame = parsed(text)
    if not isinstance(frame, dict) or not isinstance(frame.get("janus"), str):
        return None
    body = frame.get("body")
    if frame["janus"] == "message" and isinstance(body, dict):
        return f"message {body.get('request', '?')}"
    return str(frame["janus"])
