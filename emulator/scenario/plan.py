"""What a scenario comes to: all that will happen, in order, with all chance decided; printable before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from emulator.scenario import draws
from emulator.scenario.cast import STAGE, Cast, Ramp
from emulator.scenario.milestones import Arrivals, Milestone
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import Word
from emulator.scenario.schema import (
    Act,
    Action,
    After,
    At,
    Entry,
    Every,
    Expected,
    Expecting,
    Groups,
    Parallel,
    Repeat,
    Scenario,
    Span,
    When,
    blocks_in,
)
from emulator.scenario.steps.join import Join


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action of one person, with the key of its draws. `jitters` are shortest and longest delays in seconds."""

    action: Action
    who: str
    key: tuple[str, ...]
    seed: int
    jitters: tuple[tuple[float, float], ...] = ()
    after: float = 0.0
    """Seconds that somebody's place in a crowd puts them behind."""

    def delay(self, occurrence: str = "0") -> float:
        """Seconds after its cue: its place, and what is drawn evenly from the jitters, anew for each occurrence."""
        if not self.jitters:
            return self.after
        drawn = draws.generator(self.seed, self.who, *self.key, occurrence)
        return self.after + sum(drawn.uniform(*jitter) for jitter in self.jitters)


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """Acts inside an act: the branches of a parallel, or the one branch of what is repeated or measured."""

    block: Repeat | Parallel | Span
    branches: tuple[PlannedGroups, ...]


@dataclass(frozen=True, slots=True)
class PlannedExpectations:
    expected: tuple[Expected, ...]


Planned: TypeAlias = PlannedAction | PlannedBlock | PlannedExpectations
PlannedGroups: TypeAlias = tuple[tuple[Planned, ...], ...]


def in_groups(groups: PlannedGroups) -> Iterator[PlannedAction | PlannedExpectations]:
    """What is planned, also inside blocks, as written."""
    for group in groups:
        for planned in group:
            if isinstance(planned, PlannedBlock):
                for branch in planned.branches:
                    yield from in_groups(branch)
            else:
                yield planned


def _results_in(groups: PlannedGroups) -> Iterator[str]:
    for group in groups:
        for planned in group:
            if isinstance(planned, PlannedAction):
                yield from (f"{planned.who} {step.describe()}" for step in planned.action.steps)
            elif isinstance(planned, PlannedExpectations):
                yield from map(_result_of, planned.expected)
            else:
                if isinstance(planned.block, Span):
                    yield f"{STAGE} {planned.block.describe()}"
                for branch in planned.branches:
                    yield from _results_in(branch)


def _result_of(expected: Expected) -> str:
    return f"{expected.who} expect {expected.expectation.describe()}"


@dataclass(frozen=True, slots=True)
class Cue:
    """An entry of the timeline, placed. `earliest` is in seconds from the start; `index` counts in the file's order."""

    index: int
    entry: Entry
    earliest: float
    groups: PlannedGroups
    expect: tuple[Expected, ...]

    def results(self) -> Iterator[str]:
        """Who and what of each result that it can have, as written: `alice publish self`, `bob expect sees alice`."""
        if self.entry.span is not None:
            yield f"{STAGE} {self.entry.span.describe()}"
        if isinstance(self.entry.trigger, When):
            yield f"{STAGE} when {self.entry.trigger.pattern}"
        yield from _results_in(self.groups)
        yield from map(_result_of, self.expect)

    def lines(self) -> Iterable[str]:
        """The cue as a person reads it."""
        trigger = self.entry.trigger
        if isinstance(trigger, At):
            when = written(trigger.time)
        elif isinstance(trigger, After):
            when = f"{trigger} (not before {written(self.earliest)})"
        else:
            when = str(trigger)
        if self.entry.span is not None:
            yield f"{when}: {self.entry.span.describe()}"
        yield from _lines(when, self.groups)
        for expected in self.expect:
            yield f"{when}: {_expects(expected)}"


def _lines(when: str, groups: PlannedGroups) -> Iterable[str]:
    for number, group in enumerate(groups):
        then = "then " if number else ""
        for planned in group:
            if isinstance(planned, PlannedAction):
                steps = ", ".join(step.describe() for step in planned.action.steps)
                late = f" +{written(delay)}" if (delay := planned.delay()) else ""
                who = "" if planned.who == STAGE else f"{planned.who} "
                yield f"{when}{late}: {then}{who}{steps}"
            elif isinstance(planned, PlannedExpectations):
                for expected in planned.expected:
                    yield f"{when}: {then}{_expects(expected)}"
            else:
                yield f"{when}: {then}{planned.block.describe()}"
                for place, branch in enumerate(planned.branches):
                    mark = f"| {place + 1}" if len(planned.branches) > 1 else "|"
                    for line in _lines(mark, branch):
                        yield f"  {line}"


def _expects(expected: Expected) -> str:
    wanted = expected.expectation
    return f"expect {expected.who} {wanted.describe()} within {written(wanted.within)}"


@dataclass(frozen=True)
class Plan:
    """Cues in the order in which they can come: by earliest time, then as written."""

    scenario: Scenario
    cues: tuple[Cue, ...]
    finals: Cue
    """What comes at the end, however that comes."""

    @cached_property
    def participant_ids(self) -> dict[str, str]:
        """Participant ids by name: the same for the same seed."""
        return {who.name: draws.participant_id(self.scenario.seed, who.name) for who in self.scenario.cast}

    def describe(self) -> str:
        """The whole plan, a line for each thing that happens."""
        scenario = self.scenario
        lines = [f"{scenario.name}: room {scenario.room['unique_name']}, seed {scenario.seed}"]
        width = max((len(name) for name in self.participant_ids), default=0)
        for who in scenario.cast:
            streams = ", ".join(who.streams) or "nothing"
            tone = f"tone {who.index}"
            lines.append(f"  {who.name:<{width}}  {self.participant_ids[who.name]}  {tone}  publishes: {streams}")
        lines += [f"  {line}" for cue in self.cues for line in cue.lines()]
        lines += [f"  finally: {line}" for line in _lines("at the end", self.finals.groups)]
        return "\n".join(lines + [f"  finally: {_expects(expected)}" for expected in self.finals.expect])


def make_plan(scenario: Scenario) -> Plan:
    """Compile a scenario that the loader has checked."""
    earliest = _earliest(scenario)
    times = Counter[tuple[str, ...]]()
    cues: list[Cue] = []
    for index, entry in enumerate(scenario.timeline):
        cues.append(_cue(index, entry, earliest[index], scenario, times))
    last = _cue(len(cues), scenario.entries[-1], 0.0, scenario, times)
    return Plan(scenario, tuple(sorted(cues, key=lambda cue: (cue.earliest, cue.index))), last)


def _cue(index: int, entry: Entry, earliest: float, scenario: Scenario, times: Counter[tuple[str, ...]]) -> Cue:
    groups = _groups(entry.groups, entry, scenario, times)
    return Cue(index, entry, earliest, groups, _expected(entry.expect, scenario.cast))


def _groups(groups: Groups, entry: Entry, scenario: Scenario, times: Counter[tuple[str, ...]]) -> PlannedGroups:
    return tuple(tuple(one for act in group for one in _act(act, entry, scenario, times)) for group in groups)


def _act(act: Act, entry: Entry, scenario: Scenario, times: Counter[tuple[str, ...]]) -> Iterable[Planned]:
    match act:
        case Action():
            return _planned(act, entry, scenario, times)
        case Expecting():
            return (PlannedExpectations(_expected(act.expected, scenario.cast)),)
    branches = tuple(_groups(branch, entry, scenario, times) for branch in blocks_in(act))
    return (PlannedBlock(act, branches),)


def _planned(
    action: Action, entry: Entry, scenario: Scenario, times: Counter[tuple[str, ...]]
) -> Iterable[PlannedAction]:
    """One for each who is meant; the members of a crowd come in as it declares.

    Draws are keyed by what is done and when it is meant, so what is written elsewhere does not move them.
    """
    key = (str(entry.trigger), *(step.describe() for step in action.steps))
    cast, group = scenario.cast, action.who.text
    ramp = cast[group].ramp if group in cast.groups and any(isinstance(step, Join) for step in action.steps) else Ramp()
    jitters = tuple(jitter for jitter in ((0.0, entry.jitter), ramp.jitter) if jitter[1])
    for place, who in enumerate(cast.members(group)):
        counted = (who, *key)
        times[counted] += 1
        yield PlannedAction(action, who, (*key, f"#{times[counted]}"), scenario.seed, jitters, after=place * ramp.every)


def _expected(written_down: tuple[Expected, ...], cast: Cast) -> tuple[Expected, ...]:
    """What is expected of a crowd is expected of each."""
    return tuple(
        replace(expected, who=Word(who, expected.who.mark))
        for expected in written_down
        for who in cast.members(expected.who.text)
    )


def _earliest(scenario: Scenario) -> dict[int, float]:
    """When each entry can begin at the earliest, by its index: what is waited for takes no time at best."""
    known: dict[int, float] = {}
    for index, entry in enumerate(scenario.timeline):
        match entry.trigger:
            case At(time):
                known[index] = time
            case Every():
                known[index] = entry.trigger.start
            case When():
                known[index] = 0.0
    waiting = {index: entry for index, entry in enumerate(scenario.timeline) if index not in known}
    # Dijkstra's way: the entry that can come first is settled first, since nothing can bring it forward any more.
    while waiting:
        arrivals = Arrivals(scenario.cast)
        reached = [
            arrived
            for time, index in sorted((time, index) for index, time in known.items())
            for milestone in _reached(scenario, index)
            for arrived in arrivals.add(milestone, time)
        ]
        ready = {
            index: min(times) + entry.trigger.plus
            for index, entry in waiting.items()
            if isinstance(entry.trigger, After)
            and (times := [time for time, milestone in reached if entry.trigger.milestone.covers(milestone)])
        }
        if not ready:
            raise ValueError("an entry waits for what never happens; the loader refuses such a timeline")
        first = min(ready, key=lambda index: (ready[index], index))
        known[first] = ready[first]
        del waiting[first]
    return known


def _reached(scenario: Scenario, index: int) -> Iterable[Milestone]:
    for action in scenario.timeline[index].actions:
        for step in action.steps:
            yield from step.reaches(action.who.text, scenario.cast)
