"""Most of a silence is left out, and nobody hears the difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from emulator.clients.audio_track import AudioTrack, EncodedBlock, TimedBlock
from emulator.clients.mix_input import MixInput
from emulator.clients.silence_gate import EVERY, SILENT_LEVEL, WHOLE, SilenceGate
from emulator.clients.sources.base import AudioSource
from emulator.clients.sources.beep import BeepSource
from emulator.clients.sources.silence import SilenceSource
from emulator.clients.workers import Workers
from emulator.media.audio.opus import OpusDecoder
from emulator.media.audio.pacer import PERIOD
from tests.clients.conftest import MakeClient

SOUND, TAIL, BARE = bytes(90), bytes(225), b"\xf8\xff\xfe"


async def play(source: AudioSource, note: Callable[[AudioTrack, TimedBlock], None], enough: Callable[[], bool]) -> None:
    """Plays it, and notes each block, until there are enough."""
    workers = Workers(1)
    track = AudioTrack(source, workers=workers)
    done = asyncio.Event()

    def sink(block: TimedBlock) -> None:
        if not done.is_set():
            note(track, block)
            if enough():
                done.set()

    track.sinks.append(sink)
    await track.start()
    async with asyncio.timeout(20):
        await done.wait()
    track.stop()
    workers.close()


def test_a_silence_begins_whole_and_is_sparse_then() -> None:
    gate = SilenceGate()
    assert all(gate.passes(SOUND, 30) for _ in range(100))
    passed = [gate.passes(BARE, SILENT_LEVEL) for _ in range(200)]
    assert passed[:WHOLE] == [True] * WHOLE
    assert sum(passed[WHOLE:]) == len(passed) // EVERY
    assert gate.passes(BARE, 126)
    assert [gate.passes(BARE, SILENT_LEVEL) for _ in range(WHOLE)] == [True] * WHOLE


def test_what_an_encoder_still_says_of_a_sound_in_the_silence_behind_it_is_sent() -> None:
    gate = SilenceGate()
    assert all(gate.passes(TAIL, SILENT_LEVEL) for _ in range(100))
    assert not gate.at_rest
    assert [gate.passes(BARE, SILENT_LEVEL) for _ in range(WHOLE + 1)] == [True] * WHOLE + [False]
    assert gate.at_rest


async def test_a_beep_is_followed_by_bare_silence_before_any_of_it_is_left_out() -> None:
    blocks: list[TimedBlock] = []
    await play(BeepSource(7), lambda _, block: blocks.append(block), lambda: len(blocks[-1].encoded.packet) == 1)
    tail = blocks[-2 - WHOLE].encoded
    assert len(tail.packet) > 3
    assert tail.level == SILENT_LEVEL
    assert [len(block.encoded.packet) for block in blocks[-1 - WHOLE :]] == [3] * WHOLE + [1]


async def test_who_is_silent_sends_little_and_is_heard_at_once_when_it_speaks(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None, audio="silence")
    subscription = await bob.subscribe(alice)
    await bob.hears_not(alice, for_seconds=0.5)
    before, began = subscription.heard.packets_received, asyncio.get_running_loop().time()
    await bob.hears_not(alice, for_seconds=0.8)
    seconds = asyncio.get_running_loop().time() - began
    assert subscription.heard.packets_received - before <= seconds / 0.4 + 1
    assert subscription.statistics.audio_lost == 0
    await alice.replace(audio="tone")
    await bob.hears(alice)
    await bob.hears(alice, through=subscription)


async def test_a_voice_beside_a_silence_is_whole_in_the_mix(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish("self", video=None, audio="silence")
    await bob.hears_not(alice, for_seconds=0.5)  # the silence rests by now
    await alice.publish("music", video=None, audio={"source": "tone", "index": 9})
    await bob.hears(9)
    before, began = bob.heard.packets_received, asyncio.get_running_loop().time()
    await bob.hears(9)
    samples = bob.audio(0.3)
    assert len(samples) >= 0.25 * 48_000
    assert bob.heard.packets_received - before <= (asyncio.get_running_loop().time() - began) * 50 + 10


async def test_the_silence_of_who_is_left_alone_in_the_mix_begins_whole() -> None:
    """The listener's decoder has heard the other's sound last, and knows nothing of the silence beside it."""
    workers = Workers(1)
    sound, silence = (AudioTrack(source, workers=workers) for source in (BeepSource(7), SilenceSource()))
    said: list[bytes] = []
    mix = MixInput(lambda block: said.append(block.encoded.packet))
    mix.put("self", sound)
    (speak,) = sound.sinks
    speak(TimedBlock(0, 0.0, EncodedBlock(SOUND, 30)))
    mix.put("other", silence)
    (rest,) = silence.sinks
    mix.remove("self")
    for number in range(WHOLE + 3):
        rest(TimedBlock(number, number * PERIOD, EncodedBlock(BARE[:1], SILENT_LEVEL)))
    assert said == [SOUND, *[BARE] * WHOLE, *[BARE[:1]] * 3]
    workers.close()


async def test_what_is_not_sent_is_said_to_be_so() -> None:
    """DTX packets have one byte, and decode to silence behind a silence: nothing to conceal for a browser."""
    blocks: list[TimedBlock] = []
    late: list[float] = []

    def note(track: AudioTrack, block: TimedBlock) -> None:
        blocks.append(block)
        late.append(asyncio.get_running_loop().time() - (track._rest._next_at - EVERY * PERIOD))

    await play(SilenceSource(), note, lambda: len(blocks) == WHOLE + 3)
    sizes = [len(block.encoded.packet) for block in blocks]
    assert min(sizes[:WHOLE]) > 1
    assert sizes[-2:] == [1, 1]
    # On a busy machine a block can be late, and the way to the next one is as much shorter; and moments become blocks.
    between = round((blocks[-1].at - blocks[-2].at) / PERIOD)
    assert EVERY - 1 - late[-2] / PERIOD < between < 5 * EVERY
    decoder = OpusDecoder()
    sound = np.concatenate([decoder.decode(block.encoded.packet) for block in blocks])
    assert np.abs(sound).max() < 1e-4
