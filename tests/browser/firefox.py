"""Debian's Firefox, headless, without Playwright (whose Firefox is a build of its own): over WebDriver BiDi.

https://w3c.github.io/webdriver-bidi/. What Firefox needs, beyond what Chromium does:

- An emulator that is bound to an address of the machine's own (`--host`): Firefox sends nothing to candidates on
  loopback, whatever `media.peerconnection.ice.loopback` says.
- A sound device, or an AudioContext never runs: without one it plays, receives and sends audio, but cannot make or
  analyse any.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

EXECUTABLE = "firefox-esr"
START_SECS = 60
ANSWER_SECS = 60
_LISTENS = "WebDriver BiDi listening on "

_PREFERENCES: dict[str, bool | int] = {
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Nothing is looked for on the internet.
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class FirefoxError(Exception):
    """Firefox, or a script in its page, did not do what was asked."""


class Firefox:
    """One browser with one page; an async context manager."""

    def __init__(self) -> None:
        self._resources = AsyncExitStack()
        self._numbers = itertools.count(1)
        self._socket: aiohttp.ClientWebSocketResponse
        self._page = ""

    async def __aenter__(self) -> Firefox:
        try:
            await self._open()
        except BaseException:
            await self._resources.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    async def _open(self) -> None:
        executable = shutil.which(EXECUTABLE)
        if executable is None:
            raise FirefoxError(f"{EXECUTABLE} is missing: apt-get install {EXECUTABLE}")
        profile = self._resources.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            executable,
            "--headless",
            "--no-remote",
            "--profile",
            profile,
            "--remote-debugging-port",
            "0",
            stdout=DEVNULL,
            stderr=PIPE,
            env={**os.environ, "HOME": profile},
        )
        self._resources.push_async_callback(_end, process)
        async with asyncio.timeout(START_SECS):
            url = await _listening(process)
        drain = asyncio.create_task(_drain(process))
        self._resources.callback(drain.cancel)
        http = await self._resources.enter_async_context(aiohttp.ClientSession())
        self._socket = await self._resources.enter_async_context(http.ws_connect(f"{url}/session", max_msg_size=0))
        await self._call("session.new", capabilities={})
        self._page = (await self._call("browsingContext.getTree"))["contexts"][0]["context"]

    async def open(self, url: str) -> None:
        await self._call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def evaluate(self, code: str, argument: Any = None) -> Any:
        """Call a JavaScript function (given as text) with one JSON argument; its result, awaited, as JSON tells it."""
        expression = f"(async () => JSON.stringify(await ({code})({json.dumps(argument)}) ?? null))()"
        made = await self._call(
            "script.evaluate", expression=expression, target={"context": self._page}, awaitPromise=True
        )
        if made["type"] != "success":
            raise FirefoxError(made["exceptionDetails"]["text"])
        return json.loads(made["result"]["value"])

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_SECS):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    if message["type"] == "error":
                        raise FirefoxError(f"{method}: {message['error']}: {message['message']}")
                    return message["result"]


async def _listening(process: Process) -> str:
    assert process.stderr is not None
    said: list[str] = []
    while line := (await process.stderr.readline()).decode():
        if _LISTENS in line:
            return line.partition(_LISTENS)[2].strip()
        said.append(line)
    raise FirefoxError(f"{EXECUTABLE} has ended: {''.join(said)}")


async def _drain(process: Process) -> None:
    """Nobody else reads what it complains of."""
    assert process.stderr is not None
    while await process.stderr.readline():
        pass


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
