"""Who hears what, how often it is encoded, and that nothing clicks. All signals go through Opus both ways."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from emulator.media.audio.activity import Talkers, Transition
from emulator.media.audio.leg import HOLD_TICKS
from emulator.media.audio.mixer import WARM_FRAMES, Mixer, MixerError
from emulator.media.audio.opus import FRAME, Samples
from tests.media.audio_signals import Conference, clicks, noise, residual, rms, speech, strength, tone

A, B, C = 440, 1000, 2300  # Hz
ABSENT = 0.001  # amplitude; the tones have 0.25


def bursts(hertz: float, frames: int, *, first: int = 60, length: int = 20, every: int = 61) -> Samples:
    """A tone that swells and fades away, again and again."""
    samples = np.zeros(frames * FRAME, dtype=np.float32)
    for start in range(first, frames - length, every):
        samples[start * FRAME : (start + length) * FRAME] = tone(hertz, length) * np.hanning(length * FRAME)
    return samples


def test_everyone_hears_exactly_the_others():
    conference = Conference()
    people = {
        A: conference.join("a", tone(A, 60)),
        B: conference.join("b", tone(B, 60)),
        C: conference.join("c", tone(C, 60)),
        None: conference.join("listener"),
    }
    conference.run(60)
    for own, person in people.items():
        heard = person.heard[20 * FRAME :]
        for hertz in (A, B, C):
            if hertz == own:
                assert strength(heard, hertz) < ABSENT
            else:
                assert strength(heard, hertz) == pytest.approx(0.25, rel=0.05)


def test_a_single_talker_hears_silence():
    conference = Conference()
    alone = conference.join("a", tone(A, 60))
    conference.join("listener")
    conference.run(60)
    assert np.abs(alone.heard).max() < 1e-4


def test_all_who_do_not_talk_share_one_payload_object():
    conference = Conference()
    conference.join("a", tone(A, 40))
    conference.join("b", tone(B, 40), receiving=False)
    for index in range(20):
        conference.join(f"listener {index}")
    conference.run(30)
    before = conference.mixer.encodes
    for person in conference.people.values():
        person.send()
    frames = conference.mixer.tick()
    assert [len(frame.leg_ids) for frame in frames] == [20, 1]
    assert frames[1].leg_ids == ("a",)
    assert conference.mixer.encodes - before == 2


def test_nothing_is_encoded_for_legs_that_do_not_receive():
    conference = Conference()
    for index in range(5):
        conference.join(str(index), tone(200 + 100 * index, 40), receiving=False)
    conference.run(40)
    assert conference.mixer.encodes == 0
    assert conference.mixer.tick() == []


def test_every_receiving_leg_is_in_exactly_one_frame_per_tick():
    conference = Conference()
    rng = np.random.default_rng(1)
    people = [conference.join(str(index), speech(150, seed=index)) for index in range(6)]
    for _ in range(150):
        for person in people:
            person.send()
            if rng.random() < 0.1:
                person.leg.receiving = not person.leg.receiving
        ids = sorted(leg_id for frame in conference.mixer.tick() for leg_id in frame.leg_ids)
        assert ids == [person.leg.id for person in people if person.leg.receiving]


def test_legs_below_the_floor_share_the_common_encode_until_they_speak_up():
    conference = Conference()
    conference.join("a", tone(A, 80))
    people = [conference.join(str(index), noise(-70, 80, seed=index)) for index in range(10)]
    conference.run(60)
    before = conference.mixer.encodes
    conference.run(20)
    assert conference.mixer.encodes - before == 2 * 20
    assert people[0].payloads[-1] is people[1].payloads[-1]


def test_moving_between_encoders_leaves_the_others_sound_untouched():
    """B speaks up every 1.2 s: from the common encoder to an own one and back, four times, while A's tone goes on."""
    conference = Conference()
    conference.join("a", tone(A, 320))
    b = conference.join("b", bursts(B, 320))
    listener = conference.join("listener")
    own, switches, shared_before = 0, 0, True
    for _ in range(320):
        conference.run(1)
        shared = b.payloads[-1] is listener.payloads[-1]
        own += not shared
        switches += shared != shared_before
        shared_before = shared
    assert switches == 8
    assert own < 5 * (20 + HOLD_TICKS + WARM_FRAMES + 2)
    heard = b.heard[20 * FRAME : 315 * FRAME]
    rest = residual(heard, A)
    assert rest.max() < 2 * np.quantile(rest, 0.9)
    assert clicks(heard)[1:-1].max() < 1e-3


def test_without_warming_up_the_same_switch_would_be_found(monkeypatch):
    monkeypatch.setattr(Mixer, "_warm", lambda self, encoder: None)
    conference = Conference()
    conference.join("a", tone(A, 150))
    b = conference.join("b", bursts(B, 150))
    conference.run(150)
    assert residual(b.heard[20 * FRAME : 145 * FRAME], A).max() > 0.3


def test_mute_silences_within_40_ms_and_neither_mute_nor_unmute_clicks():
    conference = Conference()
    a = conference.join("a", tone(A, 120))
    listener = conference.join("listener")
    conference.run(40)
    a.leg.set_muted(True)
    assert a.leg.muted
    conference.run(40)
    a.leg.set_muted(False)
    conference.run(40)
    frames = listener.heard.reshape(-1, FRAME)
    assert rms(frames[39]) > 0.17
    assert rms(frames[41]) < 0.001  # 20 to 40 ms after
    assert rms(frames[45:80].ravel()) < 1e-4
    assert rms(frames[81]) > 0.17
    assert clicks(listener.heard)[1:-2].max() < 3e-4


def test_a_muted_talker_hears_the_others_through_the_common_encoder():
    conference = Conference()
    a = conference.join("a", tone(A, 60))
    conference.join("b", tone(B, 60))
    listener = conference.join("listener")
    a.leg.set_muted(True)
    conference.run(60)
    assert a.payloads[-1] is listener.payloads[-1]
    assert strength(a.heard[20 * FRAME :], B) == pytest.approx(0.25, rel=0.05)


def test_joining_and_leaving_do_not_click_for_anyone():
    conference = Conference()
    conference.join("a", tone(A, 200))
    listener = conference.join("listener")
    conference.run(40)
    conference.join("b", tone(B, 200))
    conference.run(40)
    newcomer = conference.join("newcomer")
    conference.run(40)
    conference.leave("b")
    conference.run(40)
    conference.leave("a")
    conference.run(20)
    assert clicks(listener.heard)[1:-2].max() < 3e-4
    assert clicks(np.concatenate([np.zeros(FRAME, dtype=np.float32), newcomer.heard]))[:-2].max() < 3e-4
    frames = listener.heard.reshape(-1, FRAME)
    assert strength(frames[140:155].ravel(), B) < ABSENT
    assert rms(frames[165:].ravel()) < 1e-4


def test_newcomers_join_the_common_encoder_after_a_few_frames():
    conference = Conference()
    conference.join("a", tone(A, 100))
    listener = conference.join("listener")
    conference.run(30)
    newcomers = [conference.join(str(index)) for index in range(10)]
    conference.run(1)
    assert newcomers[0].payloads[-1] is newcomers[9].payloads[-1] is not listener.payloads[-1]
    conference.run(WARM_FRAMES)
    assert newcomers[0].payloads[-1] is listener.payloads[-1]
    assert residual(newcomers[0].heard[FRAME:], A).max() < 0.02


def test_listening_again_after_a_pause_starts_cleanly():
    conference = Conference()
    conference.join("a", tone(A, 100))
    listener = conference.join("listener")
    conference.run(30)
    listener.leg.receiving = False
    conference.run(30)
    assert len(listener.payloads) == 30
    listener.leg.receiving = True
    conference.run(30)
    assert len(listener.payloads) == 60
    assert clicks(listener.heard)[32:-2].max() < 3e-4


def test_twenty_talkers_are_limited_without_wrapping_and_each_hears_the_other_nineteen():
    conference = Conference()
    frequencies = [300 + 130 * index for index in range(20)]
    people = [conference.join(str(hertz), tone(hertz, 60, 0.2)) for hertz in frequencies]
    listener = conference.join("listener")
    conference.run(60)
    heard = listener.heard[20 * FRAME :]
    assert np.abs(heard).max() <= 1.0
    strengths = [strength(heard, hertz) for hertz in frequencies]
    assert min(strengths) > 0.02
    assert max(strengths) < 2 * min(strengths)
    for own, person in zip(frequencies[::5], people[::5], strict=True):
        heard = person.heard[20 * FRAME :]
        others = [strength(heard, hertz) for hertz in frequencies if hertz != own]
        assert strength(heard, own) < 0.1 * min(others)


def test_limiting_is_undone_smoothly_when_a_loud_talker_returns_to_listening():
    conference = Conference()
    conference.join("a", tone(A, 200, 0.9))
    loud = bursts(B, 200, first=40, length=40, every=1000) * np.float32(3.5)
    b = conference.join("b", loud)
    listener = conference.join("listener")
    conference.run(200)
    assert np.abs(listener.heard).max() <= 1.0
    assert clicks(b.heard)[1:-2].max() < 0.002
    assert strength(b.heard[-50 * FRAME :], A) == pytest.approx(strength(listener.heard[-50 * FRAME :], A), rel=0.05)


def test_five_percent_loss_from_a_talker_is_heard_without_clicks():
    conference = Conference()
    a = conference.join("a", tone(A, 200))
    listener = conference.join("listener")
    rng = np.random.default_rng(5)
    for _ in range(200):
        a.send(dropped=rng.random() < 0.05)
        conference.tick()
    assert a.leg.stats().lost > 0
    assert clicks(listener.heard)[1:-2].max() < 3e-4
    assert min(rms(frame) for frame in listener.heard.reshape(-1, FRAME)[10:]) > 0.08


def test_silence_is_sent_to_all_without_encoding():
    conference = Conference()
    listeners = [conference.join(str(index)) for index in range(3)]
    conference.run(100)
    assert len(listeners[0].payloads) == 100
    assert listeners[0].payloads[-1] is listeners[0].payloads[-50] is listeners[2].payloads[-1]
    assert len(listeners[0].payloads[-1]) <= 3


def test_talk_is_reported_in_pairs_and_not_while_muted():
    conference = Conference()
    a = conference.join("a", speech(400))
    conference.join("b", noise(-50, 400))
    mixer = conference.mixer
    conference.run(20)
    assert mixer.take_transitions() == [Transition("a", talking=True)]
    conference.run(80)
    assert mixer.take_transitions() == []
    a.leg.set_muted(True)
    conference.run(50)
    assert mixer.take_transitions() == [Transition("a", talking=False)]
    a.leg.set_muted(False)
    conference.run(50)
    assert mixer.take_transitions() == [Transition("a", talking=True)]
    conference.run(50, sending=["b"])
    assert mixer.take_transitions() == [Transition("a", talking=False)]


def test_leaving_while_talking_reports_the_end_of_the_talk():
    conference = Conference(Mixer(talkers=Talkers(attack=0.04)))
    conference.join("a", tone(A, 30))
    conference.run(20)
    conference.leave("a")
    conference.run(1)
    assert conference.mixer.take_transitions() == [Transition("a", talking=True), Transition("a", talking=False)]


def test_an_id_can_be_used_once_at_a_time():
    mixer: Mixer[int] = Mixer()
    mixer.add_leg(7)
    with pytest.raises(MixerError, match="there is a leg 7 already"):
        mixer.add_leg(7)
    mixer.remove_leg(7)
    mixer.add_leg(7)
    with pytest.raises(MixerError, match="there is no leg 8"):
        mixer.remove_leg(8)


def test_legs_that_left_are_forgotten():
    conference = Conference()
    for index in range(50):
        conference.join(str(index), tone(A, 3))
        conference.run(3)
        conference.leave(str(index))
    conference.run(3)
    mixer = conference.mixer
    assert not mixer._legs
    assert not mixer._leaving
    assert not mixer._streams


def test_receiving_joining_and_leaving_from_another_thread_while_ticking():
    mixer: Mixer[int] = Mixer()
    steady = mixer.add_leg(0)
    steady.receiving = True
    conference = Conference()
    packets = conference.join("source", tone(A, 50)).packets
    stop = threading.Event()
    failures: list[BaseException] = []

    def disturb() -> None:
        try:
            for round_ in range(1, 200):
                leg = mixer.add_leg(round_)
                leg.receiving = True
                for index, packet in enumerate(packets[:10]):
                    leg.receive(packet, index, index * FRAME)
                leg.set_muted(round_ % 2 == 0)
                mixer.take_transitions()
                mixer.remove_leg(round_)
        except BaseException as failure:  # noqa: BLE001  # handed to the test's thread
            failures.append(failure)
        finally:
            stop.set()

    thread = threading.Thread(target=disturb)
    thread.start()
    ticks = 0
    while not stop.is_set() or ticks < 20:
        assert sum(frame.leg_ids.count(0) for frame in mixer.tick()) == 1
        ticks += 1
    thread.join()
    assert not failures
