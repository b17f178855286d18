"""What every command works on: an account's clock, ids, log and records."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from emulator.clock import Clock
from emulator.events import Event, EventLog
from emulator.rooms.composition import Composition
from emulator.rooms.errors import NotFound
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from emulator.rooms.records import Records
from emulator.rooms.room import Room
from emulator.rooms.session import Session

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
L = TypeVar("L", bound="Ledger")


def command(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """Subscribers hear of what a method tells when the outermost command has ended, before its caller goes on."""

    @wraps(method)
    def run(self: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        # `with self.log.command()`, without the price of a generator.
        self.log.begin()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.log.end()

    return run


def fact(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """A command that tells what has happened already: it is not undone when it cannot be written (`EventLog`)."""

    @wraps(method)
    def run(self: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.log.begin(fact=True)
        try:
            return method(self, *args, **kwargs)
        finally:
            self.log.end(fact=True)

    return run


class Ledger:
    """`id` is the user id in the account's tokens' subjects; it is never seeded."""

    def __init__(self, account_id: str, *, clock: Clock, rng: random.Random) -> None:
        self.id = account_id
        self.clock = clock
        self.rng = rng
        self.log = EventLog(clock)
        self.records = Records()
        self._connections = 0
        # Tokens draw from a source of their own: how many were asked for must not change the ids of rooms and sessions.
        # So do webhooks: which of them have a receiver must not, either.
        self._token_rng = random.Random(rng.getrandbits(128))
        self._media_seed = self._token_rng.getrandbits(128)
        self._webhook_rng = random.Random(self._media_seed)

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> str:
        """A UUID v4 from the account's own generator."""
        return _uuid4(self.rng)

    def new_token_id(self) -> str:
        """The same for a token."""
        return _uuid4(self._token_rng)

    def new_webhook_id(self) -> str:
        """The same for an event that a webhook tells."""
        return _uuid4(self._webhook_rng)

    def media_id(self, *what: object) -> str:
        """The same for a recording, from what it is of: media comes in any order, and must not change other ids."""
        return _uuid4(random.Random("/".join(map(str, (self._media_seed, *what)))))

    def new_connection(self) -> str:
        """What tells the connections of this account apart, in its events, too: 1, 2, 3, ..."""
        self._connections += 1
        return str(self._connections)

    def _tell(self, event: Event) -> None:
        self.records.apply(self.log.append(event))

    # -- one resource by its id; each raises NotFound -------------------------------------------------------------

    def room(self, room_id: str) -> Room:
        return _found("room", self.records.rooms, room_id)

    def room_called(self, name: str) -> Room:
        """By its id, or by its unique name."""
        room_id = name.lower()
        return self.room(room_id if room_id in self.records.rooms else self.records.rooms_by_name.get(name, room_id))

    def session(self, session_id: str) -> Session:
        return _found("room session", self.records.sessions, session_id)

    def participant(self, participant_id: str) -> Participant:
        return _found("room participant", self.records.participants, participant_id)

    def recording(self, recording_id: str) -> Recording:
        return _found("room recording", self.records.recordings, recording_id)

    def composition(self, composition_id: str) -> Composition:
        return _found("room composition", self.records.compositions, composition_id)


def _found(kind: str, known: dict[str, T], resource_id: str) -> T:
    try:
        return known[resource_id]
    except KeyError:
        raise NotFound(kind, resource_id) from None


def _uuid4(rng: random.Random) -> str:
    # As str(uuid.UUID(int=..., version=4)) has it, at a third of the price: version and variant in their places.
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""A digit with its upper two bits set to 10 (RFC 9562 4.1)."""
