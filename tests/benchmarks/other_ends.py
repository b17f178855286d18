"""The other ends of the handshake benchmark: our RoomClient's connection, aiortc, and Chromium.

Each offers audio (Chromium and ours also video), takes an answer, and sends media once it is connected.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Protocol
from unittest import mock

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from playwright.async_api import Page, async_playwright

from emulator.clients.errors import MediaError
from emulator.clients.peer import MediaSettings, PublisherConnection
from emulator.media.transport.dtls import Certificate
from tests.browser.chromium import ARGUMENTS, find_chromium

OPUS_SILENCE = b"\xf8\xff\xfe"  # one 20 ms frame (RFC 6716 section 3.1)


class NotConnectedError(Exception):
    """The other end gave up, or the time was over; says in which state it was."""


class OtherEnd(Protocol):
    """One peer connection, used once."""

    async def offer(self) -> str: ...

    async def connect(self, answer: str, timeout: float) -> float:
        """Seconds from the answer to connected; media flows from then on. Raises NotConnectedError."""

    async def close(self) -> None: ...


MakeEnd = Callable[[int], OtherEnd]
"""A new one; the number tells it from the others of its kind."""


class RoomClientEnd:
    """What a RoomClient publishes with."""

    def __init__(self, settings: MediaSettings, number: int) -> None:
        self._connection = PublisherConnection(
            f"publisher {number}", settings, codec="VP8", stream_id=f"stream-{number}"
        )
        self._clock = settings.clock
        self._sending: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        return self._connection.offer()

    async def connect(self, answer: str, timeout: float) -> float:
        connected = 0.0

        def note() -> None:
            nonlocal connected
            connected = self._clock()

        self._connection.on_connected = note
        began = self._clock()
        self._connection.accept(answer)
        try:
            await self._connection.wait_connected(timeout)
        except MediaError as error:
            raise NotConnectedError(str(error)) from error
        self._sending = asyncio.create_task(self._send())
        return connected - began

    async def _send(self) -> None:
        audio = self._connection.audio
        assert audio is not None, "there once an answer was accepted"
        timestamp = 0
        while True:
            audio.send_frame([OPUS_SILENCE], timestamp, audio_level=127)
            timestamp += 960
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
        self._connection.close()


@asynccontextmanager
async def room_client() -> AsyncIterator[MakeEnd]:
    certificate = Certificate.generate()
    clock = asyncio.get_running_loop().time
    yield lambda number: RoomClientEnd(
        MediaSettings("127.0.0.1", certificate, Random(number), f"client-{number}", clock), number
    )


class AiortcEnd:
    """aiortc, which shares no code with ours above OpenSSL and libsrtp."""

    def __init__(self) -> None:
        # Without ICE servers: an unreachable one blocks gathering for 5 s.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.addTrack(AudioStreamTrack())

    async def offer(self) -> str:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def connect(self, answer: str, timeout: float) -> float:
        clock = asyncio.get_running_loop().time
        settled = asyncio.Event()
        at = 0.0

        def changed() -> None:
            nonlocal at
            if self._connection.connectionState in ("connected", "failed", "closed"):
                at = clock()
                settled.set()

        self._connection.on("connectionstatechange", changed)
        began = clock()
        try:
            async with asyncio.timeout(timeout):
                await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
                await settled.wait()
        except TimeoutError:
            raise NotConnectedError(f"still {self._connection.connectionState} after {timeout:g} s") from None
        if self._connection.connectionState != "connected":
            raise NotConnectedError(f"{self._connection.connectionState} after {at - began:.1f} s")
        return at - began

    async def close(self) -> None:
        await self._connection.close()


@asynccontextmanager
async def aiortc() -> AsyncIterator[MakeEnd]:
    # aioice leaves 127.0.0.1 out of its host candidates.
    with mock.patch.object(aioice.ice, "get_host_addresses", return_value=["127.0.0.1"]):
        yield lambda _number: AiortcEnd()


# All connections of the page send the same two tracks: a moving picture and a tone.
_PREPARE = """() => {
  const canvas = document.createElement('canvas');
  canvas.width = 160; canvas.height = 120;
  const context = canvas.getContext('2d');
  let frame = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${frame++ * 7 % 360} 80% 50%)`;
    context.fillRect(frame % 100, 0, 60, 120);
  }, 100);
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const sink = audio.createMediaStreamDestination();
  tone.connect(sink);
  tone.start();
  const tracks = [...sink.stream.getTracks(), ...canvas.captureStream(10).getTracks()];
  const connections = new Map();
  window.handshakes = {
    async offer(number) {
      const connection = new RTCPeerConnection();
      connections.set(number, connection);
      for (const track of tracks) connection.addTransceiver(track, {direction: 'sendonly'});
      await connection.setLocalDescription();
      return connection.localDescription.sdp;
    },
    async connect([number, sdp, milliseconds]) {
      const connection = connections.get(number);
      const settled = new Promise((resolve) => {
        const timer = setTimeout(() => resolve(performance.now()), milliseconds);
        connection.onconnectionstatechange = () => {
          if (!['connected', 'failed', 'closed'].includes(connection.connectionState)) return;
          clearTimeout(timer);
          resolve(performance.now());
        };
      });
      const began = performance.now();
      await connection.setRemoteDescription({type: 'answer', sdp});
      return [await settled - began, connection.connectionState];
    },
    close(number) {
      connections.get(number)?.close();
      connections.delete(number);
    },
  };
}"""


class ChromiumEnd:
    """One of the peer connections of a page in headless Chromium."""

    def __init__(self, page: Page, number: int) -> None:
        self._page = page
        self._number = number

    async def offer(self) -> str:
        return str(await self._page.evaluate("(number) => window.handshakes.offer(number)", self._number))

    async def connect(self, answer: str, timeout: float) -> float:
        milliseconds, state = await self._page.evaluate(
            "(argument) => window.handshakes.connect(argument)", [self._number, answer, timeout * 1000]
        )
        if state != "connected":
            raise NotConnectedError(f"{state} after {milliseconds / 1000:.1f} s")
        return float(milliseconds) / 1000

    async def close(self) -> None:
        await self._page.evaluate("(number) => window.handshakes.close(number)", self._number)


@asynccontextmanager
async def chromium() -> AsyncIterator[MakeEnd]:
    """Raises `ChromiumMissingError`."""
    executable = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        page = await browser.new_page()
        await page.evaluate(_PREPARE)
        yield lambda number: ChromiumEnd(page, number)
        await browser.close()


OTHER_ENDS: dict[str, Callable[[], AbstractAsyncContextManager[MakeEnd]]] = {
    "RoomClient": room_client,
    "aiortc": aiortc,
    "Chromium": chromium,
}
