"""One leg's way in: disorder, loss, silence, rubbish."""

from __future__ import annotations

import random
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import pytest

from emulator.media.audio.leg import FLOOR_DBFS, HOLD_TICKS, SILENCE_DBFS, Leg
from emulator.media.audio.opus import FRAME, SAMPLE_RATE, OpusEncoder, Samples
from tests.media.audio_signals import clicks, encoded, noise, rms, speech, tone

TONE = encoded(tone(440, 300))
Arrival = tuple[float, int, int, bytes]  # tick, sequence, timestamp, payload


def on_time(packets: list[bytes]) -> list[Arrival]:
    return [(index + 0.3, index, index * FRAME, packet) for index, packet in enumerate(packets)]


def play(arrivals: Iterable[Arrival], ticks: int, leg: Leg[str] | None = None) -> tuple[Leg[str], Samples]:
    leg = leg or Leg("a")
    waiting = sorted(arrivals, key=lambda arrival: arrival[0])
    frames = []
    for tick in range(ticks):
        while waiting and waiting[0][0] <= tick:
            _, sequence, timestamp, payload = waiting.pop(0)
            leg.receive(payload, sequence, timestamp)
        frame = leg.contribution()
        frames.append(np.zeros(FRAME, dtype=np.float32) if frame is None else frame)
    return leg, np.concatenate(frames)


def worst_click(heard: Samples) -> float:
    return float(clicks(heard)[6:-2].max())


def test_a_real_click_is_found_by_the_measurement_and_a_clean_tone_has_none():
    hole = tone(440, 50)
    hole[20 * FRAME + 300 : 22 * FRAME] = 0
    assert worst_click(hole) > 0.01
    _, heard = play(on_time(TONE), 200)
    assert worst_click(heard) < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_five_percent_loss_is_concealed_without_clicks_or_holes(seed):
    rng = random.Random(seed)
    leg, heard = play([arrival for arrival in on_time(TONE) if rng.random() > 0.05], 290)
    assert leg.stats().lost > 5 * FRAME
    assert worst_click(heard) < 1e-4
    frames = heard.reshape(-1, FRAME)[10:]
    assert min(rms(frame) for frame in frames) > 0.08
    assert rms(heard[10 * FRAME :]) == pytest.approx(0.177, rel=0.03)


def test_reordered_packets_are_heard_as_if_in_order():
    rng = random.Random(1)
    shuffled = [(at + rng.choice([0, 0, 1.2, 1.6]), *rest) for at, *rest in on_time(TONE)]
    leg, heard = play(shuffled, 290)
    _, straight = play(on_time(TONE), 290)
    assert leg.stats().lost == leg.stats().late == 0
    assert any(
        np.array_equal(heard[10 * FRAME : 250 * FRAME], straight[at : at + 240 * FRAME]) for at in (9600, 8640, 7680)
    )


def test_jitter_of_80_ms_is_smoothed_out():
    rng = random.Random(2)
    leg, heard = play([(at + rng.random() * 4, *rest) for at, *rest in on_time(TONE)], 290)
    assert worst_click(heard) < 1e-4
    assert leg.stats().concealed < 15 * FRAME
    assert min(rms(frame) for frame in heard.reshape(-1, FRAME)[150:]) > 0.08


def test_late_packets_are_counted_and_replaced():
    arrivals = [(at + (6 if sequence % 50 == 20 else 0), sequence, *rest) for at, sequence, *rest in on_time(TONE)]
    leg, heard = play(arrivals, 290)
    assert leg.stats().late >= 4
    assert worst_click(heard) < 1e-4


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_a_sender_whose_clock_is_off_is_followed_without_clicks(speed):
    leg, heard = play([(at * speed, *rest) for at, *rest in on_time(encoded(tone(440, 600)))], 590)
    assert worst_click(heard) < 2e-4
    assert leg.stats().discarded == 0
    assert leg.stats().concealed < 10 * FRAME


def test_timestamp_jump_is_bridged_and_the_sound_goes_on():
    arrivals = [
        (at, sequence, timestamp if sequence < 100 else (timestamp + 3_000_000_000) % 2**32, payload)
        for at, sequence, timestamp, payload in on_time(TONE)
    ]
    leg, heard = play(arrivals, 200)
    assert leg.stats().resyncs == 1
    assert worst_click(heard) < 1e-4
    assert min(rms(frame) for frame in heard.reshape(-1, FRAME)[10:]) > 0.1


def test_end_of_a_stream_fades_out_within_100_ms():
    leg, heard = play(on_time(TONE[:100]), 130)
    frames = heard.reshape(-1, FRAME)
    assert rms(frames[101]) > 0.1
    assert not frames[108:].any()
    assert worst_click(heard) < 1e-4
    assert leg.level == SILENCE_DBFS
    assert not leg.audible


def test_stream_that_starts_again_after_a_pause_is_heard_again():
    resumed = [(at + 100, sequence, timestamp + 100 * FRAME, p) for at, sequence, timestamp, p in on_time(TONE)[50:100]]
    arrivals = on_time(TONE[:50]) + resumed
    _, heard = play(arrivals, 200)
    frames = heard.reshape(-1, FRAME)
    assert not frames[70:150].any()
    assert rms(frames[160]) > 0.15
    assert worst_click(heard) < 1e-4


def test_malformed_payloads_are_counted_and_dropped():
    bad = [b"", b"\xff\xff\xff", b"\xfb\x00", b"\xf9a", bytes(2000)]
    mixed = [
        (at, sequence, timestamp, bad[sequence // 20 % 5] if sequence % 20 == 10 else payload)
        for at, sequence, timestamp, payload in on_time(TONE)
    ]
    leg, heard = play(mixed, 290)
    assert leg.stats().malformed == 14
    assert leg.stats().lost >= 14 * FRAME
    assert worst_click(heard) < 1e-4


def foreign(samples: Samples, layout: str = "mono", **options: str) -> list[bytes]:
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = SAMPLE_RATE, layout, "flt"
    context.options, context.time_base = options, Fraction(1, SAMPLE_RATE)
    if layout == "stereo":
        samples = np.repeat(samples, 2)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    return [bytes(packet) for packet in context.encode(frame)]


@pytest.mark.parametrize("duration", [10, 20, 40, 60])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_packets_of_other_durations_make_one_continuous_line(duration, layout):
    packets = foreign(tone(440, 120), layout, application="voip", frame_duration=str(duration), b="32000")
    step = duration * 48
    arrivals = [(index * duration / 20, index, index * step, packet) for index, packet in enumerate(packets)]
    leg, heard = play(arrivals, 115)
    assert leg.stats().lost == leg.stats().concealed == 0
    assert min(rms(frame) for frame in heard.reshape(-1, FRAME)[8:]) > 0.14


@pytest.mark.parametrize("application", ["voip", "lowdelay"])
def test_dtx_pauses_are_neither_losses_nor_clicks(application):
    packets = foreign(speech(150), application=application, frame_duration="20", b="32000")
    talk = on_time(packets)
    # As browsers do it: in a pause one packet of only a TOC byte, then nothing; sequence numbers have no gap.
    sent: list[Arrival] = []
    sequence = 0
    for at, index, timestamp, payload in talk:
        place = index % 25
        if place < 17:
            sent.append((at, sequence, timestamp, payload))
        elif place == 17:
            sent.append((at, sequence, timestamp, payload[:1]))
        else:
            continue
        sequence += 1
    leg, heard = play(sent, 160)
    stats = leg.stats()
    assert stats.malformed == stats.late == stats.discarded == 0
    assert stats.resyncs == 0
    frames = heard.reshape(-1, FRAME)
    assert rms(np.concatenate(frames[10:140])) > 0.05
    # The speech itself has much above 5 kHz: compare with the same packets sent in full.
    _, whole = play(talk, 160)
    assert clicks(heard)[6:-2].max() < 1.5 * clicks(whole)[6:-2].max()


def test_level_is_that_of_the_decoded_audio():
    leg, _ = play(on_time(TONE), 100)
    assert leg.level == pytest.approx(-15.05, abs=0.2)


def test_input_below_the_floor_is_left_out_after_the_hold():
    quiet = noise(FLOOR_DBFS - 6, 100)
    leg, heard = play(on_time(encoded(np.concatenate([tone(440, 50), quiet]))), 145)
    frames = heard.reshape(-1, FRAME)
    assert frames[60].any()  # within the hold
    assert not frames[50 + HOLD_TICKS + 5 :].any()
    assert not leg.audible
    assert worst_click(heard[: 50 * FRAME]) < 1e-4


def test_input_above_the_floor_is_heard_from_its_first_frame():
    _, heard = play(on_time(encoded(np.concatenate([np.zeros(50 * FRAME, dtype=np.float32), tone(440, 50)]))), 95)
    first = int(np.argmax(np.abs(heard) > 0.02))
    assert (50 + 2) * FRAME <= first <= (50 + 3) * FRAME + 480


def test_mute_and_unmute_take_effect_with_the_next_frame_and_do_not_click():
    leg: Leg[str] = Leg("a")
    frames = []
    for index, packet in enumerate(TONE[:90]):
        leg.receive(packet, index, index * FRAME)
        if index in (30, 60):
            leg.set_muted(index == 30)
        frame = leg.contribution()
        frames.append(np.zeros(FRAME, dtype=np.float32) if frame is None else frame)
    assert frames[29].any()
    assert not frames[30][480:].any()
    assert not np.any(frames[31:60])
    assert rms(frames[60][480:]) > 0.16
    assert worst_click(np.concatenate(frames)) < 2e-4


@pytest.mark.parametrize("level", [127, None])
def test_a_silent_track_is_not_decoded(level):
    leg: Leg[str] = Leg("a")
    encoder = OpusEncoder()
    for index in range(100):
        leg.receive(encoder.encode(np.zeros(FRAME, dtype=np.float32)), index, index * FRAME, level)
        assert leg.contribution() is None
    assert leg.stats().undecoded > 85
    assert leg.level == SILENCE_DBFS


def test_a_level_that_lies_about_loud_packets_does_not_silence_them():
    leg: Leg[str] = Leg("a")
    for index, packet in enumerate(TONE[:60]):
        leg.receive(packet, index, index * FRAME, 127)
        leg.contribution()
    assert leg.level > -20
    assert leg.stats().undecoded == 0


def test_sound_after_undecoded_silence_is_clean():
    packets = encoded(np.concatenate([np.zeros(60 * FRAME, dtype=np.float32), tone(440, 60)]))
    leg, heard = play(on_time(packets), 115)
    assert leg.stats().undecoded > 40
    assert worst_click(heard[66 * FRAME :]) < 1e-4
    assert np.abs(heard).max() < 0.27


def test_inbox_is_bounded_while_nobody_ticks():
    leg: Leg[str] = Leg("a")
    for index in range(5000):
        leg.receive(TONE[index % 300], index, index * FRAME)
    assert len(leg._inbox) == 100
    assert leg.stats().overflowed == 4900
    leg.contribution()
    assert leg.contribution() is not None


def test_a_leg_without_rtp_makes_no_decoder_and_no_sound():
    leg: Leg[str] = Leg("a")
    assert all(leg.contribution() is None for _ in range(1000))
    assert leg._decoder is None
