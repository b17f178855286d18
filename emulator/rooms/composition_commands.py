"""Commands about compositions: what a user asks for, and what a composer tells."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from emulator.clock import iso_microseconds
from emulator.rooms import happenings as h
from emulator.rooms.composition import Composition, CompositionSettings, CompositionStatus, with_defaults
from emulator.rooms.errors import Conflict, Missing, NoSuchAssociate
from emulator.rooms.ledger import Ledger, command, fact


class CompositionCommands(Ledger):
    @command
    def enqueue_composition(
        self, session_id: str | None, settings: CompositionSettings, *, session_required: bool = True
    ) -> Composition:
        """Ask for a film of a session's recordings (R-93).

        Raises Invalid, whose field is a path (R-95, R-96, R-98), NoSuchAssociate for an unknown session, and Missing
        for none unless it is not required (R-97).
        """
        settings = settings.checked()
        if settings.video_layout is not None:
            settings = replace(settings, video_layout=with_defaults(settings.video_layout))
        if session_id is None:
            if session_required:
                raise Missing("session_id", "The required field session_id is missing.")
            room_id = None
        elif session_id in self.records.sessions:
            room_id = self.records.sessions[session_id].room_id or None
        else:
            raise NoSuchAssociate("session_id", f"There is no room session with the id {session_id!r}.")
        composition_id = self.new_id()
        self._tell(h.CompositionEnqueued(composition_id, room_id, session_id, asdict(settings)))
        return self.records.compositions[composition_id]

    @command
    def start_composition(self, composition_id: str) -> Composition:
        """Work on it begins. Raises NotFound, Conflict (R-94)."""
        composition = self._composition_that_is("enqueued", composition_id)
        self._tell(h.CompositionProcessing(composition_id))
        return composition

    @fact
    def complete_composition(
        self,
        composition_id: str,
        *,
        duration_secs: int,
        size_mb: float,
        started_at: datetime,
        ended_at: datetime,
    ) -> Composition:
        """The film is ready; the times bound the media in it. Raises NotFound, Conflict (R-94)."""
        composition = self._composition_that_is("processing", composition_id)
        bounds = (iso_microseconds(started_at), iso_microseconds(ended_at))
        self._tell(h.CompositionCompleted(composition_id, duration_secs, size_mb, *bounds))
        return composition

    @command
    def delete_composition(self, composition_id: str) -> None:
        """Also while it is being made: whoever makes it hears of it. Raises NotFound (R-101)."""
        self._tell(h.CompositionDeleted(self.composition(composition_id).id))

    def _composition_that_is(self, status: CompositionStatus, composition_id: str) -> Composition:
        composition = self.composition(composition_id)
        if composition.status != status:
            raise Conflict(f"The composition {composition_id!r} is {composition.status}, expected {status}.")
        return composition
