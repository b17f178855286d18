"""probe.js where it is meant to run: cards and tones that came over a peer connection inside a page."""

import asyncio
import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright

from emulator.probes.card import TestCard, to_av_frame
from emulator.probes.tones import RATE, tone_samples
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.probes.node import PROBE

pytestmark = pytest.mark.browser

ALICE = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
FRAMES = 30

# Draws the cards in turn onto a canvas, loops the PCM, and sends both from one peer connection to another.
SEND = """
async ({cards, pcm, rate}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const images = await Promise.all(cards.map((card) => createImageBitmap(new Blob([bytes(card)]))));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [images[0].width, images[0].height];
  let next = 0;
  const draw = () => canvas.getContext('2d').drawImage(images[next++ % images.length], 0, 0);
  draw();
  setInterval(draw, 1000 / 15);

  const context = new AudioContext({sampleRate: rate});
  const samples = new Int16Array(bytes(pcm).buffer);
  const loop = context.createBuffer(1, samples.length, rate);
  loop.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
  const player = context.createBufferSource();
  const sound = context.createMediaStreamDestination();
  player.buffer = loop;
  player.loop = true;
  player.connect(sound);
  player.start();

  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  from.onicecandidate = ({candidate}) => candidate && to.addIceCandidate(candidate);
  to.onicecandidate = ({candidate}) => candidate && from.addIceCandidate(candidate);
  window.remote = new MediaStream();
  to.ontrack = ({track}) => window.remote.addTrack(track);
  const picture = canvas.captureStream();
  for (const stream of [picture, sound.stream]) from.addTrack(stream.getTracks()[0], stream);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);

  window.video = document.createElement('video');
  video.muted = true;
  video.srcObject = new MediaStream(window.remote.getVideoTracks());
  document.body.append(video);
  await video.play();
  window.canvas = canvas;
}
"""


async def open_page_that_sends(page: Page) -> None:
    card = TestCard(ALICE, "Alice Martin", "presentation", 640, 360)
    chords = [tone_samples(index, 0, RATE) for index in (3, 17)]
    await page.add_script_tag(path=PROBE)
    await page.evaluate(
        SEND,
        {
            "cards": [_png(card, number) for number in range(FRAMES)],
            "pcm": base64.b64encode(np.sum(chords, axis=0, dtype=np.int16).tobytes()).decode(),
            "rate": RATE,
        },
    )


async def test_cards_and_tones_are_read_from_remote_streams() -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = await browser.new_page()
        await open_page_that_sends(page)

        seen, heard, quiet = await asyncio.gather(
            _watched(page),
            page.evaluate("RoomsProbe.tonesIn(remote, {ms: 1500, candidates: [...Array(20).keys()]})"),
            page.evaluate("RoomsProbe.tonesIn(remote, {ms: 1500, candidates: [4, 5, 6]})"),
        )
        assert (seen["participantId"], seen["key"]) == (ALICE, "presentation")
        assert 0 <= seen["first"] < FRAMES
        assert seen["readings"] >= 0.9 * seen["frames"]
        assert len(seen["all"]) == 1
        assert sorted(heard) == ["17", "3"]
        assert all(level == pytest.approx(-23, abs=2) for level in heard.values())
        assert quiet == {}

        assert await _heard_while_listening(page) == ["17", "3"]
        reading = await page.evaluate("RoomsProbe.readCard(canvas, {keys: ['self'], crop: [0, 0, 640, 360]})")
        assert reading["participantId"] == ALICE
        assert reading["key"].startswith("#")
        assert await page.evaluate("RoomsProbe.readCard(document.createElement('canvas'))") is None
        assert await page.evaluate("RoomsProbe.readCard(document.createElement('video'))") is None
        await browser.close()


async def _watched(page: Page) -> dict[str, Any]:
    """Watches for as long as a busy machine takes to show a handful of frames; normally once."""
    while True:
        seen: dict[str, Any] = await page.evaluate("RoomsProbe.watchCard(video, {ms: 2000})")
        if seen["readings"] >= 5:
            return seen


async def _heard_while_listening(page: Page) -> list[str]:
    heard: dict[str, Any] = await page.evaluate(
        """async () => {
          const listener = RoomsProbe.listen(remote, {candidates: [3, 4, 17]});
          await listener.ready;
          while (Object.keys(listener.heard()).length < 2) await new Promise((done) => setTimeout(done, 50));
          const heard = listener.heard();
          listener.close();
          return heard;
        }"""
    )
    return sorted(heard)


def _png(card: TestCard, number: int) -> str:
    file = io.BytesIO()
    pixels = to_av_frame(card.draw(number)).to_ndarray(format="rgb24")
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
