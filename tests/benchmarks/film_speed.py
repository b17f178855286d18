"""How long a film takes, and what a live room beside it notices.

    python -m tests.benchmarks.film_speed

Two videos of 60 s (640x360, 15 fps) and two sounds become a film of 1280x720 with two regions, in the niced process
that compositions are made in. Meanwhile three people talk in a room of this process's emulator.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import telnyx

from emulator.clients.room_client import RoomClient
from emulator.recording.film.process import Workshop
from emulator.recording.film.script import Source, write_script
from emulator.recording.ogg import OggWriter
from emulator.recording.webm import WebmWriter
from emulator.rooms.composition import CompositionSettings
from emulator.server import Config, Emulator
from tests.benchmarks.crowd import mix_stats
from tests.benchmarks.sockets import dropped_here
from tests.recording.kit import content, sound, video

FILM_LIMIT_SECS = 30.0
LATE_LIMIT_PER_CENT = 0.5
KEY = "KEY_bench"


def recordings(directory: Path, secs: float) -> list[Source]:
    seen, heard = WebmWriter(), OggWriter()
    part = video("vp8", 2.0, size=(640, 360))
    for turn in range(round(secs / 2)):
        for sample in part:
            seen.put(sample.data, turn * 2.0 + sample.time, keyframe=sample.keyframe)
        for packet in sound(3, 2.0):
            heard.put(packet)
    sources = []
    for writer, kind, suffix in ((seen, "video", "webm"), (heard, "audio", "ogg")):
        writer.finish(secs)
        path = directory / f"source.{suffix}"
        path.write_bytes(content(writer))
        sources += [Source(f"{kind} {number}", kind, str(path), number / 2, secs + number / 2) for number in range(2)]
    return sources


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    layout = {
        "left": {"width": 640, "height": 720, "video_sources": ["video 0"]},
        "right": {"width": 640, "height": 720, "x_pos": 640, "video_sources": ["video 1"]},
    }
    settings = CompositionSettings(video_layout=layout, audio_sources=["*"])
    with tempfile.TemporaryDirectory() as name:
        script = write_script(settings, recordings(Path(name), options.seconds))
        async with Emulator(Config(port=0)) as emulator:
            api = telnyx.AsyncTelnyx(api_key=KEY, base_url=emulator.rest_url)
            room = str((await api.rooms.create()).data.id)
            token = (await api.rooms.actions.generate_join_client_token(room)).data.token
            people = [
                RoomClient(name=f"person {n}", ws_url=emulator.ws_url, room_id=room, token=token, tone=n)
                for n in range(3)
            ]
            for person in people:
                await person.connect()
                await person.publish("self")
            await asyncio.sleep(3)
            before, lost, began = mix_stats(emulator), dropped_here(), time.monotonic()
            await Workshop().make(script.as_json(), Path(name) / "film.mp4", lambda share: None)
            took, after = time.monotonic() - began, mix_stats(emulator)
            overflowed = dropped_here() - lost
            for person in people:
                await person.leave()
            await api.close()
    ticks = after.ticks + after.skipped - before.ticks - before.skipped
    late = after.late + after.skipped - before.late - before.skipped
    print(f"a film of {options.seconds:g} s, 1280x720, two regions, sound: {took:.1f} s (limit {FILM_LIMIT_SECS:g} s)")
    print(f"datagrams that overflowed a socket beside it: {overflowed} (limit 0)")
    print(f"mixer ticks late beside it: {late} of {ticks}, {late / ticks:.2%} (limit {LATE_LIMIT_PER_CENT} %)")


if __name__ == "__main__":
    asyncio.run(main())
