"""Listening over time: what an assertion about sound waits for, and what it says when it fails; the twin of `watching`.

Only what arrives after the call counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emulator.clients.audio_reception import AudioReception
from emulator.clients.what_was_there import WhatWasThere
from emulator.probes.tones import RATE, WINDOW, tones_in

LISTEN_SECS = 0.06
"""Between two looks at the sound: a window has 0.2 s."""
LOOKED_AT_SECS = 0.3
NEWEST_SECS = 0.1
"""Of which silence is told: what was there before has been looked at."""
SILENT_PEAK = 0.003
"""Share of full scale, -50 dBFS: below it nothing counts as heard either (`probes.tones`)."""

Voice = Callable[[int], str]
"""What a tone is called: `carol (tone 1)`."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def hear(heard: AudioReception, tone: int, expectation: str, *, within: float, voice: Voice) -> float:
    """The level in dBFS at which the tone is heard."""
    began = _now()
    history = WhatWasThere()
    while True:
        samples = heard.samples(seconds=LOOKED_AT_SECS, since=began)
        if len(samples) >= WINDOW * RATE:
            found = tones_in(samples)
            if tone in found:
                return found[tone]
            _note(history, samples, found, _now() - began, voice)
        if _now() - began >= within:
            raise AssertionError(
                history.told(f"expected {expectation} within {within:g} s", _closest(heard, began, history))
            )
        await asyncio.sleep(LISTEN_SECS)


async def stop_hearing(
    heard: AudioReception, tone: int, expectation: str, *, for_seconds: float, within: float
) -> None:
    """For `for_seconds` the tone is in no window; that time begins after `within` seconds at the latest."""
    began = last = _now()
    while _now() - last < for_seconds:
        await asyncio.sleep(LISTEN_SECS)
        samples = heard.samples(seconds=LOOKED_AT_SECS, since=last)
        if len(samples) < WINDOW * RATE:
            continue
        level = _newest(samples).get(tone)
        if level is None:
            continue
        last = _now()
        if last - began > within:
            raise AssertionError(
                f"expected {expectation} {span(for_seconds, within)}; "
                f"but it was heard at {last - began:+.3f} s with {level:.0f} dBFS"
            )


def span(for_seconds: float, within: float) -> str:
    """When something is to stay away."""
    if within == 0:
        return f"for {for_seconds:g} s from the call on"
    return f"any more after {within:g} s, for {for_seconds:g} s"


def _newest(samples: NDArray[np.float32]) -> dict[int, float]:
    return tones_in(samples[-round(LOOKED_AT_SECS * RATE) :])


def _note(
    history: WhatWasThere, samples: NDArray[np.float32], found: dict[int, float], now: float, voice: Voice
) -> None:
    begin = max(0.0, now - len(samples) / RATE)
    for index, level in found.items():
        history.add(begin, now, voice(index), level)
    if not found:
        newest = samples[-round(NEWEST_SECS * RATE) :]
        silent = float(np.abs(newest).max()) < SILENT_PEAK
        what = "silence" if silent else "sound that is no known tone, or too short for one"
        history.add(max(0.0, now - NEWEST_SECS), now, what)


def _closest(heard: AudioReception, began: float, history: WhatWasThere) -> str:
    if heard.last_received_at is None:
        return "no audio has ever come"
    if heard.last_received_at < began:
        return f"no audio came; the last packet came {began - heard.last_received_at:.1f} s before the wait began"
    if history.heard:
        return f"{', '.join(history.heard)} could be heard"
    return history.last or "too little audio came to tell what it is"
