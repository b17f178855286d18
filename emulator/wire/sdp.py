"""Session descriptions (RFC 8866) with what WebRTC puts into them (RFC 8829).

`SessionDescription.parse(text)` and `description.serialise()`; nothing here decides anything. Unknown attributes are
kept in order in `attributes`, so that a description survives a round trip. Transport attributes given once for the
whole session are copied to every m-line that has none of its own: readers look in one place only.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_BYTES = 256 * 1024
MAX_LINES = 8192
MAX_MEDIA = 32


class SdpError(ValueError):
    """Text that is no usable session description.

    Has `line_number` (from 1; 0 if no single line is to blame), `line`, and `expected`.
    """

    def __init__(self, line_number: int, line: str, expected: str) -> None:
        shown = line if len(line) <= 120 else line[:117] + "..."
        super().__init__(f"SDP line {line_number}: expected {expected}, got {shown!r}")
        self.line_number = line_number
        self.line = line
        self.expected = expected


class _ValueProblem(Exception):
    """A value that does not fit; becomes an `SdpError` once the line is known."""


class Direction(enum.Enum):
    """Who sends, seen from the describing end (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same flow, seen from the other end."""
        return Direction.of(sends=self.receives, receives=self.sends)

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE


class Setup(enum.Enum):
    """Who opens the DTLS connection (RFC 4145 section 4, RFC 8842)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hash of a certificate (RFC 8122 section 5): algorithm in lower case, value as `AB:CD:...` in upper case."""

    algorithm: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        match = _FINGERPRINT.fullmatch(text)
        if match is None:
            raise _ValueProblem("a=fingerprint:<hash> <hex>:<hex>:...")
        return cls(match[1].lower(), match[2].upper())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate (RFC 8839 section 5.1); `address` may be a name (mDNS)."""

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    extensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def host(cls, address: str, port: int) -> Candidate:
        """The host candidate of a socket that carries everything (rtcp-mux, BUNDLE)."""
        # RFC 8445 section 5.1.2.1 with type preference 126, local preference 65535, component 1
        return cls("1", 1, "udp", (126 << 24) + (65535 << 8) + 255, address, port, "host")

    @classmethod
    def parse(cls, text: str) -> Candidate:
        """From the value of `a=candidate:` or from a trickled `candidate:...` string. Raises `SdpError`."""
        try:
            return cls._parse(text.strip().removeprefix("candidate:"))
        except _ValueProblem as exc:
            raise SdpError(0, text, str(exc)) from None

    @classmethod
    def _parse(cls, text: str) -> Candidate:
        words = text.split()
        if len(words) < 8 or words[6] != "typ" or len(words) % 2:
            raise _ValueProblem(
                "a=candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>"
            )
        return cls(
            foundation=words[0],
            component=_integer(words[1], 1, 256, "a component"),
            transport=words[2].lower(),
            priority=_integer(words[3], 0, 2**32 - 1, "a priority"),
            address=words[4],
            port=_integer(words[5], 0, 65535, "a port"),
            type=words[7],
            extensions=tuple(zip(words[8::2], words[9::2], strict=True)),
        )

    def __str__(self) -> str:
        """The value of `a=candidate:`."""
        rest = "".join(f" {name} {value}" for name, value in self.extensions)
        return (
            f"{self.foundation} {self.component} {self.transport} {self.priority} "
            f"{self.address} {self.port} typ {self.type}{rest}"
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line (RFC 8866 section 5.2)."""

    session_id: int
    session_version: int = 1
    username: str = "-"
    address: str = "127.0.0.1"

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.session_version} IN {_address(self.address)}"


@dataclass(frozen=True, slots=True)
class Group:
    """`a=group` (RFC 5888), e.g. BUNDLE with its mids."""

    semantics: str
    mids: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.semantics, *self.mids))


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type: `a=rtpmap`, `a=fmtp`, `a=rtcp-fb` together. A bare fmtp word has the value ""."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: tuple[tuple[str, str], ...] = ()
    rtcp_fb: tuple[str, ...] = ()

    def parameter(self, name: str) -> str | None:
        """The value of one fmtp parameter, None if absent; names compare without case."""
        for key, value in self.fmtp:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def rtpmap(self) -> str:
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.name}/{self.clock_rate}{channels}"

    @property
    def fmtp_line(self) -> str:
        return ";".join(f"{key}={value}" if value else key for key, value in self.fmtp)


@dataclass(frozen=True, slots=True)
class Msid:
    """`a=msid` (RFC 8830): stream "-" means no stream; a sender without a track may leave out the track."""

    stream: str
    track: str | None = None

    def __str__(self) -> str:
        return self.stream if self.track is None else f"{self.stream} {self.track}"


@dataclass(slots=True)
class Source:
    """All `a=ssrc` lines of one SSRC (RFC 5576), e.g. cname and msid."""

    ssrc: int
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def cname(self) -> str | None:
        return self.attributes.get("cname")


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """`a=ssrc-group`, e.g. FID (media and its retransmissions) or SIM."""

    semantics: str
    ssrcs: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join((self.semantics, *map(str, self.ssrcs)))


@dataclass(frozen=True, slots=True)
class Rid:
    """`a=rid` (RFC 8851): direction is `send` or `recv`."""

    id: str
    direction: str
    restrictions: str = ""

    def __str__(self) -> str:
        return f"{self.id} {self.direction}" + (f" {self.restrictions}" if self.restrictions else "")


@dataclass(frozen=True, slots=True)
class Simulcast:
    """`a=simulcast` (RFC 8853): per direction the streams, each a tuple of alternative rids (`~` means paused)."""

    send: tuple[tuple[str, ...], ...] = ()
    recv: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Simulcast:
        words = text.split()
        lists: dict[str, tuple[tuple[str, ...], ...]] = {}
        for direction, streams in zip(words[::2], words[1::2], strict=False):
            lists[direction] = tuple(tuple(stream.split(",")) for stream in streams.split(";"))
        if len(words) not in (2, 4) or len(lists) * 2 != len(words) or not lists.keys() <= {"send", "recv"}:
            raise _ValueProblem("a=simulcast:send <rid>;<rid>... and/or recv <rid>;<rid>...")
        return cls(lists.get("send", ()), lists.get("recv", ()))

    def __str__(self) -> str:
        parts = []
        for direction, streams in (("send", self.send), ("recv", self.recv)):
            if streams:
                parts.append(direction + " " + ";".join(",".join(stream) for stream in streams))
        return " ".join(parts)


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


@dataclass(slots=True)
class SessionDescription:
    """A whole description."""

    origin: Origin
    name: str = "-"
    connection: str | None = None
    timing: str = "0 0"
    groups: list[Group] = field(default_factory=list)
    ice_lite: bool = False
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    media: list[MediaDescription] = field(default_factory=list)

    @property
    def bundle(self) -> tuple[str, ...]:
        """The mids of the BUNDLE group, () without one."""
        return next((group.mids for group in self.groups if group.semantics == "BUNDLE"), ())

    @classmethod
    def parse(cls, text: str) -> SessionDescription:
        """Raises `SdpError`, and nothing else, for whatever is not a usable description."""
        return _Parser(text).parse()

    def serialise(self) -> str:
        """The text with CRLF line ends. Parsing it gives an equal description."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        if self.connection is not None:
            lines.append(f"c=IN {_address(self.connection)}")
        lines.append(f"t={self.timing}")
        lines += [f"a=group:{group}" for group in self.groups]
        if self.ice_lite:
            lines.append("a=ice-lite")
        lines += _plain(self.attributes)
        for media in self.media:
            lines += _media_lines(media)
        return "\r\n".join(lines) + "\r\n"

    def __str__(self) -> str:
        return self.serialise()


# -- writing -----------------------------------------------------------------------------------------------


def _plain(attributes: list[tuple[str, str | None]]) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _address(address: str) -> str:
    return f"IP6 {address}" if ":" in address else f"IP4 {address}"


def _media_lines(media: MediaDescription) -> list[str]:
    lines = [f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}"]
    if media.connection is not None:
        lines.append(f"c=IN {_address(media.connection)}")
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
    lines += _plain(media.attributes)
    lines += [f"a=candidate:{candidate}" for candidate in media.candidates]
    if media.end_of_candidates:
        lines.append("a=end-of-candidates")
    return lines


# -- reading -----------------------------------------------------------------------------------------------

_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,32})\s+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){1,63})")
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^\s/]+)/([0-9]{1,9})(?:/([0-9]{1,3}))?")
_NUMBERED = re.compile(r"([0-9]{1,3})\s+(\S.*)")
_FEEDBACK = re.compile(r"(\*|[0-9]{1,3})\s+(\S.*)")
_EXTMAP = re.compile(r"([0-9]{1,5})(?:/(?:sendonly|recvonly|sendrecv|inactive))?\s+(\S+)(?:\s.*)?")
_SOURCE = re.compile(r"([0-9]{1,10})(?:\s+([^\s:]+)(?::(.*))?)?")
_MEDIA = re.compile(r"([A-Za-z0-9-]+) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/.+-]+) (\S+(?: \S+)*) ?")
_RID = re.compile(r"([A-Za-z0-9_-]{1,255})\s+(send|recv)(?:\s+(\S.*))?")
# RFC 8839 section 5.4; upper bounds there are 256
_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}")

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


def _integer(text: str, low: int, high: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and low <= int(text) <= high):
        raise _ValueProblem(f"{what} from {low} to {high}")
    return int(text)


def _matched(pattern: re.Pattern[str], text: str, expected: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise _ValueProblem(expected)
    return match


@dataclass(slots=True)
class _Formats:
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


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._number = 0
        self._line = ""
        self._session = SessionDescription(Origin(0))
        self._shared = MediaDescription("", 0, "", [])  # transport attributes of the session level
        self._direction = Direction.SENDRECV
        self._media: MediaDescription | None = None
        self._formats = _Formats()

    def parse(self) -> SessionDescription:
        lines = self._lines()
        try:
            for self._number, self._line in lines:
                if len(self._line) < 2 or self._line[1] != "=":
                    raise _ValueProblem("<letter>=<value>")
                self._read(self._line[0], self._line[2:])
            self._finish_media()
        except _ValueProblem as exc:
            raise SdpError(self._number, self._line, str(exc)) from None
        for media in self._session.media:
            self._inherit(media)
        return self._session

    def _lines(self) -> list[tuple[int, str]]:
        try:
            size = len(self._text.encode())
        except UnicodeEncodeError:
            raise SdpError(0, "", "text that can be written as UTF-8") from None
        if size > MAX_BYTES:
            raise SdpError(0, "", f"at most {MAX_BYTES} bytes ({size} came)")
        numbered = []
        for number, line in enumerate(self._text.split("\n"), 1):
            line = line.rstrip("\r")
            if any(char < " " and char != "\t" for char in line):
                raise SdpError(number, line, "no control characters")
            if line:
                numbered.append((number, line))
        if len(numbered) > MAX_LINES:
            raise SdpError(MAX_LINES + 1, "", f"at most {MAX_LINES} lines ({len(numbered)} came)")
        for (wanted, why), index in zip(
            (("v=0", "v=0"), ("o=", "the o= line"), ("s=", "the s= line")), range(3), strict=True
        ):
            number, line = numbered[index] if index < len(numbered) else (len(numbered) + 1, "")
            if not line.startswith(wanted) or (index == 0 and line != wanted):
                raise SdpError(number, line, why)
        return numbered

    def _read(self, letter: str, value: str) -> None:
        if letter == "m":
            self._begin_media(value)
        elif letter == "a":
            name, colon, rest = value.partition(":")
            if not name or name != name.strip():
                raise _ValueProblem("a=<name> or a=<name>:<value>")
            self._attribute(name, rest if colon else None)
        elif letter == "c":
            words = value.split()
            if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
                raise _ValueProblem("c=IN IP4|IP6 <address>")
            if (":" in words[2]) != (words[1] == "IP6"):
                raise _ValueProblem("an address of the family it names")
            (self._session if self._media is None else self._media).connection = words[2]
        elif letter == "b" and self._media is not None:
            self._media.bandwidth.append(value)
        elif letter == "o":
            self._origin(value)
        elif letter == "s":
            self._session.name = value
        elif letter == "t":
            self._session.timing = value
        elif letter == "v":
            if value != "0":
                raise _ValueProblem("v=0")
        elif letter not in "iuepbrzk":  # of no use here (RFC 8866 section 5)
            raise _ValueProblem("one of the line types of RFC 8866")

    def _origin(self, value: str) -> None:
        words = value.split(" ")
        if len(words) != 6 or not all(words) or words[3] != "IN":
            raise _ValueProblem("o=<user> <session id> <version> IN IP4|IP6 <address>")
        self._session.origin = Origin(
            session_id=_integer(words[1], 0, 2**64 - 1, "a session id"),
            session_version=_integer(words[2], 0, 2**64 - 1, "a session version"),
            username=words[0],
            address=words[5],
        )

    def _begin_media(self, value: str) -> None:
        self._finish_media()
        if len(self._session.media) >= MAX_MEDIA:
            raise _ValueProblem(f"at most {MAX_MEDIA} m-lines")
        match = _matched(_MEDIA, value, "m=<kind> <port> <protocol> <format> ...")
        port = _integer(match[2], 0, 65535, "a port")
        media = MediaDescription(match[1], port, match[3], match[4].split(" "), direction=self._direction)
        if media.is_rtp:
            media.formats = [str(_integer(each, 0, 127, "payload types")) for each in media.formats]
            if len(set(media.formats)) != len(media.formats):
                raise _ValueProblem("each payload type once")
        self._media = media
        self._formats = _Formats()

    def _finish_media(self) -> None:
        if self._media is not None:
            if self._media.is_rtp:
                self._media.codecs = self._formats.codecs(self._media.formats)
            self._session.media.append(self._media)
            self._media = None

    def _inherit(self, media: MediaDescription) -> None:
        shared = self._shared
        if media.ice_ufrag is None and media.ice_pwd is None:
            media.ice_ufrag, media.ice_pwd = shared.ice_ufrag, shared.ice_pwd
        if media.ice_options is None:
            media.ice_options = shared.ice_options
        if not media.fingerprints:
            media.fingerprints = list(shared.fingerprints)
        if media.setup is None:
            media.setup = shared.setup

    def _attribute(self, name: str, value: str | None) -> None:
        media = self._media
        if value is None:
            flagged = self._flag(name)
        else:
            reader = _SHARED_ATTRIBUTES.get(name)
            if reader is not None:
                reader(media or self._shared, value)
                return
            flagged = media is None and name == "group"
            if flagged:
                words = value.split()
                if not words:
                    raise _ValueProblem("a=group:<semantics> <mid> ...")
                self._session.groups.append(Group(words[0], tuple(words[1:])))
            elif media is not None:
                media_reader = _MEDIA_ATTRIBUTES.get(name)
                if media_reader is not None:
                    media_reader(media, value)
                    return
                flagged = self._format_attribute(name, value)
        if not flagged:
            (self._session if media is None else media).attributes.append((name, value))

    def _flag(self, name: str) -> bool:
        """Takes an attribute without a value; False if it means nothing here."""
        media = self._media
        if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
            if media is None:
                self._direction = Direction(name)
            else:
                media.direction = Direction(name)
        elif name == "ice-lite" and media is None:
            self._session.ice_lite = True
        elif name == "rtcp-mux" and media is not None:
            media.rtcp_mux = True
        elif name == "rtcp-rsize" and media is not None:
            media.rtcp_rsize = True
        elif name == "bundle-only" and media is not None:
            media.bundle_only = True
        elif name == "end-of-candidates" and media is not None:
            media.end_of_candidates = True
        else:
            return False
        return True

    def _format_attribute(self, name: str, value: str) -> bool:
        """Takes an attribute about one payload type; False if it is none."""
        if name == "rtpmap":
            expected = "a=rtpmap:<payload type> <name>/<clock rate>[/<channels>]"
            match = _matched(_RTPMAP, value, expected)
            clock_rate = _integer(match[3], 1, 10**9 - 1, "a clock rate")
            channels = _integer(match[4] or "1", 1, 255, "channels")
            self._formats.rtpmaps[_payload_type(match[1])] = (match[2], clock_rate, channels)
        elif name == "fmtp" and self._media is not None and self._media.is_rtp:
            match = _matched(_NUMBERED, value, "a=fmtp:<payload type> <parameters>")
            parameters = (each.strip().partition("=") for each in match[2].split(";") if each.strip())
            self._formats.fmtps[_payload_type(match[1])] = tuple(
                (key.strip(), parameter.strip()) for key, _, parameter in parameters if key.strip()
            )
        elif name == "rtcp-fb":
            match = _matched(_FEEDBACK, value, "a=rtcp-fb:<payload type or *> <feedback>")
            payload_type = None if match[1] == "*" else _payload_type(match[1])
            self._formats.feedback.setdefault(payload_type, []).append(" ".join(match[2].split()))
        else:
            return False
        return True


def _payload_type(text: str) -> int:
    return _integer(text, 0, 127, "a payload type")


def _read_ufrag(media: MediaDescription, value: str) -> None:
    media.ice_ufrag = _matched(_UFRAG, value, "an ice-ufrag of 4 to 256 ice-chars")[0]


def _read_pwd(media: MediaDescription, value: str) -> None:
    media.ice_pwd = _matched(_PWD, value, "an ice-pwd of 22 to 256 ice-chars")[0]


def _read_ice_options(media: MediaDescription, value: str) -> None:
    media.ice_options = value


def _read_fingerprint(media: MediaDescription, value: str) -> None:
    media.fingerprints.append(Fingerprint.parse(value))


def _read_setup(media: MediaDescription, value: str) -> None:
    try:
        media.setup = Setup(value)
    except ValueError:
        raise _ValueProblem("a=setup:active|passive|actpass|holdconn") from None


def _read_mid(media: MediaDescription, value: str) -> None:
    media.mid = _matched(re.compile(r"\S{1,256}"), value, "a=mid:<token>")[0]


def _read_candidate(media: MediaDescription, value: str) -> None:
    media.candidates.append(Candidate._parse(value))


def _read_extmap(media: MediaDescription, value: str) -> None:
    match = _matched(_EXTMAP, value, "a=extmap:<id> <URI>")
    media.extensions[_integer(match[1], 1, 65535, "an extension id")] = match[2]


def _read_msid(media: MediaDescription, value: str) -> None:
    words = value.split()
    if len(words) not in (1, 2):
        raise _ValueProblem("a=msid:<stream> [<track>]")
    media.msids.append(Msid(words[0], words[1] if len(words) == 2 else None))


def _read_ssrc(media: MediaDescription, value: str) -> None:
    match = _matched(_SOURCE, value, "a=ssrc:<number> <name>[:<value>]")
    ssrc = _integer(match[1], 0, 2**32 - 1, "an SSRC")
    source = next((each for each in media.sources if each.ssrc == ssrc), None)
    if source is None:
        source = Source(ssrc)
        media.sources.append(source)
    if match[2] is not None:
        source.attributes[match[2]] = (match[3] or "").strip()


def _read_ssrc_group(media: MediaDescription, value: str) -> None:
    words = value.split()
    if not words:
        raise _ValueProblem("a=ssrc-group:<semantics> <ssrc> ...")
    ssrcs = tuple(_integer(word, 0, 2**32 - 1, "SSRCs") for word in words[1:])
    media.source_groups.append(SourceGroup(words[0], ssrcs))


def _read_rid(media: MediaDescription, value: str) -> None:
    match = _matched(_RID, value, "a=rid:<id> send|recv [<restrictions>]")
    media.rids.append(Rid(match[1], match[2], (match[3] or "").strip()))


def _read_simulcast(media: MediaDescription, value: str) -> None:
    media.simulcast = Simulcast.parse(value)


def _read_sctp_port(media: MediaDescription, value: str) -> None:
    media.sctp_port = _integer(value, 0, 65535, "an SCTP port")


def _read_max_message_size(media: MediaDescription, value: str) -> None:
    media.max_message_size = _integer(value, 0, 2**63 - 1, "a message size")


_Reader = Callable[[MediaDescription, str], None]

# Allowed on the session level too, where they hold for every m-line (RFC 8839 section 5, RFC 8842 section 5)
_SHARED_ATTRIBUTES: dict[str, _Reader] = {
    "ice-ufrag": _read_ufrag,
    "ice-pwd": _read_pwd,
    "ice-options": _read_ice_options,
    "fingerprint": _read_fingerprint,
    "setup": _read_setup,
}
_MEDIA_ATTRIBUTES: dict[str, _Reader] = {
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


def is_ip_address(text: str) -> bool:
    """Whether a candidate's address is an address and not a (mDNS) name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
