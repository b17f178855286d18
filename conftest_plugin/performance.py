"""A scenario on stage while the test goes on: its participants stay until the test is over."""

from __future__ import annotations

import asyncio
import difflib
import fnmatch
import re
from collections import deque
from collections.abc import Mapping

from conftest_plugin import scenarios
from conftest_plugin.facade import Facade, awaitable, blocking
from conftest_plugin.room import Room
from conftest_plugin.scenarios import AnyScenario
from conftest_plugin.tenant import Tenant
from emulator.clients.company import Person
from emulator.scenario.cast import MODERATOR, STAGE
from emulator.scenario.loader import NO_INPUTS
from emulator.scenario.plan import make_plan
from emulator.scenario.report import Outcome, Report, StepResult

START_SECS = 10.0
MAX_RESULTS = 1000
MAX_LISTED = 40
"""Steps that are told to who names one that is not there."""


class Performance:
    """One run. `room` and `people` are there once it has begun."""

    def __init__(self, tenant: Tenant, source: AnyScenario, inputs: Mapping[str, object]) -> None:
        self._tenant = tenant
        self._scenario = scenarios.read(source, inputs)
        self._text = scenarios.text_of(source)
        self._task: asyncio.Task[Report] | None = None
        self._news = asyncio.Event()
        self._results: deque[StepResult] = deque(maxlen=MAX_RESULTS)
        self._failed: list[str] = []
        self._possible: tuple[str, ...] | None = None
        self.room: Room
        self.people: Mapping[str, Person] = {}

    async def begin(self) -> None:
        """Until the room is there. Raises StageError, AssertionError when it takes too long."""
        begun = asyncio.Event()

        def tell(_line: str) -> None:
            begun.set()

        playing = self._tenant.scenario(self._scenario, self._text, stay=True, tell=tell, on_step=self._step_taken)
        self._task = asyncio.create_task(playing)
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({self._task, waiting}, timeout=START_SECS, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            if self._task.done():
                await self._task  # raises what went wrong
            raise AssertionError(f"the scenario {self._scenario.name} had no room after {START_SECS:g} s")
        name = str(self._scenario.room["unique_name"])
        self.room = await self._tenant.find_room(name)
        self.people = {person.name: person for person in self._tenant.known.values()}

    async def wait_for(self, step: str, *, timeout: float = 10.0) -> StepResult:
        """The first step or expectation, past ones included, whose line fits: `alice publish self`, `bob expect *`.

        Raises AssertionError when it has failed, or has not been taken by then; at once when there is no such step, or
        the scenario has ended without it.
        """
        __tracebackhide__ = True
        self._check(step)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            for result in self._results:
                if fnmatch.fnmatchcase(f"{result.who} {result.what}", step):
                    if result.outcome is not Outcome.DONE:
                        raise AssertionError(result.describe())
                    return result
            if self._task is None or self._task.done():
                raise AssertionError(
                    f"{self._scenario.name} has ended, without {step!r}; what was done:\n{self._done()}"
                )
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                raise AssertionError(
                    f"expected the step {step!r} of {self._scenario.name} within {timeout:g} s; what was done:\n"
                    f"{self._done()}"
                ) from None

    def _done(self) -> str:
        return "\n".join(f"  {result.describe()}" for result in list(self._results)[-12:]) or "  nothing"

    def _check(self, step: str) -> None:
        """Whether the scenario has such a step. What is filled in at run time may be anything."""
        if self._possible is None:
            plan = make_plan(self._scenario)
            people = (*(who.name for who in self._scenario.cast), STAGE, MODERATOR)
            found = [line for cue in (*plan.cues, plan.finals) for line in cue.results()]
            self._possible = tuple(dict.fromkeys((*found, *(f"{name} in the room" for name in people))))
        for line in self._possible:
            open_line = re.sub(r"\$\{[^}]*\}", "*", line)
            if fnmatch.fnmatchcase(line, step) or ("${" in line and fnmatch.fnmatchcase(step, open_line)):
                return
        lines = [line for line in self._possible if not line.endswith(" in the room")]
        near = difflib.get_close_matches(step, lines, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        listed = "\n".join(f"  {line}" for line in lines[:MAX_LISTED])
        raise AssertionError(f"{self._scenario.name} has no step {step!r}{meant}; it has:\n{listed}")

    async def results(self) -> list[StepResult]:
        """What was done so far, oldest first."""
        return list(self._results)

    def complaints(self) -> list[str]:
        """What was not as expected, or broke the run, since this was last asked."""
        told, self._failed = self._failed, []
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            if not task.cancelled() and (error := task.exception()) is not None:
                told.append(f"{type(error).__name__}: {error}")
        return told

    async def stop(self) -> list[str]:
        """Everybody leaves. Returns the complaints that are left; safe to call again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        return self.complaints()

    def _step_taken(self, result: StepResult) -> None:
        self._results.append(result)
        if result.outcome is Outcome.FAILED and len(self._failed) < MAX_RESULTS:
            self._failed.append(result.describe())
        self._news.set()


class _Shown(Facade[Performance]):
    called = "scenario"

    @property
    def room(self) -> Room:
        """Where it plays."""
        return self._core.room

    @property
    def people(self) -> Mapping[str, Person]:
        """Its participants by name; each has a `participant_id` and a `tone`."""
        return self._core.people


class Stage(_Shown):
    wait_for = blocking(Performance.wait_for)
    results = blocking(Performance.results)


class AsyncStage(_Shown):
    wait_for = awaitable(Performance.wait_for)
    results = awaitable(Performance.results)


class Theatre:
    """The scenarios of one test: those on stage, to be ended with it."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.journal = tenant.journal
        self.performances: list[Performance] = []

    async def start(self, source: AnyScenario, inputs: Mapping[str, object] = NO_INPUTS) -> Performance:
        performance = Performance(self._tenant, source, inputs)
        self.performances.append(performance)
        await performance.begin()
        return performance

    def complaint(self) -> str:
        """What was not as expected since this was last asked, empty when all was."""
        return _told([line for performance in self.performances for line in performance.complaints()])

    async def close(self) -> None:
        """Raises AssertionError that lists what was not as expected and nobody asked for."""
        text = _told([line for performance in self.performances for line in await performance.stop()])
        if text:
            raise AssertionError(text)


def _told(failed: list[str]) -> str:
    return "\n".join(["the scenario was not as expected:", *(f"  {line}" for line in failed)]) if failed else ""


class Scenarios(Facade[Theatre]):
    """Scenarios on stage while the test goes on; `RoomsEmulator.scenario` plays one to its end."""

    def complaint(self) -> str:
        """What was not as expected since this was last asked, empty when all was."""
        return self._thread.read(self._core.complaint) if self._core.performances else ""

    @property
    def stage(self) -> Stage:
        """The scenario of the marker, or the one that was started last. Raises LookupError when there is none."""
        __tracebackhide__ = True
        return Stage(_latest(self._core), self._thread, self._journal)

    def start(
        self, source: AnyScenario, *, inputs: Mapping[str, object] = NO_INPUTS, timeout: float = START_SECS
    ) -> Stage:
        """Returns when its room is there; `stage.wait_for("alice publish self")` waits for more."""
        __tracebackhide__ = True
        starting = self._core.start(source, inputs)
        with self._journal.note("scenario", "start", [scenarios.name_of(source)]):
            performance = self._thread.wait(starting, patience=2 * timeout, what="start()")
        return Stage(performance, self._thread, self._journal)


class AsyncScenarios(Facade[Theatre]):
    @property
    def stage(self) -> AsyncStage:
        __tracebackhide__ = True
        return AsyncStage(_latest(self._core), self._thread, self._journal)

    async def start(
        self, source: AnyScenario, *, inputs: Mapping[str, object] = NO_INPUTS, timeout: float = START_SECS
    ) -> AsyncStage:
        __tracebackhide__ = True
        starting = self._core.start(source, inputs)
        with self._journal.note("scenario", "start", [scenarios.name_of(source)]):
            performance = await self._thread.wait_async(starting, patience=2 * timeout, what="start()")
        return AsyncStage(performance, self._thread, self._journal)


def _latest(theatre: Theatre) -> Performance:
    __tracebackhide__ = True
    if not theatre.performances:
        raise LookupError("no scenario is on stage: start one, or name one in the marker rooms(scenario=...)")
    return theatre.performances[-1]
