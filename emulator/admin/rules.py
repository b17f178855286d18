"""Rules that make something go wrong, over HTTP: added one by one or several at once, listed, removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import read_body
from emulator.faults import BadFault, FaultError
from emulator.faults.errors import below
from emulator.faults.values import Json
from emulator.wire import rest


class Rule(Protocol):
    """What has been added."""

    def as_json(self) -> Json: ...


class Rules(Protocol):
    """Those of one account. Adding and removing raise the FaultError family."""

    @property
    def rules(self) -> Sequence[Rule]: ...

    def add(self, document: Any, pointer: str = "") -> Rule: ...

    def add_all(self, documents: Any, pointer: str = "") -> Sequence[Rule]: ...

    def remove(self, rule_id: str) -> object: ...

    def clear(self) -> object: ...


class RuleHandlers:
    """Handlers of requests, for the parts that describe them.

    `of` gives an account's rules by its id, `unknown` is what they raise for an id that there is not. `several` is the
    member with a list of documents, `one` what a single document is called.
    """

    def __init__(
        self,
        access: AccountAccess,
        of: Callable[[str], Rules],
        *,
        unknown: type[FaultError],
        several: str,
        one: str,
    ) -> None:
        self._access = access
        self._of = of
        self._unknown = unknown
        self._several = several
        self._one = one

    async def add(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = await read_body(request)
        rules, several = self._of(account.id), self._several
        try:
            if several not in body:
                return answer(rules.add(body).as_json(), status=201)
            for name in body:
                if name != several:
                    raise BadFault(below("", name), f"{self._one}, or the list `{several}` alone", "both")
            return answer(_listed(rules.add_all(body[several], f"/{several}")), status=201)
        except FaultError as error:
            raise self._refusal(error) from error

    async def list_all(self, request: web.Request) -> web.Response:
        return answer(_listed(self._of(self._access.of(request).id).rules))

    async def clear(self, request: web.Request) -> web.Response:
        self._of(self._access.of(request).id).clear()
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        rules = self._of(self._access.of(request).id)
        try:
            rules.remove(request.match_info["id"])
        except FaultError as error:
            raise self._refusal(error) from error
        return web.Response(status=204)

    def _refusal(self, error: FaultError) -> ApiError:
        if isinstance(error, BadFault):
            return BadBody(error.pointer, str(error))
        if isinstance(error, self._unknown):
            return ApiError(404, rest.NOT_FOUND, str(error))
        return BadBody("", str(error))  # too many


def _listed(rules: Sequence[Rule]) -> list[Json]:
    return [rule.as_json() for rule in rules]


def answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers={"Cache-Control": "no-store"})
