"""A `RoomClient` in a scenario: the engine's words on one side, the client's on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from emulator.clients.behaviours.acting import behave
from emulator.clients.events import MessageReceived, Noticed, StreamPublished
from emulator.clients.room_client import RoomClient
from emulator.clients.room_session import OpenTransport
from emulator.clients.websocket import open_websocket
from emulator.media.audio.loudness import dbfs
from emulator.scenario.camera import Watched
from emulator.scenario.cast import MediaSpec, StreamSpec
from emulator.scenario.errors import ExpectationFailed, StepFailed
from emulator.scenario.stage_client import StageClient, StreamId, Ticket

SILENCE_SECS = 1.0
"""How long a message must stay away to count as not coming."""


class RoomClientOnStage:
    """Keeps the promises of `StageClient`."""

    def __init__(self, ticket: Ticket, *, open_transport: OpenTransport | None = None) -> None:
        """`open_transport`: the way in without a socket and without media."""
        self._client = RoomClient(
            ws_url=ticket.ws_url,
            room_id=ticket.room_id,
            token=ticket.token,
            participant_id=ticket.participant_id,
            context=ticket.participant.context,
            name=ticket.participant.name,
            tone=ticket.participant.index,
            rng=ticket.rng,
            kind=ticket.participant.kind,
            messages=ticket.participant.messages is True,
            listens=ticket.participant.listens,
            open_transport=open_transport or open_websocket,
            media=open_transport is None,
        )
        self._client.company.known = ticket.known
        self._behaviours = ticket.participant.behaviours
        self._rng = ticket.rng

    @property
    def connected(self) -> bool:
        return self._client.status == "connected"

    def streams(self) -> frozenset[StreamId]:
        return frozenset(place for place in self._client.streams if place[0] != self._client.participant_id)

    def on_stream(self, tell: Callable[[StreamId], None]) -> None:
        for place in sorted(self.streams()):
            tell(place)

        def listener(noticed: Noticed) -> None:
            event = noticed.event
            if isinstance(event, StreamPublished) and event.participant_id != self._client.participant_id:
                tell((event.participant_id, event.key))

        self._client.history.listen(listener)

    def on_message(self, tell: Callable[[str, str], None]) -> None:
        def listener(noticed: Noticed) -> None:
            if isinstance(noticed.event, MessageReceived):
                tell(str(noticed.event.payload), noticed.event.participant_id)

        self._client.history.listen(listener)

    def faults(self) -> list[str]:
        return self._client.faults

    async def connect(self) -> None:
        await self._client.connect()
        if self._behaviours:
            behave(self._client, [{each.word: each.options} for each in self._behaviours], self._rng)

    async def leave(self) -> None:
        await self._client.leave()

    async def vanish(self) -> None:
        await self._client.vanish()

    async def ended(self, *, within: float) -> str | None:
        try:
            await self._client.wait_disconnected(within)
        except AssertionError:
            return None
        return self._client.end_reason

    async def freeze(self, *, media: bool, signaling: bool) -> None:
        await self._client.freeze(media=media, signaling=signaling)

    async def thaw(self) -> None:
        await self._client.thaw()

    async def update_token(self, token: str) -> None:
        await self._client.update_token(token)

    async def publish(self, stream: StreamSpec) -> None:
        await self._client.publish(stream.key, video=_source(stream.video), audio=_source(stream.audio))

    async def replace(self, stream: StreamSpec) -> None:
        await self._client.replace(stream.key, video=_source(stream.video), audio=_source(stream.audio))

    async def set_track(self, key: str, medium: str, *, enabled: bool) -> None:
        if medium == "video":
            await self._client.update_stream(key, video=enabled)
        else:
            await self._client.update_stream(key, audio=enabled)

    async def unpublish(self, key: str) -> None:
        await self._client.unpublish(key)

    async def subscribe(self, stream: StreamId, *, audio: bool, video: bool, substream: int | None = None) -> None:
        if stream not in self._client.streams:
            raise StepFailed(f"{stream[0]} publishes no stream {stream[1]!r} at the moment")
        if stream in self._client.subscriptions:
            await self._client.update_subscription(*stream, audio=audio, video=video, substream=substream)
        else:
            await self._client.subscribe(*stream, audio=audio, video=video, substream=substream)

    async def unsubscribe(self, stream: StreamId) -> None:
        await self._client.unsubscribe(*stream)

    async def say(self, text: str, to: Sequence[str]) -> None:
        await self._client.send_message(text, to)

    def watched(self) -> Mapping[StreamId, Watched]:
        found = {}
        for place, subscription in self._client.subscriptions.items():
            statistics, pictures = subscription.statistics, subscription.frames
            picture = pictures[-1].picture if pictures else None
            found[place] = Watched(statistics.frames_received, statistics.video_bytes, picture)
        return found

    def level(self, seconds: float) -> float | None:
        samples = self._client.audio(seconds)
        return dbfs(samples) if len(samples) else None

    # The client's assertions are for tests; here they are outcomes.

    async def sees(self, stream: StreamId, *, within: float) -> None:
        try:
            await self._client.sees(*stream, within=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def sees_picture(self, stream: StreamId, *, within: float) -> None:
        try:
            await self._client.sees_picture(*stream, within=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def sees_not(self, stream: StreamId, *, within: float) -> None:
        try:
            await self._client.sees_not(*stream, within=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def hears(self, tone: int, *, within: float) -> None:
        try:
            await self._client.hears(tone, within=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def hears_not(self, tone: int, *, within: float) -> None:
        try:
            await self._client.hears_not(tone, within=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def reads(self, text: str, sender: str | None, *, within: float) -> None:
        try:
            await self._client.wait_for(MessageReceived, _message(text, sender), timeout=within)
        except AssertionError as error:
            raise ExpectationFailed(str(error)) from None

    async def reads_not(self, text: str, sender: str | None) -> None:
        try:
            await self.reads(text, sender, within=SILENCE_SECS)
        except ExpectationFailed:
            return
        raise ExpectationFailed(f"expected {self._client.name} not to read {text!r:.60}, which has come")


def _message(text: str, sender: str | None) -> dict[str, object]:
    return {"payload": text} if sender is None else {"payload": text, "participant_id": sender}


def room_client(ticket: Ticket, *, open_transport: OpenTransport | None = None) -> StageClient:
    """The factory the runner uses."""
    return RoomClientOnStage(ticket, open_transport=open_transport)


def _source(spec: MediaSpec | None) -> Mapping[str, object] | None:
    return None if spec is None else {"source": spec.source, **spec.options}
