"""What a scenario asks of a client in the room: the seam between the engine and `emulator.clients`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from emulator.clients.company import Person
from emulator.scenario.cast import Participant, StreamSpec

StreamId = tuple[str, str]
"""(participant id, stream key)."""


class StageClient(Protocol):
    """One participant's connection. Every coroutine raises what explains to people why it could not be done."""

    @property
    def connected(self) -> bool:
        """False before `connect`, after `leave` and `vanish`, and when the server has closed the connection."""
        ...

    def streams(self) -> frozenset[StreamId]:
        """The streams of others that are announced now."""
        ...

    def on_stream(self, tell: Callable[[StreamId], None]) -> None:
        """Call `tell` for each stream that others have now, and for each they announce from now on."""
        ...

    def on_message(self, tell: Callable[[str, str], None]) -> None:
        """Call `tell` with text and sender's participant id for each message that comes from now on."""
        ...

    def faults(self) -> list[str]:
        """What the server did against the protocol so far; empty is well."""
        ...

    async def connect(self) -> None: ...

    async def leave(self) -> None:
        """Politely: the session is destroyed and the socket closed with 1000. Without effect after any end."""
        ...

    async def vanish(self) -> None:
        """As when a cable is pulled: no goodbye."""
        ...

    async def ended(self, *, within: float) -> str | None:
        """How its session ended: `kicked`, or the reason that the SDK's `disconnected` gives; None if it goes on."""
        ...

    async def freeze(self, *, media: bool, signaling: bool) -> None:
        """As a page that hangs: what it did before the freeze stands still, and nothing is closed."""
        ...

    async def thaw(self) -> None: ...

    async def update_token(self, token: str) -> None: ...

    async def publish(self, stream: StreamSpec) -> None: ...

    async def replace(self, stream: StreamSpec) -> None:
        """The media that are given are sent under this key from now on; one that is None stays as it is."""
        ...

    async def set_track(self, key: str, medium: str, *, enabled: bool) -> None:
        """`medium` is `audio` or `video`."""
        ...

    async def unpublish(self, key: str) -> None: ...

    async def subscribe(self, stream: StreamId, *, audio: bool, video: bool, substream: int | None = None) -> None:
        """These media of it, and this layer of a simulcast; who is subscribed already, changes which."""
        ...

    async def unsubscribe(self, stream: StreamId) -> None: ...

    async def say(self, text: str, to: Sequence[str]) -> None:
        """To the participants with these ids, or to everyone if there are none."""
        ...

    async def sees(self, stream: StreamId, *, within: float) -> None:
        """Raises ExpectationFailed unless this stream's own moving picture arrives within so many seconds."""
        ...

    async def sees_picture(self, stream: StreamId, *, within: float) -> None:
        """Raises ExpectationFailed unless some picture of this stream arrives that is not black."""
        ...

    async def sees_not(self, stream: StreamId, *, within: float) -> None:
        """Raises ExpectationFailed unless its picture stays away for a second that begins within so many seconds."""
        ...

    async def hears(self, tone: int, *, within: float) -> None:
        """Raises ExpectationFailed unless this tone is in the mixed audio within so many seconds."""
        ...

    async def hears_not(self, tone: int, *, within: float) -> None:
        """As `sees_not`."""
        ...

    async def reads(self, text: str, sender: str | None, *, within: float) -> None:
        """Raises ExpectationFailed unless this message has come since the join or comes within so many seconds.

        `sender` is a participant id, None for anyone.
        """
        ...

    async def reads_not(self, text: str, sender: str | None) -> None:
        """Raises ExpectationFailed if this message has come since the join or comes within the next second."""
        ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client needs to come in."""

    ws_url: str
    room_id: str
    token: str
    participant_id: str
    participant: Participant
    rng: Random
    """Source of everything the client draws: ids, SSRCs."""
    known: Callable[[], Iterable[Person]] = tuple
    """Who has which name and tone, for what is told when something is not as expected."""


ClientFactory = Callable[[Ticket], StageClient]
