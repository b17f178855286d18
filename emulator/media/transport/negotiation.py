"""What an offer and an answer agree on, and the rules by which an answer is made (RFC 8829, RFC 9143)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from emulator.values import value_class
from emulator.wire.sdp import Codec, Direction, MediaDescription, Msid, SourceGroup

from .parameters import DtlsRole, TransportParameters

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

# No send times (abs-send-time): nobody here estimates from them, and no packet that is forwarded has any.
EXTENSIONS = (MID, AUDIO_LEVEL)
SIMULCAST_EXTENSIONS = (RID, REPAIRED_RID)
MAX_LAYERS = 3
"""As many of a simulcast as Janus takes: the best ones of the offer."""
# REMB, and no transport-cc as long as it is not really sent (media.md section 4)
VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")

OPUS = Codec(111, "opus", 48000, 2, (("minptime", "10"), ("useinbandfec", "1")))
VP8 = Codec(96, "VP8", 90000, rtcp_fb=VIDEO_FEEDBACK)
H264 = Codec(
    102,
    "H264",
    90000,
    # Constrained baseline level 3.1 (RFC 6184 section 8.1)
    fmtp=(("level-asymmetry-allowed", "1"), ("packetization-mode", "1"), ("profile-level-id", "42e01f")),
    rtcp_fb=VIDEO_FEEDBACK,
)


def h264_of(codec: Codec) -> Codec:
    """H.264 as somebody sends it, for the offer to those who get it: the same profile and packetization mode.

    A mode that is left out is 0 (RFC 6184 section 8.1).
    """
    parameters = {
        "level-asymmetry-allowed": "1",
        "packetization-mode": codec.parameter("packetization-mode") or "0",
        "profile-level-id": _h264_profile(codec),
    }
    return replace(H264, fmtp=tuple(parameters.items()))


def rtx_for(codec: Codec, payload_type: int) -> Codec:
    """The retransmission format (RFC 4588) of a codec."""
    return Codec(payload_type, "rtx", codec.clock_rate, fmtp=(("apt", str(codec.payload_type)),))


@value_class(frozen=True, slots=True)
class LocalSource:
    """What we announce about a stream we send: its SSRC, cname, and ids of stream and track (`a=msid`)."""

    ssrc: int
    cname: str
    stream_id: str
    track_id: str
    rtx_ssrc: int | None = None


@value_class(frozen=True, slots=True)
class AnswerPolicy:
    """What an answer takes of an offer.

    `audio` and `video` are our directions if the offer allows them; None rejects m-lines of that kind. Of the codec
    names, the first that the offer has is kept. `sources` announces what we send, by mid.
    """

    audio: Direction | None = Direction.RECVONLY
    video: Direction | None = Direction.RECVONLY
    data: bool = True
    audio_codecs: tuple[str, ...] = ("opus",)
    video_codecs: tuple[str, ...] = ("VP8", "H264")
    audio_feedback: tuple[str, ...] = ()
    video_feedback: tuple[str, ...] = VIDEO_FEEDBACK
    extensions: tuple[str, ...] = EXTENSIONS
    rtx: bool = False
    simulcast: bool = False
    sources: Mapping[str, LocalSource] = field(default_factory=dict)

    def direction(self, kind: str) -> Direction | None:
        return {"audio": self.audio, "video": self.video}.get(kind)


PUBLISHER_POLICY = AnswerPolicy(rtx=True, simulcast=True)
"""For publishers (S-72): we only receive."""
MIX_POLICY = AnswerPolicy(audio=Direction.SENDRECV, video=None, data=False)
"""For the mixed audio (S-58): both ways; give it `sources` with `dataclasses.replace`."""
VIEWER_POLICY = AnswerPolicy()
"""For a client that answers a server's offer of streams: it only receives."""


@value_class(frozen=True, slots=True)
class NegotiatedMedia:
    """One m-line as agreed. `accepted` False means port 0: then only mid and kind mean anything.

    `direction` is ours. `codecs[0]` is the one to use, with the other end's fmtp; its `rtx`, if agreed, follows.
    `remote_ssrcs` are those announced (there need not be any), `rids` those we receive, best first.
    """

    mid: str
    kind: str
    accepted: bool
    direction: Direction = Direction.INACTIVE
    codecs: tuple[Codec, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)  # URI -> id
    remote_ssrcs: tuple[int, ...] = ()
    remote_source_groups: tuple[SourceGroup, ...] = ()
    remote_cname: str | None = None
    msid: Msid | None = None
    rids: tuple[str, ...] = ()
    sctp_port: int | None = None
    max_message_size: int | None = None

    @property
    def codec(self) -> Codec:
        """The media codec in use. Raises `LookupError` for data channels and rejected m-lines."""
        if not self.codecs:
            raise LookupError(f"m-line {self.mid} ({self.kind}) has no codec")
        return self.codecs[0]


@value_class(frozen=True, slots=True)
class Negotiated:
    """The outcome of one offer and answer: give `remote` and `dtls_role` to `Peer.set_remote`."""

    remote: TransportParameters
    dtls_role: DtlsRole  # ours
    media: tuple[NegotiatedMedia, ...]

    def of_kind(self, kind: str) -> tuple[NegotiatedMedia, ...]:
        """The accepted m-lines of a kind."""
        return tuple(each for each in self.media if each.kind == kind and each.accepted)

    def by_mid(self, mid: str) -> NegotiatedMedia:
        """Raises `KeyError` for an unknown mid."""
        for each in self.media:
            if each.mid == mid:
                return each
        raise KeyError(mid)


def answered_direction(offered: Direction, wanted: Direction) -> Direction:
    """Ours, as far as the other end goes along (RFC 3264 section 6.1)."""
    return Direction.of(sends=wanted.sends and offered.receives, receives=wanted.receives and offered.sends)


def choose_codec(media: MediaDescription, preferred: tuple[str, ...]) -> Codec | None:
    """The offered codec that comes first in our preferences; of H.264, the best constrained baseline variant."""
    for name in preferred:
        matching = [codec for codec in media.codecs if codec.name.lower() == name.lower()]
        if name.lower() == "h264":
            matching = sorted(filter(_h264_usable, matching), key=_h264_order)
        if matching:
            return matching[0]
    return None


def described(codec: Codec) -> str:
    """Its name for an error text, with the profile if that can be what keeps it from being used."""
    return f"{codec.name} ({_h264_profile(codec)})" if codec.name.lower() == "h264" else codec.name


def _h264_profile(codec: Codec) -> str:
    # Absent means baseline, level 1 (RFC 6184 section 8.1)
    return (codec.parameter("profile-level-id") or "42000a").lower()


def _h264_usable(codec: Codec) -> bool:
    return _h264_profile(codec).startswith("42")


def _h264_order(codec: Codec) -> tuple[bool, bool]:
    """Fragmentation (packetization-mode 1) first, then the constrained profile (42e0)."""
    return (codec.parameter("packetization-mode") != "1", not _h264_profile(codec).startswith("42e0"))
