"""One cue as it is performed: groups in order, acts of a group at once, blocks inside them, expectations at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.scenario.cast import STAGE
from emulator.scenario.expectations.base import Expectation
from emulator.scenario.filling import filled
from emulator.scenario.milestones import Milestone
from emulator.scenario.plan import Cue, Planned, PlannedAction, PlannedBlock, PlannedExpectations, PlannedGroups
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import Mark
from emulator.scenario.report import Outcome, StepResult
from emulator.scenario.scene import Scene, told
from emulator.scenario.schema import Expected, Repeat, Span
from emulator.scenario.steps.base import Step
from emulator.scenario.turns import Turn, Turns

STEP_TIMEOUT_SECS = 30.0
"""As long as the official SDK waits for a join (signaling.md 1.8)."""


@dataclass(frozen=True, slots=True)
class Services:
    """What performances share: the engine's side of them. `now` is in seconds from the start."""

    scene: Scene
    turns: dict[str, Turns]
    now: Callable[[], float]
    stopped: Callable[[], bool]
    add: Callable[[StepResult], None]
    failed: Callable[[str, Step], None]
    """A step could not be done; who should have done it."""
    reached: Callable[[tuple[Milestone, ...]], None]
    tried: Callable[[str, object], None]

    def turns_of(self, who: str) -> Turns:
        return self.turns.setdefault(who, Turns())


class Performance:
    """`number` counts cues as they begin, `occurrence` those of this one; `time` is when it was due.

    Turns of what stands in its groups are taken at once, before anything is awaited: an earlier cue is served first.
    What stands in blocks takes its turn when it is reached.
    """

    def __init__(
        self,
        services: Services,
        cue: Cue,
        *,
        number: int,
        occurrence: int,
        time: float,
        event: Mapping[str, Any] | None = None,
    ) -> None:
        self._all = services
        self._cue = cue
        self._number = number
        self._occurrence = str(occurrence)
        self._time = time
        self._value_of = services.scene.values(event)
        self._turns: dict[int, Turn] = {}
        for place, group in enumerate(cue.groups):
            for planned in group:
                if isinstance(planned, PlannedAction) and planned.who != STAGE:
                    self._turns[id(planned)] = services.turns_of(planned.who).take(number, place)

    async def run(self) -> bool:
        """To its end, or until the run is stopped. Returns whether all was well."""
        began = self._all.now()
        try:
            fine = await self._groups(self._cue.groups, self._time, self._occurrence)
            if self._all.stopped():
                return False
            time = self._all.now() if self._cue.groups else self._time
            fine = await self._expect(self._cue.expect, time) and fine
        finally:
            for turn in self._turns.values():
                turn.end()
        if self._cue.entry.span is not None:
            fine = self._measure(self._cue.entry.span, began) and fine
        return fine

    async def _groups(self, groups: PlannedGroups, time: float, occurrence: str, outer: int | None = None) -> bool:
        """`outer` is the place of the group of the cue that these are inside of."""
        fine = True
        for place, group in enumerate(groups):
            if place:
                time = self._all.now()
            where = place if outer is None else outer
            fine = all(await asyncio.gather(*(self._act(one, time, occurrence, where) for one in group))) and fine
            if self._all.stopped():
                return False
        return fine

    async def _act(self, planned: Planned, time: float, occurrence: str, place: int) -> bool:
        match planned:
            case PlannedAction():
                return await self._action(planned, time, occurrence, place)
            case PlannedExpectations():
                return await self._expect(planned.expected, time)
        return await self._block(planned, time, occurrence, place)

    # -- blocks -------------------------------------------------------------------------------------------------------

    async def _block(self, planned: PlannedBlock, time: float, occurrence: str, place: int) -> bool:
        began = self._all.now()
        match planned.block:
            case Repeat():
                return await self._repeat(planned.block, planned.branches[0], time, occurrence, place)
            case Span():
                fine = await self._groups(planned.branches[0], time, occurrence, place)
                return self._measure(planned.block, began) and fine
        branches = (self._groups(branch, time, occurrence, place) for branch in planned.branches)
        return all(await asyncio.gather(*branches))

    async def _repeat(self, repeat: Repeat, groups: PlannedGroups, time: float, occurrence: str, place: int) -> bool:
        fine = True
        count, end = 0, None if repeat.lasting is None else time + repeat.lasting
        while not self._all.stopped() and (count < repeat.times if repeat.times is not None else time < (end or 0.0)):
            await self._all.scene.pace.sleep(max(0.0, time - self._all.now()))
            fine = await self._groups(groups, time, f"{occurrence}.{count}", place) and fine
            count += 1
            time = max(time + repeat.every, self._all.now())
        return fine

    def _measure(self, span: Span, began: float) -> bool:
        if self._all.stopped():
            return False
        now = self._all.now()
        took = now - began
        fine = took <= span.limit
        message = "" if fine else f"expected at most {written(span.limit)}, took {took:.3f} s"
        self._tell("stage", span.describe(), span.mark, fine, began, began, message)
        return fine

    # -- steps --------------------------------------------------------------------------------------------------------

    async def _action(self, planned: PlannedAction, time: float, occurrence: str, place: int) -> bool:
        time += planned.delay(occurrence)
        if planned.who == STAGE:
            await self._all.scene.pace.sleep(max(0.0, time - self._all.now()))
            return await self._steps(planned, time)
        turn = self._turns.get(id(planned)) or self._all.turns_of(planned.who).take(self._number, place)
        try:
            await self._all.scene.pace.sleep(max(0.0, time - self._all.now()))
            await turn.begin()
            return await self._steps(planned, time)
        finally:
            turn.end()

    async def _steps(self, planned: PlannedAction, time: float) -> bool:
        for step in planned.action.steps:
            if self._all.stopped() or not await self._take(step, planned.who, time):
                return False
            time = self._all.now()
        return True

    async def _take(self, step: Step, who: str, time: float) -> bool:
        scene = self._all.scene

        async def perform() -> None:
            full = filled(step, self._value_of)
            patience = full.patience()
            async with scene.pace.timeout(STEP_TIMEOUT_SECS if patience is None else patience):
                await full.perform(scene, who)

        fine = await self._attempt(step, who, self._described(step), time, perform)
        if fine:
            self._all.reached(step.reaches(who, scene.cast))
        else:
            self._all.failed(who, step)
        return fine

    def _described(self, thing: Step | Expectation) -> str:
        try:
            return filled(thing, self._value_of).describe()
        except Exception:  # noqa: BLE001 - what is missing is told when it is needed; as written it can be described
            return thing.describe()

    # -- expectations -------------------------------------------------------------------------------------------------

    async def _expect(self, several: tuple[Expected, ...], time: float) -> bool:
        return all(await asyncio.gather(*(self._expect_one(expected, time) for expected in several)))

    async def _expect_one(self, expected: Expected, time: float) -> bool:
        wanted, who = expected.expectation, expected.who.text

        async def verify() -> None:
            await self._all.scene.arrived(who)
            await filled(wanted, self._value_of).verify(self._all.scene, who)

        return await self._attempt(wanted, who, f"expect {self._described(wanted)}", time, verify)

    async def _attempt(
        self, thing: Step | Expectation, who: str, what: str, time: float, attempt: Callable[[], Awaitable[None]]
    ) -> bool:
        self._all.tried(who, thing)
        began = self._all.now()
        message = ""
        fine = True
        try:
            await attempt()
        except Exception as error:  # noqa: BLE001 - whatever is raised is the outcome, and is reported
            fine, message = False, told(error)
        self._tell(who, what, thing.mark, fine, time, began, message)
        return fine

    def _tell(self, who: str, what: str, mark: Mark, fine: bool, time: float, began: float, message: str) -> None:
        outcome = Outcome.DONE if fine else Outcome.FAILED
        self._all.add(StepResult(who, what, mark.line, outcome, time, began, self._all.now(), message, file=mark.file))
