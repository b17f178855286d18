"""People, recordings and compositions for the fuzzer to meet: the public API alone makes only rooms."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from datetime import timedelta

from emulator.rooms.account import Account
from emulator.rooms.errors import DomainError
from emulator.rooms.participant import Participant

INTERVAL_SECS = 0.05
MOST_ROOMS = 20
"""Only the newest rooms are visited: those the fuzzer knows of."""


class Population:
    """Something happens in the account every few hundredths of a second, as signaling, recorder and composer do it."""

    def __init__(self, account: Account, rng: random.Random) -> None:
        self._account = account
        self._rng = rng

    async def live(self) -> None:
        """For ever; cancel it."""
        while True:
            await asyncio.sleep(INTERVAL_SECS)
            act = self._rng.choice([self._come, self._come, self._go, self._record, self._finish, self._compose])
            with contextlib.suppress(DomainError):  # full, or over since: as in life
                act()

    def _come(self) -> None:
        rooms = list(self._account.records.rooms)[-MOST_ROOMS:]
        if rooms:
            self._account.join(
                self._rng.choice(rooms), self._id(), context=self._rng.choice(["Alice", None]), connection=self._id()
            )

    def _go(self) -> None:
        present = self._present()
        if len(present) > 3:
            participant = self._rng.choice(present)
            self._account.leave(participant.id, connection=participant.connection, reason="left")

    def _record(self) -> None:
        present = self._present()
        if present:
            who = self._rng.choice(present).id
            if self._rng.random() < 0.5:
                self._account.start_recording(who, "audio", "opus")
            else:
                self._account.start_recording(who, "video", "vp8")

    def _finish(self) -> None:
        going = [
            recording for recording in self._account.records.recordings.values() if recording.status == "processing"
        ]
        if going:
            recording = self._rng.choice(going)
            seconds = self._rng.randrange(100)
            self._account.complete_recording(
                recording.id, duration_secs=seconds, size_mb=1.5, ended_at=self._account.now()
            )

    def _compose(self) -> None:
        waiting = [film for film in self._account.records.compositions.values() if film.status != "completed"]
        for film in waiting[:5]:
            if film.status == "enqueued":
                self._account.start_composition(film.id)
            else:
                ended_at = self._account.now()
                began_at = ended_at - timedelta(seconds=3)
                self._account.complete_composition(
                    film.id, duration_secs=3, size_mb=0.25, started_at=began_at, ended_at=ended_at
                )

    def _present(self) -> list[Participant]:
        return [p for p in self._account.records.participants.values() if p.present][-50:]

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
