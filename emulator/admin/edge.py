"""The edge of the admin API: the guard before it, the error envelope behind it, its headers on every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from emulator.admin.guard import TOKEN_HEADER, TOKEN_PARAMETER, Guard
from emulator.api.downloads import PATH as DOWNLOADS
from emulator.api.edge import answered, preflight
from emulator.api.errors import ApiError, answer_error
from emulator.api.recorder import ACCOUNT, Recorder
from emulator.clock import ClockError
from emulator.events import HorizonError
from emulator.wire import rest

API_VERSION = "1"
"""Grows when something in the admin API changes so that its users must change, too."""
VERSION_HEADER = "x-emulator-api-version"
PREFIX = "/_emulator"
STREAM_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("stream_headers", dict)
"""The headers of every admin answer, for handlers that send theirs themselves."""
_READING = (hdrs.METH_GET, hdrs.METH_HEAD)


def is_admin_path(path: str) -> bool:
    """Downloads are not: who has their signed URL needs nothing else (R-90)."""
    return path == PREFIX or (path.startswith(PREFIX + "/") and not path.startswith(DOWNLOADS + "/"))


class AdminEdge:
    """A middleware of the root application: it also sees paths and methods that match nothing.

    `open_to_all`: (method, path template) of what needs no token. `recorder` notes what changes an account.
    """

    def __init__(
        self, guard: Guard, open_to_all: Collection[tuple[str, str]], recorder: Recorder | None = None
    ) -> None:
        self._guard = guard
        self._recorder = recorder
        self._open_to_all = open_to_all

    @web.middleware
    def middleware(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        """No coroutine for what is not ours: the REST surface comes through here, too."""
        return self._guarded(request, handler) if is_admin_path(request.path) else handler(request)

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._guard.check(
                request.method,
                request.headers,
                token=request.query.get(TOKEN_PARAMETER),
                open_to_all=self._is_open(request),
            )
        except ApiError as error:
            response: web.StreamResponse = answer_error(error)
        else:
            response = await self._answer(request, handler)
        if not response.prepared:  # a stream has sent its headers already
            for name, value in self._headers(request).items():
                response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        async def translated(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ClockError as error:
                raise ApiError(422, rest.BAD_REQUEST, str(error)) from error
            except HorizonError as error:
                raise ApiError(410, rest.NOT_FOUND, str(error)) from error

        if request.method == hdrs.METH_OPTIONS:
            return preflight(request, TOKEN_HEADER)
        request[STREAM_HEADERS] = self._headers(request)
        if self._recorder is None or request.method in _READING:
            return await answered(request, translated)
        began = self._recorder.time()
        response = await answered(request, translated)
        if ACCOUNT in request:
            self._recorder.note(request, response, began)
        return response

    def _is_open(self, request: web.Request) -> bool:
        resource = request.match_info.route.resource
        method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
        return resource is not None and (method, resource.canonical) in self._open_to_all

    def _headers(self, request: web.Request) -> dict[str, str]:
        """What every admin answer carries, unless it has better."""
        headers = {VERSION_HEADER: API_VERSION, "X-Content-Type-Options": "nosniff", hdrs.VARY: "Origin"}
        origin = self._guard.shared_with(request.headers)
        if origin is not None:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "*"
        return headers
