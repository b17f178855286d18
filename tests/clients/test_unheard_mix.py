"""A mix that nobody listens to is hardly touched, and yet there for who begins to listen."""

from __future__ import annotations

import asyncio
import os

import pytest

from emulator.clients.audio_reception import AudioReception
from emulator.clients.errors import ClientStateError
from emulator.clients.stream_receiver import StreamReceiver
from emulator.clients.unheard_mix import OPENED_EVERY, UnheardMix
from emulator.media.rtp.header import HEADER
from emulator.media.transport.dtls import SrtpKeys
from emulator.media.transport.outbox import Outbox
from emulator.media.transport.packet_buffer import PacketBuffer
from emulator.media.transport.socket_stats import SocketStats
from emulator.media.transport.srtp import SrtpSession
from emulator.probes.tones import tones_in
from tests.clients.conftest import MakeClient
from tests.signaling.raw_client import RestRoom

FRAME = 960


class Line:
    """What one end protects, and the other keeps without looking."""

    def __init__(self) -> None:
        ours, theirs = os.urandom(30), os.urandom(30)
        buffer = self.buffer = PacketBuffer()
        self.sent: list[bytes] = []
        outbox = Outbox(lambda packet, _address: self.sent.append(bytes(packet)), 1, SocketStats())
        self.sender = SrtpSession(SrtpKeys("SRTP_AES128_CM_SHA1_80", ours, theirs), buffer, outbox)
        self.opener = SrtpSession(SrtpKeys("SRTP_AES128_CM_SHA1_80", theirs, ours), buffer, outbox)
        self.malformed = 0
        self.receiver = StreamReceiver(
            codec="opus",
            clock_rate=48_000,
            nacks=False,
            own_ssrc=1,
            cname="me",
            send_rtcp=lambda _data: None,
            on_frame=lambda _frame, _now: None,
        )
        self.mix = UnheardMix(self.receiver, unseal=self.unseal, on_malformed=self.count_malformed)

    def unseal(self, packet: bytes) -> bytes | None:
        return self.opener.unprotect_rtp(self.buffer.fill(packet))

    def count_malformed(self) -> None:
        self.malformed += 1

    def protected(self, number: int) -> bytes:
        header = HEADER.pack(0x80, 111, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, 7)
        return self.sealed(header + b"%d" % number)

    def sealed(self, packet: bytes) -> bytes:
        assert self.sender.send_rtp(packet, ("", 0))
        return self.sent.pop()


@pytest.fixture
def line() -> Line:
    return Line()


def test_what_was_kept_is_opened_in_order_with_the_times_it_came_at(line: Line) -> None:
    packets = [line.protected(number) for number in range(11)]
    packets[5], packets[6] = packets[6], packets[5]
    line.mix.receive(packets[:1], 0.0)
    for batch in (1, 6):  # two reads, a tenth of a second apart
        assert line.mix.receive(packets[batch : batch + 5], (batch + 5) * 0.02)[0] == 5
    opened = line.mix.open()
    assert [frame.data for frame, _ in opened] == [b"%d" % number for number in range(11)]
    assert [at for _, at in opened] == pytest.approx([number * 0.02 for number in range(11)], abs=0.001)
    assert line.mix.open() == []
    assert (line.receiver.packets, line.receiver.lost) == (11, 0)


def test_the_last_ten_seconds_can_be_opened_after_an_hour(line: Line) -> None:
    """SRTP numbers packets with 16 bits, and counts the rounds by what it decrypts (RFC 3711 section 3.3.1)."""
    count = 3 * 65_536 + 100
    for number in range(count):
        line.mix.receive([line.protected(number)], number * 0.02)
    opened = line.mix.open()
    assert [frame.data for frame, _ in opened] == [b"%d" % number for number in range(count - 500, count)]
    assert line.receiver.packets == count
    assert not line.opener.errors


def test_one_that_was_opened_on_the_way_is_kept_like_the_others(line: Line) -> None:
    for number in range(OPENED_EVERY + 2):
        line.mix.receive([line.protected(number)], number * 0.02)
    assert len(line.mix.open()) == 500
    assert not line.opener.errors


def test_strangers_and_fragments_are_told_and_left_out(line: Line) -> None:
    line.mix.receive([line.protected(0)], 0.0)
    forged = bytearray(line.protected(1))
    forged[-1] ^= 1
    line.mix.receive([bytes(forged), b"\x80\x6f\x00"], 0.02)
    assert [frame.data for frame, _ in line.mix.open()] == [b"0"]
    assert line.malformed == 1
    assert sum(line.opener.errors.values()) == 1


def test_another_source_begins_anew(line: Line) -> None:
    line.mix.receive([line.protected(0)], 0.0)
    header = HEADER.pack(0x80, 111, 500, 90, 8)
    assert line.mix.receive([line.sealed(header + b"other")], 0.5) == (1, 0.5)
    assert [frame.data for frame, _ in line.mix.open()] == [b"other"]


async def test_who_does_not_listen_is_sent_no_mix_and_heard_all_the_same(join: MakeClient) -> None:
    alice = await join("Alice")
    bob = await join("Bob", tone=5, listens=False)
    for client in (alice, bob):
        await client.publish("self", video=None, audio={"source": "tone"})
    await alice.hears(bob)
    assert alice.heard.packets_received > 0
    assert bob.heard.packets_received == 0
    with pytest.raises(ClientStateError, match="listens=False, it is not sent the mixed audio"):
        await bob.hears(alice)
    watched = await bob.subscribe(alice)
    await bob.hears(alice, through=watched)


async def test_who_begins_to_listen_hears_what_was_there_before(join: MakeClient) -> None:
    alice = await join("Alice")
    bob = await join("Bob", tone=5)
    stream = await bob.publish("self", video=None, audio={"source": "tone"})
    await stream.wait_connected()
    heard: AudioReception = alice.heard
    async with asyncio.timeout(10):
        before = heard.packets_received
        while heard.packets_received < before + 60:  # noqa: ASYNC110 - there is no event: nobody listens
            await asyncio.sleep(0.05)
    assert 5 in tones_in(alice.audio(seconds=0.5))
    moment = asyncio.get_running_loop().time()
    assert heard.samples(since=moment).size <= 2 * FRAME  # nothing that was before counts as after
    await alice.hears(bob)
    assert heard.last_received_at is not None
    assert heard.last_received_at > moment


@pytest.mark.parametrize("ended", ["by themselves", "with the room"])
async def test_what_somebody_got_can_be_heard_after_they_have_gone(
    join: MakeClient, room: RestRoom, ended: str
) -> None:
    alice = await join("Alice")
    bob = await join("Bob", tone=5)
    await bob.publish("self", video=None, audio={"source": "tone"})
    async with asyncio.timeout(10):
        while alice.heard.packets_received < 75:  # noqa: ASYNC110 - there is no event: nobody listens
            await asyncio.sleep(0.05)
    if ended == "by themselves":
        await alice.leave()
    else:
        await room.delete()
        await alice.wait_disconnected()
    assert 5 in tones_in(alice.audio(seconds=0.5))
