"""One authenticated request on its way to an operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from emulator.api.parameters import Parameters
from emulator.rooms.account import Account
from emulator.rooms.queries import PageRequest


@dataclass(slots=True)
class Call:
    """Nobody changes one; but every request makes one, and frozen it would cost three times as much."""

    request: web.Request
    account: Account
    lenient: bool
    """Three contradictions between the SDKs' tests and the document are resolved for the tests (R-117)."""

    @property
    def parameters(self) -> Parameters:
        return Parameters.of(self.request)

    def page(self, parameters: Parameters) -> PageRequest:
        """Raises BadQuery."""
        return parameters.page(lenient=self.lenient)

    def path_id(self, name: str) -> str:
        return self.request.match_info[name]


Operation = Callable[[Call], Awaitable[web.Response]]
