"""An account: commands that check, change and tell.

Every command is synchronous. It checks first and raises a `DomainError` before anything has changed; then it appends
events, and the records change as the events say. Subscribers hear of them before the caller gets its reply.
"""

from __future__ import annotations

import random
from datetime import datetime

from emulator.clock import Clock
from emulator.rooms.archive import Archive
from emulator.rooms.composition_commands import CompositionCommands
from emulator.rooms.ledger import command
from emulator.rooms.recording_commands import RecordingCommands
from emulator.rooms.records import Records
from emulator.rooms.room_commands import RoomCommands
from emulator.rooms.session_commands import Targets
from emulator.rooms.state_commands import StateCommands
from emulator.rooms.stream_commands import MAX_STREAMS_PER_PARTICIPANT

__all__ = ["MAX_STREAMS_PER_PARTICIPANT", "Account", "Targets"]


class Account(RoomCommands, RecordingCommands, CompositionCommands, StateCommands):
    """One API key's world: its records, and the commands about each kind of resource."""

    def __init__(self, account_id: str, *, clock: Clock, rng: random.Random) -> None:
        super().__init__(account_id, clock=clock, rng=rng)
        self._archive: Archive | None = None

    # -- what lasts -----------------------------------------------------------------------------------------------

    def keep(self, archive: Archive) -> None:
        """Write down whatever happens from now on."""
        self._archive = archive
        self.log.keep(archive, self._set_back)

    def _set_back(self) -> None:
        """A request could not be written: the records are what is written. Raises StoreError."""
        if self._archive is not None:
            self.records = self._archive.replay(Records, Records.apply).state

    def restore(self, archive: Archive) -> datetime | None:
        """Be what is written, and keep it so. Returns the time of the last event. Raises StoreError."""
        written = archive.replay(Records, Records.apply)
        self.records = written.state
        self.log.restore(written.records, last_number=written.last_number)
        connections = (p.connection for p in self.records.participants.values() if p.connection.isdecimal())
        self._connections = max(map(int, connections), default=0)
        self.keep(archive)
        return written.at

    @command
    def end_interrupted(self) -> None:
        """After a restart: the sockets of whoever was there are gone (imported participants never had one)."""
        for session in tuple(self.records.sessions.values()):
            if session.active:
                self._end(session, "server_restarted", "Emulator restarted")

    def compact(self) -> None:
        """Let a snapshot take the place of very many events. Raises StoreError."""
        if self._archive is not None and self._archive.long():
            self._archive.compact(self.records, number=self.log.last_number, at=self.now())

    def forget(self) -> None:
        """Nothing of it is kept any more, or will be. Raises StoreError; then nothing has changed."""
        if self._archive is not None:
            self._archive.forget()
            self._archive = None
            self.log.keep(None)
