from __future__ import annotations

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.rtcp import (
    Nack,
    Pli,
)

from .rtp_kit import (
    House,
    rtcp,
    steps,
)


def test_a_nack_is_answered_with_the_same_bytes() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(20):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    sent = list(bob.rtp)
    for kind in (bob.video, bob.audio):
        wanted = kind[5].serialise()
        bob.subscription.receive_rtcp(rtcp(Nack(1, kind[5].ssrc, (kind[5].sequence,))))
        assert bob.rtp[-1] == wanted
        assert wanted in sent
    assert bob.subscription.stats().video.resent == 1


def test_a_nack_is_answered_on_the_retransmission_stream_if_there_is_one() -> None:
    """RFC 4588 section 4: its own SSRC, payload type and numbers; the original number comes before the payload."""
    house = House()
    bob = house.subscribe(mids={"video": (3, "1")})
    bob.subscription.repair_with(121)
    for number in range(5):
        house.publisher.send_frame(keyframe=number == 0)
    wanted = [bob.video[2], bob.video[3], bob.video[2]]
    before = len(bob.rtp)
    for packet in wanted:
        bob.subscription.receive_rtcp(rtcp(Nack(1, packet.ssrc, (packet.sequence,))))
    repaired = [RtpPacket.parse(data) for data in bob.rtp[before:]]
    assert {(packet.ssrc, packet.payload_type) for packet in repaired} == {(bob.subscription.repair_ssrc, 121)}
    assert steps(repaired) == {1}
    for packet, original in zip(repaired, wanted, strict=True):
        assert packet.payload == original.sequence.to_bytes(2, "big") + original.payload
        assert (packet.timestamp, packet.marker) == (original.timestamp, original.marker)
        assert packet.extensions == {3: b"1"}
    assert bob.subscription.stats().video.resent == 3


def test_the_ring_forgets_after_512_packets() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(600):
        house.publisher.send_frame(keyframe=number == 0, packets=1)
    ssrc, video = bob.subscription.video_ssrc, bob.video
    kept = [packet.sequence for packet in video[-SentPackets.CAPACITY :]]
    before = len(bob.rtp)
    bob.subscription.receive_rtcp(rtcp(Nack(1, ssrc, (video[0].sequence, video[87].sequence))))
    assert len(bob.rtp) == before
    bob.subscription.receive_rtcp(rtcp(Nack(1, ssrc, tuple(kept))))
    assert bob.rtp[before:] == bob.rtp[before - SentPackets.CAPACITY : before]
    assert bob.subscription.stats().video.not_resent == 2


def test_packets_lost_on_the_way_here_are_asked_for_by_their_original_numbers() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame(keyframe=True)
    made = house.publisher.make_frame(packets=6)
    for index in (0, 3, 4, 5):
        house.feed.receive_rtp(made[index])
    nacks = house.feedback(Nack)
    assert [(nack.media_ssrc, nack.lost) for nack in nacks] == [
        (house.publisher.video_ssrc, tuple(RtpPacket.parse(made[index]).sequence for index in (1, 2)))
    ]


def test_a_repaired_packet_takes_its_place() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=6)
    for index in (0, 1, 4, 5, 2, 3):
        house.feed.receive_rtp(made[index])
    house.feed.tick(house.clock.advance(1))
    in_order = sorted(bob.video, key=lambda p: (p.sequence - bob.video[0].sequence) & 0xFFFF)
    assert [p.payload for p in in_order] == [RtpPacket.parse(data).payload for data in made]
    assert len(house.feedback(Nack)) == 1


def test_a_packet_on_the_retransmission_stream_takes_its_place() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=4)
    for index in (0, 2, 3):
        house.feed.receive_rtp(made[index])
    lost = RtpPacket.parse(made[1])
    repair = RtpPacket(97, 9, lost.timestamp, 555, lost.sequence.to_bytes(2, "big") + lost.payload, lost.marker)
    house.feed.receive_rtp(repair.serialise())
    probe = RtpPacket(97, 10, lost.timestamp, 555, b"", padding=100)
    house.feed.receive_rtp(probe.serialise())
    assert [(p.sequence - bob.video[0].sequence) & 0xFFFF for p in bob.video] == [0, 2, 3, 1]
    assert bob.video[3].payload == lost.payload
    assert house.feed.stats().video.lost == 1, "what had to be sent again counts as lost"


def test_a_packet_that_never_comes_ends_in_a_keyframe_request() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.make_frame(packets=1)
    house.publisher.send_frame()
    for _ in range(20):
        house.feed.tick(house.clock.advance(0.1))
    assert len(house.feedback(Nack)) == 10
    assert house.feed.stats().abandoned == 1
    assert house.feedback(Pli)
    assert len(bob.video) == 4
    newcomer = house.subscribe()
    assert newcomer.video == [], "a group with a hole is of no use"


def test_lost_audio_is_not_asked_for() -> None:
    house = House()
    house.publisher.send_audio()
    house.publisher.make_audio()
    for _ in range(5):
        house.publisher.send_audio()
    house.feed.tick(house.clock.advance(1))
    assert house.feedback(Nack) == []
