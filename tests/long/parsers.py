"""The parsers of what comes over UDP, and of session descriptions: what they are fed with, and what must hold.

Shared by the fuzzing of the long tier (test_parsers.py), by what keeps inputs (corpus.py), and by what replays them
(tests/media/test_corpus.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emulator.media.rtp.errors import RtcpError, RtpError
from emulator.media.rtp.header import RtpPacket, find_extension, read_header
from emulator.media.rtp.rtcp import parse_compound, serialise_compound
from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.errors import NegotiationError, StunError
from emulator.media.transport.negotiation import MIX_POLICY, PUBLISHER_POLICY
from emulator.media.transport.offer import OfferedMedia
from emulator.media.transport.stun import Attribute, StunClass, StunMessage, build, build_success
from emulator.wire.sdp import Direction, SdpError, SessionDescription
from tests.long.fuzz import ByteMaker, TextMaker
from tests.long.samples import rtcp_samples, rtp_samples
from tests.media.dtls_sides import Sides, handshake
from tests.media.test_stun import PASSWORD, SAMPLE_REQUEST, SAMPLE_RESPONSE, SAMPLE_RESPONSE_6
from tests.signaling.machine import MIX_OFFER, STREAM_OFFER, TRANSPORT
from tests.wire import sdp_samples

T = TypeVar("T", bytes, str)


@dataclass(frozen=True)
class Parser(Generic[T]):
    """`read` raises only what is `allowed`; else it returns, in a few words, what it made of the input.

    `reader` gives a new `read`: one that keeps a state begins anew. `maker` gives what makes inputs, from a seed.
    """

    name: str
    allowed: tuple[type[Exception], ...]
    reader: Callable[[], Callable[[T], str]]
    maker: Callable[[int], Callable[[], T]]


# -- STUN ---------------------------------------------------------------------------------------------------------


def _stun_samples() -> list[bytes]:
    request = StunMessage.parse(SAMPLE_REQUEST)
    samples = [
        SAMPLE_REQUEST,
        SAMPLE_RESPONSE,
        SAMPLE_RESPONSE_6,
        build_success(request, ("127.0.0.1", 4000), PASSWORD),
        build(
            StunClass.REQUEST,
            b"0123456789ab",
            ((Attribute.USERNAME, b"ufrag:other"), (Attribute.USE_CANDIDATE, b""), (Attribute.PRIORITY, b"\0\0\0\1")),
            password=PASSWORD,
        ),
    ]
    # Almost any damage is seen by the checksum at the end; without it, the parser has to look for itself.
    return samples + [sample[:2] + (len(sample) - 28).to_bytes(2, "big") + sample[4:-8] for sample in samples]


def _read_stun(data: bytes) -> str:
    message = StunMessage.parse(data)
    for look in (message.username, message.error_code, message.unknown_required, message.xor_mapped_address):
        assert look is None or look is not NotImplemented
    good = message.verify_integrity(PASSWORD)
    return f"{message.message_class.name}, integrity {good}, {min(len(message.attributes), 4)} attributes"


# -- SDP ----------------------------------------------------------------------------------------------------------

_OFFERED = (OfferedMedia.audio("0", Direction.SENDONLY), OfferedMedia.video("1", Direction.SENDONLY))


def _read_sdp(text: str) -> str:
    """What is accepted, is written and read to the same again; and every description can be answered or refused."""
    parsed = SessionDescription.parse(text)
    assert SessionDescription.parse(parsed.serialise()) == parsed
    shape = [f"{len(parsed.media)} m-lines"]
    for name, use in (
        ("stream", lambda: make_answer(text, TRANSPORT, PUBLISHER_POLICY)),
        ("mix", lambda: make_answer(text, TRANSPORT, MIX_POLICY)),
        ("answer", lambda: accept_answer(text, _OFFERED)),
    ):
        try:
            use()
        except (SdpError, NegotiationError):
            continue
        shape.append(name)
    return ", ".join(shape)


# -- RTP, RTCP ----------------------------------------------------------------------------------------------------


def _read_rtp(data: bytes) -> str:
    header = read_header(data)
    found = [find_extension(data, header, identifier) is not None for identifier in (1, 5, 20)]
    packet = RtpPacket.parse(data)
    assert RtpPacket.parse(packet.serialise()) == packet
    return f"profile {header.extension_profile:#x}, extensions {found}, payload {bool(packet.payload)}"


def _read_rtcp(data: bytes) -> str:
    packets = parse_compound(data)
    again = serialise_compound(packets)
    assert serialise_compound(parse_compound(again)) == again
    return " ".join(type(packet).__name__ for packet in packets[:4])


# -- DTLS ---------------------------------------------------------------------------------------------------------


class _DtlsReader:
    """Three servers get each datagram: one that waits for a hello, one amid a handshake, one that is connected.

    Nothing may be raised. Those who have ended are replaced.
    """

    def __init__(self) -> None:
        self._sides = Sides()

    def __call__(self, data: bytes) -> str:
        return ", ".join(f"{stage}: {what}" for stage, what in self._sides.receive(data).items())


PARSERS: dict[str, Parser[bytes] | Parser[str]] = {
    "stun": Parser("stun", (StunError,), lambda: _read_stun, lambda seed: ByteMaker(seed, _stun_samples())),
    "dtls": Parser("dtls", (), _DtlsReader, lambda seed: ByteMaker(seed, handshake())),
    "rtp": Parser("rtp", (RtpError,), lambda: _read_rtp, lambda seed: ByteMaker(seed, rtp_samples())),
    "rtcp": Parser("rtcp", (RtcpError,), lambda: _read_rtcp, lambda seed: ByteMaker(seed, rtcp_samples())),
    "sdp": Parser(
        "sdp",
        (SdpError, NegotiationError),
        lambda: _read_sdp,
        lambda seed: TextMaker(seed, [*sdp_samples.ALL.values(), STREAM_OFFER, MIX_OFFER]),
    ),
}
