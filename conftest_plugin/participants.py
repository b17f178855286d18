"""A `RoomClient` that lives in the emulator's thread, as tests hold it: blocking, or to be awaited.

What is a coroutine of `RoomClient` is here a method of the same name, arguments and result; where it takes another
client, it takes another of these. What only looks at the present state is a plain property or method in both.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from conftest_plugin.facade import patience_with
from conftest_plugin.journal import Journal
from conftest_plugin.loop_thread import LoopThread
from emulator.clients import roster
from emulator.clients.company import Person
from emulator.clients.events import ClientEvent, Disconnected
from emulator.clients.published_stream import PublishedStream
from emulator.clients.room_client import RoomClient
from emulator.clients.room_session import RoomSession, Status
from emulator.clients.subscription import ReceptionStatistics, Subscription
from emulator.clients.video_reception import DecodedFrame

P = ParamSpec("P")
R = TypeVar("R")


class Presence:
    """Somebody in a room: who it is, and what is known at the moment."""

    def __init__(self, client: RoomClient, thread: LoopThread, journal: Journal) -> None:
        self._client = client
        self._thread = thread
        self._journal = journal
        self.participant_id = client.participant_id
        self.room_id = client.room_id
        self.name = client.name
        self.tone = client.tone
        """Index of this participant's own chord, by which the others hear who it is."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} ({self.participant_id}), {self._client.status}>"

    @property
    def status(self) -> Status:
        return self._client.status

    @property
    def disconnected(self) -> Disconnected | None:
        """How it ended, once it has."""
        return self._client.disconnected

    @property
    def end_reason(self) -> str | None:
        return self._thread.read(lambda: self._client.end_reason)

    @property
    def participants(self) -> dict[str, roster.Participant]:
        """Everybody in the room by id, oneself included; empty after the end."""
        return self._thread.read(lambda: self._client.participants)

    @property
    def streams(self) -> dict[tuple[str, str], roster.Stream]:
        """Everything published by (participant id, key), one's own included."""
        return self._thread.read(lambda: self._client.streams)

    @property
    def published(self) -> dict[str, PublishedStream]:
        return self._thread.read(lambda: self._client.published)

    @property
    def subscriptions(self) -> dict[tuple[str, str], Subscription]:
        return self._thread.read(lambda: self._client.subscriptions)

    @property
    def events(self) -> list[ClientEvent]:
        """What was noticed, oldest first; the last 2000."""
        return self._thread.read(lambda: self._client.events)

    @property
    def faults(self) -> list[str]:
        """What the server did against the protocol, and requests in the background that failed. Empty is well."""
        return self._thread.read(lambda: self._client.faults)

    @property
    def mark(self) -> int:
        """Now, for `wait_for(..., after=mark)`."""
        return self._thread.read(lambda: self._client.mark)

    def subscription(self, participant: Presence | str, key: str = "self") -> Subscription:
        """For `hears(..., through=...)`, and to read; its coroutines belong to the emulator's thread.

        Raises ClientStateError when there is none.
        """
        __tracebackhide__ = True
        return self._thread.read(lambda: self._client.subscription(_client_of(participant), key))

    def frames(self, participant: Presence | str, key: str = "self") -> tuple[DecodedFrame, ...]:
        """The last decoded pictures of a subscription, oldest first; 8 at most. Raises ClientStateError."""
        __tracebackhide__ = True
        return self._thread.read(lambda: self._client.frames(_client_of(participant), key))

    def statistics(self, participant: Presence | str, key: str = "self") -> ReceptionStatistics:
        """Raises ClientStateError."""
        __tracebackhide__ = True
        return self._thread.read(lambda: self._client.statistics(_client_of(participant), key))

    def audio(self, seconds: float = 1.0) -> NDArray[np.float32]:
        """The last of the mixed audio: mono, 48 kHz, -1 to 1; 10 s at most."""
        return self._thread.read(lambda: self._client.audio(seconds))


def _client_of(value: Any) -> Any:
    """What `RoomClient` knows the value by."""
    return value._client if isinstance(value, Presence) else value


People = Iterable[Presence | str] | Presence | str
"""One or more of a room; a str is a participant id."""


def _clients_of(people: People) -> list[RoomSession | str]:
    each = [people] if isinstance(people, Presence | str) else people
    return [_client_of(one) for one in each]


class _Call(Generic[P, R]):
    """A coroutine method of `RoomClient`, ready to be made in its thread."""

    def __init__(self, method: Callable[..., Coroutine[Any, Any, R]]) -> None:
        self.method = method
        self._signature = inspect.signature(method)

    def prepare(
        self, presence: Presence, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Coroutine[Any, Any, R], float, str]:
        """The work, the patience with it in seconds, and its name. Raises TypeError for wrong arguments."""
        __tracebackhide__ = True
        try:
            bound = self._signature.bind(
                presence._client, *map(_client_of, args), **{name: _client_of(value) for name, value in kwargs.items()}
            )
        except TypeError as error:
            raise TypeError(f"{self.method.__name__}(): {error}") from None
        bound.apply_defaults()
        patience = patience_with(bound.arguments)
        return self.method(*bound.args, **bound.kwargs), patience, f"{presence.name}: {self.method.__name__}()"


Method = Callable[Concatenate[RoomClient, P], Coroutine[Any, Any, R]]
MethodAboutSomebody = Callable[Concatenate[RoomClient, RoomSession | Person | str, P], Coroutine[Any, Any, R]]
"""The str is a participant id; for what looks at somebody, also a name."""
MethodAboutVoice = Callable[Concatenate[RoomClient, RoomSession | Person | int | str, P], Coroutine[Any, Any, R]]
"""The int is the index of a tone, the str a name."""


@overload
def _blocking(
    method: MethodAboutVoice[P, R],
) -> Callable[Concatenate[Presence, Presence | Person | int | str, P], R]: ...
@overload
def _blocking(method: MethodAboutSomebody[P, R]) -> Callable[Concatenate[Presence, Presence | Person | str, P], R]: ...
@overload
def _blocking(method: Method[P, R]) -> Callable[Concatenate[Presence, P], R]: ...
def _blocking(method: Callable[..., Coroutine[Any, Any, R]]) -> Callable[..., R]:
    call, name = _Call[..., R](method), method.__name__

    @functools.wraps(method)
    def blocking(self: Presence, *args: Any, **kwargs: Any) -> R:
        __tracebackhide__ = True
        work, patience, what = call.prepare(self, args, kwargs)
        with self._journal.note(self.name, name, args, kwargs):
            return self._thread.wait(work, patience=patience, what=what)

    return blocking


@overload
def _awaitable(
    method: MethodAboutVoice[P, R],
) -> Callable[Concatenate[Presence, Presence | Person | int | str, P], Coroutine[Any, Any, R]]: ...
@overload
def _awaitable(
    method: MethodAboutSomebody[P, R],
) -> Callable[Concatenate[Presence, Presence | Person | str, P], Coroutine[Any, Any, R]]: ...
@overload
def _awaitable(method: Method[P, R]) -> Callable[Concatenate[Presence, P], Coroutine[Any, Any, R]]: ...
def _awaitable(method: Callable[..., Coroutine[Any, Any, R]]) -> Callable[..., Coroutine[Any, Any, R]]:
    call, name = _Call[..., R](method), method.__name__

    @functools.wraps(method)
    async def awaitable(self: Presence, *args: Any, **kwargs: Any) -> R:
        __tracebackhide__ = True
        work, patience, what = call.prepare(self, args, kwargs)
        with self._journal.note(self.name, name, args, kwargs):
            return await self._thread.wait_async(work, patience=patience, what=what)

    return awaitable


class Participant(Presence):
    """Every method blocks until it is done, or raises."""

    publish = _blocking(RoomClient.publish)
    update_stream = _blocking(RoomClient.update_stream)
    replace = _blocking(RoomClient.replace)
    unpublish = _blocking(RoomClient.unpublish)
    freeze = _blocking(RoomClient.freeze)
    thaw = _blocking(RoomClient.thaw)
    subscribe = _blocking(RoomClient.subscribe)
    update_subscription = _blocking(RoomClient.update_subscription)
    unsubscribe = _blocking(RoomClient.unsubscribe)
    update_token = _blocking(RoomClient.update_token)
    leave = _blocking(RoomClient.leave)
    vanish = _blocking(RoomClient.vanish)
    wait_for = _blocking(RoomClient.wait_for)
    wait_disconnected = _blocking(RoomClient.wait_disconnected)
    sees = _blocking(RoomClient.sees)
    sees_picture = _blocking(RoomClient.sees_picture)
    sees_black = _blocking(RoomClient.sees_black)
    sees_not = _blocking(RoomClient.sees_not)
    frozen = _blocking(RoomClient.frozen)
    frame_rate = _blocking(RoomClient.frame_rate)
    hears = _blocking(RoomClient.hears)
    hears_not = _blocking(RoomClient.hears_not)
    _send_message = _blocking(RoomClient.send_message)

    def send_message(self, payload: Any, to: People = (), *, kind: str = "text") -> None:
        """To everyone who takes messages, oneself included, unless told to whom; `payload` is a text or other JSON.

        For who came in with `messages=True`; the others notice `MessageReceived`. Raises ClientError.
        """
        __tracebackhide__ = True
        self._send_message(payload, _clients_of(to), kind=kind)


class AsyncParticipant(Presence):
    """Every method is awaited, in any event loop. Cancelling one cancels it in the emulator's thread, too."""

    publish = _awaitable(RoomClient.publish)
    update_stream = _awaitable(RoomClient.update_stream)
    replace = _awaitable(RoomClient.replace)
    unpublish = _awaitable(RoomClient.unpublish)
    freeze = _awaitable(RoomClient.freeze)
    thaw = _awaitable(RoomClient.thaw)
    subscribe = _awaitable(RoomClient.subscribe)
    update_subscription = _awaitable(RoomClient.update_subscription)
    unsubscribe = _awaitable(RoomClient.unsubscribe)
    update_token = _awaitable(RoomClient.update_token)
    leave = _awaitable(RoomClient.leave)
    vanish = _awaitable(RoomClient.vanish)
    wait_for = _awaitable(RoomClient.wait_for)
    wait_disconnected = _awaitable(RoomClient.wait_disconnected)
    sees = _awaitable(RoomClient.sees)
    sees_picture = _awaitable(RoomClient.sees_picture)
    sees_black = _awaitable(RoomClient.sees_black)
    sees_not = _awaitable(RoomClient.sees_not)
    frozen = _awaitable(RoomClient.frozen)
    frame_rate = _awaitable(RoomClient.frame_rate)
    hears = _awaitable(RoomClient.hears)
    hears_not = _awaitable(RoomClient.hears_not)
    _send_message = _awaitable(RoomClient.send_message)

    async def send_message(self, payload: Any, to: People = (), *, kind: str = "text") -> None:
        """To everyone who takes messages, oneself included, unless told to whom; `payload` is a text or other JSON.

        For who came in with `messages=True`; the others notice `MessageReceived`. Raises ClientError.
        """
        __tracebackhide__ = True
        await self._send_message(payload, _clients_of(to), kind=kind)
