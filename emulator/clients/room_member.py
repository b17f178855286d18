"""What somebody does in a room: publishing, messages, subscribing; with the SDK's requests and in its order."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.clients.company import Person
from emulator.clients.errors import ClientStateError
from emulator.clients.events import StreamPublished, SubscriptionStarted
from emulator.clients.published_stream import PublishedStream
from emulator.clients.room_session import RoomSession, participant_id_of
from emulator.clients.sources.base import Identity
from emulator.clients.sources.registry import AudioSpec, VideoSpec, audio_source, video_source
from emulator.clients.subscription import Subscription


class RoomMember(RoomSession):
    """A session that sends and receives media and messages."""

    # -- publishing -----------------------------------------------------------------------------------------------

    async def publish(
        self, key: str = "self", *, video: VideoSpec = "test_card", audio: AudioSpec = "tone"
    ) -> PublishedStream:
        """As `addStream`. A kind that is None is sent as the SDK's fallback; a telephone has audio only (video=None).

        Raises ClientError.
        """
        publishing = self._require(self._publishing)
        identity = Identity(self.participant_id, self.name, key, self.tone)
        return await publishing.publish(key, video=video_source(video, identity), audio=audio_source(audio, identity))

    async def update_stream(self, key: str = "self", *, video: bool | None = None, audio: bool | None = None) -> None:
        """Camera and microphone on and off; None leaves it. Raises ClientError."""
        await self._require(self._publishing).update(key, video=video, audio=audio)

    async def replace(self, key: str = "self", *, video: VideoSpec = None, audio: AudioSpec = None) -> None:
        """As `updateStream` with other tracks: these are sent from now on, and are on. A kind that is None stays.

        The codec stays what was negotiated. Raises ClientError.
        """
        publishing = self._require(self._publishing)
        identity = Identity(self.participant_id, self.name, key, self.tone)
        await publishing.replace(key, video=video_source(video, identity), audio=audio_source(audio, identity))

    async def unpublish(self, key: str = "self") -> None:
        """As `removeStream`. Raises ClientError."""
        await self._require(self._publishing).unpublish(key)

    @property
    def published(self) -> dict[str, PublishedStream]:
        return dict(self._publishing.streams) if self._publishing is not None else {}

    # -- messages -------------------------------------------------------------------------------------------------

    async def send_message(
        self, payload: object, to: Iterable[RoomSession | str] | RoomSession | str = (), *, kind: str = "text"
    ) -> None:
        """As `sendMessage`: to everyone, oneself included, unless told to whom. Returns when the server has answered.

        `payload` is a text or any other JSON. Others notice `MessageReceived`. Raises ClientError, ClientStateError
        for a client that was made without `messages=True`.
        """
        self._connected()
        if self._chat is None:
            raise ClientStateError(f"{self.name}: expected a client made with messages=True")
        people = [to] if isinstance(to, RoomSession | str) else to
        await self._chat.say(payload, [participant_id_of(each) for each in people], kind=kind)

    # -- subscribing ----------------------------------------------------------------------------------------------

    async def subscribe(
        self,
        participant: RoomSession | Person | str,
        key: str = "self",
        *,
        audio: bool = True,
        video: bool = True,
        decode: bool = True,
        substream: int | None = None,
        within: float = 5.0,
    ) -> Subscription:
        """As `addSubscription`, waiting for the stream to be published if need be. `decode` False only counts frames.

        `substream`: the best layer of a simulcast that is wanted, 0 to 2 (the best). The SDK has no word for it.
        Raises ClientError, or AssertionError when there is no such stream within `within` seconds.
        """
        if self.kind == "telephone":
            raise ClientStateError(f"{self.name}: a telephone hears the mixed audio and sees nothing")
        subscribing, person = self._require(self._subscribing), participant_id_of(participant)
        place = person, key
        if place not in self._roster.streams:
            await self.wait_for(
                StreamPublished, {"participant_id": person, "key": key}, timeout=within, after=self.mark
            )
        if place not in self._roster.streams:
            raise ClientStateError(f"{person}/{key} was unpublished again")
        found = await subscribing.subscribe(
            self._roster.streams[place], audio=audio, video=video, decode=decode, substream=substream
        )
        self._emit(SubscriptionStarted(person, key))
        return found

    async def update_subscription(
        self,
        participant: RoomSession | Person | str,
        key: str = "self",
        *,
        audio: bool | None = None,
        video: bool | None = None,
        substream: int | None = None,
    ) -> None:
        """What is relayed from now on, and the best layer of it; None leaves it. Raises ClientError."""
        subscribing = self._require(self._subscribing)
        await subscribing.update(
            subscribing.subscription(participant_id_of(participant), key), audio=audio, video=video, substream=substream
        )

    async def unsubscribe(self, participant: RoomSession | Person | str, key: str = "self") -> None:
        """As `removeSubscription`. Raises ClientError."""
        subscribing = self._require(self._subscribing)
        await subscribing.unsubscribe(subscribing.subscription(participant_id_of(participant), key))

    @property
    def subscriptions(self) -> dict[tuple[str, str], Subscription]:
        return dict(self._subscribing.subscriptions) if self._subscribing is not None else {}
