"""What a scenario comes to: all that will happen, in order, with all chance decided; printable before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from emulator.scenario import draws
from emulator.scenario.cast import Cast, Ramp
from emulator.scenario.milestones import Arrivals, Milestone
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import Word
from emulator.scenario.schema import Action, After, At, Entry, Every, Expected, Scenario
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

    def delay(self, occurrence: int = 0) -> float:
        """Seconds after its cue: its place, and what is drawn evenly from the jitters, anew for each occurrence."""
        if not self.jitters:
            return self.after
        drawn = draws.generator(self.seed, self.who, *self.key, str(occurrence))
        return self.after + sum(drawn.uniform(*jitter) for jitter in self.jitters)


@dataclass(frozen=True, slots=True)
class Cue:
    """An entry of the timeline, placed. `earliest` is in seconds from the start; `index` counts in the file's order."""

    index: int
    entry: Entry
    earliest: float
    groups: tuple[tuple[PlannedAction, ...], ...]
    expect: tuple[Expected, ...]

    def lines(self) -> Iterable[str]:
        """The cue as a person reads it."""
        trigger = self.entry.trigger
        if isinstance(trigger, At):
            when = written(trigger.time)
        elif isinstance(trigger, After):
            when = f"{trigger} (not before {written(self.earliest)})"
        else:
            when = str(trigger)
        for number, group in enumerate(self.groups):
            for planned in group:
                steps = ", ".join(step.describe() for step in planned.action.steps)
                late = f" +{written(delay)}" if (delay := planned.delay()) else ""
                then = "then " if number else ""
                yield f"{when}{late}: {then}{planned.who} {steps}"
        for expected in self.expect:
            wanted = expected.expectation
            yield f"{when}: expect {expected.who} {wanted.describe()} within {written(wanted.within)}"


@dataclass(frozen=True)
class Plan:
    """Cues in the order in which they can come: by earliest time, then as written."""

    scenario: Scenario
    cues: tuple[Cue, ...]

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
        return "\n".join(lines + [f"  {line}" for cue in self.cues for line in cue.lines()])


def make_plan(scenario: Scenario) -> Plan:
    """Compile a scenario that the loader has checked."""
    earliest = _earliest(scenario)
    times = Counter[tuple[str, ...]]()
    cues: list[Cue] = []
    for index, entry in enumerate(scenario.timeline):
        groups = tuple(
            tuple(planned for action in group for planned in _planned(action, entry, scenario, times))
            for group in entry.groups
        )
        cues.append(Cue(index, entry, earliest[index], groups, _expected(entry, scenario.cast)))
    return Plan(scenario, tuple(sorted(cues, key=lambda cue: (cue.earliest, cue.index))))


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


def _expected(entry: Entry, cast: Cast) -> tuple[Expected, ...]:
    """What is expected of a crowd is expected of each."""
    return tuple(
        replace(expected, who=Word(who, expected.who.mark))
        for expected in entry.expect
        for who in cast.members(expected.who.text)
    )


def _earliest(scenario: Scenario) -> dict[int, float]:
    """When each entry can begin at the earliest, by its index: what is waited for takes no time at best."""
    known: dict[int, float] = {}
    for index, entry in enumerate(scenario.timeline):
        if not isinstance(entry.trigger, After):
            known[index] = entry.trigger.start if isinstance(entry.trigger, Every) else entry.trigger.time
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
    for action in (action for group in scenario.timeline[index].groups for action in group):
        for step in action.steps:
            yield from step.reaches(action.who.text, scenario.cast)
