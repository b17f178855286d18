"""Which container settings leave a playable recording when the recorder is killed.

    python -m tests.benchmarks.recording_containers

Encodes VP8, H.264 and Opus once, with a mute and a change of resolution, and muxes the packets with each of the
settings of FFmpeg's muxers, and with the writers that recordings are made with (marked *): into a file that is closed,
and in child processes killed with SIGKILL at many moments. PyAV reads what is left; Chromium plays it. Takes about two
minutes.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emulator.recording.mending import mend
from tests.benchmarks.recording import media
from tests.benchmarks.recording.chromium_player import Played, chromium_player
from tests.benchmarks.recording.inspection import Decoded, Found, decode, inspect
from tests.benchmarks.recording.interrupted import Interrupted, interrupt, torn
from tests.benchmarks.recording.media import GAP, LARGE, LENGTH, Track
from tests.benchmarks.recording.settings import FRAGMENTS, HYBRID, SETTINGS, Setting
from tests.benchmarks.recording.writer import fill_gaps, record, record_and_die

KILLS_EVERY = 0.45
LAST_KILL = 9.0
"""Seconds. The file of the last kill is the one that is decoded and played."""
TONE_TOLERANCE = 0.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file: what PyAV read, what it decoded, what Chromium played."""

    path: Path
    track: Track
    found: Found
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Study:
    setting: Setting
    overhead: int
    """Bytes that are not samples, in the closed file."""
    closed: Outcome
    killed: Outcome
    opens_from: float | None
    """Seconds that had to be written before a kill left something readable."""
    missing: tuple[float, ...]
    """Seconds missing after each kill."""
    interrupted: Interrupted | None
    others: tuple[tuple[str, Outcome], ...]
    """Only for what recordings are made with: torn, and killed or torn and then mended."""


def study(setting: Setting, number: int, source: Track, directory: Path) -> Study:
    track = fill_gaps(source) if setting.filled else source
    stem, suffix = directory / f"{number:02}", setting.container
    closed, killed = (stem.with_name(f"{stem.name}-{state}.{suffix}") for state in ("closed", "killed"))
    record(setting, track, closed)
    opens_from, missing = None, []
    kills = int(LAST_KILL / KILLS_EVERY)
    for kill in range(1, kills + 1):
        moment = LAST_KILL * kill / kills
        written = sum(sample.time / track.clock <= moment for sample in track.samples)
        record_and_die(setting, track, written, killed)
        found = inspect(killed, track, written)
        missing.append(found.missing)
        if found.opened and opens_from is None:
            opens_from = track.seconds(written - 1)
    others: list[tuple[str, Outcome]] = []
    if setting.recommended:
        damaged = {"killed": killed}
        for state, content in torn(setting, track, written).items():
            damaged[state] = stem.with_name(f"{stem.name}-{state.replace(' ', '-')}.{suffix}")
            damaged[state].write_bytes(content)
            others.append((state, _read(damaged[state], track, written)))
        for state, path in damaged.items():
            copy = path.with_name(f"{path.stem}-mended.{suffix}")
            shutil.copyfile(path, copy)
            mend(copy)
            others.append((f"{state}, mended", _read(copy, track, written)))
    return Study(
        setting,
        closed.stat().st_size - sum(len(sample.data) for sample in track.samples),
        _read(closed, track, len(track.samples)),
        _read(killed, track, written),
        opens_from,
        tuple(missing),
        None if setting.sink == "path" else interrupt(setting, track),
        tuple(others),
    )


def _read(path: Path, track: Track, written: int) -> Outcome:
    return Outcome(path, track, inspect(path, track, written), decode(path))


async def play(outcomes: list[Outcome], directory: Path) -> dict[Path, Played]:
    """Files with the same bytes are played once."""
    by_content = {outcome.path: hashlib.sha256(outcome.path.read_bytes()).digest() for outcome in outcomes}
    first = {content: path for path, content in reversed(by_content.items())}
    async with chromium_player(directory) as player:
        played = dict(zip(first, await asyncio.gather(*map(player.play, first.values())), strict=True))
    return {path: played[content] for path, content in by_content.items()}


def say_pyav(outcome: Outcome) -> str:
    found, decoded = outcome.found, outcome.decoded
    if not found.opened:
        return "no"
    flaws = []
    if found.holes:
        flaws.append(f"{found.holes} hole")
    if outcome.track.codec != "opus" and LARGE not in decoded.sizes:
        flaws.append("no change")
    if not decoded.right:
        flaws.append("wrong pictures")
    if found.complaint or decoded.complaint:
        flaws.append("error at end")
    return ", ".join(flaws) or "ok"


def say_chromium(outcome: Outcome, played: Played) -> str:
    flaws = []
    if played.error:
        flaws.append("no" if played.reached == 0 else f"error at {played.reached:.1f} s")
    elif played.resumed is not None and abs(played.resumed - GAP[1]) > TONE_TOLERANCE:
        flaws.append(f"gap lost: sound of {GAP[1]} s at {played.resumed:.1f} s")
    if played.reached and not played.changed:
        flaws.append("no change")
    if played.reached and not played.right:
        flaws.append("wrong sound" if outcome.track.codec == "opus" else "wrong pictures")
    if played.reached and not played.error and not played.seeks:
        flaws.append("no seek")
    if played.duration == "Infinity":
        flaws.append("ok, length unknown" if not flaws else "length unknown")
    return ", ".join(flaws) or "ok"


def print_table(studies: list[Study], played: dict[Path, Played]) -> None:
    print(f"FRAGMENTS = {FRAGMENTS}\nHYBRID = {HYBRID}")
    print(f"Media: {LENGTH:.0f} s, gap {GAP[0]}-{GAP[1]} s, change of size at {media.CHANGE} s. * = recommended\n")
    rows = [
        (
            *("container", "writer", "settings", "bytes+", "closed: PyAV", "Chromium"),
            *("killed: PyAV", "from s", "missing s: worst", "mean", "Chromium", "torn: lost", "mended"),
        )
    ]
    for one in studies:
        interrupted = one.interrupted
        rows.append(
            (
                one.setting.container + ("*" if one.setting.recommended else ""),
                one.setting.sink,
                one.setting.describe(),
                str(one.overhead),
                say_pyav(one.closed),
                say_chromium(one.closed, played[one.closed.path]),
                say_pyav(one.killed),
                "never" if one.opens_from is None else f"{one.opens_from:.1f}",
                f"{max(one.missing):.2f}",
                f"{sum(one.missing) / len(one.missing):.2f}",
                say_chromium(one.killed, played[one.killed.path]),
                "-" if interrupted is None else f"{interrupted.lost} of {interrupted.states}",
                "-" if interrupted is None else str(interrupted.lost - interrupted.beyond_repair),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_recommended(studies: list[Study], played: dict[Path, Played]) -> None:
    print("\nRecommended, and what a restart makes of the rest (torn: killed in the middle of a write)")
    for one in studies:
        if not one.setting.recommended:
            continue
        print(f"  {one.setting.container}: {one.setting.describe()}, by emulator.recording")
        for state, outcome in (("closed", one.closed), ("killed", one.killed), *one.others):
            seen = played[outcome.path]
            duration = "unknown" if outcome.found.duration is None else f"{outcome.found.duration:.2f} s"
            print(
                f"    {state:<19} PyAV {say_pyav(outcome)}, missing {outcome.found.missing:.2f} s, length {duration};"
                f" Chromium {say_chromium(outcome, seen)}, played to {seen.reached:.2f} s"
            )


def main() -> None:
    tracks = {track.codec: track for track in (media.vp8(), media.h264(), media.opus())}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # The children are forked, so all of them come before the threads of browser and loop.
        studies = [study(setting, number, tracks[setting.codec], directory) for number, setting in enumerate(SETTINGS)]
        outcomes = [
            outcome for one in studies for outcome in (one.closed, one.killed, *(outcome for _, outcome in one.others))
        ]
        played = asyncio.run(play(outcomes, directory))
    print_table(studies, played)
    print_recommended(studies, played)


if __name__ == "__main__":
    main()
