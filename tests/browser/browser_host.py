"""One Chromium and the app's web server, in a thread and an asyncio loop of their own.

Tests run in loops that come and go (one per test); the browser outlives them. So everything of Playwright
happens in this thread, and a test of any loop, or of none, asks for it through `call` or `run`. Only coroutines
of Playwright may be made outside (they run here); its plain methods, such as `page.on`, must be called in here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import ARGUMENTS

HERE = Path(__file__).parent
_START_SECONDS = 60
_STOP_SECONDS = 30

T = TypeVar("T")


class BrowserHost:
    """Starts with `start`, ends with `stop`; `browser` and `app_url` are valid in between."""

    browser: Browser
    app_url: str

    def __init__(self, *arguments: str) -> None:
        """`arguments` are the browser's, besides those that all have."""
        self._arguments = [*ARGUMENTS, *arguments]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser-host", daemon=True)
        self._resources = AsyncExitStack()

    def start(self, executable: Path) -> None:
        """Blocks until browser and web server are up. Raises what they raise; nothing is left running then."""
        self._thread.start()
        try:
            self.run(self._open(executable), _START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        try:
            self.run(self._close(), _STOP_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_SECONDS)
            self._loop.close()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs work in the browser's loop while the caller's loop goes on; cancelling the caller cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """The same for callers without a loop: blocks for at most `timeout` seconds, then TimeoutError."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    async def _open(self, executable: Path) -> None:
        runner = web.AppRunner(app_server(), access_log=None)
        await runner.setup()
        self._resources.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.app_url = f"http://127.0.0.1:{runner.addresses[0][1]}/index.html"
        playwright = await async_playwright().start()
        self._resources.push_async_callback(playwright.stop)
        self.browser = await playwright.chromium.launch(executable_path=executable, args=self._arguments)
        self._resources.push_async_callback(self.browser.close)

    async def _close(self) -> None:
        await self._resources.aclose()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def app_server() -> web.Application:
    """The app under test and the SDK's bundle, as files."""
    app = web.Application()
    app.router.add_static("/dist", HERE / "dist")
    app.router.add_static("/", HERE / "app")
    return app
