"""The command `run`: scenarios one after the other, told live, and reported."""

from __future__ import annotations

import asyncio
import html
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from emulator.clock import RealClock, monotonic
from emulator.config import DEFAULT_KEY, Config, ConfigError
from emulator.scenario.errors import ScenarioError
from emulator.server import Emulator, StartError
from emulator.travelling_clock import TravellingClock

if TYPE_CHECKING:
    from emulator.scenario.junit import Ran
    from emulator.scenario.report import Report
    from emulator.scenario.scene import Scene
    from emulator.scenario.schema import Scenario
    from emulator.scenario.travel import Travel
    from emulator.timeline.model import Json

MAX_REPEAT = 10_000
# The modules of a run are imported where they are needed: a wrong file is told of at once.


@dataclass(frozen=True, slots=True)
class RunWish:
    """`seed` None: each file's own. With `repeat` the seed grows by one each time. `url`: where an emulator runs, and
    `admin_token` what its admin API asks for.
    """

    files: Sequence[Path]
    url: str | None = None
    api_key: str | None = None
    admin_token: str | None = None
    seed: int | None = None
    inputs: Mapping[str, str] | None = None
    junit: Path | None = None
    report: Path | None = None
    repeat: int = 1
    keep_going: bool = False
    travel: bool = False


async def run(wish: RunWish) -> int:
    """Exit code 0 when everything was as expected, 1 when not, 2 when something could not be run."""
    from emulator.scenario.junit import junit
    from emulator.scenario.runner import load

    if wish.travel and wish.url is not None:
        raise ConfigError("--time travel: runs on an emulator of its own, whose clock it moves (no --url)")
    scripts = []
    for file in wish.files:
        try:
            script = load(file, inputs=wish.inputs or {}, travel=wish.travel)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            continue
        scripts.append(script if wish.seed is None else replace(script, seed=wish.seed))
    if len(scripts) < len(wish.files):
        return 2  # before anything has run
    for path in (wish.junit, wish.report):
        if path is not None:
            _check_writable(path)
    runs: list[Ran] = []
    documents: list[Json] = []
    for number in range(wish.repeat):
        for script in scripts:
            ran, document = await _run_one(replace(script, seed=script.seed + number), wish)
            runs.append(ran)
            documents.append(document)
            print(ran.report.describe() if ran.report is not None else f"{ran.name}: could not be run: {ran.broken}")
    if len(runs) > 1:
        failed = [ran for ran in runs if not ran.ok]
        again = "".join(f"\n  {ran.name}, seed {ran.seed}: {_command(ran.source, ran.seed, wish)}" for ran in failed)
        print(f"{len(runs) - len(failed)} of {len(runs)} runs as expected{again}")
    try:
        if wish.junit is not None:
            wish.junit.write_bytes(junit(runs))
        if wish.report is not None:
            _write_pages(wish.report, runs, documents)
    except OSError as error:
        print(f"rooms-emulator: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if any(ran.report is None for ran in runs):
        return 2
    return 0 if all(ran.ok for ran in runs) else 1


async def _run_one(script: Scenario, wish: RunWish) -> tuple[Ran, Json]:
    """On an emulator of its own, or on the running one."""
    from emulator.scenario.junit import Ran

    began, start = RealClock().now(), monotonic()
    show = _Show(script, wish)
    key = wish.api_key or DEFAULT_KEY
    report, broken = None, ""
    try:
        if wish.url is not None:
            base = wish.url.rstrip("/").removesuffix("/v2")
            report = await show.play(f"{base}/v2", base.replace("http", "ws", 1), key, wish.admin_token)
        else:
            async with Emulator(Config(port=0, api_keys=(key,))) as emulator:
                travel = _travel(emulator, key, script.seed) if wish.travel else None
                report = await show.play(emulator.rest_url, emulator.ws_url, key, travel=travel)
    except (ScenarioError, StartError, aiohttp.ClientError, OSError) as error:
        broken = str(error) or type(error).__name__
    seconds = monotonic() - start
    ran = Ran(script.name, script.source, script.seed, began, seconds, report, broken, inputs=script.inputs)
    return ran, show.document


def _check_writable(path: Path) -> None:
    """Before minutes of running: what is there already stays as it is. Raises ConfigError."""
    there = path.exists()
    try:
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _travel(emulator: Emulator, key: str, seed: int) -> Travel:
    """The key's account with a clock that stands still until it is moved, and ids of the scenario's seed."""
    from emulator.scenario.travel import START, Travel

    clock = TravellingClock(frozen_at=START)
    account = emulator.accounts.add(key, seed=seed, clock=clock)
    return Travel(clock, account.log, emulator.lobby)


class _Show:
    """One run, its progress on the console, and what a page tells of it."""

    def __init__(self, script: Scenario, wish: RunWish) -> None:
        self._script = script
        self._wish = wish
        self._scene: Scene | None = None
        self.document: Json = {}

    async def play(
        self, rest_url: str, ws_url: str, key: str, admin_token: str | None = None, *, travel: Travel | None = None
    ) -> Report:
        from emulator.scenario.progress import Progress
        from emulator.scenario.recorded import Recorded
        from emulator.scenario.runner import run_scenario_on

        start = monotonic()
        progress = Progress(
            sys.stdout, live=sys.stdout.isatty(), now=lambda: monotonic() - start, present=self._present
        )

        def begin(scene: Scene) -> None:
            self._scene = scene
            script = self._script
            progress.title(f"scenario {script.name}: room {script.room['unique_name']} ({scene.room_id})")

        recorded = None if self._wish.report is None else Recorded(self._script, self._facts())
        play = partial(run_scenario_on, self._script) if recorded is None else recorded.run
        ticking = asyncio.create_task(progress.run())
        try:
            return await play(
                rest_url=rest_url,
                ws_url=ws_url,
                api_key=key,
                admin_token=admin_token,
                travel=travel,
                on_step=progress.step,
                on_scene=begin,
                keep_going=self._wish.keep_going,
            )
        finally:
            ticking.cancel()
            await ticking
            if recorded is not None:
                self.document = recorded.document

    def _facts(self) -> dict[str, str]:
        script = self._script
        return {
            "scenario": script.source,
            "seed": str(script.seed),
            "once more": _command(script.source, script.seed, self._wish),
        }

    def _present(self) -> int:
        actors = () if self._scene is None else self._scene.actors.values()
        return sum(actor.client is not None and actor.client.connected for actor in actors)


def _command(source: str, seed: int, wish: RunWish) -> str:
    """The one that does the same run again."""
    words = ["rooms-emulator", "run", source, "--seed", str(seed)]
    for name, value in (wish.inputs or {}).items():
        words += ["--set", f"{name}={value}"]
    words += ["--keep-going"] if wish.keep_going else []
    words += ["--time", "travel"] if wish.travel else []
    return shlex.join(words)


def _write_pages(path: Path, runs: Sequence[Ran], documents: Sequence[Json]) -> None:
    """One page; of several runs one each, beside a list that leads to them. Raises OSError."""
    from emulator.timeline.page import page

    if len(runs) == 1:
        path.write_text(page(documents[0]), encoding="utf-8")
        return
    lines = []
    for number, (ran, document) in enumerate(zip(runs, documents, strict=True), 1):
        slug = re.sub(r"[^a-z0-9]+", "-", ran.name.casefold()).strip("-")[:60] or "run"
        beside = path.with_name(f"{path.stem}-{number}-{slug}{path.suffix or '.html'}")
        if document:
            beside.write_text(page(document), encoding="utf-8")
        lines.append(_listed(ran, beside.name if document else None))
    path.write_text(_LIST.format(rows="\n".join(lines), title=f"{len(runs)} runs"), encoding="utf-8")


def _listed(ran: Ran, file: str | None) -> str:
    name = html.escape(ran.name)
    link = name if file is None else f'<a href="{html.escape(file)}">{name}</a>'
    word = "passed" if ran.ok else "failed" if ran.report is not None else "could not be run"
    failed = "" if ran.report is None else "; ".join(f"{one.who} {one.what}" for one in ran.report.failed)
    told = html.escape(ran.broken or failed)
    mark = "good" if ran.ok else "bad"
    return f'<tr><td class="{mark}">{word}<td>{link}<td>{ran.seed}<td>{ran.seconds:.1f} s<td>{told}'


_LIST = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title} - Rooms emulator</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1.5rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }}
.good {{ color: #1a8f5c; }} .bad {{ color: #d1344b; font-weight: 600; }}
</style>
<h1>{title}</h1>
<table><thead><tr><th>outcome<th>scenario<th>seed<th>took<th>what failed</thead><tbody>
{rows}
</tbody></table></html>
"""
