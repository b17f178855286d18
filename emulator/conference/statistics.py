"""What flows through a session's connections, as JSON objects (described in emulator/admin/stats.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.conference.legs import MixerLeg, PublisherLeg, SubscriberLeg, codec_name
from emulator.media.rtp.feed_video import LayerStats
from emulator.media.rtp.inbound import InboundStats
from emulator.media.rtp.outbound import OutboundTrack
from emulator.media.transport.peer import Peer
from emulator.media.transport.srtp import REPLAYED

if TYPE_CHECKING:
    from emulator.conference.mix import MixStats  # they load NumPy
    from emulator.media.audio.leg import Leg

Json = dict[str, Any]

SAMPLE_RATE = 48_000


Published = tuple[str, str] | None
"""Whose stream it is, and its key; None when it is gone."""


def of_publisher(leg: PublisherLeg, published: Published, now: float) -> Json:
    """What a participant publishes."""
    stats = leg.feed.stats()
    return {
        "participant_id": leg.participant_id,
        "stream_id": leg.stream_id,
        "key": None if published is None else published[1],
        "muted": not leg.feed.audio_gate_open,
        "granted_bits_per_sec": stats.bitrate,
        "subscriptions": stats.subscriptions,
        "malformed": stats.malformed,
        "connection": _connection(leg.peer, now),
        "audio": {
            "codec": codec_name(leg.negotiated, "audio"),
            **_received(stats.audio),
            "bits_per_sec": leg.audio_rate.bits_per_sec(now),
        },
        "video": {
            "codec": codec_name(leg.negotiated, "video"),
            **_received(stats.video),
            "packets": sum(layer.video.packets for layer in stats.layers),
            "bytes": sum(layer.video.bytes for layer in stats.layers),
            "bits_per_sec": leg.video_rate.bits_per_sec(now),
            "frames": stats.video.frames,
            "keyframes": stats.keyframes,
            "nacks_sent": stats.nacked,
            "abandoned": stats.abandoned,
            "plis_sent": stats.plis_sent,
            "layers": [_layer(layer) for layer in stats.layers],
        },
    }


def _layer(layer: LayerStats) -> Json:
    return {
        "rid": layer.rid,
        "flowing": layer.flowing,
        "viewers": layer.viewers,
        **_received(layer.video),
        "bits_per_sec": layer.bitrate,
        "frames": layer.video.frames,
        "keyframes": layer.keyframes,
        "plis_sent": layer.plis_sent,
    }


def of_subscriber(leg: SubscriberLeg, published: Published, now: float) -> Json:
    """What a participant is sent of a stream."""
    subscription = leg.subscription
    stats, video = subscription.stats(), subscription.video_track
    return {
        "participant_id": leg.participant_id,
        "from_participant_id": None if published is None else published[0],
        "stream_id": leg.stream_id,
        "key": None if published is None else published[1],
        "malformed": stats.malformed,
        "connection": _connection(leg.peer, now),
        "audio": {**_sent(subscription.audio_track), "bits_per_sec": leg.audio_rate.bits_per_sec(now)},
        "video": {
            **_sent(video),
            "bits_per_sec": leg.video_rate.bits_per_sec(now),
            "frames": video.frames,
            "plis_received": video.keyframe_requests,
            "waiting_for_keyframe": video.waiting_for_keyframe,
            "layer": stats.layer,
            "estimate_bits_per_sec": stats.estimate,
        },
    }


def of_mixer(leg: MixerLeg, place: Leg[int] | None, now: float) -> Json:
    """A participant's place at the mixer: what they say into it, and what they hear."""
    stats = leg.inbound.stats()
    played = None if place is None else place.stats()
    heard: Json | None = None
    if leg.sender is not None:
        sender = leg.sender.stats()
        heard = {
            "packets": sender.packets,
            "bytes": sender.bytes,
            "bits_per_sec": leg.heard_rate.bits_per_sec(now),
            "nacks_received": sender.resent + sender.not_resent,
            "resent": sender.resent,
            "fraction_lost": sender.fraction_lost,
            "round_trip_secs": _rounded(sender.round_trip),
        }
    return {
        "participant_id": leg.participant_id,
        "muted": place is not None and place.muted,
        "malformed": stats.malformed,
        "connection": _connection(leg.peer, now),
        "said": {
            **_received(stats.audio),
            "bits_per_sec": leg.said_rate.bits_per_sec(now),
            "late": 0 if played is None else played.late,
            "concealed_secs": 0.0 if played is None else round(played.concealed / SAMPLE_RATE, 3),
        },
        "heard": heard,
    }


def of_mix(stats: MixStats) -> Json:
    return {"ticks": stats.ticks, "late": stats.late, "skipped": stats.skipped, "worst_secs": round(stats.worst, 6)}


def _connection(peer: Peer, now: float) -> Json:
    stats, address, refused = peer.stats, peer.selected_address, peer.srtp_errors
    replayed = sum(count for reason, count in refused.items() if reason in REPLAYED)
    return {
        "state": peer.state.value,
        "selected_address": None if address is None else written(address[0], address[1]),
        "srtp_profile": peer.srtp_profile,
        "connected_secs": None if peer.connected_at is None else round(now - peer.connected_at, 3),
        "rtp_received": stats.rtp_received,
        "rtp_bytes_received": stats.rtp_bytes_received,
        "rtcp_received": stats.rtcp_received,
        "rtp_sent": stats.rtp_sent,
        "rtp_bytes_sent": stats.rtp_bytes_sent,
        "rtcp_sent": stats.rtcp_sent,
        "replayed": replayed,
        "undecryptable": sum(refused.values()) - replayed,
        "unsendable": stats.unsendable,
    }


def written(host: str, port: int) -> str:
    """`127.0.0.1:4711`, `[::1]:4711`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _received(stats: InboundStats) -> Json:
    return {
        "packets": stats.packets,
        "bytes": stats.bytes,
        "lost": stats.lost,
        "jitter_secs": round(stats.jitter, 6),
        "duplicates": stats.duplicates,
    }


def _sent(track: OutboundTrack) -> Json:
    stats = track.stats()
    return {
        "packets": stats.packets,
        "bytes": stats.bytes,
        "paused": track.paused,
        "nacks_received": stats.resent + stats.not_resent,
        "resent": stats.resent,
        "lost": stats.cumulative_lost,
        "fraction_lost": stats.fraction_lost,
        "jitter_secs": None if stats.jitter is None else round(stats.jitter / track.clock_rate, 6),
        "round_trip_secs": _rounded(stats.round_trip),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
