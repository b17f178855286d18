"""What recording costs beside forwarding: CPU of the same packets, with and without tapes on them.

    python -m tests.benchmarks.recording_cost

20 people each publish video (640x360 at 30 fps, 500 kbit/s) and sound (50 packets a second). Their packets are
forwarded to one subscriber each, without encryption and sockets; then the same with recordings of all of them, files
included. Media time is simulated, CPU time is real, of all threads. Runs take turns; the median counts.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.recording.recording import Outcome, Recording
from emulator.recording.tapes import AudioTape, Open, VideoTape
from emulator.store.budget import Budget
from emulator.store.disk import Disk
from emulator.store.files import MediaFiles
from tests.benchmarks.forwarding import Nowhere
from tests.media.rtp_kit import FORMATS, OUR_PAYLOAD_TYPES, FakeClock
from tests.recording.kit import sound, video

STREAMS = 20
FPS = 30
FLUSH_EVERY = 6  # frames: 0.2 s
ACCOUNT = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
LIMIT_PER_CENT = 5.0


def packet(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    head = bytes((0x80, second)) + (sequence & 0xFFFF).to_bytes(2, "big") + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
    return head + ssrc.to_bytes(4, "big") + payload


class Person:
    """One feed with video, one with what is said into the mix."""

    def __init__(self, clock: FakeClock, random: Random) -> None:
        def feed() -> Feed:
            return Feed(send_rtcp=lambda data: None, clock=clock, random=random, formats=FORMATS, bitrate=500_000)

        self.published, self.said = feed(), feed()
        self.subscription = Subscription(
            self.published,
            outlet=Nowhere(),
            send_rtcp=lambda data: None,
            payload_types=OUR_PAYLOAD_TYPES,
            cname="bench",
            random=random,
        )
        self.published.add(self.subscription)
        self.said.on_audio = lambda payload, sequence, timestamp, level: None


def frames(secs: float) -> list[list[tuple[bytes, bool]]]:
    """(payload, marker) of each frame's packets; a real keyframe first, then deltas of the usual size."""
    keyframe = video("vp8", 0.2, size=(640, 360))[0].data
    delta = video("vp8", 0.2, size=(640, 360))[1].data
    delta = delta + bytes(max(0, 2_000 - len(delta)))
    made = []
    for number in range(round(secs * FPS)):
        data = delta if number else keyframe
        parts = [data[at : at + 1_000] for at in range(0, len(data), 1_000)]
        head = (0x90, 0x80, 0x80 | number >> 8 & 0x7F, number & 0xFF)
        made.append(
            [
                (bytes((head[0] if index == 0 else 0x80, *head[1:])) + part, index == len(parts) - 1)
                for index, part in enumerate(parts)
            ]
        )
    return made


async def run(secs: float, *, recorded: bool) -> float:
    """Seconds of CPU for `secs` of media."""
    clock, random = FakeClock(), Random(1)
    people = [Person(clock, random) for _ in range(STREAMS)]
    pictures, packets = frames(secs), sound(3, 2.0)
    disk = Disk(asyncio.get_running_loop())
    over: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name:
        files = MediaFiles(Path(name), Budget(10**10))
        recordings: list[Recording] = []
        tapes: list[tuple[AudioTape, VideoTape]] = []

        def opener(record_id: str) -> Open:
            def start(codec: str, container: object) -> Recording:
                suffix = "ogg" if codec == "opus" else "webm"
                made = Recording(
                    record_id,
                    record_id,
                    container,  # type: ignore[arg-type]
                    files.create(ACCOUNT, record_id, "", suffix),
                    files=files,
                    disk=disk,
                    on_over=over.append,
                )
                recordings.append(made)
                return made

            return start

        for number, person in enumerate(people if recorded else []):
            audio = AudioTape(opener(f"{number:08x}-0000-4000-8000-00000000000a"), muted=False, clock=clock)
            seen = VideoTape(opener(f"{number:08x}-0000-4000-8000-00000000000b"), clock=clock)
            person.said.on_audio = audio.track.listen(person.said)
            seen.run(person.published)
            tapes.append((audio, seen))
        began = time.process_time()
        video_sequence = audio_sequence = 0
        for number, parts in enumerate(pictures):
            for person in people:
                for index, (payload, marker) in enumerate(parts):
                    data = packet(96, video_sequence + index, number * 3_000, 7, payload, marker)
                    person.published.receive_rtp(data)
            video_sequence += len(parts)
            while audio_sequence * 0.02 <= number / FPS:
                payload = packets[audio_sequence % len(packets)]
                data = packet(111, audio_sequence, audio_sequence * 960, 8, payload, False)
                for person in people:
                    person.said.receive_rtp(data)
                audio_sequence += 1
            clock.advance(1 / FPS)
            if number % FLUSH_EVERY == 0:
                for audio, _ in tapes:
                    audio.track.catch_up(clock.now)
                for recording in recordings:
                    recording.flush()
                await asyncio.sleep(0)
        await disk.drained()
        spent = time.process_time() - began
        for recording in recordings:
            recording.finish(secs)
        await disk.close()
        if recorded and len(over) != 2 * STREAMS:
            raise RuntimeError(f"expected {2 * STREAMS} finished files, got {len(over)}")
    return spent


def measure(secs: float, turns: int) -> tuple[float, float]:
    """Per cent of a core: forwarding, and what recording adds."""
    plain, taped = [], []
    for _ in range(turns):
        plain.append(asyncio.run(run(secs, recorded=False)))
        taped.append(asyncio.run(run(secs, recorded=True)))
    forwarding = statistics.median(plain) / secs * 100
    return forwarding, statistics.median(b - a for a, b in zip(plain, taped, strict=True)) / secs * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of media in each run")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    forwarding, recording = measure(options.seconds, options.turns)
    print(f"{STREAMS} streams, {FPS} fps video and sound: forwarding {forwarding:.1f} % of a core without sockets,")
    print(f"recording {recording:.1f} % more (limit {LIMIT_PER_CENT:g} %)")


if __name__ == "__main__":
    main()
