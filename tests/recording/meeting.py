"""A meeting of three that is recorded: what really happens in it, and who is to be seen and heard when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emulator.clients.audio_track import AudioTrack
from emulator.clients.room_client import RoomClient
from emulator.clients.sources.base import FRAMES_PER_SECOND, Samples
from emulator.clients.sources.tone import ToneSource
from tests.recording.house import House

TONES = {"alice": 1, "bob": 2, "carol": 3}
FPS = 30
SETTLE = 0.35
"""Seconds around a change in which a sample may fall on either side."""
LOUD_BLOCKS = 15
"""0.3 s."""


@dataclass(frozen=True)
class Pulse:
    """A tone without pause, that is four times as loud at the beginning of each second of its stream's time.

    The pictures of a `flash` count that time, too (number / fps): both files of one person can be compared.
    """

    tone: int
    stream_timed = True
    loop = FRAMES_PER_SECOND

    def block(self, number: int) -> Samples:
        loud = number % FRAMES_PER_SECOND < LOUD_BLOCKS
        return ToneSource(self.tone, 0.2 if loud else 0.05).block(number)


@dataclass
class Meeting:
    """`moments`: Unix seconds of what happened. `files`: (recording, path) by whose and what it is."""

    house: House
    session: str = ""
    people: dict[str, RoomClient] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)
    files: dict[str, tuple[Any, Path]] = field(default_factory=dict)
    voices: dict[str, AudioTrack] = field(default_factory=dict)
    """What each has said, by whose it is (`bob again`: after he came back)."""

    # -- what happens ---------------------------------------------------------------------------------------------

    def at(self, what: str) -> None:
        self.moments[what] = time.time()

    async def join(self, room: str, name: str, **more: Any) -> RoomClient:
        client = await self.house.client(room, name, tone=TONES[name], **more)
        self.people[name] = client
        return client

    async def play(self) -> None:
        """Alice speaks, is muted, speaks; Bob goes and comes again; Carol shares a screen and switches her camera."""
        house = self.house
        room = await house.room(unique_name="board")
        alice, bob, carol = [await self.join(room, name) for name in TONES]
        await asyncio.gather(*(publish(each) for each in (alice, bob, carol)))
        running = await house.recordings(6, status="processing")
        await asyncio.gather(bob.hears(alice), bob.hears(carol), alice.hears(bob))
        self.voices |= {name: voice(who) for name, who in self.people.items()}
        self.at("all heard")  # a busy machine may skip some of what is said before
        self.session = str(running[0].session_id)
        await asyncio.sleep(1.6)
        await house.api.rooms.sessions.actions.mute(self.session, participants=[alice.participant_id])
        self.at("alice muted")
        await carol.publish("presentation", audio=None)
        await house.recordings(7, status="processing")
        self.at("carol shares")
        await asyncio.sleep(0.6)
        await bob.leave()
        self.at("bob left")
        await carol.update_stream("self", video=False)
        self.at("carol camera off")
        await asyncio.sleep(1.8)
        await house.api.rooms.sessions.actions.unmute(self.session, participants=[alice.participant_id])
        self.at("alice unmuted")
        bob = await self.join(room, "bob", participant_id=bob.participant_id)
        await publish(bob)
        await carol.update_stream("self", video=True)
        self.at("carol camera on")
        await house.recordings(7, status="processing")
        await alice.hears(bob)
        self.voices["bob again"] = voice(bob)
        self.at("bob again")
        await asyncio.sleep(1.2)
        await carol.unpublish("presentation")
        self.at("share over")
        await asyncio.sleep(0.6)
        await house.api.rooms.sessions.actions.end(self.session)
        self.at("end")
        for client in self.people.values():
            await client.leave()

    async def fetch(self, into: Path) -> None:
        """All files of it, the older one of two of a kind first."""
        for recording in await self.house.recordings(9):
            path = await self.house.download(recording.download_url, into)
            name = next(name for name, who in self.people.items() if who.participant_id == recording.participant_id)
            label = f"{name} {recording.type}" + (" share" if "video-presentation" in path.name else "")
            self.files[f"{label} again" if label in self.files else label] = recording, path

    # -- what is to be seen and heard -----------------------------------------------------------------------------

    def began(self, label: str) -> float:
        return float(self.files[label][0].started_at.timestamp())

    def over(self, label: str) -> float:
        """When what is in this file really ended."""
        ends = {"bob audio": "bob left", "bob video": "bob left", "carol video share": "share over"}
        return self.moments[ends.get(label, "end")]

    def spoken(self, name: str) -> list[tuple[float, float]]:
        """When somebody is heard. On a busy machine the first words may be missing, and are not expected."""
        moments = self.moments
        if name == "alice":
            return [(moments["all heard"], moments["alice muted"]), (moments["alice unmuted"], moments["end"])]
        if name == "bob":
            return [(moments["all heard"], moments["bob left"]), (moments["bob again"], moments["end"])]
        return [(moments["all heard"], moments["end"])]

    def silent(self, name: str) -> list[tuple[float, float]]:
        """When somebody surely is not heard."""
        moments = self.moments
        if name == "alice":
            return [(moments["alice muted"], moments["alice unmuted"])]
        return [(moments["bob left"], self.began("bob audio again"))] if name == "bob" else []

    def heard(self, begin: float, end: float) -> set[int] | None:
        """Whose tones are heard from one moment to the other; None if that changes meanwhile."""
        found = set()
        for name, tone in TONES.items():
            if within(begin, end, self.spoken(name)):
                found.add(tone)
            elif not within(begin, end, self.silent(name)):
                return None
        return found

    def shown(self, name: str) -> list[tuple[float, float]]:
        """When somebody's camera is seen, moving."""
        moments, end = self.moments, self.moments["end"]
        if name == "bob":
            return [(self.began("bob video"), moments["bob left"]), (self.began("bob video again"), end)]
        if name == "carol":
            return [(self.began("carol video"), moments["carol camera off"]), (moments["carol camera on"], end)]
        return [(self.began(f"{name} video"), end)]

    def hidden(self, name: str) -> list[tuple[float, float]]:
        """When somebody's camera surely is not seen."""
        moments = self.moments
        if name == "bob":
            return [(moments["bob left"], self.began("bob video again"))]
        return []

    def shared(self) -> tuple[float, float]:
        """When Carol's screen is seen."""
        return self.began("carol video share"), self.moments["share over"]


async def publish(client: RoomClient) -> None:
    """A stream whose picture and sound both tell its time."""
    await client.publish("self", video={"source": "flash", "fps": FPS}, audio=Pulse(client.tone))


def voice(client: RoomClient) -> AudioTrack:
    """What it says, once media flows."""
    track = client.published["self"].audio_track
    assert track is not None
    return track


def within(begin: float, end: float, spans: list[tuple[float, float]]) -> bool:
    """Whether one of the spans holds all of it, with room to settle."""
    return any(first + SETTLE <= begin and end <= last - SETTLE for first, last in spans)


def pulses(samples: np.ndarray[Any, np.dtype[np.float32]]) -> list[tuple[float, bool]]:
    """Seconds at which a `Pulse` becomes loud: where 30 ms have twice what is usual, after 100 ms that had not.

    Less than that is a click, as where a busy machine has left out some of the sound. And whether the beginning is
    there: where it was left out, too, there is silence among the 100 ms before.
    """
    size = 480
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    level = np.sqrt((blocks**2).mean(axis=1))
    loud, usual = level > 0.05, level > 0.01
    lasting = loud[:-2] & loud[1:-1] & loud[2:]
    return [
        (float(number * size / 48_000), bool(usual[number - 10 : number].all()))
        for number in range(10, len(lasting))
        if lasting[number] and not lasting[number - 10 : number].any()
    ]
