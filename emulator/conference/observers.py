"""Hidden receivers of one session's media: nobody in the room, and no record, webhook or recording, knows of them.

An observer gets one stream (as a subscriber does), the mixed audio (as a silent listener does), or the video of the one
with the sound of the other. The only trace in the room is that a publisher may be asked for a keyframe.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.conference.legs import PublisherLeg, codec_name, make_sender
from emulator.media.rtp.formats import Kind
from emulator.media.rtp.forwarding import Subscription
from emulator.media.rtp.sender import RtpSender
from emulator.media.transport.answer import make_answer
from emulator.media.transport.errors import NegotiationError
from emulator.media.transport.negotiation import MID, AnswerPolicy, LocalSource, Negotiated
from emulator.media.transport.parameters import PeerRole
from emulator.media.transport.peer import Peer
from emulator.media.transport.udp import MediaSocket
from emulator.wire.sdp import Direction

if TYPE_CHECKING:
    from emulator.conference.mix import Mix  # it loads NumPy

UNUSED: dict[Kind, int] = {"audio": 127, "video": 126}
"""Payload types of kinds that an observer has not asked for: nothing is sent with them."""


@dataclass(slots=True)
class Observer:
    """One hidden connection. `stream_id` None: only the mixed audio. `mixed`: its sound is the mixed audio."""

    number: int
    stream_id: str | None
    mixed: bool
    peer: Peer
    subscription: Subscription | None = None
    sender: RtpSender | None = None

    def control(self, now: float) -> None:
        if self.subscription is not None:
            self.subscription.tick(now)
        if self.sender is not None:
            self.sender.tick(now)

    def receive_rtcp(self, packet: bytes) -> None:
        if self.subscription is not None:
            self.subscription.receive_rtcp(packet)
        if self.sender is not None:
            self.sender.receive_rtcp(packet)


class Observers:
    """Those of one session, by their number. `on_ended(number)` tells of one that ended by itself."""

    def __init__(
        self,
        *,
        socket: MediaSocket,
        mix: Mix,
        clock: Callable[[], float],
        rng: random.Random,
        on_ended: Callable[[int], object],
    ) -> None:
        self._socket = socket
        self._mix = mix
        self._clock = clock
        self._rng = rng
        self._on_ended = on_ended
        self._observers: dict[int, Observer] = {}

    def open(self, number: int, offer: str, publisher: PublisherLeg | None, *, mixed: bool) -> tuple[Observer, str]:
        """Answer an observer's offer to receive: an audio m-line, a video m-line, or both.

        Without a `publisher` it hears the mix (`mixed`). Raises SdpError, NegotiationError, TransportStateError.
        """
        peer = self._socket.create_peer(PeerRole.SERVER)
        try:
            observer, answer, negotiated = self._negotiate(number, offer, publisher, mixed, peer)
        except Exception:
            peer.close()
            raise
        peer.on_rtcp = observer.receive_rtcp
        peer.on_connected = lambda: self._connected(observer)
        peer.on_closed = lambda reason: self._ended(number)
        self._observers[number] = observer
        peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        return observer, answer

    def _negotiate(
        self, number: int, offer: str, publisher: PublisherLeg | None, mixed: bool, peer: Peer
    ) -> tuple[Observer, str, Negotiated]:
        video = None if publisher is None else codec_name(publisher.negotiated, "video")
        policy = AnswerPolicy(
            audio=Direction.SENDONLY,
            video=None if video is None else Direction.SENDONLY,
            data=False,
            video_codecs=() if video is None else (video,),
            rtx=True,
        )
        # What is sent depends on what is agreed, and the answer tells what is sent.
        _, negotiated = make_answer(offer, peer.local, policy)
        observer = Observer(number, None if publisher is None else publisher.stream_id, mixed, peer)
        if publisher is not None:
            observer.subscription = self._subscribe(publisher, negotiated, peer, mixed)
        sources: dict[str, LocalSource] = {}
        for kind in ("audio", "video"):
            wanted = negotiated.of_kind(kind)
            if len(wanted) > 1:
                raise NegotiationError(f"expected one {kind} m-line, the offer has {len(wanted)}")
            for media in wanted:
                if not media.direction.sends:
                    raise NegotiationError(f"expected the {kind} m-line to receive (recvonly or sendrecv)")
                if mixed and kind == "audio":
                    ssrc = self._rng.randrange(1, 2**32)
                    observer.sender = make_sender(peer, media, clock=self._clock, rng=self._rng, cname="mix", ssrc=ssrc)
                    sources[media.mid] = LocalSource(ssrc, cname="mix", stream_id="mix", track_id="mix-audio")
                elif observer.subscription is not None:
                    sources[media.mid] = _source(observer.subscription, media.kind, repaired=len(media.codecs) > 1)
        if not sources:
            raise NegotiationError("expected an m-line to receive audio or video")
        answer, negotiated = make_answer(offer, peer.local, replace(policy, sources=sources))
        return observer, answer, negotiated

    def _subscribe(self, publisher: PublisherLeg, negotiated: Negotiated, peer: Peer, mixed: bool) -> Subscription:
        agreed: dict[Kind, int] = {}
        mids: dict[Kind, tuple[int, str]] = {}
        repair: int | None = None
        for kind in UNUSED:
            for media in negotiated.of_kind(kind)[:1]:
                agreed[kind] = media.codec.payload_type
                if MID in media.extensions:
                    mids[kind] = (media.extensions[MID], media.mid)
                if kind == "video" and len(media.codecs) > 1:
                    repair = media.codecs[1].payload_type
        subscription = Subscription(
            publisher.feed,
            outlet=peer,
            send_rtcp=peer.send_rtcp,
            payload_types={**UNUSED, **agreed},
            cname=publisher.stream_id,
            random=self._rng,
            audio="audio" in agreed and not mixed,
            video="video" in agreed,
            mids=mids,
        )
        if repair is not None:
            subscription.repair_with(repair)
        return subscription

    def _connected(self, observer: Observer) -> None:
        if observer.subscription is not None:
            observer.subscription.feed.add(observer.subscription)
        if observer.sender is not None:
            self._mix.add(_place(observer.number), muted=True)
            self._mix.start(_place(observer.number), observer.sender)

    def _ended(self, number: int) -> None:
        if self.close(number):
            self._on_ended(number)

    def close(self, number: int) -> bool:
        """False if there is none of this number (any more)."""
        observer = self._observers.pop(number, None)
        if observer is None:
            return False
        self._mix.remove(_place(number))
        if observer.subscription is not None:
            observer.subscription.close()
        if observer.sender is not None:
            observer.sender.close()
        observer.peer.close()
        return True

    def close_feed(self, stream_id: str) -> None:
        """The stream is gone, and so are those who came for it."""
        for number in [n for n, observer in self._observers.items() if observer.stream_id == stream_id]:
            self._ended(number)

    def close_all(self) -> None:
        for number in tuple(self._observers):
            self._ended(number)

    def control(self, now: float) -> None:
        for observer in self._observers.values():
            observer.control(now)


def _place(number: int) -> int:
    """At the mixer, where the others are named by their Janus handles, which are positive."""
    return -number


def _source(subscription: Subscription, kind: str, *, repaired: bool) -> LocalSource:
    video = kind == "video"
    return LocalSource(
        subscription.video_ssrc if video else subscription.audio_ssrc,
        cname=subscription.cname,
        stream_id=subscription.cname,
        track_id=f"{subscription.cname}-{kind}",
        rtx_ssrc=subscription.repair_ssrc if video and repaired else None,
    )
