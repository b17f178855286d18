"""What a participant notices, as frozen values, and the bounded history of it.

Names and meaning follow the official SDK's events (signaling.md, section 5). Track events carry the kind,
`audio` or `video`. One difference: nothing is swallowed before `Connected`.
"""

from __future__ import annotations

import asyncio
import difflib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

Kind = Literal["audio", "video"]

MAX_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """Base of all events of one client."""


@dataclass(frozen=True, slots=True)
class Connected(ClientEvent):
    pass


@dataclass(frozen=True, slots=True)
class Disconnected(ClientEvent):
    """`code` as a browser reports it (1005 empty, 1006 none), `reason` as the SDK names it.

    `status_code` and `message` are those of the error frame that came before, if one did.
    """

    code: int
    reason: str
    status_code: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantEvent(ClientEvent):
    participant_id: str


@dataclass(frozen=True, slots=True)
class ParticipantJoined(ParticipantEvent):
    """`context` is the text the application gave at its join, None if it gave none."""

    context: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantLeaving(ParticipantEvent):
    """`reason` is `kicked` or None."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantLeft(ParticipantEvent):
    """Comes when the last of its streams is gone, too (5.4, rule 2). `reason` is that of the leaving."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StreamEvent(ParticipantEvent):
    key: str


@dataclass(frozen=True, slots=True)
class StreamPublished(StreamEvent):
    pass


@dataclass(frozen=True, slots=True)
class StreamUnpublished(StreamEvent):
    pass


@dataclass(frozen=True, slots=True)
class SubscriptionStarted(StreamEvent):
    pass


@dataclass(frozen=True, slots=True)
class SubscriptionEnded(StreamEvent):
    """The publisher has gone; not for one's own `unsubscribe` (5.2)."""


@dataclass(frozen=True, slots=True)
class TrackEvent(StreamEvent):
    kind: Kind


@dataclass(frozen=True, slots=True)
class TrackEnabled(TrackEvent):
    pass


@dataclass(frozen=True, slots=True)
class TrackDisabled(TrackEvent):
    pass


@dataclass(frozen=True, slots=True)
class TrackCensored(TrackEvent):
    pass


@dataclass(frozen=True, slots=True)
class TrackUncensored(TrackEvent):
    pass


@dataclass(frozen=True, slots=True)
class AudioActivity(ParticipantEvent):
    """`key` is None when the mixer noticed (E13), the stream's key when the publisher's leg did (E12)."""

    key: str | None


@dataclass(frozen=True, slots=True)
class MessageReceived(ParticipantEvent):
    """`participant_id` is the sender's, also one's own: a message to everyone comes back. `payload` is whatever JSON
    the sender's application gave, under its `kind`. No `recipients` means everyone.
    """

    kind: str
    payload: Any
    recipients: tuple[str, ...] = ()


EventT = TypeVar("EventT", bound=ClientEvent)
Where = Mapping[str, object] | Callable[[Any], bool] | None
"""A condition on an event: fields that must be equal, or a function of the event."""


class NothingMoreComes(AssertionError):
    """Somebody waits for an event of a session that has ended."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """An event with its number (1, 2, 3, ...) and the loop's time at which it came."""

    number: int
    at: float
    event: ClientEvent


class EventHistory:
    """Events of one client: bounded, numbered, awaitable. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float], *, limit: int = MAX_EVENTS) -> None:
        self._clock = clock
        self._noticed: deque[Noticed] = deque(maxlen=limit)
        self._next = 1
        # Settled with None when the session has ended: nothing comes after that.
        self._waiting: dict[asyncio.Future[Noticed | None], Callable[[ClientEvent], bool]] = {}
        self._listeners: list[Callable[[Noticed], None]] = []
        self._ended = False

    @property
    def mark(self) -> int:
        """A place in time: `wait_for(..., after=mark)` looks at events that came later than this."""
        return self._next - 1

    def __len__(self) -> int:
        return len(self._noticed)

    def append(self, event: ClientEvent) -> None:
        noticed = Noticed(self._next, self._clock(), event)
        self._next += 1
        self._noticed.append(noticed)
        for future, matches in tuple(self._waiting.items()):
            if not future.done() and matches(event):
                future.set_result(noticed)
        if isinstance(event, Disconnected):
            self._ended = True
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)
        for listener in tuple(self._listeners):
            listener(noticed)

    def since(self, mark: int = 0) -> list[Noticed]:
        """What came after a mark, oldest first, as far as it is remembered."""
        return [noticed for noticed in self._noticed if noticed.number > mark]

    def listen(self, listener: Callable[[Noticed], None]) -> Callable[[], None]:
        """Call `listener` for each later event; returns what ends that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    async def wait_for(
        self, kind: type[EventT], where: Where = None, *, timeout: float = 5.0, after: int = 0, who: str = "the client"
    ) -> EventT:
        """The first event of a kind after a mark, past ones included.

        Raises AssertionError that lists what came: when the time is over, or at once when the session has ended, since
        nothing comes after that. Raises ValueError for a field that no such event has.
        """
        _check_fields(kind, where)

        def matches(event: ClientEvent) -> bool:
            return isinstance(event, kind) and _fits(event, where)

        for past in self.since(after):
            if matches(past.event):
                return past.event  # type: ignore[return-value]  # `matches` has checked its type
        began = self._clock()
        if self._ended:
            raise NothingMoreComes(self._missing(kind, where, timeout, after, began, who))
        future: asyncio.Future[Noticed | None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = matches
        try:
            async with asyncio.timeout(timeout):
                noticed = await future
        except TimeoutError:
            raise AssertionError(self._missing(kind, where, timeout, after, began, who)) from None
        finally:
            del self._waiting[future]
        if noticed is None:
            raise NothingMoreComes(self._missing(kind, where, timeout, after, began, who))
        return noticed.event  # type: ignore[return-value]  # as above

    def _missing(
        self, kind: type[ClientEvent], where: Where, timeout: float, after: int, began: float, who: str
    ) -> str:
        wanted = kind.__name__ if where is None else f"{kind.__name__} where {_describe(where)}"
        came = self.since(after)[-12:]
        ended = ", whose session has ended before it came" if self._ended else f" within {timeout:g} s"
        lines = [f"expected {who} to notice {wanted}{ended}"]
        if not came:
            return f"{lines[0]}; no event came at all"
        lines.append("what came (seconds before or after the wait began):")
        lines += [f"  {noticed.at - began:+8.3f}  {noticed.event}" for noticed in came]
        return "\n".join(lines)


def _check_fields(kind: type[ClientEvent], where: Where) -> None:
    """Raises ValueError, before anything is waited for that can not come."""
    if not isinstance(where, Mapping):
        return
    known = _fields_of(kind)
    for name in where:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
            raise ValueError(f"{kind.__name__} has no field {name!r:.60}; {meant}")


def _fields_of(kind: type[ClientEvent]) -> set[str]:
    """Also those of the kinds that it stands for."""
    names = {field.name for field in fields(kind)}
    return names.union(*(_fields_of(sort) for sort in kind.__subclasses__()))


def _fits(event: ClientEvent, where: Where) -> bool:
    if where is None:
        return True
    if isinstance(where, Mapping):
        return all(hasattr(event, name) and getattr(event, name) == value for name, value in where.items())
    return where(event)


def _describe(where: Where) -> str:
    if isinstance(where, Mapping):
        return " and ".join(f"{name} is {value!r}" for name, value in where.items())
    return "the given condition holds"
