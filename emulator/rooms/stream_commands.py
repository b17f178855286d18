"""What is published: commands about streams."""

from __future__ import annotations

from emulator.rooms import happenings as h
from emulator.rooms.errors import Conflict, NotFound
from emulator.rooms.ledger import Ledger, command, fact
from emulator.rooms.participant import Participant, Stream

MAX_STREAMS_PER_PARTICIPANT = 16
"""Bound on what one client can make the server hold; the SDK itself has no limit."""


class StreamCommands(Ledger):
    @command
    def offer_stream(
        self,
        participant_id: str,
        *,
        connection: str,
        stream_id: str,
        key: str,
        audio_enabled: bool,
        video_enabled: bool,
    ) -> Stream:
        """A publisher's offer. One stream is one (participant, key): a second one is refused with Conflict."""
        participant = self._present(participant_id, connection)
        if any(stream.key == key for stream in participant.streams.values()):
            raise Conflict(f"The participant {participant_id!r} already publishes a stream with the key {key!r}.")
        if stream_id in participant.streams:
            raise Conflict(f"The stream id {stream_id!r} is in use already.")
        if len(participant.streams) >= MAX_STREAMS_PER_PARTICIPANT:
            raise Conflict(f"A participant can publish at most {MAX_STREAMS_PER_PARTICIPANT} streams.")
        self._tell(
            h.StreamOffered(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream_id,
                key,
                audio_enabled,
                video_enabled,
            )
        )
        return participant.streams[stream_id]

    @fact
    def announce_stream(self, participant_id: str, stream_id: str) -> None:
        """The stream's connection is up. Without effect if the stream is gone or announced already."""
        participant = self.records.participants.get(participant_id)
        stream = participant.streams.get(stream_id) if participant else None
        if participant is None or stream is None or stream.announced:
            return
        self._tell(
            h.StreamPublished(participant.room_id, participant.session_id, participant.id, stream.id, stream.key)
        )

    @command
    def change_stream(self, participant_id: str, stream_id: str, *, audio_enabled: bool, video_enabled: bool) -> None:
        """New track flags; nothing is told when they are the old ones."""
        participant = self.participant(participant_id)
        stream = participant.streams.get(stream_id)
        if stream is None:
            raise NotFound("stream", stream_id)
        if (stream.audio_enabled, stream.video_enabled) == (audio_enabled, video_enabled):
            return
        self._tell(
            h.StreamChanged(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream_id,
                stream.key,
                audio_enabled,
                video_enabled,
            )
        )

    @fact
    def unpublish(self, participant_id: str, stream_id: str) -> None:
        """Without effect if the stream is gone already."""
        participant = self.records.participants.get(participant_id)
        stream = participant.streams.get(stream_id) if participant else None
        if participant is not None and stream is not None:
            self._unpublish(participant, stream)

    def _unpublish(self, participant: Participant, stream: Stream) -> None:
        self._tell(
            h.StreamUnpublished(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream.id,
                stream.key,
                stream.announced,
            )
        )

    def _present(self, participant_id: str, connection: str) -> Participant:
        participant = self.records.participants.get(participant_id)
        if participant is None or not participant.present or participant.connection != connection:
            raise NotFound("participant present on this connection", participant_id)
        return participant

    @fact
    def tell_talking(self, participant_id: str, *, stream_id: str | None, talking: bool) -> None:
        """Somebody began or stopped to talk (S-100, S-101). Without effect for who is not there any more."""
        participant = self.records.participants.get(participant_id)
        if participant is not None and participant.present:
            self._tell(
                h.TalkingChanged(participant.room_id, participant.session_id, participant_id, stream_id, talking)
            )
