from __future__ import annotations

import numpy as np
import pytest

from emulator.media.audio.activity import Talkers, Transition
from emulator.media.audio.opus import FRAME
from tests.media.audio_signals import noise, rms, speech

TICK = 0.02


def watch(talkers: Talkers[str], levels: list[float], *, start: float = 0.0) -> list[tuple[float, bool]]:
    """(seconds after the start, talking) for each transition."""
    happened = []
    for index, level in enumerate(levels):
        now = start + index * TICK
        for transition in [talkers.observe("a", level, now), *talkers.expire(now)]:
            if transition:
                happened.append((round(now - start + TICK, 3), transition.talking))
    return happened


def levels_of(samples) -> list[float]:
    return [20 * np.log10(rms(frame) + 1e-9) for frame in samples.reshape(-1, FRAME)]


def test_speech_in_bursts_is_one_talk_that_starts_within_300_ms_and_stops_after_the_hold():
    """0.3 s on, 0.2 s off; S-101: talking and its end come in pairs."""
    happened = watch(Talkers(), levels_of(speech(150)) + [-90.0] * 100)
    assert [talking for _, talking in happened] == [True, False]
    assert happened[0][0] <= 0.3
    assert 3.2 <= happened[1][0] <= 3.8


@pytest.mark.parametrize("seed", range(5))
def test_room_noise_at_minus_50_db_is_quiet(seed):
    assert watch(Talkers(), levels_of(noise(-50, 500, seed))) == []


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("amplitude", [0.02, 0.1, 0.5])
def test_bursts_are_noticed_within_300_ms_at_any_voice_and_loudness(seed, amplitude):
    """Also when one begins to be heard within a burst, of which a tenth of a second is left."""
    for begin in range(10):
        levels = levels_of(speech(150, seed, amplitude))[begin:]
        loud = next(index for index, level in enumerate(levels) if level >= -45)
        happened = watch(Talkers(), levels[loud:])
        assert happened[0] == (happened[0][0], True)
        assert happened[0][0] <= 0.3


def test_a_single_knock_is_quiet():
    levels = ([-10.0] * 3 + [-60.0] * 40) * 10
    assert watch(Talkers(), levels) == []


def test_speech_over_room_noise_is_noticed():
    samples = speech(100, amplitude=0.05) + noise(-50, 100)
    assert [talking for _, talking in watch(Talkers(), levels_of(samples))] == [True]


def test_threshold_attack_and_hold_are_adjustable():
    talkers: Talkers[str] = Talkers(threshold=-20, attack=0.2, hold=0.1)
    assert watch(talkers, [-21.0] * 50) == []
    assert watch(talkers, [-19.0] * 50 + [-21.0] * 50, start=5) == [(0.2, True), (1.1, False)]


def test_zero_attack_fires_at_once():
    assert watch(Talkers(attack=0), [-10.0]) == [(0.02, True)]


def test_sending_nothing_more_ends_the_talk():
    talkers: Talkers[str] = Talkers()
    watch(talkers, [-10.0] * 20)
    assert talkers.talking("a")
    assert talkers.expire(0.9) == []
    assert talkers.expire(1.0) == [Transition("a", talking=False)]
    assert not talkers.talking("a")
    assert talkers.expire(2.0) == []


def test_leaving_while_talking_ends_the_talk_once():
    talkers: Talkers[str] = Talkers()
    watch(talkers, [-10.0] * 20)
    assert talkers.forget("a") == Transition("a", talking=False)
    assert talkers.forget("a") is None


def test_loud_packets_far_apart_are_no_speech():
    talkers: Talkers[str] = Talkers(attack=0.3, hold=0.5)
    happened = [talkers.observe("a", level, index * 0.2) for index, level in enumerate([-10.0, -90.0, -90.0] * 20)]
    assert not any(happened)


def test_quiet_ones_are_not_remembered():
    talkers: Talkers[int] = Talkers()
    for who in range(1000):
        talkers.observe(who, -80, 0.0)
    for who in range(1000, 1010):
        talkers.observe(who, -10, 0.0)
    talkers.expire(10.0)
    assert len(talkers._watched) == 0


def test_negative_times_are_refused():
    with pytest.raises(ValueError, match="expected 0 s or more"):
        Talkers(attack=-1)
