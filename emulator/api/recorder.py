"""Notes calls in the wire log of their account; the admin API uses it for its own."""

from __future__ import annotations

from aiohttp import web

from emulator.rooms.account import Account
from emulator.wirelog import Surface, WireLogs

ACCOUNT: web.RequestKey[Account] = web.RequestKey("account", Account)
"""Whose call it is, once that is known."""
BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)
"""What came as its body, once that has been read."""
FAULT_HEADER = "x-emulator-fault"
"""On each answer that a fault had to do with: the ids of the rules, so that nobody hunts what was made on purpose."""


class Recorder:
    """`began` of `note` is what `time` said when the call came."""

    def __init__(self, logs: WireLogs, surface: Surface) -> None:
        self._logs = logs
        self._surface = surface
        self.time = logs.real

    def note(self, request: web.Request, response: web.StreamResponse | None, began: float) -> None:
        """`response` is None for a call that ended without one. One whose connection is gone got none either."""
        transport = request.transport
        if transport is None or transport.is_closing():
            response = None
        status: int | None = None
        answered, faults = b"", None
        if response is not None:
            status, faults = response.status, response.headers.get(FAULT_HEADER)
            body = response.body if isinstance(response, web.Response) else None
            answered = body if isinstance(body, bytes) else b""
        method, resource = request.method, request.match_info.route.resource
        self._logs.of(request.get(ACCOUNT)).rest(
            self._surface,
            method,
            request.raw_path,
            None if resource is None else resource.canonical,
            status,
            b"" if method == "GET" else request.get(BODY, b""),
            answered,
            began,
            faults,
        )
