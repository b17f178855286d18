"""What there is to say about a test's account while it still exists; gathered in the emulator's thread."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from conftest_plugin.findings import findings
from conftest_plugin.journal import Call
from conftest_plugin.tenant import Tenant
from emulator.clients.admin_client import AdminClient, AdminError, SignalingProblem
from emulator.clients.company import Person
from emulator.clients.room_client import RoomClient

AUDIO_SECS = 10.0
AUDIO_RATE = 48_000

Json = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """The last picture that somebody saw of a stream, as PNG."""

    who: str
    shows: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Sound:
    """The last seconds of what somebody heard, as WAV."""

    who: str
    wav: bytes


@dataclass(slots=True)
class Evidence:
    """`timeline` is the document of `/_emulator/timeline`, `deliveries` that of `/_emulator/webhooks`."""

    timeline: Json
    wire: Sequence[Json]
    statistics: Json
    problems: Sequence[SignalingProblem]
    deliveries: Sequence[Json]
    received: Sequence[Json]
    pictures: Sequence[Picture]
    sounds: Sequence[Sound]
    names: Mapping[str, str]
    capture: bytes | None
    """The decrypted media as pcapng."""
    calls: Sequence[Call] = ()
    """What the test did."""
    silent: Sequence[str] = ()
    """Who heard nothing at all: of those there is no sound."""
    moment: float = 0.0
    """When the timeline was taken, on the clock of the calls."""
    missing: list[str] = field(default_factory=list)
    """What could not be had, and why."""

    @property
    def findings(self) -> list[str]:
        return findings(self.problems, self.wire)

    def sdp(self) -> dict[str, str]:
        """File name -> description, of every offer and answer in the wire log."""
        found: dict[str, str] = {}
        for entry in self.wire:
            if entry["kind"] != "frame":
                continue
            jsep = _json(entry.get("text")).get("jsep")
            if isinstance(jsep, dict) and isinstance(jsep.get("sdp"), str):
                who = self.names.get(entry["participant_id"] or "", entry["participant_id"] or "unknown")
                way = "from" if entry["direction"] == "in" else "to"
                found[f"{entry['number']:05}-{jsep.get('type', 'sdp')}-{way}-{slug(who)}.sdp"] = jsep["sdp"]
        return found


async def gather(tenant: Tenant) -> Evidence:
    """What cannot be had is listed as missing: a failing test must not fail once more for its evidence."""
    admin = tenant.admin
    missing: list[str] = []

    async def have(asking: Awaitable[T], nothing: T) -> T:
        try:
            return await asking
        except AdminError as error:
            missing.append(str(error))
            return nothing

    async def get(path: str, **query: Any) -> Any:
        return (await admin.request("GET", path, query=query))["data"]

    async def capture() -> bytes | None:
        if tenant.capture_id is None:
            return None
        found: bytes | None = await admin.request("GET", f"/pcap/{tenant.capture_id}")
        return found

    nothing: Json = {}
    none: Sequence[Json] = []
    heard = [(guest.name, _sound(guest)) for guest in tenant.guests]
    timeline = await have(get("/timeline"), nothing)
    moment = tenant.journal.now
    return Evidence(
        timeline=timeline,
        wire=await have(whole_wire(admin), none),
        statistics=await have(get("/stats"), nothing),
        problems=await have(admin.problems(), []),
        deliveries=await have(get("/webhooks", limit=1000), none),
        received=await have(get(f"/sink/{tenant.inbox.name}"), none) if tenant.has_inbox else none,
        pictures=[picture for guest in tenant.guests for picture in _pictures(guest, tenant.known)],
        sounds=[sound for _, sound in heard if sound is not None],
        silent=[name for name, sound in heard if sound is None],
        names={participant_id: person.name for participant_id, person in tenant.known.items()},
        capture=await have(capture(), None),
        calls=tuple(tenant.journal.calls),
        moment=moment,
        missing=missing,
    )


async def whole_wire(admin: AdminClient) -> list[Json]:
    """The account's wire log. Our own looking is no part of the story. Raises AdminError."""
    entries: list[Json] = []
    since = 0
    while True:
        page = (await admin.request("GET", "/wire", query={"since": since, "limit": 1000}))["data"]
        entries += [one for one in page["entries"] if one.get("surface") != "admin"]
        if not page["more"]:
            return entries
        since = page["next_since"]


def _pictures(client: RoomClient, people: Mapping[str, Person]) -> list[Picture]:
    found = []
    for (participant_id, key), subscription in client.subscriptions.items():
        if subscription.frames:
            image = io.BytesIO()
            Image.fromarray(subscription.frames[-1].picture.to_ndarray(format="rgb24")).save(image, "PNG")
            whose = people[participant_id].name if participant_id in people else participant_id[:8]
            found.append(Picture(client.name, f"{whose}/{key}", image.getvalue()))
    return found


def _sound(client: RoomClient) -> Sound | None:
    """None when there was nothing to be heard."""
    samples = np.round(np.clip(client.audio(AUDIO_SECS), -1, 1) * 32767).astype("<i2")
    if not samples.any():
        return None
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(AUDIO_RATE)
        audio.writeframes(samples.tobytes())
    return Sound(client.name, file.getvalue())


def slug(text: str) -> str:
    """A name that every file system takes."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in text)
    return kept.strip("-.")[:80] or "nameless"


def _json(text: Any) -> Json:
    try:
        told = json.loads(text or "")
    except ValueError:  # cut, since it was long
        return {}
    return told if isinstance(told, dict) else {}
