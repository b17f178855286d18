"""Who is in the room and what they publish, as one client knows it: signaling in, state and events out. No I/O.

The rules are those of the official SDK (signaling.md, section 5): identity comes from displays, REG and LST are the
only sources of events, a participant is gone when its last stream is. Where the SDK would throw or lose something, the
fault is told to `on_fault` and the rest goes on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from emulator.clients.events import (
    AudioActivity,
    ClientEvent,
    ParticipantJoined,
    ParticipantLeaving,
    ParticipantLeft,
    StreamPublished,
    StreamUnpublished,
    SubscriptionEnded,
    TrackCensored,
    TrackDisabled,
    TrackEnabled,
    TrackUncensored,
)
from emulator.wire import display as displays
from emulator.wire.display import Display, DisplayError, StreamInfo

# The clients of one process hear of the same display all at once.
_decode = functools.lru_cache(maxsize=256)(displays.decode)

Origin = Literal["local", "remote", "telephony_engine"]


@dataclass(frozen=True, slots=True)
class Participant:
    """A person in the room. `context` is what the application gave at its join."""

    id: str
    context: str | None
    origin: Origin
    can_receive_messages: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """A published stream. `pub_id` is the number to subscribe to. The publisher enables, the host censors."""

    participant_id: str
    key: str
    id: str
    pub_id: int
    audio_enabled: bool
    video_enabled: bool
    audio_censored: bool = False
    video_censored: bool = False


@dataclass(slots=True)
class _Leaving:
    reason: str | None


class Roster:
    """State of one client.

    `emit(event)` is called for each event. `on_unpublished(stream)` says whether a subscription has to end first: if
    so, the owner calls `remove_stream` when it has (5.4, rule 3). `on_expelled(reason)`: the room has put us out.
    """

    def __init__(
        self,
        participant_id: str,
        *,
        emit: Callable[[ClientEvent], None],
        on_unpublished: Callable[[Stream], bool],
        on_expelled: Callable[[str], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self.participant_id = participant_id
        self.register_id: int | None = None
        self.participants: dict[str, Participant] = {}
        self.streams: dict[tuple[str, str], Stream] = {}
        self._emit = emit
        self._on_unpublished = on_unpublished
        self._on_expelled = on_expelled
        self._on_fault = on_fault
        self._present: dict[int, str] = {}  # reg id (or a telephone's) -> participant id
        self._mixers: dict[int, str] = {}  # mix id -> participant id
        self._leaving: dict[str, _Leaving] = {}
        self._unpublished: set[int] = set()  # pub ids of streams that go when their subscription has ended

    def stream_of(self, pub_id: int) -> Stream | None:
        return next((stream for stream in self.streams.values() if stream.pub_id == pub_id), None)

    # -- REG ------------------------------------------------------------------------------------------------------

    def registered(self, data: dict[str, Any], own: Participant) -> None:
        """The answer to R7: our reg id, and who is here already."""
        number = data.get("id")
        self.register_id = number if _is_id(number) else None
        if self.register_id is None:
            self._on_fault(f"REG join: expected an integer id, got {number!r:.60} (S-46)")
        self.participants[own.id] = own
        entries = data.get("participants")
        if not isinstance(entries, list):
            self._on_fault(f"REG join: expected participants to be an array, got {entries!r:.60} (S-47)")
            return
        for entry in entries:
            self._present_entry(entry, announce=False)

    def audiobridge_event(self, data: dict[str, Any]) -> None:
        """A broadcast on REG."""
        match data.get("audiobridge"):
            case "joined":
                if data.get("id"):
                    self._on_fault("REG event joined: expected no top-level id (E1, T-4)")
                    return
                entries = data.get("participants")
                if not isinstance(entries, list):
                    self._on_fault(f"REG event joined: expected participants to be an array, got {entries!r:.60}")
                    return
                for entry in entries:
                    self._present_entry(entry, announce=True)
            case "talking":
                speaker = self._mixers.get(_integer(data.get("id")))
                if speaker is not None:
                    self._emit(AudioActivity(speaker, None))
            case "event":
                if data.get("kicked"):
                    self._gone(_integer(data["kicked"]), "kicked")
                elif data.get("leaving"):
                    self._gone(_integer(data["leaving"]), None)
            case _:
                pass  # stopped-talking, destroyed, ...: no meaning for this client (E14, E16)

    def _present_entry(self, entry: object, *, announce: bool) -> None:
        parsed = self._entry("audiobridge", entry)
        if parsed is None:
            return
        number, display, _ = parsed
        person = display.participant_id
        if display.stream is not None:
            if person == self.participant_id:
                return  # our own mixer leg
            if number in self._mixers:
                self._on_fault(f"the mix id {number} was announced twice (S-55)")
            self._mixers[number] = person
            if not display.telephony:
                return
        if person in self.participants:
            self._on_fault(f"participant {person} was announced twice (S-106)")
            return
        self._present[number] = person
        self.participants[person] = Participant(
            id=person,
            context=display.external,
            origin="telephony_engine" if display.telephony else "remote",
            can_receive_messages=display.can_receive_messages is True,
        )
        if announce:
            self._emit(ParticipantJoined(person, display.external))

    def _gone(self, register_id: int, reason: str | None) -> None:
        if register_id == self.register_id and register_id:
            self._emit(ParticipantLeaving(self.participant_id, reason))
            self._on_expelled(reason or "leaving")
            return
        person = self._present.pop(register_id, None)
        if person is None or person in self._leaving:
            return  # a mixer leg's own leaving, or one that a kick has announced before (E4, E5)
        self._leaving[person] = _Leaving(reason)
        self._emit(ParticipantLeaving(person, reason))
        self._finish_leaving(person)

    def _finish_leaving(self, person: str) -> None:
        leaving = self._leaving.get(person)
        if leaving is None or any(stream.participant_id == person for stream in self.streams.values()):
            return
        del self._leaving[person]
        self.participants.pop(person, None)
        for number in [number for number, owner in self._mixers.items() if owner == person]:
            del self._mixers[number]
        self._emit(ParticipantLeft(person, leaving.reason))

    # -- LST ------------------------------------------------------------------------------------------------------

    def listening(self, data: dict[str, Any]) -> None:
        """The answer to R8: what is published already."""
        for entry in self._list("LST join", data.get("publishers", [])):
            self._published(entry, announce=False)

    def videoroom_event(self, data: dict[str, Any]) -> None:
        """A broadcast on LST."""
        match data.get("videoroom"):
            case "talking":
                stream = self.stream_of(_integer(data.get("id")))
                if stream is not None:
                    self._emit(AudioActivity(stream.participant_id, stream.key))
            case "event":
                self._videoroom_news(data)
            case _:
                pass  # stopped-talking; `destroyed` is seen by the owner, since it counts on any handle (E15)

    def _videoroom_news(self, data: dict[str, Any]) -> None:
        if "publishers" in data:
            for entry in self._list("LST event", data["publishers"]):
                self._published(entry, announce=True)
        elif data.get("unpublished") or data.get("kicked"):
            stream = self.stream_of(_integer(data.get("unpublished") or data.get("kicked")))
            if stream is not None and stream.participant_id != self.participant_id:
                if self._on_unpublished(stream):
                    self._unpublished.add(stream.pub_id)
                else:
                    self.remove_stream(stream)
        elif "audio-moderation" in data:
            self._moderated(_integer(data.get("id")), data["audio-moderation"])
        elif data.get("id") and data.get("display"):
            self._changed(data["display"])

    def _list(self, where: str, value: object) -> list[object]:
        if isinstance(value, list):
            return value
        self._on_fault(f"{where}: expected publishers to be an array, got {value!r:.60}")
        return []

    def _published(self, entry: object, *, announce: bool) -> None:
        parsed = self._entry("videoroom", entry)
        if parsed is None:
            return
        number, display, raw = parsed
        person, info = display.participant_id, display.stream
        if person == self.participant_id:
            return
        if info is None:
            self._on_fault(f"publisher {number} was listed without a stream (S-65, T-15)")
            return
        if person not in self.participants:
            self._on_fault(f"stream {info.key!r} was announced before its participant {person} (S-91, T-17)")
            return
        old = self.streams.get((person, info.key))
        if old is not None and old.pub_id in self._unpublished:  # it is there again before our subscription has ended
            self.remove_stream(old, subscription_ended=True)
        elif old is not None:
            self._on_fault(f"stream {info.key!r} of participant {person} was announced twice (5.4, rule 4)")
        self.streams[person, info.key] = Stream(
            person,
            info.key,
            info.id,
            number,
            info.audio_enabled,
            info.video_enabled,
            audio_censored=raw.get("audio_moderated") is True,
            video_censored=raw.get("video_moderated") is True,
        )
        if announce:
            self._emit(StreamPublished(person, info.key))

    def _moderated(self, pub_id: int, value: object) -> None:
        if value not in ("muted", "unmuted"):
            self._on_fault(f"audio-moderation: expected 'muted' or 'unmuted', got {value!r:.60} (T-36)")
            return
        stream = self.stream_of(pub_id)
        if stream is None:
            return
        censored = value == "muted"
        self.streams[stream.participant_id, stream.key] = replace(stream, audio_censored=censored)
        event = TrackCensored if censored else TrackUncensored
        self._emit(event(stream.participant_id, stream.key, "audio"))

    def _changed(self, text: object) -> None:
        """E10: matched by the stream id inside the display, not by the pub id."""
        display = self._display("LST event", text)
        info = display.stream if display is not None else None
        if display is None or info is None or display.participant_id == self.participant_id:
            return
        old = self.streams.get((display.participant_id, info.key))
        if old is None or old.id != info.id:
            old = next((stream for stream in self.streams.values() if stream.id == info.id), None)
        if old is not None:
            self._flags_changed(old, info)

    def _flags_changed(self, old: Stream, info: StreamInfo) -> None:
        new = replace(old, audio_enabled=info.audio_enabled, video_enabled=info.video_enabled)
        self.streams[old.participant_id, old.key] = new
        if new.audio_enabled != old.audio_enabled:
            event = TrackEnabled if new.audio_enabled else TrackDisabled
            self._emit(event(new.participant_id, new.key, "audio"))
        if new.video_enabled != old.video_enabled:
            event = TrackEnabled if new.video_enabled else TrackDisabled
            self._emit(event(new.participant_id, new.key, "video"))

    def remove_stream(self, stream: Stream, *, subscription_ended: bool = False) -> None:
        """The stream is gone, and with it its participant if that was waiting to go."""
        self._unpublished.discard(stream.pub_id)
        known = self.streams.get((stream.participant_id, stream.key))
        if known is None or known.pub_id != stream.pub_id:
            return
        del self.streams[stream.participant_id, stream.key]
        if subscription_ended:
            self._emit(SubscriptionEnded(stream.participant_id, stream.key))
        self._emit(StreamUnpublished(stream.participant_id, stream.key))
        self._finish_leaving(stream.participant_id)

    # -- our own streams ------------------------------------------------------------------------------------------

    def published_ourselves(self, pub_id: int, info: StreamInfo) -> None:
        """R13 was answered."""
        own = self.participant_id
        self.streams[own, info.key] = Stream(own, info.key, info.id, pub_id, info.audio_enabled, info.video_enabled)
        self._emit(StreamPublished(own, info.key))

    def updated_ourselves(self, info: StreamInfo) -> None:
        """R14 of `update_stream` was answered."""
        stream = self.streams.get((self.participant_id, info.key))
        if stream is not None:
            self._flags_changed(stream, info)

    # -- reading --------------------------------------------------------------------------------------------------

    def _entry(self, where: str, entry: object) -> tuple[int, Display, dict[str, Any]] | None:
        if not isinstance(entry, dict):
            self._on_fault(f"{where}: expected an entry to be an object, got {entry!r:.60}")
            return None
        number = entry.get("id")
        if not isinstance(number, int) or not _is_id(number):
            self._on_fault(f"{where}: expected an entry's id to be an integer, got {number!r:.60} (S-48, T-9)")
            return None
        display = self._display(where, entry.get("display"))
        return None if display is None else (number, display, entry)

    def _display(self, where: str, text: object) -> Display | None:
        if not isinstance(text, str):
            self._on_fault(f"{where}: expected display to be a string, got {text!r:.60} (T-16)")
            return None
        try:
            return _decode(text)
        except DisplayError as error:
            self._on_fault(f"{where}: display: {error}")
            return None


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _integer(value: object) -> int:
    """An id as the SDK compares it: by value and type; anything but an integer matches nothing (T-9)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
