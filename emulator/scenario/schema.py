"""A scenario as it was written: what the loader makes, and the plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation
from emulator.scenario.milestones import Milestone
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import Mark, Word
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


Trigger: TypeAlias = At | After | Every


@dataclass(frozen=True, slots=True)
class Action:
    """What one participant (or the moderator) does, one step after the other."""

    who: Word
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    who: Word
    expectation: Expectation

    def describe(self) -> str:
        return f"expect {self.expectation.describe()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline.

    `groups` come one after the other, the actions within a group at once: that is what a list and a mapping under `do`
    mean. `jitter`: each action begins up to so many seconds later. Then everything in `expect` is waited for at once.
    """

    mark: Mark
    trigger: Trigger
    groups: tuple[tuple[Action, ...], ...]
    expect: tuple[Expected, ...]
    jitter: float


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

    @property
    def endless(self) -> bool:
        """Whether an entry repeats for ever."""
        return any(isinstance(entry.trigger, Every) and entry.trigger.times is None for entry in self.timeline)
