"""Opus as it is sent with discontinuous transmission and forward error correction: both pass through untouched."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest

from emulator.media.audio import libopus
from emulator.media.audio.libopus import Samples
from emulator.media.rtp.header import RtpPacket
from tests.media.rtp_kit import House, steps

FRAME = 960
TALK, PAUSE = 50, 60  # frames
# opus_defines.h
VOIP, SET_BITRATE, SET_INBAND_FEC, SET_PACKET_LOSS, SET_DTX = 2048, 4002, 4012, 4014, 4016


class SpeechEncoder(libopus.Encoder):
    """As browsers set libopus for speech, with the option under test."""

    def __init__(self, **options: int) -> None:
        super().__init__(bitrate=24_000, complexity=5)
        library = libopus._library()
        library.opus_encoder_init(self._state, 48_000, 1, VOIP)
        wanted = {SET_BITRATE: 24_000, SET_DTX: options.get("dtx", 0), SET_INBAND_FEC: options.get("fec", 0)}
        wanted[SET_PACKET_LOSS] = 30 * options.get("fec", 0)
        for request, value in wanted.items():
            assert library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)) == 0


def voice() -> Iterator[Samples]:
    """A buzz with an envelope like syllables, silence, and the buzz again."""
    time = np.arange((2 * TALK + PAUSE) * FRAME) / 48_000
    buzz = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 20)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    )
    buzz[TALK * FRAME : (TALK + PAUSE) * FRAME] = 0
    yield from (0.15 * buzz).astype(np.float32).reshape(-1, FRAME)


def rtp(number: int, sequence: int, payload: bytes, *, marker: bool) -> bytes:
    return RtpPacket(111, sequence, 7000 + number * FRAME, 5, payload, marker=marker).serialise()


def test_packets_that_are_left_out_in_silence_are_not_missed_and_time_goes_on() -> None:
    """RFC 7587 4.2: a marker starts each spurt; sequence numbers go on, timestamps leave out what was not sent."""
    house = House()
    bob = house.subscribe()
    encoder = SpeechEncoder(dtx=1)
    sent: list[tuple[int, bytes, bool]] = []
    resumes = True
    for number, samples in enumerate(voice()):
        payload = encoder.encode(samples)
        if len(payload) > 2:  # up to two bytes: the packet need not be sent (opus_encode's documentation)
            house.feed.receive_rtp(rtp(number, 100 + len(sent), payload, marker=resumes))
            sent.append((number, payload, resumes))
            resumes = False
        else:
            resumes = True
        house.clock.advance(0.02)
    assert len(sent) < 2 * TALK + PAUSE / 2, "the encoder is meant to leave most of the silence out"
    assert sum(marker for *_, marker in sent) > 1
    assert [packet.payload for packet in bob.audio] == [payload for _, payload, _ in sent]
    assert [packet.marker for packet in bob.audio] == [marker for *_, marker in sent]
    assert steps(bob.audio) == {1}
    first = bob.audio[0].timestamp
    numbers = [((packet.timestamp - first) & 0xFFFFFFFF) // FRAME for packet in bob.audio]
    assert numbers == [number for number, *_ in sent]


def test_what_the_next_packet_repeats_of_a_lost_one_is_still_there() -> None:
    """In-band FEC (RFC 6716 2.1.7): the subscriber decodes the lost frame out of the packet after it.

    The lost frames have another pitch than the rest: a decoder that only guesses goes on with the one before.
    """
    house = House()
    bob = house.subscribe()
    encoder = SpeechEncoder(fec=1)
    lost = range(10, TALK - 1, 8)
    for number, samples in enumerate(list(voice())[:TALK]):
        loud = buzz(310) if number in lost else samples
        payload = encoder.encode(loud)
        if number not in lost:
            house.feed.receive_rtp(rtp(number, 100 + number, payload, marker=False))
        house.clock.advance(0.02)
    assert steps(bob.audio) == {1, 2}  # the gap stays visible: it is what makes a receiver look for the repetition
    decoder, library = libopus.Decoder(), libopus._library()
    pitches: list[float] = []
    before = bob.audio[0]
    for packet in bob.audio:
        if (packet.sequence - before.sequence) & 0xFFFF == 2:
            pcm = np.zeros(FRAME, np.float32)
            length = library.opus_decode_float(
                decoder._state, packet.payload, len(packet.payload), pcm.ctypes.data, FRAME, 1
            )
            assert length == FRAME
            pitches.append(pitch(pcm))
        decoder.decode(packet.payload)
        before = packet
    assert len(pitches) == len(lost)
    assert sorted(pitches)[len(pitches) // 2] == pytest.approx(310, rel=0.1), pitches


def buzz(hertz: int) -> Samples:
    time = np.arange(FRAME) / 48_000
    return (0.15 * sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 10))).astype(np.float32)


def pitch(samples: Samples) -> float:
    """Where the autocorrelation has its peak, between 100 and 500 Hz."""
    whole = np.correlate(samples, samples, "full")[FRAME - 1 :]
    first, last = 48_000 // 500, 48_000 // 100
    return 48_000 / (first + int(np.argmax(whole[first:last])))
