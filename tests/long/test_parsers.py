"""Every parser that reads what the network or a user sends: 100,000 inputs each, only its own errors, none slow."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from emulator.media.rtp import h264
from emulator.media.rtp.assembler import FrameAssembler
from emulator.media.rtp.errors import PayloadError, RtpError
from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.vp8 import Vp8Descriptor, starts_keyframe
from emulator.scenario.errors import ScenarioError
from emulator.scenario.loader import loads
from emulator.signaling.session import MAX_INSIDE_FRAME_BYTES
from emulator.wire import display
from emulator.wire.janus import FrameError, parse_request, serialise
from emulator.wire.sdp import MAX_BYTES, MAX_LINES, SdpError, SessionDescription
from tests.long.conftest import Tell
from tests.long.fuzz import ByteMaker, TextMaker, fuzz
from tests.long.parsers import PARSERS
from tests.long.samples import rtcp_samples, rtp_samples
from tests.media.rtp_kit import AUDIO_LEVEL_ID, FORMATS, OUR_PAYLOAD_TYPES, FakeClock, WholePackets
from tests.signaling.machine import MIX_OFFER

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

INPUTS = 100_000
SCENARIOS = 10_000


# -- what comes over UDP, and session descriptions ----------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_parser(name: str, tell: Tell, seed: int) -> None:
    parser = PARSERS[name]
    made: Counter[str] = Counter()
    read = parser.reader()

    def note(given: Any) -> None:
        made[read(given)] += 1

    figures = fuzz(note, parser.maker(seed), parser.allowed, count=INPUTS, seed=seed)
    most = ", ".join(f"{count} x {what}" for what, count in made.most_common(3))
    tell(f"seed {seed}: {figures}; read in {len(made)} ways, most often {most}")


# -- media --------------------------------------------------------------------------------------------------------


def test_vp8_descriptor(tell: Tell, seed: int) -> None:
    samples = [
        bytes([0x10, 0]),
        bytes([0x90, 0x80, 7, 1]),
        bytes([0x90, 0xF0, 0x81, 2, 9, 0xE5, 0]),
        b"\x80\x30\x21abc",
    ]

    def read(data: bytes) -> None:
        starts = starts_keyframe(data)
        descriptor = Vp8Descriptor.parse(data)
        assert descriptor.length <= len(data)
        assert starts_keyframe(data, descriptor) == starts
        assert Vp8Descriptor.parse(descriptor.serialise() + b"payload").length == len(descriptor.serialise())
        descriptor.renumbered(7, 8)

    tell(f"seed {seed}: {fuzz(read, ByteMaker(seed, samples, longest=40), (PayloadError,), count=INPUTS, seed=seed)}")


def test_h264_depacketiser(tell: Tell, seed: int) -> None:
    """An input is several payloads, cut from one text of bytes at marks."""
    frame = h264.join_annex_b([b"\x67\x42\x00\x1f" * 3, b"\x68\xce\x3c\x80", b"\x65" + bytes(range(1, 200))])
    mark = b"\xff\xfe\xff"
    samples = [mark.join(h264.packetise(frame, max_payload=size)) for size in (20, 60, 1200)]

    def read(data: bytes) -> None:
        payloads = data.split(mark)
        units = h264.split_annex_b(h264.depacketise(payloads, strict=False))
        assert all(isinstance(unit, bytes) for unit in units)
        for payload in payloads:
            with contextlib.suppress(PayloadError):
                h264.starts_keyframe(payload)
        with contextlib.suppress(PayloadError):
            h264.is_keyframe(data)
        h264.depacketise(payloads)

    tell(f"seed {seed}: {fuzz(read, ByteMaker(seed, samples), (PayloadError,), count=INPUTS, seed=seed)}")


def test_frame_assemblers(tell: Tell, seed: int) -> None:
    """Packets of one stream in any order and state: nothing is raised, and what is held stays bounded."""
    makers = {codec: FrameAssembler(codec, capacity=64) for codec in ("VP8", "H264", "opus")}
    now = 0.0

    def read(data: bytes) -> None:
        nonlocal now
        now += 0.001
        packet = RtpPacket.parse(data)
        for assembler in makers.values():
            assembler.receive(packet, now)
            assert len(assembler) <= 65

    tell(f"seed {seed}: {fuzz(read, ByteMaker(seed, rtp_samples()), (RtpError,), count=INPUTS, seed=seed)}")


def test_feed_with_a_subscription(tell: Tell, seed: int) -> None:
    """The whole way of a packet through the emulator, and of RTCP from both sides: nothing is raised at all."""
    clock, rng = FakeClock(), random.Random(seed)
    sent = 0

    def send(data: bytes) -> bool:
        nonlocal sent
        sent += 1
        return True

    feed = Feed(
        send_rtcp=send, clock=clock, random=rng, formats=FORMATS, bitrate=500_000, audio_level_id=AUDIO_LEVEL_ID
    )
    subscription = Subscription(
        feed, outlet=WholePackets(send), send_rtcp=send, payload_types=OUR_PAYLOAD_TYPES, cname="s", random=rng
    )
    feed.add(subscription)
    rtp, rtcp = ByteMaker(seed, rtp_samples()), ByteMaker(seed + 1, rtcp_samples())

    def read(data: bytes) -> None:
        clock.advance(0.001)
        if len(data) > 1 and 192 <= data[1] <= 223:
            feed.receive_rtcp(data)
            subscription.receive_rtcp(data)
        else:
            feed.receive_rtp(data)
        if rng.random() < 0.01:
            feed.tick(clock())
            subscription.tick(clock())

    figures = fuzz(read, lambda: rtp() if rng.random() < 0.7 else rtcp(), (), count=INPUTS, seed=seed)
    tell(f"seed {seed}: {figures}; {sent} packets sent on")


# -- signaling ----------------------------------------------------------------------------------------------------


def displays() -> list[str]:
    stream = display.StreamInfo("stream", "self", True, False)
    return [
        display.encode(display.participant("p", external='{"username":"é"}', can_receive_messages=True)),
        display.encode(display.published("p", stream)),
        display.encode(display.telephone("p", "s", external=None)),
    ]


def test_janus_frames(tell: Tell, seed: int) -> None:
    head = {"transaction": "t", "client_token": "a.b.c", "session_id": 7}
    body = {"request": "configure", "display": displays()[1], "audio": True, "bitrate": 500_000}
    samples = [
        serialise({"janus": "create", **head}),
        serialise({"janus": "message", **head, "handle_id": 9, "body": body, "jsep": {"type": "offer", "sdp": "v=0"}}),
        serialise({"janus": "trickle", **head, "handle_id": 9, "candidate": {"completed": True, "sdpMLineIndex": 0}}),
    ]
    tell(f"seed {seed}: {fuzz(parse_request, TextMaker(seed, samples), (FrameError,), count=INPUTS, seed=seed)}")


def test_displays(tell: Tell, seed: int) -> None:
    """Damaged inside of the base64 as often as outside."""
    outer, rng = TextMaker(seed, displays()), random.Random(seed)
    inner = TextMaker(seed + 1, [base64.b64decode(text).decode() for text in displays()])

    def make() -> str:
        if rng.random() < 0.5:
            return outer()
        return base64.b64encode(inner().encode(errors="surrogatepass")).decode()

    def read(text: str) -> None:
        found = display.decode(text)
        again = display.decode(display.encode(found))
        assert again == found

    tell(f"seed {seed}: {fuzz(read, make, (display.DisplayError,), count=INPUTS, seed=seed)}")


# -- scenarios ----------------------------------------------------------------------------------------------------

SCENARIO = """\
version: 1
name: small
seed: 7
participants:
  alice: {context: {username: A}, streams: {self: {video: {source: test_card, size: 320x180, fps: 15}, audio: tone}}}
  bob: {subscribe: all}
timeline:
  - at: 500ms
    do: [{alice: join}, {bob: join}]
  - after: bob.joined
    do: {alice: {publish: self}, moderator: {mute: [alice]}}
    expect: {bob: {sees: alice/self, within: 2s}}
"""


def test_scenarios(tell: Tell, seed: int) -> None:
    """Half of them damaged as text, half as values put in other places. A scenario is read once: 50 ms, too."""
    shipped = Path(__file__).parents[2] / "scenarios" / "lobby.yaml"
    texts = TextMaker(seed, [SCENARIO, SCENARIO, shipped.read_text()], longest=2000)
    loads(SCENARIO)
    figures = fuzz(loads, texts, (ScenarioError,), count=SCENARIOS, seed=seed)
    tell(f"seed {seed}: {figures}")


# -- the largest there may be -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        '{"a":' * 100_000,
        '{"transaction":"' + "x" * 500_000 + '"}',
        '{"transaction":"t","janus":"create","session_id":' + "9" * 500_000 + "}",
        json.dumps({"transaction": "t", "janus": "message", "body": {str(n): n for n in range(30_000)}}),
        '{"transaction":"t","janus":' + '"\\ud800' * 50_000 + "}",
    ],
    ids=["arrays", "objects", "transaction", "number", "members", "surrogates"],
)
def test_largest_frames_are_answered_in_time(tell: Tell, text: str) -> None:
    def parse(text: str) -> object:
        return parse_request(text, most=MAX_INSIDE_FRAME_BYTES)

    tell(str(fuzz(parse, lambda: text, (FrameError,), count=5, seed=0)))


@pytest.mark.parametrize(
    "line",
    [
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 " + ";".join(f"a{n}=1" for n in range(20)),
        "a=ssrc:1 cname:x",
        "a=" + "x" * 200,
        "b=AS:30",
    ],
    ids=lambda line: line[:12],
)
def test_descriptions_of_very_many_lines_are_read_in_time(tell: Tell, line: str) -> None:
    """As many lines of a kind as may be: the time grows with them, not with their square."""
    head = MIX_OFFER.rstrip("\r\n").split("\r\n")
    most = min(MAX_LINES, MAX_BYTES // (len(line) + 2)) - len(head) - 1
    texts = {size: "\r\n".join([*head, *[line] * size, ""]) for size in (most // 4, most // 2, most)}
    # The quickest of five each, in turns: a machine that changes its speed is no property of the parser.
    rounds = [{size: _cpu(text) for size, text in texts.items()} for _ in range(5)]
    took = {size: min(each[size] for each in rounds) for size in texts}
    tell(", ".join(f"{size} lines {secs * 1000:.0f} ms" for size, secs in took.items()))
    for earlier, later in pairwise(took.values()):
        assert later < 4 * max(earlier, 0.01)
    assert later < 0.25


def _cpu(text: str) -> float:
    before = time.thread_time()
    with contextlib.suppress(SdpError):
        SessionDescription.parse(text)
    return time.thread_time() - before
