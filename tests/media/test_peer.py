"""Our client against our server over loopback: connecting, sending, ending, failing."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from emulator.media.transport.errors import TransportStateError
from emulator.media.transport.flight import RESEND_AFTER
from emulator.media.transport.parameters import Address, PeerRole, PeerTimeouts
from emulator.media.transport.peer import PeerState
from emulator.media.transport.udp import MediaSocket

from .transport_kit import (
    CERTIFICATE,
    OTHER_CERTIFICATE,
    Relay,
    Watched,
    connect,
    connected_pair,
    negotiate,
    open_client,
    open_socket,
    receiver_report,
    rtp_packet,
)


@pytest.fixture
async def media_socket() -> AsyncIterator[MediaSocket]:
    opened = open_socket()
    yield opened
    opened.close()


class Passing:
    """A line that lets everything pass, and notes the media that leaves."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def up(self, _size: int, _is_media: bool, deliver: Callable[[], object]) -> None:
        deliver()

    def down(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        if is_media:
            self.sizes.append(size)
        deliver()


def is_client_hello(datagram: bytes) -> bool:
    return datagram[0] == 22 and datagram[13] == 1


async def test_client_and_server_connect_with_aead_keys(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)

    assert client.peer.srtp_profile == server.peer.srtp_profile == "SRTP_AEAD_AES_128_GCM"
    assert client.peer.selected_address == media_socket.local_address
    assert client.times_connected == server.times_connected == 1
    client.peer.close()


async def test_rtp_rtcp_and_data_cross_in_both_directions_unchanged(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)
    for sender, receiver in ((client, server), (server, client)):
        packets = [rtp_packet(number, payload=bytes([number]) * 1100) for number in range(20)]
        assert all(sender.peer.send_rtp(packet) for packet in packets)
        assert sender.peer.send_rtcp(receiver_report())
        assert sender.peer.send_data(b"\x13\x88" * 600)

        await receiver.until(lambda r=receiver: bool(len(r.rtp) == 20 and r.rtcp and r.data))  # type: ignore[misc]  # defaults of a lambda have no type

        assert receiver.rtp == packets
        assert receiver.rtcp == [receiver_report()]
        assert receiver.data == [b"\x13\x88" * 600]
        assert receiver.peer.stats.rtp_received == sender.peer.stats.rtp_sent == 20
    client.peer.close()


async def test_a_packet_in_parts_is_the_same_packet(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)
    shown: list[tuple[bool, str, bytes]] = []
    sent: list[bytes] = []

    def post(number: int, head: bytes = b"\xbe\xde\x00\x01\x100\x00\x00", payload: bytes = b"p" * 900) -> bool:
        fields = (0x90 if head else 0x80, 0x80 | 96, number, 0xFFFFFFFF - number, 0xDEADBEEF)
        sent.append(struct.pack("!BBHII", *fields) + head + payload)
        return server.peer.post_rtp(*fields, head, payload)

    assert post(1)
    assert post(2, head=b"", payload=b"")
    server.peer.tap(lambda *what: shown.append(what))
    assert post(3, head=b"\xbe\xde\x00\xc7" + bytes(796))
    server.peer.tap(None)
    line = Passing()
    server.peer.through(line)
    assert post(4)
    server.peer.through(None)
    assert post(5)

    await client.until(lambda: len(client.rtp) == 5)
    assert client.rtp == sent
    assert shown == [(True, "rtp", sent[2])]
    assert line.sizes == [len(sent[3]) + 16]
    stats = server.peer.stats
    assert (stats.rtp_sent, stats.rtp_bytes_sent, stats.unsendable) == (5, sum(map(len, sent)), 0)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.settimeout(5)
        server.peer.address_selected(elsewhere.getsockname())
        assert post(6)
        assert len(elsewhere.recv(2048)) == len(sent[5]) + 16

    assert not post(7, payload=bytes(2048))
    assert server.peer.srtp_errors == {"protect: packet is too long": 1}
    client.peer.close()
    await server.ended()
    assert not post(8)
    assert (stats.rtp_sent, stats.unsendable) == (6, 2)


async def test_many_ssrcs_and_late_retransmissions_pass(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)
    for ssrc in range(1, 41):
        client.peer.send_rtp(rtp_packet(1, ssrc=ssrc))
    await server.until(lambda: len(server.rtp) == 40)

    # The same packet protected again (a retransmission), and one 900 numbers late.
    for number in (1000, 100, 1000):
        client.peer.send_rtp(rtp_packet(number, ssrc=1))
    await server.until(lambda: len(server.rtp) == 42)

    assert server.peer.srtp_errors == {"unprotect: replay check failed (bad index)": 1}
    client.peer.close()


async def test_closing_tells_the_other_end_and_only_it(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)

    client.peer.close()
    client.peer.close()

    assert await server.ended() == "DTLS close_notify from the other end"
    assert server.peer.state is client.peer.state is PeerState.CLOSED
    assert client.reasons == []
    assert media_socket.peers == ()
    assert not client.peer.send_rtp(rtp_packet(1))


async def test_closing_the_socket_closes_its_peers(media_socket: MediaSocket) -> None:
    client, server = await connected_pair(media_socket)

    media_socket.close()

    await client.ended()
    assert server.peer.state is PeerState.CLOSED
    with pytest.raises(TransportStateError):
        media_socket.create_peer()


async def test_sending_before_connecting_is_counted_and_refused(media_socket: MediaSocket) -> None:
    peer = media_socket.create_peer()

    assert not peer.send_rtp(rtp_packet(1))
    assert not peer.send_rtcp(receiver_report())
    assert not peer.send_data(b"x")
    assert peer.stats.unsendable == 3


async def test_a_peer_takes_remote_parameters_once(media_socket: MediaSocket) -> None:
    client, server = open_client(), media_socket.create_peer()
    connect(client.peer, server)

    with pytest.raises(TransportStateError, match="NEW"):
        server.set_remote(client.peer.local)
    client.peer.close()


async def test_wrong_fingerprint_is_refused_by_the_server(media_socket: MediaSocket) -> None:
    client, server = open_client(), Watched(media_socket.create_peer())
    of_client, of_server = negotiate(client.peer, server.peer)
    server.peer.set_remote(replace(of_server.remote, fingerprint=CERTIFICATE.fingerprint))
    client.peer.set_remote(of_client.remote)

    assert "does not match the fingerprint" in await server.ended()
    await client.ended()
    assert server.peer.state is client.peer.state is PeerState.FAILED
    assert server.peer.srtp_profile is None
    assert server.times_connected == client.times_connected == 0


async def test_wrong_fingerprint_is_refused_by_the_client(media_socket: MediaSocket) -> None:
    client, server = open_client(), Watched(media_socket.create_peer())
    of_client, of_server = negotiate(client.peer, server.peer)
    server.peer.set_remote(of_server.remote)
    client.peer.set_remote(replace(of_client.remote, fingerprint=OTHER_CERTIFICATE.fingerprint))

    assert "does not match the fingerprint" in await client.ended()
    await server.ended()
    assert server.peer.state is client.peer.state is PeerState.FAILED


async def test_checks_with_a_wrong_password_change_nothing(media_socket: MediaSocket) -> None:
    client = open_client(timeouts=PeerTimeouts(connect=0.3, check_retry=0.05))
    server = Watched(media_socket.create_peer())
    of_client, _ = negotiate(client.peer, server.peer)
    connect(client.peer, server.peer, remote=replace(of_client.remote, pwd="x" * 24))

    assert "connectivity checks" in await client.ended()
    assert client.peer.state is PeerState.FAILED
    assert server.peer.selected_address is None
    assert server.peer.state is PeerState.CONNECTING


async def test_checks_for_an_unknown_ufrag_get_no_answer(media_socket: MediaSocket) -> None:
    client = open_client(timeouts=PeerTimeouts(connect=0.2, check_retry=0.05))
    server = media_socket.create_peer()
    of_client, _ = negotiate(client.peer, server)
    client.peer.set_remote(replace(of_client.remote, ufrag="nobody"))

    await client.ended()
    assert media_socket.stats.unknown > 0
    assert media_socket.stats.sent == 0


@pytest.mark.parametrize("to_server", [True, False])
async def test_a_lost_flight_is_sent_again_before_openssls_second_is_over(
    media_socket: MediaSocket, to_server: bool
) -> None:
    seen: list[bytes] = []

    def drops(datagram: bytes, towards_server: bool) -> bool:
        if datagram[0] == 22 and towards_server is to_server:
            seen.append(datagram)
        return len(seen) == 1 and seen[0] is datagram

    relay = Relay(media_socket.local_address, drops)
    client, server = open_client(), Watched(media_socket.create_peer())
    connect(client.peer, server.peer, via=relay.address)
    await client.connected()
    await server.connected()

    assert is_client_hello(seen[0]) is to_server
    # The very same records: OpenSSL's own retransmission, after a second, numbers them anew.
    assert seen[1] == seen[0]
    client.peer.close()
    relay.close()


async def test_a_lost_last_flight_does_not_wait_for_the_clients_timer(media_socket: MediaSocket) -> None:
    lost: list[bytes] = []

    def drops(datagram: bytes, towards_server: bool) -> bool:
        is_last = not towards_server and datagram[0] == 20  # change_cipher_spec comes first in it
        if is_last and len(lost) < 2:
            lost.append(datagram)
            return True
        # Nor for anything else the client could say: its own repetitions are lost.
        return bool(lost) and towards_server and datagram[0] == 22

    relay = Relay(media_socket.local_address, drops)
    client, server = open_client(), Watched(media_socket.create_peer())
    connect(client.peer, server.peer, via=relay.address)
    await server.connected()
    await client.connected()

    assert lost[0] == lost[1]
    client.peer.close()
    relay.close()


async def test_media_of_the_client_ends_the_repetition_of_the_last_flight(
    media_socket: MediaSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_flights: list[bytes] = []
    send = media_socket.send

    def watched(datagram: bytes, address: Address) -> bool:
        if datagram[0] == 20:  # change_cipher_spec comes first in it
            last_flights.append(datagram)
        return send(datagram, address)

    monkeypatch.setattr(media_socket, "send", watched)
    client, server = await connected_pair(media_socket)
    client.peer.send_rtp(rtp_packet(1))
    await server.until(lambda: bool(server.rtp))
    sent = len(last_flights)  # one, on a machine that is not too busy
    # The time of several repetitions: that they do not come is what is to be seen.
    await asyncio.sleep(4 * RESEND_AFTER)

    assert len(last_flights) == sent > 0
    client.peer.close()


async def test_connecting_survives_a_path_that_loses_a_third(media_socket: MediaSocket) -> None:
    rng = random.Random(5)
    relay = Relay(media_socket.local_address, lambda _datagram, _to_server: rng.random() < 0.33)
    client, server = open_client(), Watched(media_socket.create_peer())
    connect(client.peer, server.peer, via=relay.address)

    await client.until(lambda: client.times_connected == 1, timeout=30)
    await server.until(lambda: server.times_connected == 1, timeout=30)
    client.peer.close()
    relay.close()


async def test_silence_of_the_client_ends_the_connection(media_socket: MediaSocket) -> None:
    client = open_client()
    server = Watched(media_socket.create_peer(timeouts=PeerTimeouts(consent=0.2)))
    connect(client.peer, server.peer)
    await server.connected()

    assert "no valid connectivity check for 0.2 s" in await server.ended()
    assert server.peer.state is PeerState.CLOSED
    client.peer.close()


async def test_silence_of_the_server_ends_the_connection(media_socket: MediaSocket) -> None:
    silent = False
    relay = Relay(media_socket.local_address, lambda _datagram, _to_server: silent)
    client = open_client(timeouts=PeerTimeouts(consent=0.3, consent_interval=0.05))
    server = Watched(media_socket.create_peer())
    connect(client.peer, server.peer, via=relay.address)
    await client.connected()
    await server.connected()
    silent = True

    assert "no valid connectivity check" in await client.ended()
    relay.close()


async def test_the_client_may_start_before_the_server_knows_its_answer(
    media_socket: MediaSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's offer: checks and even the ClientHello overtake the answer on its way through signaling."""
    client, server = open_client(), Watched(media_socket.create_peer())
    of_client, of_server = negotiate(client.peer, server.peer)
    early = asyncio.Event()
    receive = server.peer.receive_dtls

    def receive_dtls(datagram: bytes, source: Address) -> None:
        receive(datagram, source)
        early.set()

    monkeypatch.setattr(server.peer, "receive_dtls", receive_dtls)
    client.peer.set_remote(of_client.remote)
    async with asyncio.timeout(5):
        await early.wait()

    server.peer.set_remote(of_server.remote)

    await server.connected()
    await client.connected()
    client.peer.close()


async def test_media_before_the_keys_is_counted_and_dropped(media_socket: MediaSocket) -> None:
    greeted = asyncio.Event()

    def drops(datagram: bytes, _to_server: bool) -> bool:
        if datagram[0] == 22:
            greeted.set()  # the client only says hello once its checks were answered
        return datagram[0] == 22

    relay = Relay(media_socket.local_address, drops)
    client, server = open_client(), Watched(media_socket.create_peer())
    connect(client.peer, server.peer, via=relay.address)
    async with asyncio.timeout(5):
        await greeted.wait()
    server.peer.receive_media(rtp_packet(1))

    assert server.peer.stats.early_media_dropped == 1
    assert server.rtp == []
    client.peer.close()
    relay.close()


async def test_twenty_peers_share_one_socket(media_socket: MediaSocket) -> None:
    pairs = [(open_client(), Watched(media_socket.create_peer())) for _ in range(20)]
    for client, server in pairs:
        connect(client.peer, server.peer)
    for client, server in pairs:
        await client.connected()
        await server.connected()
    for index, (client, server) in enumerate(pairs):
        client.peer.send_rtp(rtp_packet(index, payload=b"up"))
        server.peer.send_rtp(rtp_packet(index, payload=b"down"))
    for index, (client, server) in enumerate(pairs):
        await server.until(lambda s=server: bool(s.rtp))  # type: ignore[misc]  # defaults of a lambda have no type
        await client.until(lambda c=client: bool(c.rtp))  # type: ignore[misc]  # the same
        assert server.rtp == [rtp_packet(index, payload=b"up")]
        assert client.rtp == [rtp_packet(index, payload=b"down")]
        client.peer.close()
    assert media_socket.stats.unknown == media_socket.stats.send_errors == 0


async def test_a_client_peer_refuses_to_share_a_socket(media_socket: MediaSocket) -> None:
    media_socket.create_peer()
    with pytest.raises(TransportStateError, match="of its own"):
        media_socket.create_peer(PeerRole.CLIENT)
