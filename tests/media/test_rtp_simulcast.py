"""Layers of a simulcast, with real encoders and decoders: what the viewer sees is read off the test card."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.layer_choice import LayerChoice
from emulator.media.rtp.rtcp import Remb
from emulator.media.rtp.sequence import timestamp_delta
from emulator.media.rtp.timing import NTP_BASE_SECONDS, ntp_seconds
from emulator.media.rtp.vp8 import Vp8Descriptor
from tests.media.rtp_kit import rtcp, steps
from tests.media.simulcast_kit import FPS, PARTICIPANT, RTX, SIZES, TICKS, SimulcastHouse, Watcher

WIDTHS = [SIZES[rid][0] for rid in ("l", "m", "h")]


def check_seen(watcher: Watcher, *, jitter: float = 0.003) -> None:
    """Every picture was whole and of its moment, and nothing jumped: neither time nor any of the numbers."""
    assert watcher.failures == 0
    assert all(sight.card is not None for sight in watcher.sights), watcher.numbers
    assert {sight.card.participant_id for sight in watcher.sights if sight.card} == {PARTICIPANT}
    numbers = [number for number in watcher.numbers if number is not None]
    # The one at a change may come twice: in both sizes.
    assert all(later >= earlier for earlier, later in pairwise(numbers)), numbers
    assert steps(watcher.packets) == {1}
    for earlier, later in pairwise(watcher.sights):
        assert earlier.card is not None
        assert later.card is not None
        passed = timestamp_delta(later.timestamp, earlier.timestamp)
        if earlier.at == later.at and later.width == earlier.width:
            continue  # of a group that was kept: sent at once, its times are moved together
        expected = (later.card.frame_number - earlier.card.frame_number) * TICKS
        assert abs(passed - expected) <= jitter * 90_000, (earlier, later)
    pictures = list(dict.fromkeys((packet.timestamp, *ids_of(packet)) for packet in watcher.packets))
    assert {(later[1] - earlier[1]) & 0x7FFF for earlier, later in pairwise(pictures)} == {1}
    assert {(later[2] - earlier[2]) & 0xFF for earlier, later in pairwise(pictures)} == {1}


def ids_of(packet: RtpPacket) -> tuple[int, int]:
    descriptor = Vp8Descriptor.parse(packet.payload)
    assert descriptor.picture_id is not None
    assert descriptor.tl0picidx is not None
    return descriptor.picture_id, descriptor.tl0picidx


def estimate(watcher: Watcher, bitrate: int) -> None:
    watcher.subscription.receive_rtcp(rtcp(Remb(1, bitrate, (watcher.subscription.video_ssrc,))))


@pytest.mark.parametrize(("layer", "width"), [(None, 640), (2, 640), (1, 320), (0, 160)])
def test_a_viewer_gets_the_layer_it_asks_for_and_else_the_best(layer: int | None, width: int) -> None:
    house = SimulcastHouse()
    house.run(0.5)
    bob = Watcher(house, layer)
    house.run(0.5)
    assert bob.widths == [width]
    check_seen(bob)


def test_layers_change_at_keyframes_and_nothing_is_broken_on_the_screen() -> None:
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(0.5)
    for layer in (0, 2, 1, 0, 1, 2):
        bob.subscription.set_layer(layer)
        before = len(bob.sights)
        house.run(0.6)
        assert bob.sights[-1].width == WIDTHS[layer]
        # What was on the screen went on until the change: no picture is missing in between.
        numbers = bob.numbers[before - 1 :]
        assert max((b or 0) - (a or 0) for a, b in pairwise(numbers)) <= 2
    assert bob.layers == [2, 0, 2, 1, 0, 1, 2]
    check_seen(bob)


def test_a_change_of_one_viewer_disturbs_no_other() -> None:
    house = SimulcastHouse()
    bob, carol = Watcher(house), Watcher(house, 0)
    house.run(0.5)
    bob.subscription.set_layer(0)
    house.run(0.5)
    bob.subscription.set_layer(2)
    house.run(0.5)
    assert carol.widths == [160]
    assert carol.numbers == list(range(house.number))
    check_seen(carol)
    check_seen(bob)
    assert house.encodings["m"].keyframes == 1, "a layer that nobody watches is left alone"


def test_a_viewer_who_changes_its_mind_stays_where_it_was() -> None:
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(0.5)
    bob.subscription.set_layer(0)
    bob.subscription.set_layer(2)
    house.run(0.5)
    assert bob.widths == [640]
    check_seen(bob)


def test_sender_reports_go_with_the_layer_that_is_sent() -> None:
    """What they say of the moment of the last picture is true before and after a change: lips stay in sync."""
    house = SimulcastHouse()
    bob = Watcher(house)
    for layer in (2, 0, 1):
        bob.subscription.set_layer(layer)
        house.run(2)
        report, sight = bob.reports[-1], bob.sights[-1]
        assert sight.width == WIDTHS[layer]
        ago = timestamp_delta(report.rtp_timestamp, sight.timestamp) / 90_000
        assert ntp_seconds(report.ntp) - NTP_BASE_SECONDS - ago == pytest.approx(sight.at, abs=0.002)


def test_a_silent_layer_is_replaced_by_the_next_lower_one_until_it_is_back() -> None:
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(1)
    house.encodings["h"].sending = False
    house.run(1.5)
    assert bob.widths == [640, 320]
    house.encodings["m"].sending = False
    house.run(2)
    assert bob.widths == [640, 320, 160]
    for encoding in house.encodings.values():
        encoding.sending = encoding.keyframe_wanted = True
    house.run(1)
    assert bob.widths == [640, 320, 160, 640]
    check_seen(bob)


def test_what_is_lowest_comes_if_only_higher_ones_than_wanted_flow() -> None:
    house = SimulcastHouse()
    house.encodings["l"].sending = False
    bob = Watcher(house, 0)
    house.run(1)
    assert bob.sights[-1].width == 320
    house.encodings["l"].sending = True
    house.run(1)
    assert bob.widths[-1] == 160
    check_seen(bob)


def test_a_slow_camera_is_not_taken_for_a_silent_layer() -> None:
    """One picture per second, as the SDK sends for a camera that is off."""
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(1)
    for second in range(5):
        for encoding in house.encodings.values():
            encoding.sending = True
        house.step()
        for encoding in house.encodings.values():
            encoding.sending = False
        house.run(1 - 1 / FPS)
        assert bob.widths == [640], f"after {second + 1} s"


def test_bandwidth_that_falls_lowers_the_layer_and_the_way_up_is_tried_again() -> None:
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(2)
    estimate(bob, 1_000_000)
    house.run(1)
    assert bob.widths == [640]
    low, middle, _ = (layer.bitrate for layer in house.feed.stats().layers)
    estimate(bob, (low + middle) // 2)
    house.run(0.5)
    assert bob.sights[-1].width == 160
    assert bob.subscription.stats().estimate == (low + middle) // 2
    for _ in range(14):
        # A receiver's estimate is never much above what it gets, so it says little about what would be possible.
        rates = house.feed.stats().layers
        layer = bob.subscription.stats().layer
        assert layer is not None
        estimate(bob, round(1.5 * rates[layer].bitrate) + 10_000)
        house.run(0.5)
    assert bob.widths == [640, 160, 320, 640]
    check_seen(bob)


def test_bandwidth_lowers_no_layer_below_what_was_asked_for_and_raises_none_above() -> None:
    house = SimulcastHouse()
    bob = Watcher(house, 1)
    house.run(1)
    for bitrate in (2_000_000, 3_000_000):
        estimate(bob, bitrate)
        house.run(0.5)
    assert bob.widths == [320]


def test_lost_packets_come_on_the_retransmission_stream_of_their_layer() -> None:
    """Not at the very switch: what was lost of the layer before comes when the viewer has the keyframe of the other."""
    random = Random(3)
    lost: set[bytes] = set()
    lossy = True

    def lose(data: bytes) -> bool:
        if lossy and data[1] & 0x7F != RTX and data not in lost and random.random() < 0.05:
            lost.add(data)
            return True
        return False

    house = SimulcastHouse(lose=lose)
    bob, carol = Watcher(house), Watcher(house, 0)
    house.run(2)
    lossy = False
    house.run(0.2)
    bob.subscription.set_layer(0)
    carol.subscription.set_layer(1)
    house.run(0.2)
    lossy = True
    house.run(2)
    assert lost
    assert bob.failures == carol.failures == 0
    assert (bob.widths, carol.widths) == ([640, 160], [160, 320])
    assert None not in bob.numbers + carol.numbers
    assert house.feed.stats().malformed == 0


def test_packets_that_name_no_layer_are_counted_until_one_does() -> None:
    house = SimulcastHouse()
    for encoding in house.encodings.values():
        encoding.named = False
    house.run(0.2)
    assert house.feed.stats().unknown > 0
    assert house.feed.stats().video.packets == 0
    bob = Watcher(house)
    for encoding in house.encodings.values():
        encoding.named = True
        encoding.keyframe_wanted = True
    house.run(0.2)
    for encoding in house.encodings.values():
        encoding.named = False  # the publisher has had our report
    house.run(0.5)
    assert bob.widths == [640]
    check_seen(bob)


def test_any_number_of_ssrcs_leaves_a_layer_with_one() -> None:
    house = SimulcastHouse()
    house.run(0.1)
    for ssrc in range(500):
        house.encodings["h"].ssrc = ssrc
        house.step()
    assert len(house.feed.video._by_ssrc) == 3


def test_a_newcomer_starts_at_once_from_what_is_kept() -> None:
    house = SimulcastHouse()
    bob = Watcher(house)
    house.run(0.5)
    carol = Watcher(house)
    assert carol.sights
    assert carol.sights[-1].card is not None
    assert carol.sights[-1].card.frame_number == bob.numbers[-1]
    house.run(0.3)
    assert carol.failures == 0


def test_a_random_course_of_wishes_losses_and_gaps_leaves_a_picture_without_faults() -> None:
    """Whatever is asked for in whatever order, each picture that was decoded is whole, and none comes twice."""
    random = Random(17)
    lost: set[bytes] = set()

    def lose(data: bytes) -> bool:
        if data[1] & 0x7F != RTX and data not in lost and random.random() < 0.02:
            lost.add(data)
            return True
        return False

    house = SimulcastHouse(seed=9, lose=lose)
    watchers = [Watcher(house, layer) for layer in (None, 0, 1)]
    for _ in range(25):
        watcher = random.choice(watchers)
        match random.randrange(5):
            case 0 | 1:
                watcher.subscription.set_layer(random.randrange(3))
            case 2:
                estimate(watcher, random.choice((50_000, 200_000, 2_000_000)))
            case 3:
                watcher.subscription.set_relay(video=False)
                house.run(random.random() / 2)
                watcher.subscription.set_relay(video=True)
            case 4:
                encoding = house.encodings[random.choice("hm")]
                encoding.sending = not encoding.sending
                encoding.keyframe_wanted = True
        house.run(random.random() / 2)
    for watcher in watchers:
        assert None not in watcher.numbers
        numbers = [number for number in watcher.numbers if number is not None]
        assert len(numbers) > 100
        assert watcher.failures == 0
        times = [sight.timestamp for sight in watcher.sights]
        assert all(timestamp_delta(later, earlier) > 0 for earlier, later in pairwise(times))


# --- the choice itself -----------------------------------------------------------------------------------------------

RATES = (80_000.0, 200_000.0, 400_000.0)


def test_an_estimate_that_still_rises_from_a_low_start_is_not_believed() -> None:
    choice = LayerChoice()
    bitrate, now = 30_000.0, 0.0
    while bitrate < 400_000:
        choice.estimated(round(bitrate), now)
        assert choice.choose(RATES, 2, now) == 2
        bitrate *= 1.08
        now += 1


def test_an_estimate_that_stays_low_is_meant() -> None:
    choice = LayerChoice()
    for tenth in range(30):
        choice.estimated(150_000, tenth / 10)
        chosen = choice.choose(RATES, 2, tenth / 10)
    assert chosen == 0
    choice.estimated(250_000, 3.0)
    assert choice.choose(RATES, 0, 3.0) == 1


def test_trials_that_fail_become_rare() -> None:
    choice = LayerChoice()
    current, now, steps_up = 2, 0.0, []
    choice.estimated(1_000_000, now)
    while now < 120:
        room = 150_000  # what the path really carries
        choice.estimated(round(min(room, RATES[current] * 1.5)), now)
        chosen = choice.choose(RATES, current, now)
        if chosen > current:
            steps_up.append(now)
        current, now = chosen, now + 0.5
    gaps = [later - earlier for earlier, later in pairwise(steps_up)]
    assert len(steps_up) <= 7
    assert gaps == sorted(gaps)
