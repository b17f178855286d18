"""What strangers can fill memory with has an end: peers, early datagrams, addresses, former sources, what was sent.

Bounds that belong to one part are tested beside it: candidates and checks (test_ice), addresses of a peer (test_udp),
attributes (test_stun), SCTP (test_sctp), gaps, groups and frames (test_rtp_*), jitter buffers (test_audio_jitter).
"""

from __future__ import annotations

import random

import pytest

from emulator.media.rtp.header import HEADER
from emulator.media.rtp.inbound import InboundTrack
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.timing import PublisherClock
from emulator.media.transport import udp
from emulator.media.transport.errors import TransportStateError
from emulator.media.transport.peer import EARLY_DTLS_LIMIT
from tests.media.transport_kit import CERTIFICATE, open_socket


async def test_a_socket_has_no_more_than_so_many_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "MAX_PEERS", 3)
    media_socket = open_socket()
    peers = [media_socket.create_peer() for _ in range(3)]
    with pytest.raises(TransportStateError, match="already has 3 peers"):
        media_socket.create_peer()
    peers[0].close()
    media_socket.create_peer()
    media_socket.close()


async def test_a_handshake_before_the_answer_is_kept_up_to_a_bound() -> None:
    media_socket = open_socket()
    peer = media_socket.create_peer()
    for number in range(EARLY_DTLS_LIMIT + 5):
        peer.receive_dtls(bytes([22, 0xFE, 0xFD, number]), ("127.0.0.1", 9))
    assert peer.stats.early_dtls_dropped == 5
    assert len(peer._early_dtls) == EARLY_DTLS_LIMIT
    assert peer.local.fingerprint == CERTIFICATE.fingerprint
    media_socket.close()


def _head(number: int) -> bytes:
    return HEADER.pack(0x80, 96, number & 0xFFFF, 0, 0)


def test_of_what_was_sent_the_newest_is_kept() -> None:
    sent = SentPackets()
    for number in range(3 * SentPackets.CAPACITY):
        sent.put(number, _head(number), number.to_bytes(4, "big"))
    assert len(sent) == SentPackets.CAPACITY
    newest = 3 * SentPackets.CAPACITY - 1
    assert sent.get(newest & 0xFFFF) == _head(newest) + newest.to_bytes(4, "big")
    assert sent.get((newest - SentPackets.CAPACITY) & 0xFFFF) is None


def test_a_publisher_that_changes_its_source_at_every_packet_fills_nothing() -> None:
    rng = random.Random(1)
    track = InboundTrack(90_000, PublisherClock(), nacks=True)
    for number in range(5000):
        track.accept(rng.getrandbits(32), rng.getrandbits(16), rng.getrandbits(32), 100, number / 100)
    assert track.sources > 4000
    assert len(track._former) <= InboundTrack.MAX_FORMER
    assert len(track.missing) <= track.missing.MAX_MISSING
