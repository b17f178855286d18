"""The connections of one live session: a publisher's, a subscriber's, a mixer leg's.

Each is keyed by the Janus handle that owns it. A leg owns its peer: closing the leg closes the peer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from emulator.conference.rates import Rate
from emulator.media.rtp.feed import OnAudio
from emulator.media.rtp.formats import Kind, PayloadFormat
from emulator.media.rtp.forwarding import Feed, Simulcast, Subscription
from emulator.media.rtp.sender import RtpSender
from emulator.media.transport.negotiation import (
    AUDIO_LEVEL,
    MID,
    REPAIRED_RID,
    RID,
    VP8,
    Negotiated,
    NegotiatedMedia,
    h264_of,
    rtx_for,
)
from emulator.media.transport.offer import OfferedMedia
from emulator.media.transport.peer import Peer
from emulator.wire.sdp import Codec


def payload_formats(negotiated: Negotiated) -> dict[int, PayloadFormat]:
    """Payload type -> format of everything the other end may send."""
    formats: dict[int, PayloadFormat] = {}
    for media in negotiated.media:
        if not media.accepted or media.kind not in ("audio", "video"):
            continue
        kind: Kind = "audio" if media.kind == "audio" else "video"
        for codec in media.codecs:
            apt = codec.parameter("apt") if codec.name.lower() == "rtx" else None
            formats[codec.payload_type] = PayloadFormat(
                kind, codec.name, codec.clock_rate, apt=None if apt is None else int(apt)
            )
    return formats


def audio_level_id(negotiated: Negotiated) -> int | None:
    for media in negotiated.of_kind("audio"):
        return media.extensions.get(AUDIO_LEVEL)
    return None


def simulcast(negotiated: Negotiated) -> Simulcast | None:
    """The layers of the publisher's video, None if there is a single encoding."""
    for media in negotiated.of_kind("video"):
        if media.rids:
            return Simulcast(media.rids, media.extensions[RID], media.extensions.get(REPAIRED_RID))
    return None


def codec_name(negotiated: Negotiated, kind: str) -> str | None:
    for media in negotiated.of_kind(kind):
        return media.codec.name.lower()
    return None


def offered_video(negotiated: Negotiated) -> tuple[Codec, ...]:
    """The publisher's codec as a subscriber is offered it, with our payload types, and its retransmission format.

    The publisher's own variant of H.264 is what arrives; any other profile in the offer would be a lie.
    """
    sent = next((media.codec for media in negotiated.of_kind("video")), VP8)
    codec = h264_of(sent) if sent.name.lower() == "h264" else VP8
    return codec, rtx_for(codec, codec.payload_type + 1)


class AudioTap(Protocol):
    """What hears what one participant says into the mix, over all their mixer legs."""

    def listen(self, feed: Feed) -> OnAudio:
        """From now on their audio comes in this feed; returns what takes it."""
        ...


@dataclass(slots=True)
class PublisherLeg:
    participant_id: str
    connection: str
    stream_id: str
    peer: Peer
    feed: Feed
    negotiated: Negotiated
    audio_rate: Rate = field(init=False)
    video_rate: Rate = field(init=False)

    def __post_init__(self) -> None:
        feed = self.feed
        self.audio_rate = Rate(lambda: feed.audio_bytes)
        self.video_rate = Rate(lambda: feed.video_bytes)

    def control(self, now: float) -> None:
        self.feed.tick(now)
        self.audio_rate.tick(now)
        self.video_rate.tick(now)

    def close(self) -> None:
        self.feed.close()
        self.peer.close()


@dataclass(slots=True)
class SubscriberLeg:
    participant_id: str
    """Who watches."""
    connection: str
    stream_id: str
    peer: Peer
    feed: Feed
    subscription: Subscription
    offered: tuple[OfferedMedia, ...]
    rejected: tuple[Kind, ...] = ()
    """By the answer: there is no way for them."""
    audio_rate: Rate = field(init=False)
    video_rate: Rate = field(init=False)

    def __post_init__(self) -> None:
        audio, video = self.subscription.audio_track, self.subscription.video_track
        self.audio_rate = Rate(lambda: audio.bytes)
        self.video_rate = Rate(lambda: video.bytes)

    @property
    def viewer(self) -> tuple[str, str]:
        """Who watches, on which connection of theirs."""
        return self.participant_id, self.connection

    def set_relay(self, *, audio: bool | None, video: bool | None) -> None:
        self.subscription.set_relay(
            audio=False if "audio" in self.rejected else audio, video=False if "video" in self.rejected else video
        )

    def control(self, now: float) -> None:
        self.subscription.tick(now)
        self.audio_rate.tick(now)
        self.video_rate.tick(now)

    def close(self) -> None:
        self.subscription.close()
        self.peer.close()


@dataclass(slots=True)
class MixerLeg:
    """One listener's copy of the mixed audio, and what they say into it."""

    participant_id: str
    connection: str
    peer: Peer
    inbound: Feed
    into_mix: OnAudio
    sender: RtpSender | None
    """None for a telephone or client that does not receive."""
    up: bool = False
    said_rate: Rate = field(init=False)
    heard_rate: Rate = field(init=False)

    def __post_init__(self) -> None:
        inbound, sender = self.inbound, self.sender
        self.said_rate = Rate(lambda: inbound.audio_bytes)
        self.heard_rate = Rate(lambda: 0 if sender is None else sender.stats().bytes)

    def tap(self, tap: AudioTap | None) -> None:
        """Let `tap` hear, too, what comes in; None: nobody but the mix."""
        into_mix = self.into_mix
        if tap is None:
            self.inbound.on_audio = into_mix
            return
        heard = tap.listen(self.inbound)

        def both(payload: bytes, sequence: int, timestamp: int, level: int | None) -> None:
            into_mix(payload, sequence, timestamp, level)
            heard(payload, sequence, timestamp, level)

        self.inbound.on_audio = both

    def control(self, now: float) -> None:
        self.inbound.tick(now)
        if self.sender is not None:
            self.sender.tick(now)
        self.said_rate.tick(now)
        self.heard_rate.tick(now)

    def close(self) -> None:
        self.inbound.close()
        if self.sender is not None:
            self.sender.close()
        self.peer.close()


def mid_extensions(offered: tuple[OfferedMedia, ...]) -> dict[Kind, tuple[int, str]]:
    """Kind -> (extension id, mid): written on every packet, so that a bundled receiver can tell the m-lines apart."""
    found: dict[Kind, tuple[int, str]] = {}
    for media in offered:
        kind: Kind = "audio" if media.kind == "audio" else "video"
        found[kind] = (media.extensions[MID], media.mid)
    return found


def make_sender(
    peer: Peer, media: NegotiatedMedia, *, clock: Callable[[], float], rng: random.Random, cname: str, ssrc: int
) -> RtpSender:
    return RtpSender(
        send_rtp=peer.send_rtp,
        send_rtcp=peer.send_rtcp,
        clock=clock,
        random=rng,
        payload_type=media.codec.payload_type,
        clock_rate=media.codec.clock_rate,
        cname=cname,
        ssrc=ssrc,
    )
