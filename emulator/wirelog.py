"""What went over the wire, and when: REST calls, signaling frames, attempts to deliver webhooks, faults that fired.

Of each account the newest entries, bounded in number and in bytes; of all accounts together, in bytes. It is always on,
so noting must cost next to nothing: texts are kept as they came (cut at a limit), and whatever can wait until somebody
reads (taking secrets out, decoding, splitting) waits until then. Nothing that leaves `as_json` holds a token, a
signature or an API key; headers are not kept at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar, Literal, Protocol
from urllib.parse import unquote

from emulator.clock import Clock, iso_microseconds, monotonic
from emulator.events import DEFAULT_HORIZON, EventLog, Record
from emulator.redaction import redacted
from emulator.tally import Tally
from emulator.values import value_class

MAX_ENTRIES = 5_000
MAX_BYTES = 4 * 1024 * 1024
"""Of one account: about 2,000 frames, or 10 minutes of a lively meeting."""
MAX_ALL_BYTES = 64 * 1024 * 1024
"""Of all accounts of one emulator."""
MAX_TEXT = 16 * 1024
"""How much of one body or frame is kept (bytes of a body, characters of a frame): an SDP of a browser fits."""
OVERHEAD = 500
"""Bytes that an entry costs besides its texts, about."""

Direction = Literal["in", "out"]
"""`in`: from the client to the emulator."""

Channel = Literal["socket", "data"]
"""A frame came over the WebSocket, or over the data channel of the text room."""

Surface = Literal["rest", "admin"]

Phase = Literal["fired", "began", "ended"]
"""A fault happens in one moment (`fired`); an impairment lasts."""


class Watched(Protocol):
    """An account, as far as this is concerned."""

    @property
    def id(self) -> str: ...

    @property
    def log(self) -> EventLog: ...

    def now(self) -> datetime: ...


@dataclass(slots=True)
class Line:
    """One signaling connection. What is learned later also holds for the frames before."""

    room_id: str
    connection: str = ""
    """Tells the connections of an account apart; empty before a good token."""
    participant_id: str | None = None


@value_class(frozen=True, slots=True)
class Entry:
    """`number` counts the account's entries; `at` is its time when it was noted, `real` that in real seconds, on a
    clock that only goes on.
    """

    kind: ClassVar[str]
    number: int
    at: datetime
    real: float

    def as_json(self) -> dict[str, Any]:
        return {"number": self.number, "at": iso_microseconds(self.at), "real": round(self.real, 6), "kind": self.kind}


@value_class(frozen=True, slots=True)
class RestCall(Entry):
    """Noted when it is answered. `status` is None for one that was broken off without an answer; `duration` in seconds.

    `target` is path and query as they came, `route` the path's template, `faults` the ids of rules it met. The sizes
    are those before texts were cut.
    """

    kind: ClassVar[str] = "rest"
    surface: Surface
    method: str
    target: str
    route: str | None
    status: int | None
    duration: float
    asked: bytes
    answered: bytes
    asked_size: int
    answered_size: int
    faults: str | None

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    def as_json(self) -> dict[str, Any]:
        told = Entry.as_json(self) | {
            "surface": self.surface,
            "method": self.method,
            "path": redacted(self.path),
            "query": redacted(self.target.partition("?")[2]),
            "route": self.route,
            "status": self.status,
            "duration_ms": round(self.duration * 1000, 3),
            "request": redacted(self.asked.decode("utf-8", "replace")),
            "response": redacted(self.answered.decode("utf-8", "replace")),
        }
        if self.asked_size > len(self.asked) or self.answered_size > len(self.answered):
            told["sizes"] = {"request": self.asked_size, "response": self.answered_size}
        if self.faults is not None:
            told["faults"] = self.faults.split(", ")
        return told


@value_class(frozen=True, slots=True)
class SignalingFrame(Entry):
    """`text` is empty and `close` its code for the end: 1005 is a Close without a code, 1006 none at all."""

    kind: ClassVar[str] = "frame"
    line: Line
    direction: Direction
    channel: Channel
    text: str
    size: int
    close: int | None

    def as_json(self) -> dict[str, Any]:
        told = Entry.as_json(self) | {
            "direction": self.direction,
            "channel": self.channel,
            "room_id": self.line.room_id,
            "connection": self.line.connection,
            "participant_id": self.line.participant_id,
        }
        if self.close is not None:
            return told | {"close": self.close}
        if self.size > len(self.text):
            told["size"] = self.size
        return told | {"text": redacted(self.text)}


@value_class(frozen=True, slots=True)
class WebhookAttempt(Entry):
    """One POST, noted when it is over. `attempt` is what `meta.attempt` said."""

    kind: ClassVar[str] = "webhook"
    webhook_id: str
    event_type: str
    room_id: str | None
    url: str
    attempt: int
    status: int | None
    error: str | None
    duration_ms: float
    body: bytes
    answer: str
    faults: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        told = Entry.as_json(self) | {
            "id": self.webhook_id,
            "event_type": self.event_type,
            "room_id": self.room_id,
            "url": redacted(self.url),
            "attempt": self.attempt,
            "status": self.status,
            "duration_ms": self.duration_ms,
            "request": redacted(self.body.decode("utf-8", "replace")),
            "response": redacted(self.answer),
        }
        if self.error is not None:
            told["error"] = self.error
        if self.faults:
            told["faults"] = list(self.faults)
        return told


@value_class(frozen=True, slots=True)
class Mishap(Entry):
    """Something that was asked for has gone wrong: a fault, or an impairment of the media path.

    `about` says on whom or what, in the words that rules match on (`participant_id`, `operation`, ...).
    """

    kind: ClassVar[str] = "fault"
    rule_id: str
    surface: str
    what: str
    phase: Phase
    about: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return Entry.as_json(self) | {
            "id": self.rule_id,
            "surface": self.surface,
            "what": self.what,
            "phase": self.phase,
            "about": {name: redacted(text) for name, text in self.about.items()},
        }


KINDS: tuple[type[Entry], ...] = (RestCall, SignalingFrame, WebhookAttempt, Mishap)


class WireLog:
    """One account's, oldest first. `now` gives its time, `real` real seconds. `tally` counts for all accounts."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        real: Callable[[], float] = monotonic,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        tally: Tally | None = None,
    ) -> None:
        self._tally = Tally() if tally is None else tally
        self._now = now
        self._real = real
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: deque[tuple[int, type[Entry], tuple[Any, ...]]] = deque()
        self._moments: deque[tuple[int, float]] = deque(maxlen=DEFAULT_HORIZON)
        self.bytes = 0
        self.last_number = 0

    @property
    def dropped(self) -> int:
        """How many of the oldest are not kept any more."""
        return self.last_number - len(self._entries)

    def since(self, number: int) -> list[Entry]:
        """Those with a higher number."""
        first = self.dropped + 1
        kept = islice(self._entries, max(0, number + 1 - first), None)
        return [kind(at, *fields) for at, (_, kind, fields) in enumerate(kept, max(first, number + 1))]

    def moments(self) -> dict[int, float]:
        """When events of the account's log happened, by their number: real seconds on the clock of the entries."""
        return dict(self._moments)

    # -- noting ---------------------------------------------------------------------------------------------------

    def rest(
        self,
        surface: Surface,
        method: str,
        target: str,
        route: str | None,
        status: int | None,
        asked: bytes,
        answered: bytes,
        began: float,
        faults: str | None = None,
    ) -> None:
        """A call that is over; `began` is what the clock of `real` said at its beginning."""
        sent, got = len(asked), len(answered)
        if sent > MAX_TEXT:
            asked = asked[:MAX_TEXT]
        if got > MAX_TEXT:
            answered = answered[:MAX_TEXT]
        now, real = self._now(), self._real()
        took = real - began
        self._tally.call(surface, method, route, status, took)
        fields = (now, real, surface, method, target, route, status, took, asked, answered, sent, got, faults)
        self._add(OVERHEAD + len(target) + len(asked) + len(answered), RestCall, fields)

    def frame(
        self, line: Line, direction: Direction, text: str, *, channel: Channel = "socket", close: int | None = None
    ) -> None:
        """A text frame, or (`close`) the end of the connection."""
        size = len(text)
        if size > MAX_TEXT:
            text = text[:MAX_TEXT]
        if close is None:
            self._tally.frames[direction, channel] += 1
        else:
            self._tally.closes[direction, close] += 1
        fields = (self._now(), self._real(), line, direction, channel, text, size, close)
        self._add(OVERHEAD + len(text), SignalingFrame, fields)

    def webhook(
        self,
        *,
        webhook_id: str,
        event_type: str,
        room_id: str | None,
        url: str,
        attempt: int,
        status: int | None,
        error: str | None,
        duration_ms: float,
        body: bytes,
        answer: str,
        faults: tuple[str, ...] = (),
    ) -> None:
        """An attempt that is over, whatever came of it."""
        self._tally.webhooks[status or 0] += 1
        body = body[:MAX_TEXT]
        told = (webhook_id, event_type, room_id, url, attempt, status, error, duration_ms, body, answer, faults)
        self._add(OVERHEAD + len(url) + len(body) + len(answer), WebhookAttempt, (self._now(), self._real(), *told))

    def mishap(self, rule_id: str, surface: str, what: str, about: Mapping[str, str], phase: Phase = "fired") -> None:
        """What goes wrong on purpose, at the moment it does."""
        if phase != "ended":
            self._tally.mishaps[surface, what] += 1
        short = {name: text[:MAX_TEXT] for name, text in about.items()}
        fields = (self._now(), self._real(), rule_id, surface, what, phase, short)
        self._add(OVERHEAD + sum(map(len, short.values())), Mishap, fields)

    def on_record(self, record: Record) -> None:
        """A subscriber of the account's event log: remembers when that was in real time."""
        self._moments.append((record.number, self._real()))

    def _add(self, weight: int, kind: type[Entry], fields: tuple[Any, ...]) -> None:
        """`fields` are those of the entry behind its number: it is made when somebody reads."""
        entries = self._entries
        entries.append((weight, kind, fields))
        self.last_number += 1
        self.bytes += weight
        while self.bytes > self._max_bytes or len(entries) > self._max_entries:
            self.bytes -= entries.popleft()[0]

    def shed(self) -> None:
        """Let go of the older half: others need the room."""
        for _ in range((len(self._entries) + 1) // 2):
            self.bytes -= self._entries.popleft()[0]


class WireLogs:
    """All of one emulator. `unattributed` is for what tells no account: no key, a bad token."""

    def __init__(self, clock: Clock, *, real: Callable[[], float] = monotonic, max_bytes: int = MAX_ALL_BYTES) -> None:
        self.real = real
        self._max_bytes = max_bytes
        self.tally = Tally()
        self.unattributed = WireLog(clock.now, real=real, tally=self.tally)
        self._of: dict[str, WireLog] = {}

    def watch(self, account: Watched) -> None:
        """Keep a log for this account from now on."""
        wire = self._of[account.id] = WireLog(account.now, real=self.real, tally=self.tally)
        account.log.subscribe(wire.on_record)

    def forget(self, account: Watched) -> None:
        """The account is gone. Without effect if it is not watched."""
        self._of.pop(account.id, None)

    def of(self, account: Watched | None) -> WireLog:
        """The account's; for None, and for one that is not watched (any more), the one of nobody known."""
        return self.unattributed if account is None else self._of.get(account.id, self.unattributed)

    def by_id(self, account_id: str) -> WireLog:
        return self._of.get(account_id, self.unattributed)

    def settle(self) -> None:
        """Keep to the bytes of all together: the longest logs give way. Called now and then."""
        logs = [*self._of.values(), self.unattributed]
        total = sum(wire.bytes for wire in logs)
        while total > self._max_bytes:
            longest = max(logs, key=lambda wire: wire.bytes)
            total -= longest.bytes
            longest.shed()
            total += longest.bytes
