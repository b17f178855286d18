"""Commands about recordings: what a recorder tells, and what a user takes away."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from emulator.clock import iso_microseconds
from emulator.rooms import happenings as h
from emulator.rooms.errors import Conflict, NotFound
from emulator.rooms.ledger import Ledger, command, fact
from emulator.rooms.recording import Recording


class RecordingCommands(Ledger):
    @command
    def start_recording(
        self,
        participant_id: str,
        kind: h.RecordingKind,
        codec: str | None,
        *,
        recording_id: str | None = None,
        moment: float | None = None,
    ) -> Recording:
        """A track of somebody present is written to a file from now on. Raises NotFound.

        `recording_id`: a new one, for whoever names the file before; else one is drawn. `moment`: of its beginning, on
        a clock that all recordings of the session share.
        """
        participant = self.records.participants.get(participant_id)
        if participant is None or not participant.present:
            raise NotFound("participant present", participant_id)
        recording_id = recording_id or self.new_id()
        where = (participant.room_id, participant.session_id, participant.id)
        self._tell(h.RecordingStarted(*where, recording_id, kind, codec, moment))
        return self.records.recordings[recording_id]

    @fact
    def complete_recording(
        self,
        recording_id: str,
        *,
        duration_secs: int,
        size_mb: float,
        ended_at: datetime,
        length: float | None = None,
    ) -> Recording:
        """The file is ready; `ended_at` is the last recorded moment, `length` the exact seconds of media.

        Raises NotFound, Conflict (never back: R-88).
        """
        recording = self.recording(recording_id)
        if recording.status != "processing":
            raise Conflict(f"The recording {recording_id!r} is {recording.status}, expected one that is processing.")
        room_id, session_id, participant_id = recording.room_id, recording.session_id, recording.participant_id
        if room_id is None or session_id is None or participant_id is None or recording.kind is None:
            raise Conflict(f"The recording {recording_id!r} was imported without saying what it is of.")
        self._tell(
            h.RecordingCompleted(
                room_id,
                session_id,
                participant_id,
                recording_id,
                recording.kind,
                recording.codec,
                duration_secs,
                size_mb,
                iso_microseconds(ended_at),
                length,
            )
        )
        return recording

    @command
    def delete_recording(self, recording_id: str) -> None:
        """Also while it is being written: whoever writes hears of it. Raises NotFound (R-92)."""
        self._tell(h.RecordingDeleted(self.recording(recording_id).id))

    @command
    def delete_recordings(self, recording_ids: Iterable[str]) -> int:
        """All of these, or, when one does not exist, none (NotFound). Returns how many (R-91)."""
        recordings = [self.recording(recording_id) for recording_id in dict.fromkeys(recording_ids)]
        for recording in recordings:
            self._tell(h.RecordingDeleted(recording.id))
        return len(recordings)
