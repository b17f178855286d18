"""Records what goes on in one account's sessions: follows its events, and puts tapes on what is to be recorded."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from emulator.conference.conferences import Conferences
from emulator.events import Record, StoreError
from emulator.recording.chunks import Container
from emulator.recording.errors import MediaError
from emulator.recording.recording import Outcome, Recording
from emulator.recording.studio import Studio
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.errors import DomainError
from emulator.rooms.recording import Recording as Resource
from emulator.store.budget import MEGABYTE
from emulator.store.files import word

if TYPE_CHECKING:  # NumPy, which a start does not wait for
    from emulator.recording.tapes import AudioTape, Open, VideoTape

log = logging.getLogger("emulator.recording")

MAX_PROBLEMS = 100
SUFFIXES = {"opus": "ogg", "vp8": "webm", "h264": "mp4"}


@dataclass(slots=True)
class _Stream:
    """A published stream of a recorded session."""

    session_id: str
    participant_id: str
    connection: str
    key: str
    audio: bool
    video: bool
    announced: bool = False
    tape: VideoTape | None = None


class AccountRecorder:
    """A session is recorded if its room had `enable_recording` when it began (section 4; R-86, R-87).

    A participant's sound is recorded from their mix leg, from when one of their streams has audio enabled (a
    telephone's from the beginning) until they leave; a stream's video while its state says it is enabled.
    """

    def __init__(self, account: Account, conferences: Conferences, studio: Studio) -> None:
        self.account = account
        self._conferences = conferences
        self._studio = studio
        self._sessions: set[str] = set()
        self._connections: dict[str, str] = {}
        self._streams: dict[str, _Stream] = {}
        self._audio: dict[tuple[str, str], tuple[str, AudioTape]] = {}
        """(participant, connection) -> the session, the tape."""
        self._recordings: dict[str, Recording] = {}
        """By id, until their files are closed."""
        self._takes: Counter[tuple[str, ...]] = Counter()
        self.problems: deque[tuple[str, str]] = deque(maxlen=MAX_PROBLEMS)
        """The newest: what was to be recorded, and why it ended early, has gaps, or did not begin."""
        account.log.subscribe(self._on_record, h.SessionEvent, h.RecordingDeleted, h.StateLoaded)

    @property
    def running(self) -> list[Recording]:
        """Those whose files are not closed yet."""
        return list(self._recordings.values())

    def flush(self, now: float) -> None:
        """Call it several times a second while it is running."""
        for _, tape in self._audio.values():
            tape.track.catch_up(now)
        for recording in tuple(self._recordings.values()):
            recording.flush()

    # -- events -----------------------------------------------------------------------------------------------------

    def _on_record(self, record: Record) -> None:
        event = record.event
        if isinstance(event, h.RecordingDeleted):
            self._discard(event.recording_id)
        elif isinstance(event, h.StateLoaded):
            self._keep_only(set(self.account.records.recordings) | set(self.account.records.compositions))
        elif isinstance(event, h.SessionStarted):
            room = self.account.records.rooms.get(event.room_id)
            if room is not None and room.settings.enable_recording:
                self._sessions.add(event.session_id)
        elif isinstance(event, h.SessionEvent) and event.session_id in self._sessions:
            self._on_session_event(event)

    def _on_session_event(self, event: h.SessionEvent) -> None:
        match event:
            case h.ParticipantJoined():
                self._connections[event.participant_id] = event.connection
                if event.kind == "telephone":
                    self._record_audio(event.session_id, event.participant_id, event.connection)
            case h.ParticipantMuted() | h.ParticipantUnmuted():
                for (participant_id, _), (_, tape) in self._audio.items():
                    if participant_id == event.participant_id:
                        tape.track.set_muted(isinstance(event, h.ParticipantMuted))
            case h.StreamOffered():
                connection = self._connections.get(event.participant_id, "")
                self._streams[event.stream_id] = _Stream(
                    event.session_id,
                    event.participant_id,
                    connection,
                    event.key,
                    event.audio_enabled,
                    event.video_enabled,
                )
            case h.StreamPublished() | h.StreamChanged() if event.stream_id in self._streams:
                stream = self._streams[event.stream_id]
                if isinstance(event, h.StreamPublished):
                    stream.announced = True
                else:
                    stream.audio, stream.video = event.audio_enabled, event.video_enabled
                self._adjust(event.stream_id, stream)
            case h.StreamUnpublished():
                gone = self._streams.pop(event.stream_id, None)
                if gone is not None and gone.tape is not None:
                    gone.tape.finish(self.account.now())
            case h.ParticipantLeft():
                self._end_audio(event.participant_id, event.connection)
                if self._connections.get(event.participant_id) == event.connection:
                    del self._connections[event.participant_id]
            case h.SessionEnded():
                self._sessions.discard(event.session_id)
                for take in [take for take in self._takes if take[0] == event.session_id]:
                    del self._takes[take]
            case _:
                pass

    def _adjust(self, stream_id: str, stream: _Stream) -> None:
        """Record what the stream's flags say."""
        if not stream.announced:
            return
        if stream.audio:
            self._record_audio(stream.session_id, stream.participant_id, stream.connection)
        conference = self._conferences.find(self.account, stream.session_id)
        feed = None if conference is None else conference.feed_of(stream_id)
        if stream.video and feed is not None:
            if stream.tape is None:
                from emulator.recording.tapes import VideoTape

                stream.tape = VideoTape(self._opener(stream, "video", stream.key), clock=self._studio.now)
            stream.tape.run(feed)
        elif stream.tape is not None:
            stream.tape.pause(self.account.now())

    def _record_audio(self, session_id: str, participant_id: str, connection: str) -> None:
        if (participant_id, connection) in self._audio:
            return
        participant = self.account.records.participants.get(participant_id)
        if participant is None or not participant.present or participant.connection != connection:
            return
        from emulator.recording.tapes import AudioTape

        whose = _Stream(session_id, participant_id, connection, "", audio=True, video=False)
        tape = AudioTape(self._opener(whose, "audio", ""), muted=participant.muted, clock=self._studio.now)
        self._audio[participant_id, connection] = session_id, tape
        self._conferences.of(self.account, session_id).tap_audio(participant_id, connection, tape.track)

    def _end_audio(self, participant_id: str, connection: str) -> None:
        session_id, tape = self._audio.pop((participant_id, connection), ("", None))
        if tape is None:
            return
        conference = self._conferences.find(self.account, session_id)
        if conference is not None:
            conference.tap_audio(participant_id, connection, None)
        tape.finish(self._studio.now(), self.account.now())

    # -- one recording ----------------------------------------------------------------------------------------------

    def _opener(self, whose: _Stream, kind: h.RecordingKind, key: str) -> Open:
        return partial(self._open, whose, kind, key)

    def _open(
        self, whose: _Stream, kind: h.RecordingKind, key: str, codec: str, container: Container
    ) -> Recording | None:
        """The file first: what has none never was a recording."""
        account, studio = self.account, self._studio
        take = (whose.session_id, whose.participant_id, kind, key)
        self._takes[take] += 1
        recording_id = account.media_id(*take, self._takes[take])
        name = self._name(whose, kind, key)
        try:
            file = studio.files.create(account.id, recording_id, name, SUFFIXES[codec])
        except StoreError as error:
            self._refuse(name, error)
            return None
        recording = Recording(
            recording_id,
            name,
            container,
            file,
            files=studio.files,
            disk=studio.disk,
            on_over=lambda outcome: self._complete(recording_id, outcome),
        )
        try:
            account.start_recording(whose.participant_id, kind, codec, recording_id=recording_id, moment=studio.now())
        except (DomainError, StoreError) as error:
            self._refuse(name, error)
            recording.discard()
            self._remove(recording_id)
            return None
        self._recordings[recording_id] = recording
        studio.wake()
        return recording

    def _refuse(self, name: str, error: Exception) -> None:
        log.warning("%s is not recorded: %s", name, error)
        self.problems.append((name, f"is not recorded: {error}"))

    def _name(self, whose: _Stream, kind: str, key: str) -> str:
        """`2026-09-17T200000Z_standup_Alice_video-self`: when, where, who, what."""
        records = self.account.records
        session, person = records.sessions[whose.session_id], records.participants[whose.participant_id]
        room = records.rooms.get(session.room_id)
        where = word(room.settings.unique_name or "") if room is not None else ""
        what = f"{kind}-{word(key)}" if word(key) else kind
        parts = (f"{self.account.now():%Y-%m-%dT%H%M%SZ}", where, word(_called(person.context)), what)
        return "_".join(part for part in parts if part)

    def _complete(self, recording_id: str, outcome: Outcome) -> None:
        recording = self._recordings.pop(recording_id, None)
        if recording is None:
            return
        if recording.problem is not None:
            self.problems.append((recording.name, recording.problem))
        self._tell(recording_id, outcome, recording.ended_at or self.account.now())

    def _tell(self, recording_id: str, outcome: Outcome, ended_at: datetime) -> None:
        try:
            self.account.complete_recording(
                recording_id,
                duration_secs=round(outcome.duration),
                size_mb=outcome.size / MEGABYTE,
                ended_at=ended_at,
                length=outcome.duration,
            )
        except DomainError as error:  # deleted, or replaced, while its file was being closed
            log.info("the recording %s is not completed: %s", recording_id, error)

    # -- files ------------------------------------------------------------------------------------------------------

    def _discard(self, recording_id: str) -> None:
        recording = self._recordings.pop(recording_id, None)
        if recording is not None:
            recording.discard()
        self._remove(recording_id)

    def _remove(self, recording_id: str) -> None:
        remove = self._studio.files.drop(self.account.id, recording_id)
        if remove is not None:
            self._studio.disk.run(remove, None)

    def _keep_only(self, record_ids: set[str]) -> None:
        for record_id in {*self._recordings, *self._studio.files.ids(self.account.id)} - record_ids:
            self._discard(record_id)

    def forget(self) -> None:
        """Nothing of the account is kept any more."""
        self._keep_only(set())

    def recover(self) -> None:
        """After a restart: close what was cut off, and remove what no record tells of."""
        records = self.account.records
        self._keep_only(set(records.recordings) | set(records.compositions))
        for resource in tuple(records.recordings.values()):
            if resource.made_here and resource.status == "processing":
                self._recover(resource)

    def _recover(self, resource: Resource) -> None:
        files, path = self._studio.files, self._studio.files.find(self.account.id, resource.id)

        def work() -> Outcome:
            from emulator.recording.mending import mend

            if path is None:
                raise MediaError("its file is gone")
            return Outcome(mend(path), path.stat().st_size)

        def then(outcome: Outcome | None, error: Exception | None) -> None:
            if outcome is None:
                log.warning("the recording %s was cut off, and nothing of it can be kept: %s", resource.id, error)
                outcome = Outcome(0.0, 0)
            elif path is not None:
                files.settle(path, outcome.size)
            began = resource.started_at or self.account.now()
            self._tell(resource.id, outcome, began + timedelta(seconds=outcome.duration))

        self._studio.disk.run(work, then)


def _called(context: str | None) -> str:
    """A person's name out of what applications pass as a context: a plain text, or JSON with a name in it."""
    if not context:
        return ""
    try:
        fields = json.loads(context)
    except (ValueError, RecursionError):
        return context
    if isinstance(fields, dict):
        return next((fields[key] for key in ("username", "name") if isinstance(fields.get(key), str)), "")
    return context
