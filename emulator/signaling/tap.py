"""Notes one connection's frames in the wire log of its account."""

from __future__ import annotations

from typing import Protocol

from emulator.rooms.account import Account
from emulator.wirelog import Channel, Direction, Line, WireLogs


class Caller(Protocol):
    """One client's connection, as far as is known by now."""

    room_id: str
    connection: str
    participant_id: str | None

    @property
    def named(self) -> Account | None:
        """Whom its tokens name, or whose the room is."""
        ...


class Tap:
    """`heard` what came from the client, `said` what went to it."""

    def __init__(self, logs: WireLogs, caller: Caller) -> None:
        self._logs = logs
        self._caller = caller
        self._line = Line(caller.room_id)

    def heard(self, text: str | bytes, *, channel: Channel = "socket") -> None:
        self._note("in", text if isinstance(text, str) else f"({len(text)} bytes)", channel, None)

    def said(self, text: str, *, channel: Channel = "socket") -> None:
        self._note("out", text, channel, None)

    def closed(self, direction: Direction, code: int) -> None:
        """1005: a Close without a code; 1006: none at all."""
        self._note(direction, "", "socket", code)

    def _note(self, direction: Direction, text: str, channel: Channel, close: int | None) -> None:
        caller, line = self._caller, self._line
        if caller.participant_id is not None:  # else what was known stays: who has left still has a connection
            line.participant_id = caller.participant_id
        line.connection = caller.connection
        self._logs.of(caller.named).frame(line, direction, text, channel=channel, close=close)
