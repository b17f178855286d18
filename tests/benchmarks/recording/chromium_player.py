"""Plays files in headless Chromium, several at a time, from a web server on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, async_playwright

from tests.benchmarks.recording.media import CHANGE, GAP, LARGE, QUADRANTS, SMALL, TONES
from tests.browser.chromium import ARGUMENTS, find_chromium

_AT_ONCE = 6
_VIDEO_RATE = 4.0
_AUDIO_RATE = 2.5
_SEEKS = (7.0, 5.0)
"""Seconds: after the change, then back before it, both between two keyframes."""
_SEEK_TOLERANCE = 0.15
_LUMA_TOLERANCE = 30
_TONE_TOLERANCE = 60
_PATIENCE_MS = 30_000
_TYPES = {".webm": "video/webm", ".mp4": "video/mp4", ".ogg": "audio/ogg"}


@dataclass(frozen=True, slots=True)
class Played:
    error: str | None
    duration: str
    """What the element said: seconds, or Infinity."""
    reached: float
    """Seconds of currentTime at the end."""
    seeks: bool
    """Each seek into what there is arrived, with the picture that belongs there."""
    changed: bool
    """Video: pictures of the second size came out. Audio: the tone after the gap did."""
    right: bool
    """Video: every picture shown is one that went in. Audio: both tones, nothing else."""
    resumed: float | None
    """Audio: currentTime at which the tone after the gap began."""


class Player:
    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def play(self, path: Path) -> Played:
        async with self._turn:
            page = await self._browser.new_page()
            try:
                page.set_default_timeout(_PATIENCE_MS)
                await page.goto(f"{self._address}/")
                await page.add_script_tag(path=Path(__file__).with_name("player.js"))
                audio = path.suffix == ".ogg"
                function, rate = ("playAudio", _AUDIO_RATE) if audio else ("playVideo", _VIDEO_RATE)
                call = f"([url, rate, seeks]) => {function}(url, rate, seeks)"
                result = await page.evaluate(call, [f"/media/{path.name}", rate, list(_SEEKS)])
                return _hear(result) if audio else _see(result)
            finally:
                await page.close()


@asynccontextmanager
async def chromium_player(directory: Path) -> AsyncIterator[Player]:
    """A browser and a server for the files of `directory`."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    async def media(request: web.Request) -> web.FileResponse:
        path = directory / request.match_info["name"]
        return web.FileResponse(path, headers={"Content-Type": _TYPES[path.suffix]})

    app = web.Application()
    app.router.add_get("/", blank)
    app.router.add_get("/media/{name}", media)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
            try:
                yield Player(browser, f"http://127.0.0.1:{runner.addresses[0][1]}")
            finally:
                await browser.close()
    finally:
        await runner.cleanup()


def _see(result: dict[str, Any]) -> Played:
    pictures = result["pictures"]
    # A picture may be drawn when the next one is already due, so one at the seam may be looked at too late.
    wrong = [picture for picture in pictures if not _is_right(picture)]
    changed = sum((picture["width"], picture["height"]) == LARGE and _is_right(picture) for picture in pictures) > 1
    return _played(result, changed, len(pictures) > 1 and len(wrong) <= 1, None)


def _is_right(picture: dict[str, Any]) -> bool:
    size = (picture["width"], picture["height"])
    luma_right = all(abs(a - b) <= _LUMA_TOLERANCE for a, b in zip(picture["luma"], QUADRANTS, strict=True))
    return luma_right and size in (SMALL, LARGE) and picture["blue"] == (size == SMALL)


def _arrived(landed: dict[str, Any] | None, wanted: float) -> bool:
    return landed is not None and abs(landed["time"] - wanted) < _SEEK_TOLERANCE and _is_right_there(landed, wanted)


def _is_right_there(landed: dict[str, Any], wanted: float) -> bool:
    if "luma" not in landed:
        return True
    return _is_right(landed) and ((landed["width"], landed["height"]) == LARGE) == (wanted >= CHANGE)


def _hear(result: dict[str, Any]) -> Played:
    heard = [tone for tone in result["tones"] if tone["hertz"]]
    first = [tone["time"] for tone in heard if abs(tone["hertz"] - TONES[0]) < _TONE_TOLERANCE]
    second = [tone["time"] for tone in heard if abs(tone["hertz"] - TONES[1]) < _TONE_TOLERANCE]
    right = bool(first) and len(first) + len(second) > 0.9 * len(heard)
    resumed = min((time for time in second if time > GAP[0] / 2), default=None)
    return _played(result, bool(second), right, resumed)


def _played(result: dict[str, Any], changed: bool, right: bool, resumed: float | None) -> Played:
    wanted = [time for time in _SEEKS if time < result["reached"]] if not result["error"] else []
    return Played(
        error=result["error"],
        duration=result["duration"],
        reached=result["reached"],
        seeks=len(result["seeked"]) == len(wanted) and all(map(_arrived, result["seeked"], wanted)),
        changed=changed,
        right=right,
        resumed=resumed,
    )
