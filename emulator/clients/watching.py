"""Looking and listening over time: what an assertion about media waits for, and what it says when it fails.

Each function returns when the expectation holds and raises AssertionError when it can no longer do so. Only what
arrives after the call counts. Times in messages are seconds after the call.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emulator.clients.audio_reception import AudioReception
from emulator.clients.subscription import Subscription
from emulator.clients.video_reception import Sighting
from emulator.probes.tones import RATE, WINDOW, tones_in

POLL_SECS = 0.02
LOOK_SECS = 0.5
"""Between two looks at pictures while their rate is measured; well below `video_reception.ATTENTION_SECS`."""
LISTEN_SECS = 0.06
"""Between two looks at the sound: a window has 0.2 s."""
LOOKED_AT_SECS = 0.3

FindSubscription = Callable[[], Subscription | None]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(subscription: Subscription | None, began: float) -> list[Sighting]:
    if subscription is None:
        return []
    return [sighting for sighting in subscription.sightings if sighting.at > began]


async def see(
    find: FindSubscription, wanted: Callable[[Sighting], bool], expectation: str, *, within: float
) -> Sighting:
    """The first new picture that is as wanted."""
    began = _now()
    while True:
        subscription = find()
        for sighting in _since(subscription, began):
            if wanted(sighting):
                return sighting
        if _now() - began >= within:
            raise AssertionError(f"expected {expectation} within {within:g} s; {describe(subscription, began)}")
        await asyncio.sleep(POLL_SECS)


async def stop_seeing(
    find: FindSubscription,
    unwanted: Callable[[Sighting], bool],
    expectation: str,
    *,
    for_seconds: float,
    within: float,
) -> None:
    """For `for_seconds` no new picture is as unwanted; that time begins after `within` seconds at the latest."""
    began = last = _now()
    while _now() - last < for_seconds:
        subscription = find()
        for sighting in _since(subscription, last):
            if not unwanted(sighting):
                continue
            last = sighting.at
            if last - began > within:
                raise AssertionError(
                    f"expected {expectation} for {for_seconds:g} s, from {within:g} s after the call at the latest;"
                    f" but at {last - began:+.3f} s came {sighting}"
                )
        await asyncio.sleep(POLL_SECS)


async def frame_rate(
    find: FindSubscription, expectation: str, *, at_least: float | None, at_most: float | None, over: float
) -> float:
    """Decoded pictures per second over the next `over` seconds."""
    began = _now()
    while (left := began + over - _now()) > 0:
        _since(find(), began)  # pictures are decoded one by one while somebody looks
        await asyncio.sleep(min(left, LOOK_SECS))
    await asyncio.sleep(POLL_SECS)  # the last picture may still be with the decoder
    subscription = find()
    came = [sighting for sighting in _since(subscription, began) if sighting.at <= began + over]
    rate = len(came) / over
    if (at_least is not None and rate < at_least) or (at_most is not None and rate > at_most):
        bounds = " and ".join(
            f"{word} {bound:g}" for word, bound in (("at least", at_least), ("at most", at_most)) if bound is not None
        )
        raise AssertionError(
            f"expected {expectation} at {bounds} frames per second over {over:g} s, got {rate:.1f};"
            f" {describe(subscription, began)}"
        )
    return rate


async def hear(heard: AudioReception, tone: int, expectation: str, *, within: float) -> float:
    """The level in dBFS at which the tone is heard."""
    began = _now()
    others: Counter[int] = Counter()
    loudest = 0.0
    while True:
        samples = heard.samples(seconds=LOOKED_AT_SECS, since=began)
        if len(samples) >= WINDOW * RATE:
            found = tones_in(samples)
            if tone in found:
                return found[tone]
            others.update(found.keys())
            loudest = max(loudest, float(np.abs(samples).max()))
        if _now() - began >= within:
            raise AssertionError(
                f"expected {expectation} (tone {tone}) within {within:g} s; {_sounds(heard, began, others, loudest)}"
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
                f"expected {expectation} (tone {tone}) for {for_seconds:g} s, from {within:g} s after the call at the"
                f" latest; but it was heard at {last - began:+.3f} s with {level:.0f} dBFS"
            )


def _newest(samples: NDArray[np.float32]) -> dict[int, float]:
    return tones_in(samples[-round(LOOKED_AT_SECS * RATE) :])


def _sounds(heard: AudioReception, began: float, others: Counter[int], loudest: float) -> str:
    if heard.last_received_at is None:
        return "no audio has ever come"
    if heard.last_received_at < began:
        return f"no audio came; the last packet came at {heard.last_received_at - began:+.3f} s"
    if not others:
        return f"audio came without any known tone; its highest peak was {loudest:.3f} of full scale"
    tones = ", ".join(f"tone {tone} ({count} times)" for tone, count in others.most_common(5))
    return f"heard instead: {tones}"


def describe(subscription: Subscription | None, began: float) -> str:
    """What came through a subscription since a moment, in words."""
    if subscription is None:
        return "there is no such subscription"
    statistics = subscription.statistics
    came = _since(subscription, began)
    connection = subscription.connection
    if came:
        kinds = Counter(str(sighting) if sighting.reading is None else _who(sighting) for sighting in came)
        shown = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4))
        return f"{len(came)} pictures came: {shown}; the last, at {came[-1].at - began:+.3f} s: {came[-1]}"
    if connection is None:
        return "no picture came; this client takes part without media"
    facts = [f"the connection is {connection.state.value}"]
    if connection.failure is not None:
        facts.append(connection.failure)
    facts.append(
        f"{statistics.frames_received} frames received in all, {statistics.frames_decoded} decoded,"
        f" {statistics.frames_dropped} dropped, {statistics.video_lost} packets lost"
    )
    last = statistics.last_sighting
    if last is not None:
        facts.append(f"the last picture came at {last.at - began:+.3f} s: {last}")
    return "no picture came; " + "; ".join(facts)


def _who(sighting: Sighting) -> str:
    assert sighting.reading is not None
    return f"card of {sighting.reading.participant_id}/{sighting.reading.key}"
