"""What the emulator tells about itself: health, addresses, two scripts for pages, and the page that lists it all."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import resources

from aiohttp import hdrs, web

from emulator import probes
from emulator.admin import static
from emulator.admin.operation import ANYTHING, Answer, Operation, json_answer, object_schema
from emulator.api.errors import ApiError
from emulator.wire import rest

WS_PLACEHOLDER = "__WS_URL__"
CA_PATH = "/_emulator/ca.pem"

SCRIPT_HEADERS = {
    # Pages of the app under test come from another origin; a stale script would be worse than a slow one.
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_SCRIPT = Answer(content={"text/javascript": {"type": "string"}})


@cache
def _redirect_script() -> str:
    return resources.files(static).joinpath("redirect.js").read_text(encoding="utf-8")


@cache
def _inspector() -> str:
    return resources.files(static).joinpath("inspector.html").read_text(encoding="utf-8")


@cache
def _probe_script() -> str:
    return resources.files(probes).joinpath("probe.js").read_text(encoding="utf-8")


@cache
def _page_script() -> str:
    return _probe_script() + "\n" + resources.files(probes).joinpath("page.js").read_text(encoding="utf-8")


@cache
def _playwright_module() -> str:
    return resources.files(static).joinpath("playwright.mjs").read_text(encoding="utf-8")


class About:
    """`ready` says whether everything answers yet; `listed` gives the operations for the page and the document."""

    def __init__(
        self,
        *,
        info: Callable[[], dict[str, object]],
        ready: Callable[[], bool],
        listed: Callable[[], Sequence[Operation]],
        ca_pem: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._ca_pem = ca_pem
        self._info = info
        self._ready = ready
        self._listed = listed

    def operations(self) -> Sequence[Operation]:
        page = Answer(content={"text/plain": {"type": "string"}, "text/html": {"type": "string"}})
        info = json_answer(object_schema({"rest_url": {"type": "string"}, "ws_url": {"type": "string"}}))
        document = json_answer(ANYTHING, description="An OpenAPI 3.1 document.")
        return (
            *self._scripts(),
            Operation("GET", "/_emulator/", "What there is, for people.", self.index, answers=[page], account=False),
            Operation(
                "GET", "/_emulator/info", "Where everything is.", self.info, answers=[info], account=False, open=True
            ),
            Operation(
                "GET",
                "/_emulator/openapi.json",
                "This document.",
                self.openapi,
                answers=[document],
                account=False,
            ),
            Operation(
                "GET",
                "/_emulator/redirect.js",
                "Load it before @telnyx/video: it sends the SDK here.",
                self.redirect,
                answers=[_SCRIPT],
                account=False,
                open=True,
            ),
            Operation(
                "GET",
                CA_PATH,
                "The throw-away authority behind HTTPS and WSS (serve --tls), for clients to trust.",
                self.ca,
                answers=[Answer(content={"application/x-pem-file": {"type": "string"}})],
                errors={404: "This emulator serves no TLS."},
                account=False,
                open=True,
            ),
            Operation(
                "GET",
                "/_emulator/probe.js",
                "Reads test cards and tones in a page.",
                self.probe,
                answers=[_SCRIPT],
                account=False,
                open=True,
            ),
        )

    def _scripts(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/page.js",
                "probe.js, and what looks at a page with it: the ground of page assertions.",
                self.page,
                answers=[_SCRIPT],
                account=False,
                open=True,
            ),
            Operation(
                "GET",
                "/_emulator/playwright.mjs",
                "Page assertions for @playwright/test: save it beside your tests.",
                self.playwright,
                answers=[_SCRIPT],
                account=False,
                open=True,
            ),
        )

    def add_health_routes(self, app: web.Application) -> None:
        """Beside the admin API: for scripts that wait, and for who opens the port in a browser."""
        app.router.add_get("/livez", self.livez)
        app.router.add_get("/readyz", self.readyz)
        for path in ("/", "/_emulator"):
            app.router.add_get(path, self.to_index)

    async def livez(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        if not self._ready():
            return web.Response(status=503, text="not ready yet\n")
        return web.Response(text="ok\n")

    async def info(self, request: web.Request) -> web.Response:
        return web.json_response(self._info(), headers={"Access-Control-Allow-Origin": "*"})

    async def to_index(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={hdrs.LOCATION: "/_emulator/"})

    async def index(self, request: web.Request) -> web.Response:
        """For browsers a page that shows rooms and people live, and what there is; for everything else text."""
        info = self._info()
        where = [("REST", f"{info['rest_url']}"), ("signaling", f"{info['ws_url']}/{{room_id}}/janus")]
        if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            absent = frozenset() if self._ca_pem() is not None else frozenset({CA_PATH})
            return web.Response(text=_page(where, self._listed(), absent), content_type="text/html")
        lines = ["Rooms emulator", ""]
        lines += [f"{name:<11}{address}" for name, address in where]
        lines += ["", *_table(self._listed()), "", "GET    /livez, /readyz: health", ""]
        return web.Response(text="\n".join(lines))

    async def openapi(self, request: web.Request) -> web.Response:
        from emulator.admin.document import document  # few ask for it; the start need not load it

        return web.json_response(document(self._listed()))

    async def redirect(self, request: web.Request) -> web.Response:
        """The script with this emulator's signaling address filled in, so that it works inlined as well."""
        host = request.host or str(self._info()["host"])
        scheme = "wss" if request.scheme == "https" else "ws"
        body = _redirect_script().replace(WS_PLACEHOLDER, json.dumps(f"{scheme}://{host}")[1:-1])
        return web.Response(text=body, content_type="text/javascript", headers=SCRIPT_HEADERS)

    async def ca(self, request: web.Request) -> web.Response:
        pem = self._ca_pem()
        if pem is None:
            raise ApiError(404, rest.NOT_FOUND, "This emulator serves no TLS: start it with --tls.")
        return web.Response(text=pem, content_type="application/x-pem-file", headers={"Cache-Control": "no-store"})

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=_page_script(), content_type="text/javascript", headers=SCRIPT_HEADERS)

    async def playwright(self, request: web.Request) -> web.Response:
        return web.Response(text=_playwright_module(), content_type="text/javascript", headers=SCRIPT_HEADERS)

    async def probe(self, request: web.Request) -> web.Response:
        return web.Response(text=_probe_script(), content_type="text/javascript", headers=SCRIPT_HEADERS)


def _table(operations: Iterable[Operation]) -> list[str]:
    return [f"{operation.method:<6} {operation.template:<38} {operation.summary}" for operation in operations]


def _page(where: Iterable[tuple[str, str]], operations: Iterable[Operation], absent: frozenset[str]) -> str:
    """`absent`: paths that would be answered 404 at present."""
    addresses = "".join(f"<dt>{html.escape(name)}<dd><code>{html.escape(text)}</code>" for name, text in where)
    rows = "".join(
        f"<tr><td>{operation.method}<td>{_linked(operation, absent)}<td>{html.escape(operation.summary)}\n"
        for operation in operations
    )
    return _inspector().replace("__ADDRESSES__", addresses).replace("__OPERATIONS__", rows)


def _linked(operation: Operation, absent: frozenset[str]) -> str:
    """A link where a visit shows something; one that needs an account's key is visited by the page's script."""
    path = html.escape(operation.template)
    if operation.method != "GET" or operation.path_parameters or operation.template in absent:
        return f"<code>{path}</code>"
    keyed = ' class="keyed"' if operation.account else ""
    return f'<a href="{path}"{keyed}>{path}</a>'
