"""Every way to publish, with every way to subscribe, and every switch: read off the test card and the tone.

One pair of pages for each encoding. Both keys are published at once and go through all cells side by side, each with a
card and a tone of its own: what is seen or heard under the wrong key, or by the wrong subscription, is noticed, too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

TONES = {"self": 5, "presentation": 23}
KINDS = {"both": (True, True), "audio": (True, False), "video": (False, True)}
QUIET_SECS = 0.3
"""Nothing may come for so long, once it has stopped."""


WAIT_FOR_NO_CARD = """(selector) => new Promise((resolve) => {
  const look = () => (RoomsProbe.readCard(document.querySelector(selector)) ? setTimeout(look, 20) : resolve());
  look();
})"""


@dataclass(frozen=True)
class Encoding:
    """How a page publishes: the room's codecs, what the SDK is given, and what has to be on the wire."""

    video_codecs: list[str] | None
    video: dict[str, Any]
    mime_type: str
    layers: int


SMALL = {"width": 320, "height": 180, "fps": 15}
ENCODINGS = {
    "vp8": Encoding(None, SMALL, "video/VP8", 1),
    "h264": Encoding(["h264"], SMALL, "video/H264", 1),
    "simulcast": Encoding(["vp8"], {"width": 480, "height": 270, "fps": 15, "simulcast": True}, "video/VP8", 3),
}


class Cell:
    """One published stream as one page has it: what should come of it, and whether it does."""

    def __init__(self, viewer: SdkPage, publisher: SdkPage, key: str) -> None:
        self.viewer, self.publisher, self.key = viewer, publisher, key
        self.video = viewer.video(publisher.participant_id, key)
        self._shown = -1

    async def subscribe(self, *, audio: bool, video: bool) -> None:
        await self.viewer.subscribe(self.publisher.participant_id, self.key, audio=audio, video=video)
        await self.check_anew(audio=audio, video=video)

    async def check_anew(self, *, audio: bool, video: bool) -> None:
        """The same for a card that may count from the beginning."""
        self._shown = -1
        await self.check(audio=audio, video=video)

    async def switch(self, *, audio: bool, video: bool) -> None:
        await self.viewer.update_subscription(self.publisher.participant_id, self.key, audio=audio, video=video)
        await self.check(audio=audio, video=video)

    async def check(self, *, audio: bool, video: bool) -> None:
        await asyncio.gather(
            self._sees() if video else self._sees_nothing_new(), self._hears() if audio else self.hears_nothing()
        )

    async def _sees(self) -> None:
        """Two more pictures, of this participant and this key."""
        for _ in range(2):
            card = await self.viewer.wait_card(self.video, after=self._shown, timeout=15)
            assert (card.participant_id, card.key) == (self.publisher.participant_id, self.key)
            self._shown = card.frame

    async def _sees_nothing_new(self) -> None:
        """What is on its way may come; then the picture stands still, or there never was one."""
        while True:
            before = await self.viewer.decoded_frames(self.video)
            await asyncio.sleep(QUIET_SECS)
            if await self.viewer.decoded_frames(self.video) == before:
                return

    async def _hears(self) -> None:
        await self.viewer.wait_tone(TONES[self.key], self.video, timeout=15)

    async def hears_nothing(self) -> None:
        while await self.viewer.tones(self.video, seconds=QUIET_SECS):
            pass

    async def sees_black(self) -> None:
        """The SDK's picture for no camera: frames without a card."""
        await self.viewer.evaluate(WAIT_FOR_NO_CARD, self.video, 40)


@pytest.mark.parametrize("name", ENCODINGS)
async def test_each_cell_shows_and_sounds_as_it_should(emulator: Emulator, sdk_page: SdkPageFactory, name: str) -> None:
    encoding = ENCODINGS[name]
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key, video_codecs=encoding.video_codecs)
    alice, bob = await asyncio.gather(
        sdk_page(emulator.admin_url, name="alice"), sdk_page(emulator.admin_url, name="bob")
    )
    await asyncio.gather(alice.join(room.id, await room.token(), "Alice"), bob.join(room.id, await room.token(), "Bob"))

    def camera(key: str) -> dict[str, Any]:
        return {"source": "card", "participantId": alice.participant_id, "key": key, **encoding.video}

    def microphone(key: str) -> dict[str, Any]:
        return {"source": "tone", "index": TONES[key]}

    async with asyncio.timeout(120):  # of a machine that is busy with other things; a few seconds otherwise
        for key in TONES:
            await alice.add_stream(key, video=camera(key), audio=microphone(key))
            await bob.wait_event("stream_published", alice.participant_id, key)
        cells = [Cell(bob, alice, key) for key in TONES]

        for audio, video in KINDS.values():
            await asyncio.gather(*(cell.subscribe(audio=audio, video=video) for cell in cells))
            await asyncio.gather(*(cell.switch(audio=not audio, video=not video) for cell in cells))
            await asyncio.gather(*(cell.switch(audio=audio, video=video) for cell in cells))
            if (audio, video) != (False, True):
                await asyncio.gather(*(bob.unsubscribe(alice.participant_id, cell.key) for cell in cells))
        # One stream's switch is not the other's.
        await cells[0].switch(audio=True, video=True)
        await cells[1].check(audio=False, video=True)

        # The publisher's own switches: the SDK puts black and silence in place of a track.
        await cells[1].switch(audio=True, video=True)
        await asyncio.gather(*(alice.update_stream(key, video=False, audio=False) for key in TONES))
        await asyncio.gather(*(cell.sees_black() for cell in cells))
        await asyncio.gather(*(cell.hears_nothing() for cell in cells))
        for key in TONES:
            await alice.update_stream(key, video=camera(key), audio=microphone(key))
        await asyncio.gather(*(cell.check_anew(audio=True, video=True) for cell in cells))

        await asyncio.gather(*(check_wire(alice, bob, key, encoding) for key in TONES))


async def check_wire(alice: SdkPage, bob: SdkPage, key: str, encoding: Encoding) -> None:
    """That the cells were what they are called: the codec, and the layers."""
    came = await bob.stats(alice.participant_id, key)
    assert {each["mimeType"] for each in came if each["type"] == "codec"} == {"audio/opus", encoding.mime_type}
    sent = [each for each in await alice.stats(alice.participant_id, key) if each["type"] == "outbound-rtp"]
    assert len([each for each in sent if each["kind"] == "video"]) == encoding.layers
