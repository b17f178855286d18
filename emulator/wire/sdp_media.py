"""One m-line of a session description with its attributes: the model, writing it, reading its attributes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .sdp_values import (
    Candidate,
    Codec,
    Direction,
    Fingerprint,
    Msid,
    Rid,
    Setup,
    Simulcast,
    Source,
    SourceGroup,
    ValueProblem,
    integer,
    matched,
    with_family,
)

MAX_SOURCES = 256
"""SSRCs announced per m-line."""

_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^\s/]+)/([0-9]{1,9})(?:/([0-9]{1,3}))?")
_NUMBERED = re.compile(r"([0-9]{1,3})\s+(\S.*)")
_FEEDBACK = re.compile(r"(\*|[0-9]{1,3})\s+(\S.*)")
_EXTMAP = re.compile(r"([0-9]{1,5})(?:/(?:sendonly|recvonly|sendrecv|inactive))?\s+(\S+)(?:\s.*)?")
_SOURCE = re.compile(r"([0-9]{1,10})(?:\s+([^\s:]+)(?::(.*))?)?")
_RID = re.compile(r"([A-Za-z0-9_-]{1,255})\s+(send|recv)(?:\s+(\S.*))?")
_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}")
_MID = re.compile(r"\S{1,256}")
# RFC 3551 section 6: payload types that need no rtpmap
_STATIC = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
    26: ("JPEG", 90000),
    31: ("H261", 90000),
    34: ("H263", 90000),
}


@dataclass(slots=True)
class MediaDescription:
    """One m-line with its attributes."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    connection: str | None = None  # address of the c= line
    bandwidth: list[str] = field(default_factory=list)  # values of b= lines
    direction: Direction = Direction.SENDRECV
    mid: str | None = None
    codecs: list[Codec] = field(default_factory=list)  # in the order of formats
    extensions: dict[int, str] = field(default_factory=dict)  # header extension id -> URI
    msids: list[Msid] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    source_groups: list[SourceGroup] = field(default_factory=list)
    rids: list[Rid] = field(default_factory=list)
    simulcast: Simulcast | None = None
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: str | None = None
    fingerprints: list[Fingerprint] = field(default_factory=list)
    setup: Setup | None = None
    candidates: list[Candidate] = field(default_factory=list)
    end_of_candidates: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    sctp_port: int | None = None
    max_message_size: int | None = None
    attributes: list[tuple[str, str | None]] = field(default_factory=list)  # all others, in order

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are RTP payload types."""
        return "RTP/" in self.protocol

    @property
    def rejected(self) -> bool:
        """Port 0 without `a=bundle-only` (RFC 9143 section 7)."""
        return self.port == 0 and not self.bundle_only

    def codec(self, payload_type: int) -> Codec | None:
        return next((codec for codec in self.codecs if codec.payload_type == payload_type), None)


def plain_lines(attributes: list[tuple[str, str | None]]) -> list[str]:
    """Attributes that nobody interprets, as lines."""
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def media_lines(media: MediaDescription) -> list[str]:
    """The lines of one m-line and its attributes."""
    lines = [f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}"]
    if media.connection is not None:
        lines.append(f"c=IN {with_family(media.connection)}")
    lines += [f"b={value}" for value in media.bandwidth]
    for name, value in (("mid", media.mid), ("ice-ufrag", media.ice_ufrag), ("ice-pwd", media.ice_pwd)):
        if value is not None:
            lines.append(f"a={name}:{value}")
    if media.ice_options is not None:
        lines.append(f"a=ice-options:{media.ice_options}")
    lines += [f"a=fingerprint:{fingerprint}" for fingerprint in media.fingerprints]
    if media.setup is not None:
        lines.append(f"a=setup:{media.setup.value}")
    lines += [f"a=extmap:{number} {uri}" for number, uri in media.extensions.items()]
    if media.is_rtp or media.direction is not Direction.SENDRECV:
        lines.append(f"a={media.direction.value}")
    lines += [f"a=msid:{msid}" for msid in media.msids]
    for flag, given in (
        ("bundle-only", media.bundle_only),
        ("rtcp-mux", media.rtcp_mux),
        ("rtcp-rsize", media.rtcp_rsize),
    ):
        if given:
            lines.append(f"a={flag}")
    for codec in media.codecs:
        lines.append(f"a=rtpmap:{codec.rtpmap}")
        lines += [f"a=rtcp-fb:{codec.payload_type} {feedback}" for feedback in codec.rtcp_fb]
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp_line}")
    lines += [f"a=rid:{rid}" for rid in media.rids]
    if media.simulcast is not None:
        lines.append(f"a=simulcast:{media.simulcast}")
    lines += [f"a=ssrc-group:{group}" for group in media.source_groups]
    for source in media.sources:
        for name, value in source.attributes.items():
            lines.append(f"a=ssrc:{source.ssrc} {name}:{value}" if value else f"a=ssrc:{source.ssrc} {name}")
        if not source.attributes:
            lines.append(f"a=ssrc:{source.ssrc}")
    if media.sctp_port is not None:
        lines.append(f"a=sctp-port:{media.sctp_port}")
    if media.max_message_size is not None:
        lines.append(f"a=max-message-size:{media.max_message_size}")
    lines += plain_lines(media.attributes)
    lines += [f"a=candidate:{candidate}" for candidate in media.candidates]
    if media.end_of_candidates:
        lines.append("a=end-of-candidates")
    return lines


@dataclass(slots=True)
class Formats:
    """What an m-line says about its payload types before they are put together."""

    rtpmaps: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    fmtps: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    feedback: dict[int | None, list[str]] = field(default_factory=dict)  # None: for all ("*")

    def codecs(self, formats: list[str]) -> list[Codec]:
        found = []
        for payload_type in map(int, formats):
            name, clock_rate, channels = self.rtpmaps.get(payload_type) or (
                *_STATIC.get(payload_type, ("", 0)),
                1,
            )
            if not name:
                continue  # a format nobody can interpret; it stays in `formats`
            feedback = dict.fromkeys(self.feedback.get(None, []) + self.feedback.get(payload_type, []))
            fmtp = self.fmtps.get(payload_type, ())
            found.append(Codec(payload_type, name, clock_rate, channels, fmtp, tuple(feedback)))
        return found

    def read(self, name: str, value: str) -> bool:
        """Takes an attribute about one payload type; False if it is none."""
        if name == "rtpmap":
            expected = "a=rtpmap:<payload type> <name>/<clock rate>[/<channels>]"
            match = matched(_RTPMAP, value, expected)
            clock_rate = integer(match[3], 1, 10**9 - 1, "a clock rate")
            channels = integer(match[4] or "1", 1, 255, "channels")
            self.rtpmaps[_payload_type(match[1])] = (match[2], clock_rate, channels)
        elif name == "fmtp":
            match = matched(_NUMBERED, value, "a=fmtp:<payload type> <parameters>")
            parameters = (each.strip().partition("=") for each in match[2].split(";") if each.strip())
            self.fmtps[_payload_type(match[1])] = tuple(
                (key.strip(), parameter.strip()) for key, _, parameter in parameters if key.strip()
            )
        elif name == "rtcp-fb":
            match = matched(_FEEDBACK, value, "a=rtcp-fb:<payload type or *> <feedback>")
            payload_type = None if match[1] == "*" else _payload_type(match[1])
            self.feedback.setdefault(payload_type, []).append(" ".join(match[2].split()))
        else:
            return False
        return True


def _payload_type(text: str) -> int:
    return integer(text, 0, 127, "a payload type")


def _read_ufrag(media: MediaDescription, value: str) -> None:
    media.ice_ufrag = matched(_UFRAG, value, "an ice-ufrag of 4 to 256 ice-chars")[0]


def _read_pwd(media: MediaDescription, value: str) -> None:
    media.ice_pwd = matched(_PWD, value, "an ice-pwd of 22 to 256 ice-chars")[0]


def _read_ice_options(media: MediaDescription, value: str) -> None:
    media.ice_options = value


def _read_fingerprint(media: MediaDescription, value: str) -> None:
    media.fingerprints.append(Fingerprint.read(value))


def _read_setup(media: MediaDescription, value: str) -> None:
    try:
        media.setup = Setup(value)
    except ValueError:
        raise ValueProblem("a=setup:active|passive|actpass|holdconn") from None


def _read_mid(media: MediaDescription, value: str) -> None:
    media.mid = matched(_MID, value, "a=mid:<token>")[0]


def _read_candidate(media: MediaDescription, value: str) -> None:
    media.candidates.append(Candidate.read(value))


def _read_extmap(media: MediaDescription, value: str) -> None:
    match = matched(_EXTMAP, value, "a=extmap:<id> <URI>")
    media.extensions[integer(match[1], 1, 65535, "an extension id")] = match[2]


def _read_msid(media: MediaDescription, value: str) -> None:
    words = value.split()
    if len(words) not in (1, 2):
        raise ValueProblem("a=msid:<stream> [<track>]")
    media.msids.append(Msid(words[0], words[1] if len(words) == 2 else None))


def _read_ssrc(media: MediaDescription, value: str) -> None:
    match = matched(_SOURCE, value, "a=ssrc:<number> <name>[:<value>]")
    ssrc = integer(match[1], 0, 2**32 - 1, "an SSRC")
    source = next((each for each in media.sources if each.ssrc == ssrc), None)
    if source is None:
        if len(media.sources) >= MAX_SOURCES:
            raise ValueProblem(f"at most {MAX_SOURCES} SSRCs in one m-line")
        source = Source(ssrc)
        media.sources.append(source)
    if match[2] is not None:
        source.attributes[match[2]] = (match[3] or "").strip()


def _read_ssrc_group(media: MediaDescription, value: str) -> None:
    words = value.split()
    if not words:
        raise ValueProblem("a=ssrc-group:<semantics> <ssrc> ...")
    ssrcs = tuple(integer(word, 0, 2**32 - 1, "SSRCs") for word in words[1:])
    media.source_groups.append(SourceGroup(words[0], ssrcs))


def _read_rid(media: MediaDescription, value: str) -> None:
    match = matched(_RID, value, "a=rid:<id> send|recv [<restrictions>]")
    media.rids.append(Rid(match[1], match[2], (match[3] or "").strip()))


def _read_simulcast(media: MediaDescription, value: str) -> None:
    media.simulcast = Simulcast.read(value)


def _read_sctp_port(media: MediaDescription, value: str) -> None:
    media.sctp_port = integer(value, 0, 65535, "an SCTP port")


def _read_max_message_size(media: MediaDescription, value: str) -> None:
    media.max_message_size = integer(value, 0, 2**63 - 1, "a message size")


_Reader = Callable[[MediaDescription, str], None]

# Allowed on the session level too, where they hold for every m-line (RFC 8839 section 5, RFC 8842 section 5)
SHARED_ATTRIBUTES: dict[str, _Reader] = {
    "ice-ufrag": _read_ufrag,
    "ice-pwd": _read_pwd,
    "ice-options": _read_ice_options,
    "fingerprint": _read_fingerprint,
    "setup": _read_setup,
}
MEDIA_ATTRIBUTES: dict[str, _Reader] = {
    "mid": _read_mid,
    "candidate": _read_candidate,
    "extmap": _read_extmap,
    "msid": _read_msid,
    "ssrc": _read_ssrc,
    "ssrc-group": _read_ssrc_group,
    "rid": _read_rid,
    "simulcast": _read_simulcast,
    "sctp-port": _read_sctp_port,
    "max-message-size": _read_max_message_size,
}
