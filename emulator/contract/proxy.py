"""A proxy that passes REST traffic on and holds both directions against our description of the API.

It changes nothing: what the application gets is what the upstream said. What breaks the description is told, once a
kind, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from emulator.contract.api import say_once, whole_body
from emulator.contract.document import Document, Violation, rooms_document

MAX_BODY_BYTES = 8 * 1024 * 1024
TIMEOUT_SECS = 60.0
MAX_KINDS = 10_000

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "host", "content-length", "content-encoding", "accept-encoding",
    }
)  # fmt: skip  # RFC 9110 7.6.1, and what our own client sets anew

Tell = Callable[[str], None]


class Proxy:
    """`tell` gets a line for each new kind of violation. `violations` counts them all."""

    def __init__(self, upstream: str, *, tell: Tell, document: Document | None = None) -> None:
        self.upstream = upstream.rstrip("/")
        self.violations: Counter[str] = Counter()
        self.exchanges = 0
        self.undescribed = 0
        """Requests for paths that the description does not have."""
        self._tell = tell
        self._document = document or rooms_document()
        self._http: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.cleanup_ctx.append(self._with_http)
        return app

    async def _with_http(self, _app: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECS)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as self._http:
            say_once(self._http)
            yield

    async def _handle(self, request: web.Request) -> web.Response:
        if self._http is None:
            raise RuntimeError("the proxy has no connection before it starts")
        asked = await request.read()
        target = request.rel_url.raw_path_qs
        target = target.removeprefix("/v2") if target.startswith("/v2/") else target
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            async with self._http.request(
                request.method, URL(self.upstream + target, encoded=True), data=asked or None, headers=headers,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                body = await whole_body(answer, MAX_BODY_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._tell(
                f"{request.method} {request.path}: {self.upstream} does not answer: {error or type(error).__name__}"
            )
            return web.Response(status=502, text=f"rooms-emulator proxy: {self.upstream} does not answer\n")
        if len(body) > MAX_BODY_BYTES:
            self._tell(f"{request.method} {request.path}: the answer is longer than {MAX_BODY_BYTES} bytes")
            return web.Response(status=502, text="rooms-emulator proxy: the answer is too long\n")
        self._hold(request, asked, answer, body)
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        response = web.Response(status=answer.status, body=body or None)
        response.headers.popall(hdrs.CONTENT_TYPE, None)
        response.headers.extend(kept)
        return response

    def _hold(self, request: web.Request, asked: bytes, answer: aiohttp.ClientResponse, body: bytes) -> None:
        self.exchanges += 1
        operation = self._document.find(request.method, request.path)
        if operation is None:
            self.undescribed += 1
            self._note(f"{request.method} {request.path}: not described")
            return
        wrong = self._document.check_request(operation, dict(request.query), asked)
        found: list[tuple[str, Violation]] = [("request", each) for each in wrong]
        content_type = answer.headers.get(hdrs.CONTENT_TYPE, "")
        checked = self._document.check_answer(operation, answer.status, content_type, body)
        for direction, violation in found + [("answer", each) for each in checked]:
            self._note(f"{direction} of {violation}")

    def _note(self, line: str) -> None:
        if line not in self.violations:
            if len(self.violations) >= MAX_KINDS:
                return
            self._tell(line)
        self.violations[line] += 1

    def summary(self) -> str:
        return (
            f"{self.exchanges} exchanges, {sum(self.violations.values())} violations of {len(self.violations)} kinds, "
            f"{self.undescribed} requests for what is not described"
        )
