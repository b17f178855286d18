"""A whole state of an account, as plain lists: what a state document says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from emulator.rooms.composition import Composition
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from emulator.rooms.room import Room
from emulator.rooms.session import Session
from emulator.values import value_class


@value_class(frozen=True, slots=True)
class State:
    """`refresh_tokens`: literal strings that are accepted as refresh tokens -> the room they open."""

    rooms: Sequence[Room] = ()
    sessions: Sequence[Session] = ()
    participants: Sequence[Participant] = ()
    recordings: Sequence[Recording] = ()
    compositions: Sequence[Composition] = ()
    refresh_tokens: Mapping[str, str] = field(default_factory=dict)
