"""What is asked for again comes as it was sent, whatever has happened since."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.inbound import MediaPacket
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.outbound import OutboundTrack
from emulator.media.rtp.rtcp import Nack

from .rtp_kit import House, Subscriber, WholePackets, rtcp, steps, unhurried
from .simulcast_kit import SimulcastHouse, Watcher

EVENTS = ("frame", "keyframe", "late", "lost", "audio", "loud", "pause", "resume", "mute", "unmute", "restart", "long")


def asked_for_again(who: Subscriber, sequence: int, *, ssrc: int) -> list[bytes]:
    before = len(who.rtp)
    who.subscription.receive_rtcp(rtcp(Nack(1, ssrc, (sequence & 0xFFFF,))))
    return who.rtp[before:]


@unhurried
@given(st.lists(st.sampled_from(EVENTS), min_size=10, max_size=60))
def test_all_that_was_sent_can_be_had_again_to_the_byte(events: list[str]) -> None:
    house = House()
    bob = house.subscribe(mids={"audio": (3, "0"), "video": (3, "1")})
    carol = house.subscribe(mids={"audio": (3, "a"), "video": (3, "b")})  # other bytes from the very same packets
    for each in (bob, carol):
        each.subscription.tell_levels(4)
    publisher = house.publisher
    publisher.send_frame(keyframe=True, packets=3)
    for event in events:
        match event:
            case "frame" | "keyframe":
                publisher.send_frame(keyframe=event == "keyframe")
            case "late":
                for data in reversed(publisher.make_frame(packets=4)):
                    house.feed.receive_rtp(data)
            case "lost":
                house.feed.receive_rtp(publisher.make_frame(packets=3)[2])
            case "audio" | "loud":
                publisher.send_audio(level=None if event == "audio" else 3)
            case "pause" | "resume":
                bob.subscription.set_relay(audio=event == "resume", video=event == "resume")
            case "mute" | "unmute":
                house.feed.audio_gate_open = event == "unmute"
            case "restart":
                publisher.video_ssrc += 1
                publisher.video_sequence = 7
                publisher.send_frame(keyframe=True)
            case "long":
                for _ in range(130):
                    publisher.send_frame(packets=2)
    for who in (bob, carol):
        subscription = who.subscription
        for kind, ssrc in (("video", subscription.video_ssrc), ("audio", subscription.audio_ssrc)):
            sent = {packet.sequence: data for packet, data in parsed(who) if packet.ssrc == ssrc}
            first, last = min(sent, default=0), max(sent, default=0)
            for sequence in range(first - 100, last + 100):
                kept = sequence > last - SentPackets.CAPACITY and sequence in sent
                expected = [sent[sequence]] if kept else []
                assert asked_for_again(who, sequence, ssrc=ssrc) == expected, (kind, sequence)


def parsed(who: Subscriber) -> list[tuple[RtpPacket, bytes]]:
    return [(RtpPacket.parse(data), data) for data in who.rtp]


def test_packets_before_a_pause_can_be_had_again_with_their_own_picture_ids_and_times() -> None:
    house = House()
    bob = house.subscribe(mids={"video": (3, "1")})
    for number in range(5):
        house.publisher.send_frame(keyframe=number == 0)
    before = len(bob.rtp)
    bob.subscription.set_relay(video=False)
    for _ in range(10):
        house.publisher.send_frame()
    bob.subscription.set_relay(video=True)
    house.publisher.send_frame(keyframe=True)
    assert steps(bob.video) == {1}
    sent = list(bob.rtp)
    assert len(sent) == before + 15 * 2 + 2, "resumed with the keyframe that was kept, and what followed it"
    assert len({RtpPacket.parse(data).timestamp - bob.video[0].timestamp for data in sent}) == 5 + 15 + 1
    for data in sent:
        packet = RtpPacket.parse(data)
        assert asked_for_again(bob, packet.sequence, ssrc=packet.ssrc) == [data]


def test_packets_of_the_layer_before_can_be_had_again() -> None:
    house = SimulcastHouse()
    watcher = Watcher(house)
    house.run(2.0)
    first = list(watcher.packets)
    watcher.subscription.set_layer(0)
    house.run(2.0)
    assert watcher.layers[0] != watcher.layers[-1] == 0
    sent = {packet.sequence: packet for packet in watcher.packets[-SentPackets.CAPACITY :]}
    asked = [packet for packet in (*first[-20:], *watcher.packets[-20:]) if packet.sequence in sent]
    assert asked[0] in first
    assert asked[-1] not in first
    for packet in asked:
        watcher.subscription.receive_rtcp(rtcp(Nack(1, packet.ssrc, (packet.sequence,))))
        assert watcher.packets[-1] == packet


def test_numbers_of_another_layer_are_never_mistaken_for_those_that_were_sent() -> None:
    """Two layers count from anywhere: a packet of one can be where one of the other with that number would be."""
    sent: list[bytes] = []
    track = OutboundTrack(
        outlet=WholePackets(sent.append),
        payload_type=96,
        clock_rate=90000,
        ssrc=1,
        random=Random(1),
        needs_keyframe=False,
    )

    def forward(numbers: range, name: bytes) -> list[int]:
        before = len(sent)
        for number in numbers:
            track.forward(MediaPacket(number, number * 3000, 0, name))
        return [RtpPacket.parse(data).sequence for data in sent[before:]]

    first = forward(range(70_000, 70_600), b"first")
    track.interrupt()
    # As if it went on with the numbers of the one before, less 512: each is where a packet of the other could be.
    second = forward(range(70_600 - 512, 70_140), b"second")
    third = forward(range(70_150, 70_170), b"second")
    assert third[0] - second[-1] == 11, "ten never came"
    known = {RtpPacket.parse(data).sequence: data for data in sent}
    for number in range(first[0], third[-1] + 1):
        before = len(sent)
        answered = track.resend(number)
        assert answered == (number in known and number > third[-1] - SentPackets.CAPACITY), number
        assert sent[before:] == ([known[number]] if answered else []), number
