"""Runs a plan: begins each cue when it is due, keeps each participant's steps in order, and writes the report.

The engine knows no server. It is handed a scene, whose clients go through the front door like everybody's.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from emulator.scenario.expectations.base import Expectation
from emulator.scenario.milestones import Arrivals, Milestone
from emulator.scenario.plan import Cue, Plan, PlannedAction
from emulator.scenario.report import Outcome, Report, StepResult
from emulator.scenario.scene import Scene, told
from emulator.scenario.schema import After, Every, Expected
from emulator.scenario.steps.base import Step

STEP_TIMEOUT_SECS = 30.0
"""As long as the official SDK waits for a join (signaling.md 1.8)."""

LEAVE_SECS = 1.0
"""How long saying goodbye may take at the end, all participants together."""

OnStep = Callable[[StepResult], None]


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Heap order: by time, then as written, so that what is due together begins in the file's order."""

    time: float
    index: int
    occurrence: int


class Engine:
    """One run of a plan. `report` can be read at any time, also after `run` was cancelled.

    A failed step ends the run, a failed expectation does not. With `keep_going` neither does (a repeating entry that
    fails is not repeated); with `stay` the participants stay in the room after the last cue, until `run` is cancelled.
    """

    def __init__(
        self, plan: Plan, scene: Scene, *, on_step: OnStep | None = None, keep_going: bool = False, stay: bool = False
    ) -> None:
        self.report = Report(plan.scenario.name)
        self._cues = {cue.index: cue for cue in plan.cues}
        self._scene = scene
        self._arrivals = Arrivals(plan.scenario.cast)
        scene.complain = self.complain
        self._on_step = on_step
        self._keep_going = keep_going
        self._stay = stay
        self._due: list[_Due] = []
        self._waiting = {cue.index: cue.entry.trigger for cue in plan.cues if isinstance(cue.entry.trigger, After)}
        self._news = asyncio.Event()
        self._running: dict[asyncio.Task[None], Cue] = {}
        self._turns: dict[str, asyncio.Future[None]] = {}
        # Who took which step or expectation, by its identity, which lives as long as the plan.
        self._tried: set[tuple[str, int]] = set()
        self._broken: BaseException | None = None
        self._begun = 0.0
        for cue in plan.cues:
            if cue.index not in self._waiting:
                heapq.heappush(self._due, _Due(cue.earliest, cue.index, 0))

    async def run(self) -> Report:
        """Until all is done, a step fails, or it is cancelled; in any case everybody leaves politely."""
        self._begun = asyncio.get_running_loop().time()
        try:
            await self._play()
            await self._halt()
            self._list_not_run()
            if self._stay and not self.report.stopped:
                await asyncio.get_running_loop().create_future()  # until cancelled
        finally:
            await self._halt()
            await self._scene.clear(within=LEAVE_SECS)
        return self.report

    def complain(self, who: str, message: str) -> None:
        """Something went wrong that is no step's doing: a failure all the same."""
        now = self._now()
        self._add(StepResult(who, "in the room", 0, Outcome.FAILED, now, now, now, message))

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._begun

    async def _play(self) -> None:
        while (self._due or self._running) and not self.report.stopped:
            if self._broken is not None:
                raise self._broken
            self._news.clear()
            while self._due and self._due[0].time <= self._now():
                self._begin(heapq.heappop(self._due))
            pause = self._due[0].time - self._now() if self._due else None
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                continue  # the next cue is due

    def _begin(self, due: _Due) -> None:
        cue = self._cues[due.index]
        # Turns are taken here, before anything is awaited: an earlier cue is always served first.
        turns = {id(planned): self._take_turn(planned.who) for group in cue.groups for planned in group}
        task = asyncio.create_task(self._perform(cue, due, turns))
        self._running[task] = cue
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._news.set()
        if not task.cancelled() and task.exception() is not None:
            self._broken = self._broken or task.exception()

    def _take_turn(self, who: str) -> tuple[asyncio.Future[None] | None, asyncio.Future[None]]:
        """What to wait for (None: nothing), and what to resolve afterwards."""
        before, mine = self._turns.get(who), asyncio.get_running_loop().create_future()
        self._turns[who] = mine
        return before, mine

    async def _perform(
        self, cue: Cue, due: _Due, turns: dict[int, tuple[asyncio.Future[None] | None, asyncio.Future[None]]]
    ) -> None:
        fine = True
        try:
            for number, group in enumerate(cue.groups):
                time = due.time if number == 0 else self._now()
                acts = [self._act(planned, time, due.occurrence, *turns[id(planned)]) for planned in group]
                fine = all(await asyncio.gather(*acts)) and fine
                if self.report.stopped:
                    return
            met = await asyncio.gather(*(self._expect(expected, due) for expected in cue.expect))
            fine = all(met) and fine
        finally:
            for _, mine in turns.values():
                if not mine.done():
                    mine.set_result(None)
        trigger = cue.entry.trigger
        if isinstance(trigger, Every) and fine and (trigger.times is None or due.occurrence + 1 < trigger.times):
            # An occurrence that took longer than the period delays the next one; they never pile up.
            again = max(due.time + trigger.period, self._now())
            heapq.heappush(self._due, _Due(again, due.index, due.occurrence + 1))

    async def _act(
        self,
        planned: PlannedAction,
        time: float,
        occurrence: int,
        before: asyncio.Future[None] | None,
        mine: asyncio.Future[None],
    ) -> bool:
        time += planned.delay(occurrence)
        try:
            if before is not None:
                await asyncio.wait([before])
            await asyncio.sleep(max(0.0, time - self._now()))
            for step in planned.action.steps:
                if self.report.stopped or not await self._take(step, planned.who, time):
                    return False
                time = self._now()
            return True
        finally:
            mine.set_result(None)

    async def _take(self, step: Step, who: str, time: float) -> bool:
        async def perform() -> None:
            async with asyncio.timeout(STEP_TIMEOUT_SECS):
                await step.perform(self._scene, who)

        fine = await self._attempt(step, who, step.describe(), time, perform)
        if not fine and not self._keep_going:
            self._stop(f"stopped, since {who} could not {step.describe()}")
        for milestone in self._arrivals.spread(step.reaches(who, self._scene.cast)) if fine else ():
            self._reached(milestone)
        return fine

    async def _expect(self, expected: Expected, due: _Due) -> bool:
        wanted, who = expected.expectation, expected.who.text
        time = self._now() if self._cues[due.index].groups else due.time
        return await self._attempt(wanted, who, expected.describe(), time, partial(wanted.verify, self._scene, who))

    async def _attempt(
        self, thing: Step | Expectation, who: str, what: str, time: float, attempt: Callable[[], Awaitable[None]]
    ) -> bool:
        self._tried.add((who, id(thing)))
        began = self._now()
        outcome, message = Outcome.DONE, ""
        try:
            await attempt()
        except Exception as error:  # noqa: BLE001 - whatever is raised is the outcome, and is reported
            outcome, message = Outcome.FAILED, told(error)
        self._add(StepResult(who, what, thing.mark.line, outcome, time, began, self._now(), message))
        return outcome is Outcome.DONE

    def _reached(self, reached: Milestone) -> None:
        for index, trigger in tuple(self._waiting.items()):
            if trigger.milestone.covers(reached):
                del self._waiting[index]
                heapq.heappush(self._due, _Due(self._now() + trigger.plus, index, 0))
                self._news.set()

    def _add(self, result: StepResult) -> None:
        self.report.add(result)
        if self._on_step is not None:
            self._on_step(result)

    def _stop(self, why: str) -> None:
        self.report.stopped = self.report.stopped or why
        self._news.set()

    async def _halt(self) -> None:
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _list_not_run(self) -> None:
        """What the plan has left when a run is stopped, and what waited for something that never came."""
        for cue in self._cues.values():
            for planned in (planned for group in cue.groups for planned in group):
                for step in planned.action.steps:
                    self._leave_out(cue, step, planned.who, step.describe())
            for expected in cue.expect:
                self._leave_out(cue, expected.expectation, expected.who.text, expected.describe())

    def _leave_out(self, cue: Cue, thing: Step | Expectation, who: str, what: str) -> None:
        if (who, id(thing)) not in self._tried:
            self._add(StepResult(who, what, thing.mark.line, Outcome.NOT_RUN, cue.earliest))
