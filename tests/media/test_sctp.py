"""Data channels: between two of our own peers, over a path that loses, and with aiortc's peer connection."""

from __future__ import annotations

import asyncio
import hmac
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from struct import pack, unpack_from
from typing import cast

import aioice.ice
import pytest
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription, rtcsctptransport

from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.data_channels import DataChannel, DataChannels
from emulator.media.transport.errors import DataChannelError
from emulator.media.transport.negotiation import AnswerPolicy, Negotiated
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import DataLimits, DtlsRole
from emulator.media.transport.sctp import SctpAssociation
from emulator.media.transport.udp import MediaSocket

from .transport_kit import Watched, aiortc_connection, open_client, open_socket

OFFERED = (OfferedMedia.data("0"),)
DATA_ONLY = AnswerPolicy(audio=None, video=None)
TEXTS = ["a", "", "Grüße, 世界 👋", "x" * 65536, "é" * 65536]


@dataclass
class Heard:
    """What has come over a channel."""

    messages: list[str | bytes] = field(default_factory=list)
    closed: bool = False
    _said: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self, channel: DataChannel) -> None:
        channel.on_message = self.add
        channel.on_closed = self.end

    def add(self, message: str | bytes) -> None:
        self.messages.append(message)
        self._said.set()

    def end(self) -> None:
        self.closed = True
        self._said.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._said.clear()
                await self._said.wait()

    async def count(self, number: int, seconds: float = 20) -> list[str | bytes]:
        await self.until(lambda: len(self.messages) >= number or self.closed, seconds)
        return self.messages


@dataclass
class End:
    """One of two peers with data channels."""

    watched: Watched
    channels: DataChannels
    heard: Heard = field(default_factory=Heard)
    theirs: list[DataChannel] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channels.on_channel = self._opened
        self.channels.on_closed = self._closed

    def _opened(self, channel: DataChannel) -> None:
        self.theirs.append(channel)
        self.heard.listen(channel)

    def _closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self.heard.end()


def make_end(watched: Watched, negotiated: Negotiated, limits: DataLimits | None = None) -> End:
    watched.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
    channels = DataChannels(watched.peer, negotiated.media[0], negotiated.dtls_role, limits=limits)
    watched.peer.on_connected = channels.begin
    return End(watched, channels)


def make_pair(media_socket: MediaSocket, limits: DataLimits | None = None) -> tuple[End, End]:
    """Server and client; the server offers, as in the text room."""
    server, client = Watched(media_socket.create_peer()), open_client()
    answer, of_client = make_answer(make_offer(OFFERED, server.peer.local), client.peer.local, DATA_ONLY)
    of_server = accept_answer(answer, OFFERED)
    return make_end(server, of_server, limits), make_end(client, of_client)


async def opened(channel: DataChannel) -> None:
    came = asyncio.Event()
    channel.on_open = came.set
    if not channel.open:
        async with asyncio.timeout(10):
            await came.wait()


@pytest.fixture
async def media_socket() -> AsyncIterator[MediaSocket]:
    opened_socket = open_socket()
    yield opened_socket
    opened_socket.close()


@pytest.fixture
async def pair(media_socket: MediaSocket) -> AsyncIterator[tuple[End, End]]:
    server, client = make_pair(media_socket)
    yield server, client
    for end in (client, server):
        end.channels.close()
        end.watched.peer.close()


def test_starting_the_emulator_loads_no_sctp() -> None:
    code = "import sys, emulator.server, emulator.cli; print([m for m in ('aiortc', 'pyee') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


async def test_messages_of_all_sizes_cross_in_both_directions_in_order(pair: tuple[End, End]) -> None:
    server, client = pair
    ours = client.channels.open("JanusDataChannel")
    heard = Heard()
    heard.listen(ours)
    await opened(ours)
    assert ours.id == 0  # the DTLS client's numbers are even (RFC 8832 section 6)
    for text in TEXTS:
        ours.send(text)
    assert await server.heard.count(len(TEXTS)) == TEXTS
    (theirs,) = server.theirs
    assert (theirs.label, theirs.open) == ("JanusDataChannel", True)
    for text in TEXTS:
        theirs.send(text)
    theirs.send(b"\x00\x01")
    assert await heard.count(len(TEXTS) + 1) == [*TEXTS, b"\x00\x01"]


async def test_hundred_messages_in_a_burst_arrive_in_order(pair: tuple[End, End]) -> None:
    server, client = pair
    channel = client.channels.open("burst")
    await opened(channel)
    sent = [f"{number} " + "x" * (number * 100) for number in range(100)]
    for text in sent:
        channel.send(text)
    assert await server.heard.count(100) == sent


def chunk_types(packet: bytes) -> list[int]:
    """Of an SCTP packet (RFC 9260 section 3.2): 0 is DATA, 3 an acknowledgement."""
    types = []
    at = 12
    while at + 4 <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, at)
        types.append(kind)
        at += length + -length % 4
    return types


def watch(end: End, note: Callable[[bytes], None]) -> None:
    """Notes each SCTP packet that leaves."""
    association = end.channels._association
    assert association is not None
    dtls = association._transport._dtls
    send = dtls.send

    def watched(packet: bytes) -> None:
        note(packet)
        send(packet)

    dtls.send = watched


async def test_answers_leave_with_the_acknowledgement_and_what_is_for_others_before(
    pair: tuple[End, End], media_socket: MediaSocket
) -> None:
    """Others wait for it; and nothing waits for the loop's next turn."""
    server, client = pair
    other_server, other_client = make_pair(media_socket)
    channel, other = client.channels.open("quick"), other_client.channels.open("other")
    for each in (channel, other):
        await opened(each)
        each.send("before")
    await server.heard.count(1)
    await other_server.heard.count(1)
    heard, overheard = Heard(), Heard()
    heard.listen(channel)
    overheard.listen(other)
    (theirs,), (others,) = server.theirs, other_server.theirs
    sent: list[tuple[str, list[int]]] = []

    watch(server, lambda packet: sent.append(("who has asked", chunk_types(packet))))
    watch(other_server, lambda packet: sent.append(("another", chunk_types(packet))))
    at_once: list[list[tuple[str, list[int]]]] = []

    def answer(message: str | bytes) -> None:
        theirs.send(f"{message!r} it is")
        others.send("a question was asked")
        theirs.send("done")
        at_once.append(list(sent))
        server.heard.add(message)

    theirs.on_message = answer
    channel.send("a question")
    assert await heard.count(2) == ["'a question' it is", "done"]
    assert await overheard.count(1) == ["a question was asked"]
    assert at_once == [[("another", [0])]]
    assert sent[:2] == [("another", [0]), ("who has asked", [3, 0, 0])]
    for end in (other_client, other_server):
        end.channels.close()
        end.watched.peer.close()


async def test_answers_that_do_not_fit_one_packet_leave_in_several(pair: tuple[End, End]) -> None:
    server, client = pair
    channel = client.channels.open("long")
    await opened(channel)
    heard = Heard()
    heard.listen(channel)
    channel.send("before")
    await server.heard.count(1)
    (theirs,) = server.theirs
    answers = [f"{number}" * length for number, length in enumerate([700, 440, 3, 500, 1200, 1, 0, 5000, 3])]

    sizes: list[int] = []
    watch(server, lambda packet: sizes.append(len(packet)))

    def answer(_message: str | bytes) -> None:
        for text in answers:
            theirs.send(text)

    theirs.on_message = answer
    channel.send("go")
    assert await heard.count(len(answers)) == answers
    assert 1100 < max(sizes) <= rtcsctptransport.SCTP_MAX_PACKET_LENGTH


async def test_sending_before_it_is_open_and_after_the_end_says_so(pair: tuple[End, End]) -> None:
    server, client = pair
    channel = client.channels.open("early")
    with pytest.raises(DataChannelError, match="'early' to be open, it is connecting"):
        channel.send("too early")
    heard = Heard()
    heard.listen(channel)
    await opened(channel)
    server.channels.close()
    await heard.until(lambda: heard.closed)
    assert client.reasons == ["the other end has ended the SCTP association"]
    assert server.reasons == []
    with pytest.raises(DataChannelError, match="it is closed"):
        channel.send("too late")


async def test_channel_whose_other_end_does_not_read_is_bounded(media_socket: MediaSocket) -> None:
    server, client = make_pair(media_socket, DataLimits(unsent=300_000))
    channel = client.channels.open("unread")
    await opened(channel)
    channel.send("hello")
    await server.heard.count(1)
    client.watched.peer.on_data = lambda _packet: None  # from now on nothing is acknowledged
    (theirs,) = server.theirs
    while not theirs.overrun:
        theirs.send("x" * 10_000)
    assert theirs.unsent < 320_000
    with pytest.raises(DataChannelError, match=r"does not read: 3[0-9]{5} bytes wait for it, and 300000 may"):
        theirs.send("one more")
    for end in (client, server):
        end.channels.close()
        end.watched.peer.close()


async def test_message_larger_than_the_other_end_takes_is_refused_with_both_sizes(pair: tuple[End, End]) -> None:
    server, client = pair
    channel = client.channels.open("large")
    await opened(channel)
    with pytest.raises(DataChannelError, match=r"262145 bytes.*up to 262144"):
        channel.send("x" * 262_145)
    channel.send("x" * 262_144)
    assert [len(each) for each in await server.heard.count(1)] == [262_144]


# -- what a hostile other end does -------------------------------------------------------------------------------------


class Wire:
    """Two associations without peers; `drops(packet)` decides what is lost."""

    def __init__(self, drops: Callable[[bytes], bool] = lambda _packet: False) -> None:
        self.drops = drops
        self.channels: list[RTCDataChannel] = []
        self.heard = Heard()
        self.reasons: list[str] = []
        self.server = self._make(DtlsRole.SERVER)
        self.client = self._make(DtlsRole.CLIENT)

    def _make(self, role: DtlsRole) -> SctpAssociation:
        loop = asyncio.get_running_loop()

        def send(packet: bytes) -> None:
            if not self.drops(packet):
                loop.call_soon(lambda: (self.server if role is DtlsRole.CLIENT else self.client).receive(packet))

        def closed(reason: str) -> None:
            self.reasons.append(f"{role.value}: {reason}")
            self.heard.end()

        return SctpAssociation(
            send,
            role,
            port=5000,
            remote_port=5000,
            remote_message_limit=0,
            limits=DataLimits(channels=4),
            on_channel=self._opened,
            on_closed=closed,
        )

    def _opened(self, channel: RTCDataChannel) -> None:
        self.channels.append(channel)
        self.server.on_event(channel, "message", self.heard.add)

    async def connect(self) -> RTCDataChannel:
        up = asyncio.Event()
        channel = self.client.open("wire")
        channel.on("open", up.set)
        async with asyncio.timeout(20):
            await up.wait()
        return channel

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    yield made
    made.close()


async def test_lost_packets_are_repeated_and_order_is_kept(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcsctptransport, "SCTP_RTO_MIN", 0.02)
    channel = await wire.connect()
    dice = random.Random(7)
    wire.drops = lambda _packet: dice.random() < 0.1
    sent = [f"{number}" * 500 for number in range(100)]
    for text in sent:
        channel.send(text)
    assert await wire.heard.count(100) == sent


@pytest.mark.parametrize("length", [0, 1, 11, 12, 20, 100, 1200])
async def test_bytes_that_are_no_sctp_are_dropped(wire: Wire, length: int) -> None:
    channel = await wire.connect()
    wire.server.receive(random.Random(length).randbytes(length))
    channel.send("still here")
    assert await wire.heard.count(1) == ["still here"]


async def test_broken_channel_messages_end_the_association_with_a_reason(wire: Wire) -> None:
    channel = await wire.connect()
    ack_of_a_channel_nobody_opened = b"\x02"
    await wire.client._transport._send(40, rtcsctptransport.WEBRTC_DCEP, ack_of_a_channel_nobody_opened)
    await wire.heard.until(lambda: len(wire.reasons) == 2)
    assert wire.reasons[0].startswith("server: the other end broke the rules of SCTP or data channels: AssertionError")
    assert wire.reasons[1] == "client: the other end has ended the SCTP association"
    assert channel.readyState == "closed"


async def test_more_channels_than_allowed_end_the_association(wire: Wire) -> None:
    await wire.connect()
    for _ in range(5):
        wire.client.open("another")
    await wire.heard.until(lambda: bool(wire.reasons))
    assert wire.reasons[0] == "server: the other end uses more than 4 data channels"


async def test_message_without_end_is_not_collected_for_ever(wire: Wire) -> None:
    channel = await wire.connect()
    last_fragment = rtcsctptransport.SCTP_DATA_LAST_FRAG

    def never_the_last(packet: bytes) -> bool:
        return packet[12] == 0 and bool(packet[13] & last_fragment)

    wire.drops = never_the_last
    channel.send("x" * 3_000_000)
    await wire.heard.until(lambda: bool(wire.reasons), seconds=60)
    assert wire.reasons[0].startswith("server: the other end has sent a megabyte without the end of a message")


async def test_association_that_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcsctptransport, "SCTP_RTO_INITIAL", 0.01)
    wire = Wire(drops=lambda _packet: True)
    await wire.heard.until(lambda: len(wire.reasons) == 2)
    assert wire.reasons[0].endswith("no SCTP association came about: the other end did not answer")


async def test_acknowledgement_too_long_for_a_datagram_is_left_out(wire: Wire) -> None:
    """A SACK lists every gap: hundreds of them do not fit."""
    await wire.connect()
    transport = wire.server._transport
    first = transport._last_received_tsn
    assert first is not None
    transport._sack_misordered = {first + 2 * number for number in range(1, 600)}
    await transport._send_sack()
    transport._sack_misordered = set()
    assert wire.reasons == []


def raw_packet(association: SctpAssociation, *chunks: rtcsctptransport.Chunk) -> bytes:
    """As the other end of this association could write it."""
    tag = association._transport._local_verification_tag
    bundle = cast("rtcsctptransport.Chunk", b"".join(map(bytes, chunks)))  # of a chunk only its bytes are asked for
    return rtcsctptransport.serialize_packet(5000, 5000, tag, bundle)


async def test_gaps_that_are_no_gaps_are_not_walked_through(wire: Wire) -> None:
    """Hundreds of times all numbers that there are take aiortc two seconds, and everybody waits."""
    channel = await wire.connect()
    transport = wire.server._transport
    sack = rtcsctptransport.SackChunk()
    sack.cumulative_tsn, sack.advertised_rwnd = transport._last_sacked_tsn, 100_000
    sack.gaps = [(1, 65535)] * 300
    began = time.perf_counter()
    wire.server.receive(raw_packet(wire.server, sack))
    assert time.perf_counter() - began < 0.3  # a thousandth of that is normal
    channel.send("still here")
    assert await wire.heard.count(1) == ["still here"]


async def test_acknowledgements_of_what_was_never_sent_are_not_believed(wire: Wire) -> None:
    channel = await wire.connect()
    heard = Heard()
    wire.client.on_event(channel, "message", heard.add)
    transport = wire.server._transport
    sack = rtcsctptransport.SackChunk()
    sack.cumulative_tsn, sack.advertised_rwnd = (transport._local_tsn + 1000) % 2**32, 100_000
    wire.server.receive(raw_packet(wire.server, sack))
    for number in range(20):
        wire.channels[0].send(f"{number}")
        channel.send("and back")
    assert await heard.count(20) == [f"{number}" for number in range(20)]
    await wire.heard.count(20)
    for _ in range(5):  # turns of the loop, for the last acknowledgement
        await asyncio.sleep(0)
    assert not transport._sent_queue
    assert transport._t3_handle is None


async def test_nothing_leaves_after_the_end(wire: Wire) -> None:
    """Not even if the packet that ends the association goes on as if it began."""
    await wire.connect()
    transport = wire.server._transport
    sent: list[bytes] = []
    transport._dtls.send = sent.append
    opening = rtcsctptransport.DataChunk(flags=3)
    opening.tsn = ((transport._last_received_tsn or 0) + 1) % 2**32
    opening.stream_id, opening.protocol = 2, rtcsctptransport.WEBRTC_DCEP
    opening.user_data = pack("!BBHLHH", 3, 0, 0, 0, 1, 0) + b"x"
    stamp = pack("!L", transport._get_timestamp())
    echo = rtcsctptransport.CookieEchoChunk(body=stamp + hmac.new(transport._hmac_key, stamp, "sha1").digest())
    wire.server.receive(raw_packet(wire.server, rtcsctptransport.AbortChunk(), echo, opening))
    assert sent == []
    assert wire.reasons == ["server: the other end has ended the SCTP association"]


def test_checksums_are_those_of_sctp() -> None:
    """RFC 9260 appendix B: CRC32c over the packet with a zero checksum, least significant byte first."""
    packet = rtcsctptransport.serialize_packet(5000, 5000, 0, rtcsctptransport.CookieAckChunk())
    blank = packet[:8] + pack("<L", 0) + packet[12:]
    assert unpack_from("<L", packet, 8)[0] == rtcsctptransport.crc32c(blank)


# -- aiortc's peer connection as the other end -------------------------------------------------------------------------


@pytest.fixture
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RTCPeerConnection]:
    # aioice leaves 127.0.0.1 out of its host candidates.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    connection = aiortc_connection()
    yield connection
    await connection.close()


async def converse(end: End, connection: RTCPeerConnection, channel: RTCDataChannel) -> None:
    """aiortc's channel is open: everything goes there, and back."""
    back = Heard()
    channel.on("message", back.add)
    for text in TEXTS:
        channel.send(text)
    assert await end.heard.count(len(TEXTS)) == TEXTS
    for text in TEXTS:
        end.theirs[0].send(text)
    assert await back.count(len(TEXTS)) == TEXTS
    end.channels.close()
    end.watched.peer.close()


async def test_aiortc_answers_our_offer_and_opens_the_channel(
    media_socket: MediaSocket, browser: RTCPeerConnection
) -> None:
    server = Watched(media_socket.create_peer())
    offer = make_offer(OFFERED, server.peer.local)
    assert "m=application" in offer
    assert "UDP/DTLS/SCTP webrtc-datachannel" in offer
    assert "a=sctp-port:5000\r\n" in offer
    assert "a=max-message-size:262144\r\n" in offer
    await browser.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await browser.setLocalDescription(await browser.createAnswer())
    channel = browser.createDataChannel("JanusDataChannel")
    up = asyncio.Event()
    channel.on("open", up.set)
    end = make_end(server, accept_answer(browser.localDescription.sdp, OFFERED))
    async with asyncio.timeout(10):
        await up.wait()
    await converse(end, browser, channel)


async def test_aiortc_offers_and_our_client_answers(browser: RTCPeerConnection) -> None:
    channel = browser.createDataChannel("theirs")
    up = asyncio.Event()
    channel.on("open", up.set)
    await browser.setLocalDescription(await browser.createOffer())
    client = open_client()
    answer, negotiated = make_answer(browser.localDescription.sdp, client.peer.local, DATA_ONLY)
    client.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role, controlling=False)
    channels = DataChannels(client.peer, negotiated.media[0], negotiated.dtls_role)
    client.peer.on_connected = channels.begin
    end = End(client, channels)
    await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(10):
        await up.wait()
    await converse(end, browser, channel)


CHUNK_TYPES = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 14, 130, 192, 77)


async def test_well_formed_nonsense_raises_nothing_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets with the right tag and checksum, and anything in them: the association may end, with a reason."""
    monkeypatch.setattr(rtcsctptransport, "SCTP_RTO_INITIAL", 0.01)
    dice = random.Random(5)
    ended = 0
    for _ in range(60):
        wire = Wire()
        await wire.connect()
        tag = wire.server._transport._local_verification_tag
        for _ in range(20):
            body = dice.randbytes(dice.randrange(0, 40))
            chunk = rtcsctptransport.Chunk(flags=dice.randrange(4), body=body)
            chunk.type = dice.choice(CHUNK_TYPES)
            wire.server.receive(rtcsctptransport.serialize_packet(5000, 5000, 0 if chunk.type == 1 else tag, chunk))
        ended += bool(wire.reasons)
        wire.close()
    await asyncio.sleep(0)
    assert ended
    waiting = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    assert [timer for timer in waiting if "Sctp" in repr(timer)] == []
