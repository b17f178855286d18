"""Runs a plan: begins each cue when it is due, keeps each participant's steps in order, and writes the report.

The engine knows no server. It is handed a scene, whose clients go through the front door like everybody's.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.scenario.milestones import Arrivals, Milestone
from emulator.scenario.news import News
from emulator.scenario.performance import STEP_TIMEOUT_SECS, Performance, Services
from emulator.scenario.plan import Cue, Plan, PlannedAction, in_groups
from emulator.scenario.reading.durations import written
from emulator.scenario.report import Outcome, Report, StepResult
from emulator.scenario.scene import Scene
from emulator.scenario.schema import After, Every, When
from emulator.scenario.steps.base import Step

LEAVE_SECS = 5.0
"""How long saying goodbye may take at the end, all participants together."""

OnStep = Callable[[StepResult], None]

__all__ = ["LEAVE_SECS", "STEP_TIMEOUT_SECS", "Engine", "OnStep"]


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Heap order: by time, then as written, so that what is due together begins in the file's order."""

    time: float
    index: int
    occurrence: int
    event: Mapping[str, Any] | None = field(default=None, compare=False)


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
        self._finals = plan.finals
        self._scene = scene
        self._arrivals = Arrivals(plan.scenario.cast)
        scene.complain = self.complain
        self._on_step = on_step
        self._keep_going = keep_going
        self._stay = stay
        self._due: list[_Due] = []
        self._waiting = {cue.index: cue.entry.trigger for cue in plan.cues if isinstance(cue.entry.trigger, After)}
        self._reacting = {cue.index: cue.entry.trigger for cue in plan.cues if isinstance(cue.entry.trigger, When)}
        self._reactions = dict.fromkeys(self._reacting, 0)
        self._news = asyncio.Event()
        self._running: dict[asyncio.Task[None], Cue] = {}
        self._begun_cues = 0
        # Who took which step or expectation, by its identity, which lives as long as the plan.
        self._tried: set[tuple[str, int]] = set()
        self._broken: BaseException | None = None
        self._origin = 0.0
        self._services = Services(
            scene=scene,
            turns={},
            now=self._now,
            stopped=lambda: bool(self.report.stopped),
            add=self._add,
            failed=self._failed,
            reached=self._reached,
            tried=lambda who, thing: self._tried.add((who, id(thing))),
        )
        for cue in plan.cues:
            if cue.index not in self._waiting and cue.index not in self._reacting:
                heapq.heappush(self._due, _Due(cue.earliest, cue.index, 0))

    async def run(self) -> Report:
        """Until all is done, a step fails, or it is cancelled; in any case everybody leaves politely."""
        self._origin = self._scene.pace.now()
        self._scene.chronicle.begin()
        stop_listening = self._scene.chronicle.listen(self._heard)
        try:
            await self._play()
            await self._halt()
            self._list_not_run()
            if self._stay and not self.report.stopped:
                await asyncio.get_running_loop().create_future()  # until cancelled
            await self._finish()
        finally:
            stop_listening()
            await self._halt()
            await self._scene.clear(within=LEAVE_SECS)
        return self.report

    def complain(self, who: str, message: str) -> None:
        """Something went wrong that is no step's doing: a failure all the same."""
        now = self._now()
        self._add(StepResult(who, "in the room", 0, Outcome.FAILED, now, now, now, message))

    def _now(self) -> float:
        return self._scene.pace.now() - self._origin

    # -- cues -------------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        while (self._due or self._running or self._deadline() is not None) and not self.report.stopped:
            if self._broken is not None:
                raise self._broken
            self._news.clear()
            while self._due and self._due[0].time <= self._now():
                self._begin(heapq.heappop(self._due))
            await self._pause()
            self._give_up_waiting()

    async def _pause(self) -> None:
        """Until something happens, or the next cue is due."""
        times = [self._due[0].time] if self._due else []
        deadline = self._deadline()
        times += [] if deadline is None else [deadline]
        try:
            async with self._scene.pace.timeout(max(0.0, min(times) - self._now()) if times else None):
                await self._news.wait()
        except TimeoutError:
            return  # so it is

    def _begin(self, due: _Due) -> None:
        cue = self._cues[due.index]
        self._begun_cues += 1
        performance = Performance(
            self._services,
            cue,
            number=self._begun_cues,
            occurrence=due.occurrence,
            time=due.time,
            event=due.event,
        )
        task = asyncio.create_task(self._perform(performance, cue, due))
        self._running[task] = cue
        task.add_done_callback(self._ended)

    async def _perform(self, performance: Performance, cue: Cue, due: _Due) -> None:
        fine = await performance.run()
        trigger = cue.entry.trigger
        if isinstance(trigger, Every) and fine and (trigger.times is None or due.occurrence + 1 < trigger.times):
            # An occurrence that took longer than the period delays the next one; they never pile up.
            again = max(due.time + trigger.period, self._now())
            heapq.heappush(self._due, _Due(again, due.index, due.occurrence + 1))

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._news.set()
        if not task.cancelled() and task.exception() is not None:
            self._broken = self._broken or task.exception()

    # -- what sets cues off -----------------------------------------------------------------------------------------

    def _reached(self, several: tuple[Milestone, ...]) -> None:
        for reached in self._arrivals.spread(several):
            for index, trigger in tuple(self._waiting.items()):
                if trigger.milestone.covers(reached):
                    del self._waiting[index]
                    heapq.heappush(self._due, _Due(self._now() + trigger.plus, index, 0))
                    self._news.set()

    def _heard(self, news: News) -> None:
        for index, trigger in self._reacting.items():
            count = self._reactions[index]
            if count < trigger.times and news.at >= 0 and trigger.pattern.fits(news):
                self._reactions[index] = count + 1
                heapq.heappush(self._due, _Due(self._now(), index, count, news.facts))
                self._news.set()

    def _deadline(self) -> float | None:
        """When the next of those must have come that must come."""
        limits = [
            trigger.within
            for index, trigger in self._reacting.items()
            if trigger.within is not None and not self._reactions[index]
        ]
        return min(limits, default=None)

    def _give_up_waiting(self) -> None:
        now = self._now()
        for index, trigger in self._reacting.items():
            if trigger.within is not None and not self._reactions[index] and now >= trigger.within:
                self._reactions[index] = trigger.times
                pattern, mark = trigger.pattern, trigger.pattern.mark
                closest = pattern.closest(self._scene.chronicle.of_run())
                message = f"did not come within {written(trigger.within)}; {closest}"
                what = f"when {pattern}"
                self._add(StepResult("stage", what, mark.line, Outcome.FAILED, 0.0, 0.0, now, message, file=mark.file))

    # -- the end ----------------------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """What stands under `finally`: its steps, then, when everybody has left, its expectations."""
        if not (self._finals.groups or self._finals.expect):
            return
        stopped, self.report.stopped = self.report.stopped, ""
        first = Performance(self._services, _part(self._finals, expect=False), number=0, occurrence=0, time=self._now())
        await first.run()
        self.report.stopped = self.report.stopped or stopped
        stopped, self.report.stopped = self.report.stopped, ""
        await self._scene.clear(within=LEAVE_SECS)
        last = Performance(self._services, _part(self._finals, expect=True), number=0, occurrence=0, time=self._now())
        await last.run()
        self.report.stopped = self.report.stopped or stopped

    async def _halt(self) -> None:
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _failed(self, who: str, step: Step) -> None:
        if not self._keep_going:
            self.report.stopped = self.report.stopped or f"stopped, since {who} could not {step.describe()}"
            self._news.set()

    def _add(self, result: StepResult) -> None:
        self.report.add(result)
        if self._on_step is not None:
            self._on_step(result)

    def _list_not_run(self) -> None:
        """What the plan has left when a run is stopped, and what waited for something that never came."""
        for cue in self._cues.values():
            for planned in in_groups(cue.groups):
                if isinstance(planned, PlannedAction):
                    for step in planned.action.steps:
                        self._leave_out(cue, planned.who, step, step.describe())
                    continue
                for expected in planned.expected:
                    self._leave_out(cue, expected.who.text, expected.expectation, expected.describe())
            for expected in cue.expect:
                self._leave_out(cue, expected.who.text, expected.expectation, expected.describe())

    def _leave_out(self, cue: Cue, who: str, thing: Any, what: str) -> None:
        if (who, id(thing)) not in self._tried:
            mark = thing.mark
            self._add(StepResult(who, what, mark.line, Outcome.NOT_RUN, cue.earliest, file=mark.file))


def _part(finals: Cue, *, expect: bool) -> Cue:
    """Either what is done, or what is expected."""
    groups, expected = ((), finals.expect) if expect else (finals.groups, ())
    return Cue(finals.index, finals.entry, finals.earliest, groups, expected)
