"""A meeting of three, recorded: mutes, a rejoin, a screen share, and every file against what really happened."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.clients.room_client import RoomClient
from tests.recording.house import House
from tests.recording.kit import codec_of, duration_of, pictures, samples, tones

TRUTH_SECS = 0.1
SYNC_SECS = 0.08
SETTLE = 0.35
"""Seconds around a change in which a sample may fall on either side."""


def epoch(recording: Any) -> float:
    return float(recording.started_at.timestamp())


async def meet(house: House) -> tuple[dict[str, RoomClient], dict[str, float]]:
    """Alice speaks, is muted, speaks; Bob goes and comes again; Carol shares her screen, and switches her camera.

    Returns who they are, and when (Unix seconds) what happened.
    """
    moments: dict[str, float] = {}
    room = await house.room(unique_name="board")

    def at(what: str) -> None:
        moments[what] = time.time()

    alice = await house.client(room, "alice", tone=1)
    bob = await house.client(room, "bob", tone=2)
    carol = await house.client(room, "carol", tone=3)
    await asyncio.gather(alice.publish("self"), bob.publish("self"), carol.publish("self"))
    running = await house.recordings(6, status="processing")
    await asyncio.gather(bob.hears(alice), bob.hears(carol), alice.hears(bob))
    at("all heard")  # a busy machine may skip some of what is said before
    session = running[0].session_id
    await asyncio.sleep(1.6)
    await house.api.rooms.sessions.actions.mute(session, participants=[alice.participant_id])
    at("alice muted")
    await carol.publish("presentation", audio=None)
    await house.recordings(7, status="processing")
    at("carol shares")
    await asyncio.sleep(0.6)
    await bob.leave()
    at("bob left")
    await carol.update_stream("self", video=False)
    at("carol camera off")
    await asyncio.sleep(1.4)
    await house.api.rooms.sessions.actions.unmute(session, participants=[alice.participant_id])
    at("alice unmuted")
    again = await house.client(room, "bob", tone=2, participant_id=bob.participant_id)
    await again.publish("self")
    await carol.update_stream("self", video=True)
    at("carol camera on")
    await house.recordings(7, status="processing")
    at("bob again")
    await asyncio.sleep(1.2)
    await carol.unpublish("presentation")
    at("share over")
    await asyncio.sleep(0.6)
    await house.api.rooms.sessions.actions.end(session)
    at("end")
    for client in (alice, again, carol):
        await client.leave()
    return {"alice": alice, "bob": bob, "carol": carol}, moments


async def test_files_tell_what_happened(house: House, tmp_path: Path) -> None:
    """The acceptance of issue 8: codec, duration, the right card or tone in every second, audio and video in step."""
    people, moments = await meet(house)
    done = await house.recordings(9)
    found: dict[str, Any] = {}
    for recording in done:
        path = await house.download(recording.download_url, tmp_path)
        name = next(name for name, client in people.items() if client.participant_id == recording.participant_id)
        key = "presentation" if "video-presentation" in path.name else "self"
        label = f"{name} {recording.type}" + (" share" if key == "presentation" else "")
        if label in found:
            label += " again"
        found[label] = (recording, path)
    assert sorted(found) == [
        "alice audio",
        "alice video",
        "bob audio",
        "bob audio again",
        "bob video",
        "bob video again",
        "carol audio",
        "carol video",
        "carol video share",
    ]
    ends = {"bob audio": "bob left", "bob video": "bob left", "carol video share": "share over"}
    for label, (recording, path) in found.items():
        assert codec_of(path) == recording.codec == ("opus" if recording.type == "audio" else "vp8")
        truth = moments[ends.get(label, "end")] - epoch(recording)
        assert duration_of(path) == pytest.approx(truth, abs=TRUTH_SECS), label
        assert recording.ended_at.timestamp() - epoch(recording) == pytest.approx(duration_of(path), abs=TRUTH_SECS)
        if recording.type == "audio":
            _check_sound(label, recording, path, moments)
        else:
            _check_pictures(label, recording, path, moments)


def _check_sound(label: str, recording: Any, path: Path, moments: dict[str, float]) -> None:
    own = {"alice": 1, "bob": 2, "carol": 3}[label.split()[0]]
    began, length = epoch(recording), duration_of(path)
    assert len(samples(path)) / 48_000 == pytest.approx(length, abs=0.02)
    muted = (moments["alice muted"] - began, moments["alice unmuted"] - began) if own == 1 else (99.0, 99.0)
    second = max(0.3, moments["all heard"] - began)
    while second + 0.5 < length:
        begin, end = second, second + 0.5
        if not (begin - SETTLE < muted[0] < end + SETTLE or begin - SETTLE < muted[1] < end + SETTLE):
            silent = muted[0] < begin and end < muted[1]
            assert tones(path, begin, end) == (set() if silent else {own}), (label, begin)
        second += 0.5


def _check_pictures(label: str, recording: Any, path: Path, moments: dict[str, float]) -> None:
    began, length = epoch(recording), duration_of(path)
    seen = pictures(path)
    wrong = [
        picture
        for picture in seen
        if picture.reading is None
        or picture.reading.participant_id != recording.participant_id
        or picture.reading.key != ("presentation" if "share" in label else "self")
    ]
    # A picture that crosses the change of the camera's flag on its way may be one of the fallback's.
    assert len(wrong) <= (2 if label == "carol video" else 0), label
    off = (99.0, 99.0)
    if label == "carol video":
        off = (moments["carol camera off"] - began, moments["carol camera on"] - began)
    second = max(0.3, moments["all heard"] - began)
    while second + 0.5 < length:
        shown = [picture for picture in seen if second <= picture.time < second + 0.5]
        if off[0] + SETTLE < second and second + 0.5 < off[1] - SETTLE:
            assert not shown, (label, second)
        elif not (second - SETTLE < off[0] < second + 0.5 + SETTLE or second - SETTLE < off[1] < second + 0.5 + SETTLE):
            assert shown, (label, second)
        second += 0.5
