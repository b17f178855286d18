"""The values that lines of a session description hold: codecs, candidates, fingerprints and the like."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from emulator.values import value_class

_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,32})\s+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){1,63})")


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


class ValueProblem(Exception):
    """A value that does not fit its line; says what was expected. Leaves the parser as an `SdpError` only."""


def integer(text: str, low: int, high: int, what: str) -> int:
    """Decimal digits within bounds. Raises `ValueProblem`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and low <= int(text) <= high):
        raise ValueProblem(f"{what} from {low} to {high}")
    return int(text)


def matched(pattern: re.Pattern[str], text: str, expected: str) -> re.Match[str]:
    """The whole text in this shape. Raises `ValueProblem`."""
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueProblem(expected)
    return match


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


@value_class(frozen=True, slots=True)
class Fingerprint:
    """Hash of a certificate (RFC 8122 section 5): algorithm in lower case, value as `AB:CD:...` in upper case."""

    algorithm: str
    value: str

    @classmethod
    def read(cls, text: str) -> Fingerprint:
        """From the value of `a=fingerprint:`. Raises `ValueProblem`."""
        match = _FINGERPRINT.fullmatch(text)
        if match is None:
            raise ValueProblem("a=fingerprint:<hash> <hex>:<hex>:...")
        return cls(match[1].lower(), match[2].upper())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


@value_class(frozen=True, slots=True)
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
            return cls.read(text.strip().removeprefix("candidate:"))
        except ValueProblem as exc:
            raise SdpError(0, text, str(exc)) from None

    @classmethod
    def read(cls, text: str) -> Candidate:
        """The same, for the parser. Raises `ValueProblem`."""
        words = text.split()
        if len(words) < 8 or words[6] != "typ" or len(words) % 2:
            raise ValueProblem(
                "a=candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>"
            )
        return cls(
            foundation=words[0],
            component=integer(words[1], 1, 256, "a component"),
            transport=words[2].lower(),
            priority=integer(words[3], 0, 2**32 - 1, "a priority"),
            address=words[4],
            port=integer(words[5], 0, 65535, "a port"),
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


@value_class(frozen=True, slots=True)
class Origin:
    """The `o=` line (RFC 8866 section 5.2)."""

    session_id: int
    session_version: int = 1
    username: str = "-"
    address: str = "127.0.0.1"

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.session_version} IN {with_family(self.address)}"


@value_class(frozen=True, slots=True)
class Group:
    """`a=group` (RFC 5888), e.g. BUNDLE with its mids."""

    semantics: str
    mids: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.semantics, *self.mids))


@value_class(frozen=True, slots=True)
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


@value_class(frozen=True, slots=True)
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


@value_class(frozen=True, slots=True)
class SourceGroup:
    """`a=ssrc-group`, e.g. FID (media and its retransmissions) or SIM."""

    semantics: str
    ssrcs: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join((self.semantics, *map(str, self.ssrcs)))


@value_class(frozen=True, slots=True)
class Rid:
    """`a=rid` (RFC 8851): direction is `send` or `recv`."""

    id: str
    direction: str
    restrictions: str = ""

    def __str__(self) -> str:
        return f"{self.id} {self.direction}" + (f" {self.restrictions}" if self.restrictions else "")


@value_class(frozen=True, slots=True)
class Simulcast:
    """`a=simulcast` (RFC 8853): per direction the streams, each a tuple of alternative rids (`~` means paused)."""

    send: tuple[tuple[str, ...], ...] = ()
    recv: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def read(cls, text: str) -> Simulcast:
        """From the value of `a=simulcast:`. Raises `ValueProblem`."""
        words = text.split()
        lists: dict[str, tuple[tuple[str, ...], ...]] = {}
        for direction, streams in zip(words[::2], words[1::2], strict=False):
            lists[direction] = tuple(tuple(stream.split(",")) for stream in streams.split(";"))
        if len(words) not in (2, 4) or len(lists) * 2 != len(words) or not lists.keys() <= {"send", "recv"}:
            raise ValueProblem("a=simulcast:send <rid>;<rid>... and/or recv <rid>;<rid>...")
        return cls(lists.get("send", ()), lists.get("recv", ()))

    def __str__(self) -> str:
        parts = []
        for direction, streams in (("send", self.send), ("recv", self.recv)):
            if streams:
                parts.append(direction + " " + ";".join(",".join(stream) for stream in streams))
        return " ".join(parts)


def with_family(address: str) -> str:
    """An address as `c=` and `o=` lines write it."""
    return f"IP6 {address}" if ":" in address else f"IP4 {address}"
