"""One live session at work: joins what the domain decides to the packets that flow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.conference import statistics
from emulator.conference.captures import Connection
from emulator.conference.legs import (
    AudioTap,
    MixerLeg,
    PublisherLeg,
    SubscriberLeg,
    audio_level_id,
    codec_name,
    make_sender,
    mid_extensions,
    offered_video,
    payload_formats,
    simulcast,
)
from emulator.conference.observers import Observer, Observers
from emulator.conference.starts import Starts
from emulator.media.audio.activity import Talkers, TalkSettings
from emulator.media.rtp.formats import Kind
from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.errors import NegotiationError
from emulator.media.transport.line import Line
from emulator.media.transport.negotiation import (
    MIX_POLICY,
    OPUS,
    PUBLISHER_POLICY,
    AnswerPolicy,
    LocalSource,
    Negotiated,
)
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import PeerRole
from emulator.media.transport.peer import Peer, PeerState
from emulator.media.transport.udp import MediaSocket
from emulator.rooms.account import Account
from emulator.values import value_class
from emulator.wire.sdp import Direction, SessionDescription

if TYPE_CHECKING:
    from emulator.conference.mix import MixStats

MIX_BITRATE = 64_000
"""What a mixer leg may send us, in bit/s: one Opus stream."""


@value_class(frozen=True, slots=True)
class Published:
    """What a publisher is answered with."""

    answer: str
    audio_codec: str | None
    video_codec: str | None
    layers: int
    """Of a simulcast; 1 for a single encoding."""


class UnknownFeed(NegotiationError):
    """A subscription to a stream that has no connection."""


class Conference:
    """Legs and feeds of one session. Legs are keyed by the id of the Janus handle that owns them."""

    def __init__(
        self,
        account: Account,
        *,
        socket: MediaSocket,
        loop: asyncio.AbstractEventLoop,
        rng: random.Random,
        talk: TalkSettings | None = None,
        line_of: Callable[[str], Line | None] = lambda participant_id: None,
        on_observer_ended: Callable[[int], object] = lambda number: None,
        on_connection: Callable[[Connection], object] = lambda connection: None,
    ) -> None:
        """`line_of` gives what a new connection of a participant goes through (emulator/media/impairments);
        `on_observer_ended` is told of observers that end by themselves, or with what they observe; `on_connection` of
        each new connection of a participant.
        """
        # NumPy is a quarter of the emulator's start, and nobody needs it before the first session (see `serve`).
        from emulator.conference.mix import Mix

        self._account = account
        self._socket = socket
        self._loop = loop
        self._rng = rng
        self._publishers: dict[int, PublisherLeg] = {}
        self._subscribers: dict[int, SubscriberLeg] = {}
        self._mixers: dict[int, MixerLeg] = {}
        self._audio_taps: dict[tuple[str, str], AudioTap] = {}
        talk = talk or TalkSettings()
        self._mix = Mix(loop, self._leg_talks, talk=talk, together=socket.outbox)
        self._talkers: Talkers[int] = Talkers.by(talk)
        self._starts = Starts(loop)
        self._line_of = line_of
        self._on_connection = on_connection
        self._observers = Observers(socket=socket, mix=self._mix, clock=loop.time, rng=rng, on_ended=on_observer_ended)

    def _new_peer(self, participant_id: str) -> Peer:
        """A connection for this participant, over the network that they have at present."""
        peer = self._socket.create_peer(PeerRole.SERVER)
        peer.through(self._line_of(participant_id))
        return peer

    def set_line(self, participant_id: str, line: Line | None) -> None:
        """This participant's network has changed (impairments); None: nothing is wrong with it."""
        for leg in self._legs():
            if leg.participant_id == participant_id:
                leg.peer.through(line)

    def _legs(self) -> list[PublisherLeg | SubscriberLeg | MixerLeg]:
        return [*self._publishers.values(), *self._subscribers.values(), *self._mixers.values()]

    def connections(self) -> list[Connection]:
        """All connections of participants."""
        return [self._connection(leg) for leg in self._legs()]

    def _connection(self, leg: PublisherLeg | SubscriberLeg | MixerLeg) -> Connection:
        room_id = self._account.participant(leg.participant_id).room_id
        match leg:
            case PublisherLeg():
                about = f"publisher of {leg.stream_id}"
            case SubscriberLeg():
                about = f"subscriber of {leg.stream_id}"
            case _:
                about = "mix"
        return Connection(self._account.id, room_id, leg.participant_id, about, leg.peer)

    # -- publishers -----------------------------------------------------------------------------------------------

    def open_publisher(
        self, handle_id: int, participant_id: str, stream_id: str, offer: str, *, bitrate: int
    ) -> Published:
        """Answer a publisher's offer. The stream is announced once the connection is up.

        `bitrate` in bit/s caps what the publisher is allowed to send (REMB). Raises SdpError, NegotiationError;
        CodecMismatch if none of the room's `video_codecs` is offered.
        """
        peer = self._new_peer(participant_id)
        try:
            answer, negotiated = make_answer(offer, peer.local, self._publisher_policy(participant_id))
        except Exception:
            peer.close()
            raise
        feed = Feed(
            send_rtcp=peer.send_rtcp,
            clock=self._loop.time,
            random=self._rng,
            formats=payload_formats(negotiated),
            bitrate=bitrate,
            audio_level_id=audio_level_id(negotiated),
            simulcast=simulcast(negotiated),
        )
        participant = self._account.participant(participant_id)
        feed.audio_gate_open = not participant.muted
        feed.on_audio = self._listen_to(handle_id, feed)
        peer.on_rtp = feed.receive_rtp
        peer.on_rtcp = feed.receive_rtcp
        peer.on_connected = lambda: self._account.announce_stream(participant_id, stream_id)
        # A publisher whose connection fails is unpublished; the person stays (T-35).
        peer.on_closed = lambda reason: self._account.unpublish(participant_id, stream_id)
        self._publishers[handle_id] = PublisherLeg(
            participant_id, participant.connection, stream_id, peer, feed, negotiated
        )
        self._on_connection(self._connection(self._publishers[handle_id]))
        peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        return Published(
            answer, codec_name(negotiated, "audio"), codec_name(negotiated, "video"), len(feed.video.layers)
        )

    def _publisher_policy(self, participant_id: str) -> AnswerPolicy:
        """The codecs that the room allows at this moment, in its order."""
        session = self._account.session(self._account.participant(participant_id).session_id)
        allowed = self._account.room(session.room_id).settings.video_codecs
        if allowed is None:
            return PUBLISHER_POLICY
        return replace(PUBLISHER_POLICY, video_codecs=tuple(name.upper() for name in allowed))

    def set_bitrate(self, stream_id: str, bitrate: int) -> None:
        for leg in self._publishers.values():
            if leg.stream_id == stream_id:
                leg.feed.set_bitrate(bitrate)

    def close_feed(self, stream_id: str) -> None:
        """The stream is gone; subscribers keep their connections until they detach (S-88)."""
        for handle_id in [i for i, leg in self._publishers.items() if leg.stream_id == stream_id]:
            self._talkers.forget(handle_id)
            self._publishers.pop(handle_id).close()
        self._observers.close_feed(stream_id)

    # -- subscribers ----------------------------------------------------------------------------------------------

    def open_subscriber(
        self,
        handle_id: int,
        participant_id: str,
        stream_id: str,
        *,
        audio: bool,
        video: bool,
        layer: int | None = None,
        on_layer: Callable[[int], object] | None = None,
    ) -> str:
        """The offer for a new subscription: one audio and one video m-line, whatever is relayed (S-82, S-83).

        `participant_id` is who watches, `layer` the best one of a simulcast that is wanted, 0 being the smallest.
        `on_layer` is told which one is sent, whenever that changes. Raises UnknownFeed.
        """
        publisher = self._connected_publisher(stream_id)
        peer = self._new_peer(participant_id)
        codecs = offered_video(publisher.negotiated)
        offered: tuple[OfferedMedia, ...] = (
            OfferedMedia.audio("0", Direction.SENDONLY),
            OfferedMedia.video("1", Direction.SENDONLY, codecs=codecs),
        )
        subscription = Subscription(
            publisher.feed,
            outlet=peer,
            send_rtcp=peer.send_rtcp,
            payload_types={"audio": OPUS.payload_type, "video": codecs[0].payload_type},
            cname=stream_id,
            random=self._rng,
            audio=audio,
            video=video,
            layer=layer,
            mids=mid_extensions(offered),
        )
        if on_layer is not None:
            subscription.on_layer = on_layer
        ssrcs = {"audio": subscription.audio_ssrc, "video": subscription.video_ssrc}
        offered = tuple(
            replace(
                media,
                source=LocalSource(
                    ssrcs[media.kind],
                    cname=stream_id,
                    stream_id=stream_id,
                    track_id=f"{stream_id}-{media.kind}",
                    rtx_ssrc=subscription.repair_ssrc if media.kind == "video" else None,
                ),
            )
            for media in offered
        )
        connection = self._account.participant(participant_id).connection
        leg = SubscriberLeg(participant_id, connection, stream_id, peer, publisher.feed, subscription, offered)
        self._subscribers[handle_id] = leg
        self._on_connection(self._connection(leg))
        return make_offer(offered, peer.local)

    def start_subscriber(self, handle_id: int, answer: str) -> tuple[Kind, ...]:
        """Media flows once the connection is up. Returns the kinds that the answer rejects, which never flow.

        Raises SdpError, NegotiationError, TransportStateError.
        """
        leg = self._subscribers.get(handle_id)
        if leg is None:
            return ()  # the feed has gone meanwhile; the client will hear of it and detach
        negotiated = accept_answer(answer, leg.offered)
        leg.peer.on_rtcp = leg.subscription.receive_rtcp
        leg.peer.on_connected = lambda: self._starts.connected(
            leg.viewer, handle_id, lambda: leg.feed.add(leg.subscription)
        )
        leg.peer.on_closed = lambda reason: self._starts.gone(leg.viewer, handle_id)
        leg.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        self._starts.connecting(leg.viewer, handle_id)
        accepted = {media.kind for media in negotiated.media if media.accepted}
        repair = next((codec for media in negotiated.of_kind("video") for codec in media.codecs[1:]), None)
        if repair is not None:
            leg.subscription.repair_with(repair.payload_type)
        level_id = audio_level_id(negotiated)
        if level_id is not None:
            leg.subscription.tell_levels(level_id)
        kinds: tuple[Kind, ...] = ("audio", "video")
        leg.rejected = tuple(kind for kind in kinds if kind not in accepted)
        leg.set_relay(audio=None, video=None)
        return leg.rejected

    def _close_subscriber(self, handle_id: int) -> None:
        leg = self._subscribers.pop(handle_id)
        self._starts.gone(leg.viewer, handle_id)
        leg.close()

    def set_relay(self, handle_id: int, *, audio: bool | None, video: bool | None) -> None:
        """Stop or resume relaying a kind (S-86); one that the answer rejected stays stopped."""
        leg = self._subscribers.get(handle_id)
        if leg is not None:
            leg.set_relay(audio=audio, video=video)

    def set_layer(self, handle_id: int, layer: int) -> None:
        """The best layer of a simulcast that this subscriber wants from now on, 0 being the smallest."""
        leg = self._subscribers.get(handle_id)
        if leg is not None:
            leg.subscription.set_layer(layer)

    # -- the mixed audio ------------------------------------------------------------------------------------------

    def open_mix(self, handle_id: int, participant_id: str, offer: str) -> str:
        """Answer a mixer leg's offer; its audio is `sendrecv` (S-58). Raises SdpError, NegotiationError."""
        previous = self._mixers.pop(handle_id, None)
        if previous is not None:
            self._close_mixer(handle_id, previous)
        ssrc = self._rng.randrange(1, 2**32)
        peer = self._new_peer(participant_id)
        try:
            mid = _audio_mid(offer)
            source = LocalSource(ssrc, cname="mix", stream_id="mix", track_id="mix-audio")
            answer, negotiated = make_answer(offer, peer.local, replace(MIX_POLICY, sources={mid: source}))
        except Exception:
            peer.close()
            raise
        leg = self._make_mixer(handle_id, participant_id, peer, negotiated, ssrc)
        self._mixers[handle_id] = leg
        self._on_connection(self._connection(leg))
        peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        return answer

    def _make_mixer(
        self, handle_id: int, participant_id: str, peer: Peer, negotiated: Negotiated, ssrc: int
    ) -> MixerLeg:
        media = negotiated.of_kind("audio")[0]
        participant = self._account.participant(participant_id)
        inbound = Feed(
            send_rtcp=peer.send_rtcp,
            clock=self._loop.time,
            random=self._rng,
            formats=payload_formats(negotiated),
            bitrate=MIX_BITRATE,
            audio_level_id=audio_level_id(negotiated),
        )
        sender = None
        if media.direction.sends:
            sender = make_sender(peer, media, clock=self._loop.time, rng=self._rng, cname="mix", ssrc=ssrc)
        into_mix = self._mix.add(handle_id, muted=participant.muted)
        leg = MixerLeg(participant_id, participant.connection, peer, inbound, into_mix, sender)
        leg.tap(self._audio_taps.get((participant_id, participant.connection)))

        def received_rtcp(packet: bytes) -> None:
            inbound.receive_rtcp(packet)
            if sender is not None:
                sender.receive_rtcp(packet)

        def connected() -> None:
            leg.up = True
            self._mix.start(handle_id, sender)

        def closed(reason: str) -> None:
            # The person stays: presence follows the socket only (T-35).
            gone = self._mixers.pop(handle_id, None)
            if gone is not None:
                self._close_mixer(handle_id, gone)

        peer.on_rtp = inbound.receive_rtp
        peer.on_rtcp = received_rtcp
        peer.on_connected = connected
        peer.on_closed = closed
        return leg

    def _close_mixer(self, handle_id: int, leg: MixerLeg) -> None:
        self._mix.remove(handle_id)
        leg.close()

    # -- hidden observers -----------------------------------------------------------------------------------------

    def open_observer(self, number: int, offer: str, stream_id: str | None, *, mixed: bool) -> tuple[Observer, str]:
        """The observer and the answer to its offer (`Observers.open`). Raises UnknownFeed as well."""
        publisher = None if stream_id is None else self._connected_publisher(stream_id)
        return self._observers.open(number, offer, publisher, mixed=mixed or publisher is None)

    def close_observer(self, number: int) -> None:
        self._observers.close(number)

    def _connected_publisher(self, stream_id: str) -> PublisherLeg:
        publisher = next((leg for leg in self._publishers.values() if leg.stream_id == stream_id), None)
        if publisher is None or publisher.peer.state is not PeerState.CONNECTED:
            raise UnknownFeed(f"No such feed: the stream {stream_id} has no connection.")
        return publisher

    # -- who talks ------------------------------------------------------------------------------------------------

    def _listen_to(self, handle_id: int, feed: Feed) -> Callable[[bytes, int, int, int | None], object]:
        """Watch a published stream's levels: as the header extension tells them (RFC 6464), else decoded."""
        from emulator.media.audio.loudness import Loudness  # NumPy, as above

        loudness: Loudness | None = None

        def heard(payload: bytes, sequence: int, timestamp: int, level: int | None) -> None:
            nonlocal loudness
            if not feed.audio_gate_open:
                return
            if level is not None:
                loud: float | None = -float(level)
            else:
                loudness = loudness or Loudness()
                loud = loudness.of(payload)
            if loud is not None:
                transition = self._talkers.observe(handle_id, loud, self._loop.time())
                if transition is not None:
                    self._stream_talks(transition.who, transition.talking)

        return heard

    def _stream_talks(self, handle_id: int, talking: bool) -> None:
        leg = self._publishers.get(handle_id)
        if leg is not None:
            self._account.tell_talking(leg.participant_id, stream_id=leg.stream_id, talking=talking)

    def _leg_talks(self, handle_id: int, talking: bool) -> None:
        leg = self._mixers.get(handle_id)
        if leg is not None:
            self._account.tell_talking(leg.participant_id, stream_id=None, talking=talking)

    # -- moderation -----------------------------------------------------------------------------------------------

    def set_muted(self, participant_id: str, *, muted: bool) -> None:
        """A moderator's mute: no audio of this person to subscribers, none into the mix (S-98)."""
        for publisher in self._publishers.values():
            if publisher.participant_id == participant_id:
                publisher.feed.audio_gate_open = not muted
        for handle_id, mixer in self._mixers.items():
            if mixer.participant_id == participant_id:
                self._mix.set_muted(handle_id, muted)

    def drop_participant(self, participant_id: str, connection: str) -> None:
        """Who has left sends, sees and hears nothing any more, whatever their socket does (R-78, S-96)."""
        for handle_id, mixer in tuple(self._mixers.items()):
            if mixer.participant_id == participant_id and mixer.connection == connection:
                del self._mixers[handle_id]
                self._close_mixer(handle_id, mixer)
        self._starts.drop((participant_id, connection))  # else the end of one would begin another
        for handle_id, viewer in tuple(self._subscribers.items()):
            if viewer.participant_id == participant_id and viewer.connection == connection:
                self._close_subscriber(handle_id)

    # -- taps -----------------------------------------------------------------------------------------------------

    def tap_audio(self, participant_id: str, connection: str, tap: AudioTap | None) -> None:
        """Let `tap` hear what this person says into the mix, on the leg they have or will have; None: no longer."""
        if tap is None:
            self._audio_taps.pop((participant_id, connection), None)
        else:
            self._audio_taps[participant_id, connection] = tap
        for leg in self._mixers.values():
            if (leg.participant_id, leg.connection) == (participant_id, connection):
                leg.tap(tap)

    def feed_of(self, stream_id: str) -> Feed | None:
        """What a stream's publisher sends; None if it has no connection."""
        return next((leg.feed for leg in self._publishers.values() if leg.stream_id == stream_id), None)

    # -- all ------------------------------------------------------------------------------------------------------

    def close_leg(self, handle_id: int) -> None:
        """The handle is gone; without effect if its leg went before."""
        publisher = self._publishers.pop(handle_id, None)
        if publisher is not None:
            self._talkers.forget(handle_id)
            publisher.close()
        if handle_id in self._subscribers:
            self._close_subscriber(handle_id)
        mixer = self._mixers.pop(handle_id, None)
        if mixer is not None:
            self._close_mixer(handle_id, mixer)

    def control(self, now: float) -> None:
        """Reports, keyframe retries and the like; every tenth of a second."""
        for publisher in self._publishers.values():
            publisher.control(now)
        for subscriber in self._subscribers.values():
            subscriber.control(now)
        for mixer in self._mixers.values():
            mixer.control(now)
        self._observers.control(now)
        for transition in self._talkers.expire(now):
            self._stream_talks(transition.who, transition.talking)

    @property
    def mix_stats(self) -> MixStats:
        return self._mix.stats

    def counts(self) -> dict[str, int]:
        """How many connections of each kind there are."""
        return {
            "publisher": len(self._publishers),
            "subscriber": len(self._subscribers),
            "mixer": len(self._mixers),
        }

    def statistics(self, now: float) -> statistics.Json:
        """What flows at present, and has flowed, through the connections there are."""
        published = {
            stream.id: (participant.id, stream.key)
            for participant in self._account.records.participants.values()
            for stream in participant.streams.values()
        }
        return {
            "feeds": [
                statistics.of_publisher(leg, published.get(leg.stream_id), now) for leg in self._publishers.values()
            ],
            "subscriptions": [
                statistics.of_subscriber(leg, published.get(leg.stream_id), now) for leg in self._subscribers.values()
            ],
            "mixes": [
                statistics.of_mixer(leg, self._mix.leg(handle_id), now) for handle_id, leg in self._mixers.items()
            ],
            "mixer": statistics.of_mix(self._mix.stats),
        }

    def close(self) -> None:
        """The session is over: all its connections close, without any action of the clients (S-22)."""
        for handle_id in [*self._publishers, *self._subscribers, *self._mixers]:
            self.close_leg(handle_id)
        self._observers.close_all()
        self._mix.close()


def _audio_mid(offer: str) -> str:
    found = [media.mid for media in SessionDescription.parse(offer).media if media.kind == "audio"]
    if len(found) != 1 or found[0] is None:
        raise NegotiationError(f"expected one audio m-line with a mid in the offer for the mixed audio, got {found}")
    return found[0]
