"""Looking over time: what an assertion about pictures waits for, and what it says when it fails.

Each function returns when the expectation holds and raises AssertionError when it can no longer do so. Only what
arrives after the call counts. Times in messages are seconds after the call.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from emulator.clients.listening import span
from emulator.clients.subscription import Subscription
from emulator.clients.target import Target
from emulator.clients.video_reception import Sighting

POLL_SECS = 0.02
LOOK_SECS = 0.5
"""Between two looks at pictures while their rate is measured; well below `video_reception.ATTENTION_SECS`."""


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(subscription: Subscription | None, began: float) -> list[Sighting]:
    if subscription is None:
        return []
    return [sighting for sighting in subscription.sightings if sighting.at > began]


async def see(target: Target, wanted: Callable[[Sighting], bool], expectation: str, *, within: float) -> Sighting:
    """The first new picture that is as wanted."""
    began = _now()
    while True:
        subscription = target.find()
        for sighting in _since(subscription, began):
            if wanted(sighting):
                return sighting
        if reason := target.hopeless:
            raise AssertionError(f"expected {expectation}; {reason}")
        if _now() - began >= within:
            raise AssertionError(f"expected {expectation} within {within:g} s; {describe(target, began)}")
        await asyncio.sleep(POLL_SECS)


async def stop_seeing(
    target: Target,
    unwanted: Callable[[Sighting], bool],
    expectation: str,
    *,
    for_seconds: float,
    within: float,
) -> None:
    """For `for_seconds` no new picture is as unwanted; that time begins after `within` seconds at the latest."""
    if target.participant_id is None:  # a slip of the pen: what it is meant to exclude could be there all the same
        raise AssertionError(f"expected {expectation}; {target.missing}")
    began = last = _now()
    while _now() - last < for_seconds:
        subscription = target.find()
        for sighting in _since(subscription, last):
            if not unwanted(sighting):
                continue
            last = sighting.at
            if last - began > within:
                raise AssertionError(
                    f"expected {expectation} {span(for_seconds, within)}; "
                    f"but at {last - began:+.3f} s came {target.describe(sighting)}"
                )
        await asyncio.sleep(POLL_SECS)


async def frame_rate(
    target: Target, expectation: str, *, at_least: float | None, at_most: float | None, over: float
) -> float:
    """Decoded pictures per second over the next `over` seconds."""
    began = _now()
    while (left := began + over - _now()) > 0:
        _since(target.find(), began)  # pictures are decoded one by one while somebody looks
        await asyncio.sleep(min(left, LOOK_SECS))
    await asyncio.sleep(POLL_SECS)  # the last picture may still be with the decoder
    subscription = target.find()
    came = [sighting for sighting in _since(subscription, began) if sighting.at <= began + over]
    rate = len(came) / over
    if (at_least is not None and rate < at_least) or (at_most is not None and rate > at_most):
        bounds = " and ".join(
            f"{word} {bound:g}" for word, bound in (("at least", at_least), ("at most", at_most)) if bound is not None
        )
        raise AssertionError(
            f"expected {expectation} at {bounds} frames per second over {over:g} s, got {rate:.1f};"
            f" {describe(target, began)}"
        )
    return rate


def describe(target: Target, began: float) -> str:
    """What came since a moment, in words."""
    subscription = target.find()
    if subscription is None:
        return target.missing
    statistics = subscription.statistics
    came = _since(subscription, began)
    connection = subscription.connection
    if came:
        kinds = Counter(target.describe(one) if one.reading is None else _card(target, one) for one in came)
        shown = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4))
        last = target.describe(came[-1])
        return f"{len(came)} pictures came: {shown}; the last, at {came[-1].at - began:+.3f} s: {last}"
    if connection is None:
        return "no picture came; this client takes part without media"
    facts = [f"the connection is {connection.state.value}"]
    if connection.failure is not None:
        facts.append(connection.failure)
    facts.append(
        f"{statistics.frames_received} frames received in all, {statistics.frames_decoded} decoded,"
        f" {statistics.frames_dropped} dropped, {statistics.video_lost} packets lost"
    )
    last_seen = statistics.last_sighting
    if last_seen is not None:
        facts.append(f"the last picture came at {last_seen.at - began:+.3f} s: {target.describe(last_seen)}")
    return "no picture came; " + "; ".join(facts)


def _card(target: Target, sighting: Sighting) -> str:
    return target.describe(sighting).partition(",")[0]
