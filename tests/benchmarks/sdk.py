"""What a user of the official browser SDK waits for: joining, seeing, hearing, leaving.

The SDK runs in headless Chromium, two pages at a time, the emulator in a process of its own. Times are those of the
pages, from the SDK's call to its event; between two pages they are of the same machine's clock.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.benchmarks.start import Rest, Served, emulator
from tests.benchmarks.table import Row
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.sdk_bundle import ensure_bundle
from tests.browser.sdk_page import SdkPage

TONE = 5
"""Index of the chord a page says."""
LOUD_SECS, QUIET_SECS = 0.8, 1.2

JOIN = """async (config) => {
  const began = performance.now();
  await window.app.initialize(config);
  await window.app.connect();
  const { t } = await window.app.waitFor("connected", [], 15000, 0);
  return t - performance.timeOrigin - began;
}"""

# The tracks are there before the clock starts: only what the SDK does is measured.
PUBLISH = """async (tone) => {
  const { openAudio, openVideo } = await import("/sources.js");
  const audio = await openAudio({ source: "tone", index: tone });
  const video = await openVideo(true);
  const began = performance.timeOrigin + performance.now();
  await window.app.room.addStream("self", { audio, video });
  return began;
}"""

FIRST_FRAME = """async ([participant, selector]) => {
  const frames = () => document.querySelector(selector)?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
  const before = frames();
  const began = performance.now();
  const first = new Promise((resolve) => {
    const look = () => (frames() > 0 && frames() !== before ? resolve(performance.now()) : setTimeout(look, 2));
    look();
  });
  await window.app.addSubscription(participant, "self", { audio: true, video: true });
  return (await first) - began;
}"""

NOW = "() => performance.timeOrigin + performance.now()"

# How loud is the chord in the last 21 ms of the mix? Noted every 5 ms.
LISTEN = """async (index) => {
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(document.querySelector("#mixed").srcObject).connect(analyser);
  const samples = new Float32Array(1024);
  const [frequency] = RoomsProbe.chord(index);
  const log = (window.levels = []);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let re = 0, im = 0;
    samples.forEach((sample, n) => {
      const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / samples.length);
      re += sample * hann * Math.cos((2 * Math.PI * frequency * n) / 48000);
      im += sample * hann * Math.sin((2 * Math.PI * frequency * n) / 48000);
    });
    log.push([performance.timeOrigin + performance.now(), Math.hypot(re, im)]);
  }, 5);
  window.stopListening = () => { clearInterval(timer); return context.close(); };
}"""
HEARD = "async () => { await window.stopListening(); return window.levels; }"

Found = defaultdict[str, list[float]]


class Pages:
    """Pages of one fresh browser."""

    def __init__(self, host: BrowserHost, server: Served) -> None:
        self._host = host
        self._server = server

    async def open(self, name: str) -> SdkPage:
        context = await self._host.call(self._host.browser.new_context())
        page = SdkPage(self._host, await self._host.call(context.new_page()), name)
        await page.open(self._host.app_url, self._server.origin)
        return page

    async def join(self, name: str, room_id: str, rest: Rest) -> tuple[SdkPage, float]:
        """A connected page, and the milliseconds from `initialize()` to `connected`."""
        page = await self.open(name)
        config = {"roomId": room_id, "clientToken": await rest.token(room_id), "context": f'{{"username": "{name}"}}'}
        took = await page.evaluate(JOIN, config, timeout=20)
        page.participant_id = (await page.state())["localParticipantId"]
        return page, float(took)


@asynccontextmanager
async def _browser(server: Served) -> AsyncIterator[Pages]:
    host = BrowserHost()
    await asyncio.to_thread(host.start, find_chromium())
    try:
        yield Pages(host, server)
    finally:
        await asyncio.to_thread(host.stop)


async def _round(server: Served, rest: Rest, found: Found, *, views: int) -> None:
    """One fresh browser, one room, each figure at least once."""
    async with _browser(server) as pages:
        room_id = await rest.room()
        bob, took = await pages.join("bob", room_id, rest)
        found["join first"].append(took)
        alice, took = await pages.join("alice", room_id, rest)
        found["join later"].append(took)

        began = await alice.evaluate(PUBLISH, TONE)
        published = await bob.wait_event("stream_published", alice.participant_id, "self")
        found["published"].append(published.t - began)
        activity = await bob.wait_event("audio_activity", alice.participant_id)
        found["activity"].append(activity.t - began)

        for _ in range(views):
            selector = bob.video(alice.participant_id)
            found["first frame"].append(await bob.evaluate(FIRST_FRAME, [alice.participant_id, selector], timeout=15))
            await bob.unsubscribe(alice.participant_id)

        await _mute(rest, room_id, alice, bob, found)

        carol, took = await pages.join("carol", room_id, rest)
        found["join later"].append(took)
        closed = time.time() * 1000
        await carol.close()
        left = await bob.wait_event("participant_left", carol.participant_id)
        found["closed"].append(left.t - closed)

        began = await alice.evaluate(NOW)
        await alice.disconnect()
        left = await bob.wait_event("participant_left", alice.participant_id)
        found["left"].append(left.t - began)


async def _mute(rest: Rest, room_id: str, alice: SdkPage, bob: SdkPage, found: Found) -> None:
    """From the request to the last moment at which Bob's mix has Alice's chord at a quarter of its strength."""
    await bob.wait_tone(TONE)
    session_id = await rest.session(room_id)
    await bob.evaluate(LISTEN, TONE)
    await asyncio.sleep(LOUD_SECS)
    began = time.time() * 1000
    await rest.post(f"/room_sessions/{session_id}/actions/mute", participants=[alice.participant_id])
    answered = time.time() * 1000
    await asyncio.sleep(QUIET_SECS)
    levels = await bob.evaluate(HEARD)
    before = sorted(level for at, level in levels if at < began)
    usual = before[len(before) // 2]
    last = max(at for at, level in levels if level > usual / 4)
    if levels[-1][0] - last < QUIET_SECS * 250:
        raise RuntimeError(f"the muted chord was still heard {last - began:.0f} ms after the request")
    found["mute"].append(last - began)
    found["mute answered"].append(answered - began)
    await rest.post(f"/room_sessions/{session_id}/actions/unmute", participants=[alice.participant_id])


async def _measure(server: Served, *, quick: bool) -> Found:
    found: Found = defaultdict(list)
    async with Rest(server.rest_url) as rest:
        for _ in range(1 if quick else 5):
            await _round(server, rest, found, views=1 if quick else 3)
    return found


def rows(*, quick: bool) -> list[Row]:
    ensure_bundle()
    with emulator() as server:
        found = asyncio.run(_measure(server, quick=quick))
    return [
        Row(text, tuple(found[name]), "ms", reference, "Janus 1.1.2" if reference else "")
        for text, name, reference in (
            ("initialize() to connected, first page of a browser", "join first", (343,)),
            ("initialize() to connected, later page", "join later", (145, 199)),
            ("addStream() to the other's stream_published", "published", (93,)),
            ("addStream() to the other's audio_activity", "activity", ()),
            ("addSubscription() to the first frame", "first frame", (369,)),
            ("REST mute to silence in the other's mix", "mute", ()),
            ("    thereof until the request is answered", "mute answered", ()),
            ("disconnect() to the other's participant_left", "left", (41,)),
            ("page closed to the other's participant_left", "closed", (134,)),
        )
    ]
