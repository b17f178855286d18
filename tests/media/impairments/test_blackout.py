"""`blackout`: nothing at all arrives, connectivity checks included."""

from __future__ import annotations

import asyncio

import pytest

from emulator.media.impairments import ImpairmentBook
from emulator.media.transport.parameters import PeerTimeouts
from tests.media.transport_kit import Watched, connect, open_client, open_socket

from .conftest import Way, until


async def test_nothing_arrives_and_then_all_is_as_before(way: Way) -> None:
    impairment = way.impair("blackout", "both")
    way.server.data.clear()
    way.client.data.clear()
    for sender in (way.client, way.server):
        sender.peer.send_data(b"into the void")
        sender.peer.send_rtp(b"\x80o\x00\x01" + bytes(8) + b"x")
    await until(lambda: bool(way.counts("up")["dropped"] >= 2))
    assert way.counts("down")["dropped"] == 2
    way.book.of("account").remove(impairment)
    assert (await way.send(10, first=10)).numbers == list(range(10, 20))
    assert way.server.data == [b"that was all"]
    assert (await way.send(10, "down", first=10)).numbers == list(range(10, 20))


@pytest.mark.parametrize(("traffic", "lives"), [("all", False), ("media", True)])
async def test_a_long_one_ends_the_connection_unless_it_is_of_media_only(traffic: str, lives: bool) -> None:
    timeouts = PeerTimeouts(consent=0.4, consent_interval=0.05, consent_retry=0.05)
    media_socket = open_socket(timeouts=timeouts)
    client, server = open_client(timeouts=timeouts), Watched(media_socket.create_peer())
    connect(client.peer, server.peer)
    await client.connected()
    await server.connected()
    book = ImpairmentBook(asyncio.get_running_loop())
    book.on_line = lambda account_id, participant_id, line: server.peer.through(line)
    book.of("a").add({"participant_id": "ada", "kind": "blackout", "parameters": {"traffic": traffic}})
    if lives:
        checks = media_socket.stats.received
        await until(lambda: media_socket.stats.received >= checks + 16)  # 50 ms apart: twice the time of consent
        assert client.reasons == server.reasons == []
    else:
        await asyncio.gather(server.ended(), client.ended())
    book.close()
    client.peer.close()
    media_socket.close()
