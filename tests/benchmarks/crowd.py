"""Does one process carry a crowd? 20 who talk and 20 who watch, with synthetic media on both sides.

    python -m tests.benchmarks.crowd [--seconds 60] [--clients same other] [--profile 10]

`same`: the emulator and all participants on one event loop, as in a test run. `other`: the participants in a process of
their own. Talkers publish a tone and a 320x180 card at 15 fps; watchers listen to the mix, subscribe to some of them,
and decode what they see. A mixer tick is late when its last packet was sent more than 20 ms after its time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from types import FrameType

import aiohttp

from emulator.clients.room_client import RoomClient
from emulator.conference.mix import DELAYS, MixStats
from emulator.config import Config
from emulator.serve import settle
from emulator.server import Emulator
from tests.benchmarks.cpu import threads, used_by_part
from tests.benchmarks.table import Row, machine

SETTLE_SECS = 3.0
"""After the cards have been encoded once, and nobody looks at the first pictures any more."""
LAG_EVERY = 0.01
SAMPLE_EVERY = 0.001
JOIN_AT_ONCE = 4
DEEPEST = 25
"""Functions shown of a profile."""


@dataclass(frozen=True, slots=True)
class Size:
    """`views` is how many talkers each watcher subscribes to, `loop` the seconds after which cards repeat (0: no)."""

    talkers: int
    watchers: int
    views: int
    loop: float


# -- the participants ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reception:
    """What all participants got since the last look, and what they complain about."""

    mix_packets: int
    frames: int
    decoded: int
    dropped: int
    skipped_pictures: int
    faults: tuple[str, ...]

    def __sub__(self, earlier: Reception) -> Reception:
        return Reception(
            self.mix_packets - earlier.mix_packets,
            self.frames - earlier.frames,
            self.decoded - earlier.decoded,
            self.dropped - earlier.dropped,
            self.skipped_pictures - earlier.skipped_pictures,
            self.faults,
        )


class Crowd:
    """Joined, publishing and subscribed by `gather`; `reception` says how they fare."""

    def __init__(self) -> None:
        self.talkers: list[RoomClient] = []
        self.watchers: list[RoomClient] = []

    async def gather(self, size: Size, *, rest_url: str, ws_url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        async with aiohttp.ClientSession(headers=headers) as http:

            async def post(path: str, **body: object) -> str:
                async with http.post(f"{rest_url}{path}", json=body) as answer:
                    data = (await answer.json())["data"]
                    return str(data.get("token") or data["id"])

            room_id = await post("/rooms", max_participants=size.talkers + size.watchers)

            async def join(name: str, number: int) -> RoomClient:
                token = await post(f"/rooms/{room_id}/actions/generate_join_client_token")
                client = RoomClient(
                    ws_url=ws_url, room_id=room_id, token=token, name=name, tone=number % 64, rng=Random(name)
                )
                await client.connect()
                return client

            limit = asyncio.Semaphore(JOIN_AT_ONCE)

            async def talk(number: int) -> RoomClient:
                async with limit:
                    client = await join(f"talker {number}", number)
                    card = {"source": "test_card", "loop": size.loop} if size.loop else "test_card"
                    await client.publish("self", video=card)
                    return client

            async def watch(number: int) -> RoomClient:
                async with limit:
                    client = await join(f"watcher {number}", size.talkers + number)
                    for view in range(size.views):
                        talker = self.talkers[(number + view * 7) % len(self.talkers)]
                        await client.subscribe(talker, audio=False)  # as people do: they have it in the mix
                    return client

            self.talkers = list(await asyncio.gather(*map(talk, range(size.talkers))))
            self.watchers = list(await asyncio.gather(*map(watch, range(size.watchers))))

    def reception(self) -> Reception:
        everybody = [*self.talkers, *self.watchers]
        views = [view.statistics for client in everybody for view in client.subscriptions.values()]
        tracks = [
            track for client in everybody for stream in client.published.values() for track in stream.video_tracks
        ]
        return Reception(
            mix_packets=sum(client.heard.packets_received for client in everybody),
            frames=sum(view.frames_received for view in views),
            decoded=sum(view.frames_decoded for view in views),
            dropped=sum(view.frames_dropped for view in views),
            skipped_pictures=sum(track.skipped for track in tracks),
            faults=tuple(f"{client.name}: {fault}" for client in everybody for fault in client.faults),
        )

    async def check(self) -> None:
        """Somebody in the middle is heard and seen. Raises AssertionError."""
        watcher, views = self.watchers[0], list(self.watchers[0].subscriptions)
        await watcher.hears(self.talkers[len(self.talkers) // 2])
        for participant_id, key in views[:1]:
            await watcher.sees(participant_id, key)

    async def leave(self) -> None:
        await asyncio.gather(*(client.leave() for client in [*self.talkers, *self.watchers]))


# -- measuring ----------------------------------------------------------------------------------------------------


class LoopLag:
    """How much later than asked for this loop calls its timers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lags: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._wait()

    def _wait(self) -> None:
        at = self._loop.time() + LAG_EVERY
        self._timer = self._loop.call_at(at, self._fire, at)

    def _fire(self, at: float) -> None:
        self._lags.append(self._loop.time() - at)
        self._wait()

    def stop(self) -> tuple[float, ...]:
        """Milliseconds: median, 90, 99, 99.9 %, worst."""
        if self._timer is not None:
            self._timer.cancel()
        ordered = sorted(self._lags)
        return tuple(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in PERCENTILES)


PERCENTILES = (0.5, 0.9, 0.99, 0.999, 1.0)


@dataclass(frozen=True, slots=True)
class Sides:
    """CPU of one process in a run: seconds by thread name, and how its loop kept time."""

    seconds: float
    cpu: dict[str, float]
    lag: tuple[float, ...]
    reception: Reception | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. `crowd` is the other process's side, None when there was only one."""

    name: str
    ticks: int
    late: int
    skipped: int
    worst: float
    delays: tuple[int, ...]
    emulator: Sides
    crowd: Sides | None

    @property
    def late_share(self) -> float:
        """Of the ticks there should have been, those that came late or never."""
        return (self.late + self.skipped) / max(1, self.ticks + self.skipped)


class Meter:
    """From its making to `stop`: what this process and its loop did."""

    def __init__(self, crowd: Crowd | None) -> None:
        self._crowd = crowd
        self._before = None if crowd is None else crowd.reception()
        self._threads = threads(os.getpid())
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._lag = LoopLag()

    def stop(self) -> Sides:
        seconds = self._loop.time() - self._began
        parts = used_by_part(self._threads)
        lag = self._lag.stop()
        reception = None
        if self._crowd is not None and self._before is not None:
            reception = self._crowd.reception() - self._before
        return Sides(seconds, dict(parts), lag, reception)


def mix_stats(emulator: Emulator) -> MixStats:
    """Of the one session there is."""
    assert emulator._conferences is not None
    (conference,) = emulator._conferences._by_session.values()
    return conference.mix_stats


def since(before: MixStats, after: MixStats) -> MixStats:
    """`worst` is that of all time."""
    delays = tuple(now - then for now, then in zip(after.delays, before.delays, strict=True))
    return MixStats(after.ticks - before.ticks, after.skipped - before.skipped, after.worst, delays)


async def run_same(size: Size, seconds: float) -> Outcome:
    """Everything on this loop, as `serve --scenario` has it."""
    settle()
    async with Emulator(Config(port=0)) as emulator:
        crowd = Crowd()
        try:
            await crowd.gather(size, rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=emulator.api_key)
            await asyncio.sleep(SETTLE_SECS + size.loop)
            before, meter = mix_stats(emulator), Meter(crowd)
            await asyncio.sleep(seconds)
            side, mixed = meter.stop(), since(before, mix_stats(emulator))
            await crowd.check()
        finally:
            await crowd.leave()
    return Outcome(
        "one process", mixed.ticks, mixed.late, mixed.skipped, mixed.worst, mixed.delays, emulator=side, crowd=None
    )


async def run_other(size: Size, seconds: float) -> Outcome:
    """The participants in a process of their own, the emulator here, as `serve` runs it."""
    settle()
    async with Emulator(Config(port=0)) as emulator:
        where = json.dumps([emulator.rest_url, emulator.ws_url, emulator.api_key])
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.crowd", "--act", where, "--seconds", str(seconds)),
            *("--talkers", str(size.talkers), "--watchers", str(size.watchers), "--views", str(size.views)),
            *("--loop", str(size.loop)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        await _line(child.stdout, "ready")
        before, meter = mix_stats(emulator), Meter(None)
        await asyncio.sleep(seconds)
        side, mixed = meter.stop(), since(before, mix_stats(emulator))
        raw = json.loads(await child.stdout.readline())
        await child.wait()
    raw["reception"] = Reception(**raw["reception"])
    return Outcome(
        "two processes",
        mixed.ticks,
        mixed.late,
        mixed.skipped,
        mixed.worst,
        mixed.delays,
        emulator=side,
        crowd=Sides(**raw),
    )


async def _line(stream: asyncio.StreamReader, expected: str) -> None:
    line = (await stream.readline()).decode().strip()
    if line != expected:
        raise RuntimeError(f"expected {expected!r} from the participants' process, got {line!r}")


async def act(where: str, size: Size, seconds: float) -> None:
    """The other process: says `ready`, measures itself, prints its `Sides` as JSON."""
    rest_url, ws_url, api_key = json.loads(where)
    crowd = Crowd()
    try:
        await crowd.gather(size, rest_url=rest_url, ws_url=ws_url, api_key=api_key)
        await asyncio.sleep(SETTLE_SECS + size.loop)
        print("ready", flush=True)
        meter = Meter(crowd)
        await asyncio.sleep(seconds)
        side = meter.stop()
        await crowd.check()
        print(json.dumps(asdict(side)), flush=True)
    finally:
        await crowd.leave()


# -- where the loop's time goes -----------------------------------------------------------------------------------


class Sampler:
    """Looks a thousand times a second at what the event loop's thread is doing (wall time, waiting for the lock too).

    A signal's handler runs in that thread between two of its instructions, so nothing has to wait for it.
    """

    def __init__(self) -> None:
        self.functions: Counter[str] = Counter()
        self.inclusive: Counter[str] = Counter()
        self.sides: Counter[str] = Counter()
        self.samples = 0

    def __enter__(self) -> Sampler:
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, SAMPLE_EVERY, SAMPLE_EVERY)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self.samples += 1
        innermost, side, seen = None, "", set()
        while frame is not None:
            code = frame.f_code
            name = f"{_short(code.co_filename)}:{code.co_qualname}"
            innermost = innermost or name
            seen.add(name)
            side = side or _side(frame)
            frame = frame.f_back
        if innermost is not None:
            self.functions[innermost] += 1
        self.inclusive.update(seen)
        self.sides["idle" if innermost is not None and "selectors" in innermost else side or "asyncio"] += 1

    def report(self) -> str:
        lines = ["share of the loop's wall time:"]
        lines += [f"  {count / self.samples:6.1%}  {side}" for side, count in self.sides.most_common()]
        for title, counts in (("functions themselves", self.functions), ("with what they call", self.inclusive)):
            lines.append(f"{title}:")
            lines += [f"  {count / self.samples:6.1%}  {name}" for name, count in counts.most_common(DEEPEST)]
        return "\n".join(lines)


def _short(path: str) -> str:
    return "/".join(path.rsplit("/", 3)[-3:])


def _side(frame: FrameType) -> str:
    """Whose frame this is; "" for code that both sides use, whose callers then decide."""
    path = frame.f_code.co_filename
    if "/emulator/clients/" in path or "/emulator/probes/" in path:
        return "participants"
    if "/emulator/conference/" in path or "/emulator/rooms/" in path or "/emulator/signaling/" in path:
        return "emulator"
    if path.endswith("/transport/udp.py") and frame.f_code.co_name == "_readable":
        return "participants" if type(frame.f_locals.get("self")).__name__ == "ClientSocket" else "emulator"
    return ""


async def profile(size: Size, seconds: float) -> None:
    """A short run of its own, since looking costs something."""
    async with Emulator(Config(port=0)) as emulator, _gathered(emulator, size):
        await asyncio.sleep(SETTLE_SECS + size.loop)
        with Sampler() as sampler:
            await asyncio.sleep(seconds)
        print(sampler.report())


@contextlib.asynccontextmanager
async def _gathered(emulator: Emulator, size: Size) -> AsyncIterator[Crowd]:
    crowd = Crowd()
    try:
        await crowd.gather(size, rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=emulator.api_key)
        yield crowd
    finally:
        await crowd.leave()


# -- telling ------------------------------------------------------------------------------------------------------


def describe(outcome: Outcome) -> str:
    bounds = [f"<= {bound * 1000:g}" for bound in DELAYS] + [f"> {DELAYS[-1] * 1000:g}"]
    lines = [
        f"{outcome.name}: {outcome.late_share:.2%} of {outcome.ticks + outcome.skipped} mixer ticks late"
        f" ({outcome.late} by more than 20 ms, {outcome.skipped} left out; the worst {outcome.worst * 1000:.0f} ms)",
        "  delay in ms: " + ", ".join(f"{b}: {n}" for b, n in zip(bounds, outcome.delays, strict=True) if n),
    ]
    for name, side in (("emulator", outcome.emulator), ("participants", outcome.crowd)):
        if side is None:
            continue
        if outcome.crowd is None:
            name = "everything"
        total = sum(side.cpu.values())
        parts = ", ".join(
            f"{part} {100 * cpu / side.seconds:.0f}"
            for part, cpu in sorted(side.cpu.items(), key=lambda item: -item[1])
            if cpu / side.seconds >= 0.005
        )
        lines.append(f"  {name}: {100 * total / side.seconds:.0f} % of a core: {parts}")
        lag = ", ".join(f"{p:.1%} {v:.1f}" for p, v in zip(PERCENTILES, side.lag, strict=True))
        lines.append(f"    loop lag in ms: {lag}")
        got = side.reception
        if got is not None:
            per = 1 / side.seconds
            lines.append(
                f"    per second: {got.mix_packets * per:.0f} packets of the mix, {got.frames * per:.0f} frames,"
                f" {got.decoded * per:.0f} decoded, {got.dropped * per:.1f} dropped,"
                f" {got.skipped_pictures * per:.1f} not drawn in time; {len(got.faults)} faults"
            )
            lines += [f"      {fault}" for fault in got.faults[:5]]
    return "\n".join(lines)


RUNS = {"same": run_same, "other": run_other}
AIM = 0.01


def rows(*, quick: bool) -> list[Row]:
    size = Size(talkers=20, watchers=20, views=3, loop=5.0)
    table: list[Row] = []
    for name, run in RUNS.items():
        outcome = asyncio.run(run(size, 5.0 if quick else 60.0))
        where = "one process" if name == "same" else "participants in another process"
        cpu = 100 * sum(outcome.emulator.cpu.values()) / outcome.emulator.seconds
        table += [
            Row(f"20 talkers, 20 watchers, {where}: mixer ticks late", (100 * outcome.late_share,), "%"),
            Row("    99 % of the loop's timers are at most late by", (outcome.emulator.lag[2],), "ms"),
            Row("    CPU of the emulator's process", (cpu,), "% of a core"),
        ]
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.crowd", description="Many participants at once.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--talkers", type=int, default=20)
    parser.add_argument("--watchers", type=int, default=20)
    parser.add_argument("--views", type=int, default=3, help="streams each watcher subscribes to (default 3)")
    parser.add_argument("--loop", type=float, default=5.0, help="seconds after which cards repeat; 0 draws each anew")
    parser.add_argument("--clients", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--profile", type=float, metavar="SECONDS", help="only show where the loop's time goes")
    parser.add_argument("--act", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    size = Size(options.talkers, options.watchers, options.views, options.loop)
    if options.act:
        asyncio.run(act(options.act, size, options.seconds))
        return 0
    if options.profile:
        asyncio.run(profile(size, options.profile))
        return 0
    cards = f"cards repeat after {size.loop:g} s" if size.loop else "cards drawn and encoded one by one"
    print(
        f"{size.talkers} talkers, {size.watchers} watchers with {size.views} views each, {options.seconds:g} s; {cards}"
    )
    print(machine())
    held = True
    for name in options.clients:
        outcome = asyncio.run(RUNS[name](size, options.seconds))
        print(describe(outcome), flush=True)
        held = held and outcome.late_share < AIM
    print(machine())
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
