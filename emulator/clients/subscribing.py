"""Subscribing: the SUB handles of one session (R15 to R19)."""

from __future__ import annotations

from emulator.clients.errors import ClientStateError, ProtocolViolation
from emulator.clients.joined import Joined
from emulator.clients.options import Whole
from emulator.clients.roster import Stream
from emulator.clients.signaling import VIDEOROOM
from emulator.clients.sources.formats import LAYERS
from emulator.clients.subscription import Subscription
from emulator.wire.janus import Jsep

_SUBSTREAM = Whole(0, len(LAYERS) - 1)


def _layer(substream: int | None) -> dict[str, int]:
    """What Janus's requests have for it. Raises OptionError."""
    return {} if substream is None else {"substream": _SUBSTREAM.read("substream", substream)}


class Subscribing:
    """The subscriptions of one participant, by (participant id, key)."""

    def __init__(self, joined: Joined) -> None:
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self._joined = joined
        self._pending: set[tuple[str, str]] = set()

    @property
    def pending(self) -> bool:
        """Whether a subscription is under way."""
        return bool(self._pending)

    def subscription(self, participant_id: str, key: str) -> Subscription:
        """Raises ClientStateError when there is none."""
        found = self.subscriptions.get((participant_id, key))
        if found is None:
            raise ClientStateError(f"not subscribed to {participant_id}/{key}")
        return found

    async def subscribe(
        self, stream: Stream, *, audio: bool, video: bool, decode: bool, substream: int | None = None
    ) -> Subscription:
        """As `addSubscription`: done when the server has answered, before media is up. Raises ClientError."""
        layer = _layer(substream)
        place = stream.participant_id, stream.key
        if place in self.subscriptions or place in self._pending:
            raise ClientStateError(f"subscribed to {stream.participant_id}/{stream.key} already")
        self._pending.add(place)
        try:
            return await self._subscribe(stream, audio, video, decode, layer)
        finally:
            self._pending.discard(place)

    async def _subscribe(
        self, stream: Stream, audio: bool, video: bool, decode: bool, layer: dict[str, int]
    ) -> Subscription:
        joined, janus = self._joined, self._joined.janus
        name = f"SUB({stream.participant_id}/{stream.key})"
        handle_id = await janus.attach(VIDEOROOM, name=name)
        subscription = Subscription(
            stream.participant_id,
            stream.key,
            handle_id,
            joined.settings,
            audio=audio,
            video=video,
            decode=decode,
            workers=joined.workers,
            media=joined.media,
        )
        try:
            await self._negotiate(subscription, stream.pub_id, name, layer)
            if joined.roster.streams.get((stream.participant_id, stream.key)) is None:
                raise ClientStateError(f"{name}: the stream was unpublished meanwhile")
        except BaseException:
            await subscription.close()
            if janus.close_code is None:
                joined.background.spawn(janus.detach(handle_id, name=name), f"{name} detach")
            raise
        self.subscriptions[stream.participant_id, stream.key] = subscription
        if joined.media:
            await janus.trickle_completed(handle_id, name=name)
        return subscription

    async def _negotiate(self, subscription: Subscription, pub_id: int, name: str, layer: dict[str, int]) -> None:
        joined, janus = self._joined, self._joined.janus
        if subscription.connection is not None:
            subscription.connection.on_failed = lambda reason: joined.background.fault(f"{name}: {reason}")
        answer = await janus.message(
            subscription.handle_id,
            {
                "request": "join",
                "room": joined.room_id,
                "ptype": "subscriber",
                "feed": pub_id,
                "audio": subscription.audio,
                "video": subscription.video,
                **layer,
            },
            name=f"{name} join",
            expect={"videoroom": "attached"},
        )
        if not joined.media:
            return  # no offer, so there is nothing to start
        if answer.jsep is None or answer.jsep.type != "offer":
            raise ProtocolViolation(
                f"{name} join", f"expected an offer in the same frame (S-81), got {answer.jsep!r:.60}"
            )
        await janus.message(
            subscription.handle_id,
            {"request": "start", "room": joined.room_id},
            name=f"{name} start",
            expect={"videoroom": "event", "started": "ok"},
            jsep=Jsep("answer", subscription.answer(answer.jsep.sdp)),
        )

    async def update(
        self, subscription: Subscription, *, audio: bool | None, video: bool | None, substream: int | None = None
    ) -> None:
        """As `updateSubscription`: what is relayed. Raises ClientError."""
        layer = _layer(substream)
        audio = subscription.audio if audio is None else audio
        video = subscription.video if video is None else video
        await self._joined.janus.message(
            subscription.handle_id,
            {"request": "configure", "audio": audio, "video": video, **layer},
            name=f"SUB({subscription.participant_id}/{subscription.key}) configure",
            expect={"videoroom": "event", "configured": "ok"},
        )
        subscription.audio, subscription.video = audio, video

    async def unsubscribe(self, subscription: Subscription) -> None:
        """As `removeSubscription`. Raises ClientError."""
        self.subscriptions.pop((subscription.participant_id, subscription.key), None)
        await self._end(subscription)

    def unpublished(self, stream: Stream) -> bool:
        """The publisher is gone. True: a subscription is ended first, then the stream is removed (5.4, rule 3)."""
        subscription = self.subscriptions.pop((stream.participant_id, stream.key), None)
        if subscription is None:
            return False
        self._joined.background.spawn(self._end_with(subscription, stream), f"end of {stream.key}")
        return True

    async def _end_with(self, subscription: Subscription, stream: Stream) -> None:
        try:
            await self._end(subscription)
        finally:
            self._joined.roster.remove_stream(stream, subscription_ended=True)

    async def _end(self, subscription: Subscription) -> None:
        await subscription.close()
        name = f"SUB({subscription.participant_id}/{subscription.key})"
        await self._joined.janus.detach(subscription.handle_id, name=name)

    async def close(self) -> None:
        """Stop all connections, without a word to the server."""
        for subscription in tuple(self.subscriptions.values()):
            await subscription.close()

    def cut(self) -> None:
        for subscription in self.subscriptions.values():
            if subscription.connection is not None:
                subscription.connection.cut()
