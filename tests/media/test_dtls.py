"""DTLS connections joined in memory, and the packing of records into datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.media.transport.dtls import (
    DATA_LIMIT,
    LAST_FLIGHT_REPEATS,
    Certificate,
    DtlsConnection,
    SrtpKeys,
    pack_records,
)
from emulator.media.transport.outbox import Outbox
from emulator.media.transport.packet_buffer import PacketBuffer
from emulator.media.transport.parameters import DtlsRole, Scheduler
from emulator.media.transport.socket_stats import SocketStats
from emulator.media.transport.srtp import SrtpSession
from emulator.wire.sdp import Fingerprint

from .dtls_sides import End
from .simulated_time import SimulatedTime
from .transport_kit import CERTIFICATE, OTHER_CERTIFICATE, receiver_report, rtp_packet

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Filter = Callable[[bytes], list[bytes]]
_RECORD_HEADER = 13


@dataclass
class Side:
    """One connection and what it said."""

    certificate: Certificate
    role: DtlsRole
    remote_fingerprint: Fingerprint
    outbox: list[bytes] = field(default_factory=list)
    keys: list[SrtpKeys] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    scheduler: Scheduler = field(kw_only=True)
    finished_elsewhere: bool = False

    def __post_init__(self) -> None:
        self.connection = DtlsConnection(
            self.certificate,
            self.role,
            self.remote_fingerprint,
            send=self.outbox.append,
            scheduler=self.scheduler,
            on_established=self.keys.append,
            on_data=self.data.append,
            on_closed=self.reasons.append,
            finished_elsewhere=lambda: self.finished_elsewhere,
        )


def sides(
    *,
    client_expects: Fingerprint = CERTIFICATE.fingerprint,
    server_expects: Fingerprint = OTHER_CERTIFICATE.fingerprint,
    scheduler: Scheduler | None = None,
) -> tuple[Side, Side]:
    scheduler = scheduler or asyncio.get_running_loop()
    client = Side(OTHER_CERTIFICATE, DtlsRole.CLIENT, client_expects, scheduler=scheduler)
    server = Side(CERTIFICATE, DtlsRole.SERVER, server_expects, scheduler=scheduler)
    client.connection.start()
    server.connection.start()
    return client, server


def exchange(client: Side, server: Side, through: Filter = lambda datagram: [datagram]) -> None:
    """Delivers until nobody has anything to say."""
    while client.outbox or server.outbox:
        for sender, receiver in ((client, server), (server, client)):
            sent, sender.outbox[:] = sender.outbox[:], []
            for datagram in sent:
                for arriving in through(datagram):
                    receiver.connection.receive(arriving)


async def test_both_ends_get_the_same_keys_crosswise() -> None:
    client, server = sides()
    exchange(client, server)
    [client_keys], [server_keys] = client.keys, server.keys
    assert client_keys.profile == server_keys.profile == "SRTP_AEAD_AES_128_GCM"
    assert (client_keys.local, client_keys.remote) == (server_keys.remote, server_keys.local)
    assert client_keys.local != client_keys.remote
    assert len(client_keys.local) == 16 + 12


async def test_every_datagram_of_a_handshake_fits_the_mtu() -> None:
    client, server = sides()
    sizes: list[int] = []
    exchange(client, server, lambda datagram: sizes.append(len(datagram)) or [datagram])  # type: ignore[func-returns-value]  # append gives None, that is what `or` is for
    assert client.keys
    assert max(sizes) <= 1200
    assert len(sizes) <= 6


async def test_a_certificate_that_cannot_even_be_read_is_refused_like_any_other() -> None:
    """Found by fuzzing: its date is nonsense, which a library took as a reason to raise."""
    client, server = sides()
    deliver(client, server)
    deliver(server, client)
    for datagram in client.outbox:
        server.connection.receive(datagram.replace(b"491231000000Z", b"4x1231000000Z"))
    [reason] = server.reasons
    assert "does not match the fingerprint" in reason
    assert server.keys == []


async def test_duplicated_and_reordered_datagrams_do_no_harm() -> None:
    client, server = sides()
    exchange(client, server, lambda datagram: [datagram, datagram])
    assert client.keys
    assert server.keys
    assert client.reasons == server.reasons == []


@dataclass
class Half:
    """A handshake of which the server's last flight, and nothing else, has been lost."""

    time: SimulatedTime
    client: Side
    server: Side
    client_flight: list[bytes]
    lost: list[bytes]

    @classmethod
    def done(cls) -> Half:
        time = SimulatedTime()
        client, server = sides(scheduler=time)
        deliver(client, server)
        deliver(server, client)
        client_flight = deliver(client, server)
        lost, server.outbox[:] = server.outbox[:], []
        assert (len(server.keys), len(client.keys)) == (1, 0)
        return cls(time, client, server, client_flight, lost)


def deliver(sender: Side, receiver: Side) -> list[bytes]:
    sent, sender.outbox[:] = sender.outbox[:], []
    for datagram in sent:
        receiver.connection.receive(datagram)
    return sent


def test_a_servers_last_flight_is_repeated_until_the_client_is_heard() -> None:
    half = Half.done()
    half.time.run(0.14)
    assert half.server.outbox == []

    half.time.run(0.02)
    assert deliver(half.server, half.client) == half.lost
    assert half.client.keys
    half.client.connection.send_data(b"done")
    exchange(half.client, half.server)

    half.time.run(60)
    assert half.server.outbox == []


def test_a_servers_last_flight_is_not_repeated_once_the_client_is_known_to_be_done() -> None:
    half = Half.done()
    half.server.finished_elsewhere = True
    half.time.run(60)
    assert half.server.outbox == []


def test_the_repetitions_of_a_last_flight_are_bounded_and_do_no_harm() -> None:
    half = Half.done()
    half.time.run(60)
    assert deliver(half.server, half.client) == half.lost * LAST_FLIGHT_REPEATS
    half.client.outbox.clear()

    assert half.client.connection.send_data(b"up")
    assert half.server.connection.send_data(b"down")
    exchange(half.client, half.server)
    assert (half.server.data, half.client.data) == ([b"up"], [b"down"])
    assert half.client.reasons == half.server.reasons == []


def test_a_client_that_repeats_its_last_flight_is_answered_at_once() -> None:
    half = Half.done()
    for datagram in half.client_flight:
        half.server.connection.receive(datagram)
    assert deliver(half.server, half.client) == half.lost
    assert half.client.keys


def test_an_unanswered_flight_is_repeated_with_growing_distance_and_stops_when_answered() -> None:
    time = SimulatedTime()
    client, server = sides(scheduler=time)
    [hello] = client.outbox
    client.outbox.clear()
    times = []
    for _ in range(400):
        time.run(0.01)
        times += [round(time.now - 100, 2)] * len(client.outbox)
        assert all(each[_RECORD_HEADER:] == hello[_RECORD_HEADER:] for each in client.outbox)
        client.outbox.clear()
    assert times == pytest.approx([0.15, 0.45, 1.05, 1.65, 2.25, 2.85, 3.45], abs=0.02)

    server.connection.receive(hello)
    exchange(client, server)
    assert client.keys
    time.run(60)
    assert client.outbox == []


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512", "sha-1"])
async def test_a_fingerprint_that_does_not_match_ends_the_handshake_without_keys(algorithm: str) -> None:
    wrong = Fingerprint(algorithm, ":".join(["AB"] * 32))
    client, server = sides(server_expects=wrong)
    exchange(client, server)
    assert server.keys == []
    assert "does not match the fingerprint" in server.reasons[0]
    assert len(client.reasons) == len(server.reasons) == 1


async def test_a_fingerprint_in_lower_case_matches() -> None:
    lower = Fingerprint("sha-256", OTHER_CERTIFICATE.fingerprint.value.lower())
    client, server = sides(server_expects=lower)
    exchange(client, server)
    assert server.keys


async def test_messages_keep_their_boundaries() -> None:
    client, server = sides()
    exchange(client, server)
    messages = [b"a", b"b" * 1200, b"c" * DATA_LIMIT]
    for message in messages:
        assert client.connection.send_data(message)
    assert len(client.outbox) == 3
    exchange(client, server)
    assert server.data == messages


@pytest.mark.parametrize("size", [0, DATA_LIMIT + 1])
async def test_messages_that_do_not_fit_a_datagram_are_refused(size: int) -> None:
    client, _ = sides()
    with pytest.raises(ValueError, match="1 to"):
        client.connection.send_data(b"x" * size)


async def test_nothing_is_sent_before_the_handshake_and_after_the_end() -> None:
    client, server = sides()
    assert not client.connection.send_data(b"early")
    exchange(client, server)
    client.connection.close()
    client.connection.close()
    assert not client.connection.send_data(b"late")
    exchange(client, server)
    assert server.reasons == ["DTLS close_notify from the other end"]
    assert client.reasons == []


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x16",
        b"\x16\xfe\xfd" + bytes(10),
        b"\x16\xfe\xfd" + bytes(8) + b"\x00\x05ab",
        b"\x16\x03\x03" + bytes(8) + b"\x00\x01a",
        b"\x3f\xfe\xfd" + bytes(8) + b"\x00\x01a",
    ],
)
async def test_malformed_records_are_dropped(datagram: bytes) -> None:
    client, server = sides()
    server.connection.receive(datagram)
    exchange(client, server)
    assert server.keys
    assert server.reasons == []


def _record(size: int) -> bytes:
    return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size)


@patient
@given(st.lists(st.integers(0, 1500).map(_record), min_size=1, max_size=12))
def test_records_are_packed_whole_and_in_order(records: list[bytes]) -> None:
    datagrams = list(pack_records(b"".join(records), 1200))
    assert b"".join(datagrams) == b"".join(records)
    for datagram in datagrams:
        inside = []
        while datagram:
            size = 13 + int.from_bytes(datagram[11:13], "big")
            inside.append(datagram[:size])
            datagram = datagram[size:]
        assert all(len(each) == 13 + int.from_bytes(each[11:13], "big") for each in inside)
        assert sum(map(len, inside)) <= 1200 or len(inside) == 1


@pytest.mark.parametrize(("profile", "salt"), [("SRTP_AEAD_AES_128_GCM", 12), ("SRTP_AES128_CM_SHA1_80", 14)])
def test_srtp_protects_and_drops_what_is_broken(profile: str, salt: int) -> None:
    left, right, ours, theirs = b"l" * (16 + salt), b"r" * (16 + salt), PacketBuffer(), PacketBuffer()
    sent: list[bytes] = []
    outbox = Outbox(lambda packet, _address: sent.append(bytes(packet)), 1, SocketStats())
    sender = SrtpSession(SrtpKeys(profile, left, right), ours, outbox)
    receiver = SrtpSession(SrtpKeys(profile, right, left), theirs, outbox)
    packet, nowhere = rtp_packet(1), ("", 0)
    assert sender.send_rtp(packet, nowhere)
    assert sender.send_rtcp(receiver_report(), nowhere)
    protected, report = sent

    assert receiver.unprotect_rtp(theirs.fill(protected[:-1] + b"?")) is None
    assert receiver.unprotect_rtp(theirs.fill(protected)) == packet
    assert receiver.unprotect_rtp(theirs.fill(protected)) is None
    assert receiver.unprotect_rtcp(theirs.fill(report)) == receiver_report()
    assert receiver.unprotect_rtp(theirs.fill(b"\x80")) is None
    assert receiver.unprotect_rtcp(theirs.fill(b"\x80\xc8")) is None
    assert receiver.unprotect_rtp(theirs.fill(bytes(5000))) is None
    assert not sender.send_rtp(bytes([128]) + bytes(5000), nowhere)
    assert not sender.send_rtp(b"\x80", nowhere)
    assert sum(receiver.errors.values()) == 5
    assert sum(sender.errors.values()) == 2
    assert len(sent) == 2


def test_a_message_that_somebody_fails_at_keeps_no_other_back() -> None:
    """Two messages in one datagram: who is told of the first one raises. What follows comes whole, and at once."""
    client, server = End(DtlsRole.CLIENT), End(DtlsRole.SERVER)
    while client.outbox or server.outbox:
        for sender, receiver in ((client, server), (server, client)):
            for datagram in sender.said():
                receiver.connection.receive(datagram)

    def record(message: bytes) -> bytes:
        client.connection.send_data(message)
        (datagram,) = client.said()
        return datagram

    def fail(_message: bytes) -> None:
        server.connection._on_data = server.data.append
        raise RuntimeError("a handler's mistake")

    server.connection._on_data = fail
    with pytest.raises(RuntimeError, match="mistake"):
        server.connection.receive(record(b"1") + record(b"2"))
    messages = [b"3" * 500, b"4", b"5" * 90]
    for message in messages:
        server.connection.receive(record(message))
    assert server.data == [b"2", *messages]
