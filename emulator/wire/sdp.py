"""Session descriptions (RFC 8866) with what WebRTC puts into them (RFC 8829).

`SessionDescription.parse(text)` and `description.serialise()`; nothing here decides anything. Unknown attributes are
kept in order in `attributes`, so that a description survives a round trip. Transport attributes given once for the
whole session are copied to every m-line that has none of its own: readers look in one place only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .sdp_media import (
    MEDIA_ATTRIBUTES,
    SHARED_ATTRIBUTES,
    Formats,
    MediaDescription,
    media_lines,
    plain_lines,
)
from .sdp_values import (
    Candidate,
    Codec,
    Direction,
    Fingerprint,
    Group,
    Msid,
    Origin,
    Rid,
    SdpError,
    Setup,
    Simulcast,
    Source,
    SourceGroup,
    ValueProblem,
    integer,
    matched,
    with_family,
)

__all__ = [
    "Candidate",
    "Codec",
    "Direction",
    "Fingerprint",
    "Group",
    "MediaDescription",
    "Msid",
    "Origin",
    "Rid",
    "SdpError",
    "SessionDescription",
    "Setup",
    "Simulcast",
    "Source",
    "SourceGroup",
]

MAX_BYTES = 256 * 1024
MAX_LINES = 8192
MAX_MEDIA = 32

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")
_MEDIA = re.compile(r"([A-Za-z0-9-]+) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/.+-]+) (\S+(?: \S+)*) ?")


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
            lines.append(f"c=IN {with_family(self.connection)}")
        lines.append(f"t={self.timing}")
        lines += [f"a=group:{group}" for group in self.groups]
        if self.ice_lite:
            lines.append("a=ice-lite")
        lines += plain_lines(self.attributes)
        for media in self.media:
            lines += media_lines(media)
        return "\r\n".join(lines) + "\r\n"

    def __str__(self) -> str:
        return self.serialise()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._number = 0
        self._line = ""
        self._session = SessionDescription(Origin(0))
        self._shared = MediaDescription("", 0, "", [])  # transport attributes of the session level
        self._direction = Direction.SENDRECV
        self._media: MediaDescription | None = None
        self._formats = Formats()

    def parse(self) -> SessionDescription:
        lines = self._lines()
        try:
            for self._number, self._line in lines:
                if len(self._line) < 2 or self._line[1] != "=":
                    raise ValueProblem("<letter>=<value>")
                self._read(self._line[0], self._line[2:])
            self._finish_media()
        except ValueProblem as exc:
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
            if _CONTROL.search(line):
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
                raise ValueProblem("a=<name> or a=<name>:<value>")
            self._attribute(name, rest if colon else None)
        elif letter == "c":
            words = value.split()
            if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
                raise ValueProblem("c=IN IP4|IP6 <address>")
            if (":" in words[2]) != (words[1] == "IP6"):
                raise ValueProblem("an address of the family it names")
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
                raise ValueProblem("v=0")
        elif letter not in "iuepbrzk":  # of no use here (RFC 8866 section 5)
            raise ValueProblem("one of the line types of RFC 8866")

    def _origin(self, value: str) -> None:
        words = value.split(" ")
        if len(words) != 6 or not all(words) or words[3] != "IN":
            raise ValueProblem("o=<user> <session id> <version> IN IP4|IP6 <address>")
        self._session.origin = Origin(
            session_id=integer(words[1], 0, 2**64 - 1, "a session id"),
            session_version=integer(words[2], 0, 2**64 - 1, "a session version"),
            username=words[0],
            address=words[5],
        )

    def _begin_media(self, value: str) -> None:
        self._finish_media()
        if len(self._session.media) >= MAX_MEDIA:
            raise ValueProblem(f"at most {MAX_MEDIA} m-lines")
        match = matched(_MEDIA, value, "m=<kind> <port> <protocol> <format> ...")
        port = integer(match[2], 0, 65535, "a port")
        media = MediaDescription(match[1], port, match[3], match[4].split(" "), direction=self._direction)
        if media.is_rtp:
            media.formats = [str(integer(each, 0, 127, "payload types")) for each in media.formats]
            if len(set(media.formats)) != len(media.formats):
                raise ValueProblem("each payload type once")
        self._media = media
        self._formats = Formats()

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
            reader = SHARED_ATTRIBUTES.get(name)
            if reader is not None:
                reader(media or self._shared, value)
                return
            flagged = media is None and name == "group"
            if flagged:
                words = value.split()
                if not words:
                    raise ValueProblem("a=group:<semantics> <mid> ...")
                self._session.groups.append(Group(words[0], tuple(words[1:])))
            elif media is not None:
                media_reader = MEDIA_ATTRIBUTES.get(name)
                if media_reader is not None:
                    media_reader(media, value)
                    return
                flagged = media.is_rtp and self._formats.read(name, value)
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
