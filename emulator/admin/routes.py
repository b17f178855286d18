"""The routes under /_emulator/, and the two health probes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import resources

from aiohttp import web

from emulator import probes
from emulator.admin import static

WS_PLACEHOLDER = "__WS_URL__"

SCRIPT_HEADERS = {
    # Pages of the app under test come from another origin; a stale script would be worse than a slow one.
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@cache
def _redirect_script() -> str:
    return resources.files(static).joinpath("redirect.js").read_text(encoding="utf-8")


@cache
def _probe_script() -> str:
    return resources.files(probes).joinpath("probe.js").read_text(encoding="utf-8")


class Admin:
    """What the emulator tells about itself. `ready` says whether everything answers yet."""

    def __init__(self, *, info: Callable[[], dict[str, object]], ready: Callable[[], bool]) -> None:
        self._info = info
        self._ready = ready

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/livez", self.livez)
        app.router.add_get("/readyz", self.readyz)
        for path in ("/", "/_emulator"):
            app.router.add_get(path, self.to_index)
        app.router.add_get("/_emulator/", self.index)
        app.router.add_get("/_emulator/info", self.info)
        app.router.add_get("/_emulator/redirect.js", self.redirect)
        app.router.add_get("/_emulator/probe.js", self.probe)

    async def livez(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        if not self._ready():
            return web.Response(status=503, text="not ready yet\n")
        return web.Response(text="ok\n")

    async def info(self, request: web.Request) -> web.Response:
        return web.json_response(self._info(), headers={"Access-Control-Allow-Origin": "*"})

    async def to_index(self, request: web.Request) -> web.Response:
        """For who opens the port in a browser."""
        raise web.HTTPFound("/_emulator/")

    async def index(self, request: web.Request) -> web.Response:
        """What is here, for a person who opens the address."""
        info = self._info()
        lines = [
            "Rooms emulator",
            "",
            f"REST       {info['rest_url']}",
            f"signaling  {info['ws_url']}/{{room_id}}/janus",
            "",
            "/_emulator/info         where everything is, as JSON",
            "/_emulator/redirect.js  load it before @telnyx/video: sends the SDK here",
            "/_emulator/probe.js     reads test cards and tones in a page",
            "/livez /readyz          health",
            "",
        ]
        return web.Response(text="\n".join(lines))

    async def redirect(self, request: web.Request) -> web.Response:
        """The script with this emulator's signaling address filled in, so that it works inlined as well."""
        host = request.host or str(self._info()["host"])
        scheme = "wss" if request.scheme == "https" else "ws"
        body = _redirect_script().replace(WS_PLACEHOLDER, json.dumps(f"{scheme}://{host}")[1:-1])
        return web.Response(text=body, content_type="text/javascript", headers=SCRIPT_HEADERS)

    async def probe(self, request: web.Request) -> web.Response:
        return web.Response(text=_probe_script(), content_type="text/javascript", headers=SCRIPT_HEADERS)
