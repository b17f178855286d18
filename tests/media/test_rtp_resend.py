"""What is asked for again comes as it was sent, whatever has happened since."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.rtcp import Nack

from .rtp_kit import House, Subscriber, rtcp, steps, unhurried
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
            # Each takes the place of the one that was sent 512 numbers before.
            kept = {packet.sequence % SentPackets.CAPACITY: data for packet, data in parsed(who) if packet.ssrc == ssrc}
            numbers = {RtpPacket.parse(data).sequence: data for data in kept.values()}
            first, last = min(numbers, default=0), max(numbers, default=0)
            for sequence in range(first - 100, last + 100):
                expected = [numbers[sequence & 0xFFFF]] if sequence & 0xFFFF in numbers else []
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
