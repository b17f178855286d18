"""A scenario as it was written: what the loader makes, and the plan is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation
from emulator.scenario.milestones import Milestone
from emulator.scenario.news import Pattern
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import START, Mark, Word
from emulator.scenario.steps.base import Step


@dataclass(frozen=True, slots=True)
class At:
    """Seconds after the start."""

    time: float

    def __str__(self) -> str:
        return f"at {written(self.time)}"


@dataclass(frozen=True, slots=True)
class After:
    """Seconds after somebody has come so far for the first time."""

    milestone: Milestone
    plus: float
    mark: Mark

    def __str__(self) -> str:
        return f"after {self.milestone}{f' + {written(self.plus)}' if self.plus else ''}"


@dataclass(frozen=True, slots=True)
class Every:
    """First at `start` seconds, then each `period` seconds; `times` is None for: until everything ends."""

    period: float
    start: float
    times: int | None

    def __str__(self) -> str:
        times = "" if self.times is None else f", {self.times} times"
        return f"every {written(self.period)} from {written(self.start)}{times}"


@dataclass(frozen=True, slots=True)
class When:
    """Each time that news fits, `times` times at most; `within`: the first time must come before so many seconds."""

    pattern: Pattern
    times: int
    within: float | None

    def __str__(self) -> str:
        times = "" if self.times == MAX_TIMES else f", {self.times} times" if self.times > 1 else ", once"
        within = "" if self.within is None else f", within {written(self.within)}"
        return f"when {self.pattern}{times}{within}"


Trigger: TypeAlias = At | After | Every | When

MAX_TIMES = 1000
"""How often one entry reacts: what sets itself off ends some time."""


@dataclass(frozen=True, slots=True)
class Action:
    """What one participant (or the moderator, or the stage itself) does, one step after the other."""

    who: Word
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """`who` is a participant, or what an expectation is about that is nobody's: `events`, `rest`."""

    who: Word
    expectation: Expectation

    def describe(self) -> str:
        return f"expect {self.expectation.describe()}"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`times` None: as long as `lasting` seconds are not over. `every`: seconds from one beginning to the next."""

    mark: Mark
    times: int | None
    lasting: float | None
    every: float
    groups: Groups

    def describe(self) -> str:
        often = f"{self.times} times" if self.times is not None else f"for {written(self.lasting or 0.0)}"
        return f"repeat {often}{f', every {written(self.every)}' if self.every else ''}"


@dataclass(frozen=True, slots=True)
class Parallel:
    mark: Mark
    branches: tuple[Groups, ...]

    def describe(self) -> str:
        return "parallel"


@dataclass(frozen=True, slots=True)
class Span:
    """What may take `limit` seconds at most."""

    mark: Mark
    name: str
    limit: float
    groups: Groups

    def describe(self) -> str:
        return f"span {self.name} (at most {written(self.limit)})"


@dataclass(frozen=True, slots=True)
class Expecting:
    """Expectations between steps."""

    mark: Mark
    expected: tuple[Expected, ...]


Act: TypeAlias = Action | Repeat | Parallel | Span | Expecting
Groups: TypeAlias = tuple[tuple[Act, ...], ...]
"""What a list and a mapping under `do` mean: groups come one after the other, the acts within a group at once."""


def blocks_in(act: Act) -> tuple[Groups, ...]:
    """What is done inside an act that has acts inside."""
    match act:
        case Repeat() | Span():
            return (act.groups,)
        case Parallel():
            return act.branches
    return ()


def acts_in(groups: Groups) -> Iterator[Act]:
    """All acts, those inside others included, as written."""
    for group in groups:
        for act in group:
            yield act
            for inner in blocks_in(act):
                yield from acts_in(inner)


def actions_in(groups: Groups) -> Iterator[Action]:
    return (act for act in acts_in(groups) if isinstance(act, Action))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline.

    `jitter`: each action begins up to so many seconds later. After `groups`, everything in `expect` is waited for at
    once. `span`: how long all of it may take.
    """

    mark: Mark
    trigger: Trigger
    groups: Groups
    expect: tuple[Expected, ...]
    jitter: float
    span: Span | None = None

    @property
    def expected(self) -> Iterator[Expected]:
        """All that is expected, also between steps."""
        for act in acts_in(self.groups):
            if isinstance(act, Expecting):
                yield from act.expected
        yield from self.expect

    @property
    def actions(self) -> Iterator[Action]:
        return actions_in(self.groups)


@dataclass(frozen=True, slots=True)
class Finally:
    """What is done at the end, however that came, and what must be so when everybody has left."""

    groups: Groups = ()
    expect: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """`room` are settings as the REST API takes them, `unique_name` among them. `source` is where it was read."""

    source: str
    name: str
    description: str
    seed: int
    room: Mapping[str, object]
    cast: Cast
    timeline: tuple[Entry, ...]
    finals: Finally = Finally()
    inputs: Mapping[str, object] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The timeline, and what comes at the end as one more entry."""
        last = Entry(START, At(0.0), self.finals.groups, self.finals.expect, 0.0)
        return (*self.timeline, last)

    @property
    def endless(self) -> bool:
        """Whether an entry repeats for ever."""
        return any(isinstance(entry.trigger, Every) and entry.trigger.times is None for entry in self.timeline)
