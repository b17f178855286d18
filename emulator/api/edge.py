"""The edge of the REST surface: every error becomes the envelope, every answer gets its headers.

A middleware of the root application, since only there are unknown paths and wrong methods seen.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from emulator.api.errors import ApiError, NotStored, answer_error, from_domain
from emulator.api.recorder import Recorder
from emulator.events import StoreError
from emulator.rooms.errors import DomainError
from emulator.wire import rest

log = logging.getLogger("emulator.api")

REQUEST_ID = "x-request-id"
RATE_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("rate_headers", dict)
"""Set by an operation whose account is rate limited; they belong on refusals, too."""

# Other surfaces of the same application: administration (but not the downloads, which REST answers point at), probes,
# signaling. A room id is never the word "rooms".
_OTHER_SURFACES = re.compile(r"/(?:_emulator(?:/(?!downloads/).*)?|livez|readyz|(?!rooms/)[^/]+/janus/?)", re.DOTALL)
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_SANE_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]{1,64}(?:\s*,\s*[A-Za-z0-9-]{1,64}){0,63}", re.ASCII)
_PREFLIGHT_SECS = "600"
# Private Network Access (WICG): browsers that know it send the first and want the second.
_PRIVATE_NETWORK_ASKED = "Access-Control-Request-Private-Network"
_PRIVATE_NETWORK_ALLOWED = "Access-Control-Allow-Private-Network"


def is_rest_path(path: str) -> bool:
    return _OTHER_SURFACES.fullmatch(path) is None


class Edge:
    """`new_request_id` makes the ids of requests that bring none; `recorder` notes every call.

    `rate_limited`: whether any request can have RATE_HEADERS.
    """

    def __init__(
        self, new_request_id: Callable[[], str], recorder: Recorder | None = None, *, rate_limited: bool = False
    ) -> None:
        self._new_request_id = new_request_id
        self._recorder = recorder
        self._rate_limited = rate_limited

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_rest_path(request.path):
            return await handler(request)
        recorder = self._recorder
        if request.method == hdrs.METH_OPTIONS:
            response: web.StreamResponse = preflight(request)
        elif recorder is None:
            response = await answered(request, handler)
        else:
            began, given = recorder.time(), None
            try:
                try:  # `answered`, without the price of another coroutine
                    response = given = await handler(request)
                except Exception as error:  # noqa: BLE001 - `refused` logs what nobody expected
                    response = given = refused(request, error)
            finally:  # also one that is cancelled, or redirects
                recorder.note(request, given, began)
        if not response.prepared:  # a stream has sent its headers already
            self._add_headers(request, response)
        return response

    def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        given = request.headers.get(REQUEST_ID)
        headers[REQUEST_ID] = given if given and _SANE_REQUEST_ID.fullmatch(given) else self._new_request_id()
        # Pages call the token refresh themselves, from any origin.
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "*"
        if self._rate_limited and (rate := request.get(RATE_HEADERS)) is not None:
            headers.update(rate)


async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or what it raised as an answer; the admin API refuses in the same form."""
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - `refused` logs what nobody expected
        return refused(request, error)


def refused(request: web.Request, error: Exception) -> web.Response:
    """What a handler raised, as an answer. Raises a redirect again: that is an answer, not an error."""
    match error:
        case ApiError():
            return answer_error(error)
        case DomainError():
            return answer_error(from_domain(error))
        case StoreError():
            log.warning("%s %s: %s", request.method, request.path, error)
            return answer_error(NotStored(f"{error} Nothing has been changed."))
        case web.HTTPException():
            if error.status < 400:
                raise error
            return answer_error(_from_http(request, error))
        case _:
            # The outermost place: nobody above could answer. The suite fails on this log line.
            log.error("%s %s failed", request.method, request.path, exc_info=error)
            return answer_error(ApiError(500, rest.UNEXPECTED))


def _from_http(request: web.Request, error: web.HTTPException) -> ApiError:
    """aiohttp's own refusals: unknown path (R-8), wrong method (R-9), and whatever else it finds."""
    if isinstance(error, web.HTTPNotFound):
        return ApiError(404, rest.NOT_FOUND)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ApiError(
            405,
            rest.BAD_REQUEST,
            f"{request.method} is not allowed on {request.path}; allowed: {allowed}.",
            headers={hdrs.ALLOW: allowed},
        )
    code = rest.UNEXPECTED if error.status >= 500 else rest.BAD_REQUEST
    return ApiError(error.status, code, error.text or error.reason)


def preflight(request: web.Request, *more_headers: str) -> web.Response:
    """The answer to OPTIONS: a browser's preflight, or a plain question for the methods of a path.

    Requests may carry the usual headers, `more_headers`, and whatever sane names were asked for.
    """
    refusal = request.match_info.http_exception
    if isinstance(refusal, web.HTTPNotFound):
        return answer_error(ApiError(404, rest.NOT_FOUND))
    methods = refusal.allowed_methods if isinstance(refusal, web.HTTPMethodNotAllowed) else {hdrs.METH_OPTIONS}
    allowed = ", ".join(sorted(methods))
    # A "*" would not cover authorization (Fetch standard), so the wanted names are repeated.
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
    names = ["authorization", "content-type", REQUEST_ID, *more_headers]
    if _SANE_HEADER_NAMES.fullmatch(wanted):
        names += [name for part in wanted.split(",") if (name := part.strip().lower()) not in names]
    headers: dict[str, str] = {
        hdrs.ALLOW: allowed,
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: allowed,
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(names),
        hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_SECS,
    }
    if _PRIVATE_NETWORK_ASKED in request.headers:  # a page from the internet calls this machine
        headers[_PRIVATE_NETWORK_ALLOWED] = "true"
    return web.Response(status=204, headers=headers)
