"""The shared socket: what it binds, what it tells apart, what it survives."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from itertools import pairwise

import pytest

from emulator.media.transport import udp
from emulator.media.transport.errors import BindError
from emulator.media.transport.udp import MAX_ADDRESSES_PER_PEER, MediaSocket

from .transport_kit import (
    CERTIFICATE,
    Watched,
    connect,
    connected_pair,
    open_client,
    open_socket,
    rtp_packet,
)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", "", "256.0.0.1"])
async def test_only_one_concrete_address_can_be_bound(host: str) -> None:
    with pytest.raises(BindError):
        MediaSocket.open(host, 0, loop=asyncio.get_running_loop(), certificate=CERTIFICATE)


@pytest.mark.parametrize("port", [-1, 65536])
async def test_an_impossible_port_is_a_bind_error(port: int) -> None:
    with pytest.raises(BindError):
        MediaSocket.open("127.0.0.1", port, loop=asyncio.get_running_loop(), certificate=CERTIFICATE)


async def test_a_taken_port_is_a_bind_error() -> None:
    first = open_socket()
    with pytest.raises(BindError, match=str(first.local_address[1])):
        MediaSocket.open("127.0.0.1", first.local_address[1], loop=asyncio.get_running_loop(), certificate=CERTIFICATE)
    first.close()


async def test_the_advertised_address_is_the_one_in_the_candidate() -> None:
    opened = MediaSocket.open(
        "127.0.0.1", 0, loop=asyncio.get_running_loop(), certificate=CERTIFICATE, advertise="192.0.2.7"
    )
    candidate = opened.create_peer().local.candidates[0]
    assert (candidate.address, candidate.port) == ("192.0.2.7", opened.local_address[1])
    opened.close()


async def test_empty_datagrams_do_not_keep_the_others_waiting() -> None:
    """Each turn of a busy loop is dear: while only one datagram was read in each, the socket overflowed."""
    media_socket = open_socket()
    noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(60):
        noise.sendto(b"", media_socket.local_address)
        noise.sendto(b"\xff", media_socket.local_address)
    turns = 0
    while media_socket.stats.received < 120:
        before = media_socket.stats.received
        media_socket._readable()
        assert media_socket.stats.received > before
        turns += 1
    assert turns <= 3
    noise.close()
    media_socket.close()


async def test_a_crowd_of_datagrams_that_take_long_leaves_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting up a connection takes milliseconds. What came together is dealt with in order, not all at once."""
    monkeypatch.setattr(udp, "TURN_SECS", 0.0)
    loop = asyncio.get_running_loop()
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    messages = [bytes((number,)) for number in range(200)]  # more than lie in the inbox
    done: list[int] = []
    over = asyncio.Event()

    def turn() -> None:
        done.append(len(server.data))
        if len(server.data) == len(messages):
            over.set()
        else:
            loop.call_soon(turn)

    for message in messages:  # no turn of the loop in between: the server finds them all at once
        assert client.peer.send_data(message)
    loop.call_soon(turn)
    async with asyncio.timeout(20):
        await over.wait()
    assert server.data == messages
    assert max(after - before for before, after in pairwise(done)) <= 2, done  # 1, and a bit of the next turn
    client.peer.close()
    media_socket.close()


async def test_media_is_dealt_with_in_one_turn_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only DTLS is dear enough to wait for another turn, and only what DTLS has taken counts."""
    monkeypatch.setattr(udp, "TURN_SECS", 0.05)
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)

    def told(packet: bytes) -> None:
        time.sleep(0.001)  # not a wait: what takes long
        server.rtp.append(packet)

    server.peer.on_rtp = told
    for number in range(100):
        assert client.peer.send_rtp(rtp_packet(number))
        if number % 10 == 0:
            assert client.peer.send_data(b"among them")
    media_socket._readable()
    assert (len(server.rtp), len(server.data)) == (100, 10)
    client.peer.close()
    media_socket.close()


async def test_ten_thousand_random_datagrams_do_not_harm_a_connection() -> None:
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    rng = random.Random(7)
    noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for burst in range(500):
        for _ in range(20):
            size = rng.choice((0, 1, 12, 13, 20, 28, 100, 1200, 2100))
            datagram = bytearray(rng.randbytes(size))
            if size and rng.random() < 0.7:  # aimed at one of the protocols
                datagram[0] = rng.choice((0, 1, 20, 22, 23, 63, 128, 144, 191))
            if size >= 20 and rng.random() < 0.3:
                datagram[:8] = b"\x00\x01" + (size - 20).to_bytes(2, "big") + b"\x21\x12\xa4\x42"
            noise.sendto(datagram, media_socket.local_address)
        client.peer.send_rtp(rtp_packet(burst))
        server.peer.send_rtp(rtp_packet(burst))
        await server.until(lambda sent=burst + 1: len(server.rtp) == sent)  # type: ignore[misc]  # defaults of a lambda have no type
    await client.until(lambda: len(client.rtp) == 500)
    noise.close()

    stats = media_socket.stats
    assert stats.received >= 10_500
    assert stats.unknown + stats.malformed >= 10_000
    client.peer.close()
    media_socket.close()


async def test_noise_from_the_other_ends_own_address_is_dropped() -> None:
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    rng = random.Random(11)
    address = server.peer.selected_address
    assert address is not None
    for _ in range(2000):
        server.peer.receive_media(bytes([rng.randrange(128, 192)]) + rng.randbytes(rng.randrange(0, 200)))
        server.peer.receive_dtls(bytes([rng.randrange(20, 64)]) + rng.randbytes(rng.randrange(0, 200)), address)
        record = bytes([23, 0xFE, 0xFD, 0, 1]) + rng.randbytes(6) + (40).to_bytes(2, "big") + rng.randbytes(40)
        server.peer.receive_dtls(record, address)
    client.peer.send_rtp(rtp_packet(1))
    client.peer.send_data(b"still here")

    await server.until(lambda: bool(server.rtp and server.data))
    assert server.reasons == []
    client.peer.close()
    media_socket.close()


async def test_the_addresses_of_a_peer_are_bounded_and_keep_the_selected_one() -> None:
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    selected = server.peer.selected_address
    for port in range(1, 200):
        media_socket.learn_address(server.peer, ("127.0.0.2", port))

    assert len(media_socket._addresses) == MAX_ADDRESSES_PER_PEER
    assert selected in media_socket._addresses
    client.peer.close()
    media_socket.close()


async def test_nothing_leaves_by_a_closed_socket() -> None:
    """Its descriptor may be another socket's by then."""
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    address = server.peer.selected_address
    assert address is not None
    media_socket.close()
    await client.ended()
    before = media_socket.stats.sent, media_socket.stats.received
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heir:
        heir.bind(("127.0.0.1", 0))
        heir.sendto(b"mine", heir.getsockname())
        outbox = media_socket.outbox
        outbox.lengths[0], outbox.names[0], outbox.waiting = 4, outbox.name_of(address), 1
        outbox.flush()
        media_socket._readable()
        assert heir.recv(10) == b"mine"
    assert (media_socket.stats.sent, media_socket.stats.received) == before


async def test_closed_peers_leave_nothing_behind() -> None:
    media_socket = open_socket()
    for _ in range(3):
        client, server = await connected_pair(media_socket)
        server.peer.close()
        await client.ended()
    assert (media_socket._peers, media_socket._addresses, media_socket._peer_addresses) == ({}, {}, {})
    media_socket.close()


async def test_what_came_together_is_sent_on_in_order_whatever_the_sizes() -> None:
    media_socket = open_socket()
    publisher, from_publisher = await connected_pair(media_socket)
    viewer, to_viewer = await connected_pair(media_socket)
    from_publisher.peer.on_rtp = to_viewer.peer.send_rtp
    rng = random.Random(5)
    sizes = [rng.choice((50, 1100, 1100, 1100, 1099)) for _ in range(150)]
    packets = [rtp_packet(number, payload=rng.randbytes(size)) for number, size in enumerate(sizes)]
    before = media_socket.stats.sent
    for packet in packets:  # no turn of the loop in between: the server finds them all at once
        assert publisher.peer.send_rtp(packet)

    await viewer.until(lambda: len(viewer.rtp) == len(packets))
    assert viewer.rtp == packets
    assert media_socket.stats.sent - before >= len(packets)
    assert (media_socket.stats.send_errors, media_socket.stats.send_blocked) == (0, 0)
    publisher.peer.close()
    viewer.peer.close()
    media_socket.close()


async def test_whoever_is_told_of_a_packet_may_read_on_or_close_the_socket() -> None:
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    seen: list[bytes] = []

    def told(packet: bytes) -> None:
        media_socket._readable()
        seen.append(packet)
        if len(seen) == 3:
            assert server.peer.send_rtp(rtp_packet(7))  # posted before the end: it leaves
            media_socket.close()

    server.peer.on_rtp = told
    packets = [rtp_packet(number) for number in range(6)]
    for packet in packets:
        assert client.peer.send_rtp(packet)
    await client.ended()
    assert seen == packets[:3]
    assert client.rtp == [rtp_packet(7)]


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_an_ipv6_address_works_the_same() -> None:
    loop = asyncio.get_running_loop()
    try:
        media_socket = MediaSocket.open("::1", 0, loop=loop, certificate=CERTIFICATE)
    except BindError:
        pytest.skip("no IPv6 loopback address here")
    client = open_client("::1")
    server = Watched(media_socket.create_peer())
    connect(client.peer, server.peer)
    await client.connected()
    await server.connected()
    client.peer.close()
    media_socket.close()
