"""What a step is, and the registry of all kinds of steps.

A kind is one small file beside this one: a frozen dataclass with the behaviour, under a `@step(...)` line that gives
its word and the shape of what stands after the word. `steps/__init__.py` imports it, and that is all.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from emulator.scenario.cast import Cast
from emulator.scenario.milestones import Milestone
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark
from emulator.scenario.reading.shapes import Shape
from emulator.scenario.scene import Scene


@dataclass(frozen=True, slots=True)
class Step(ABC):
    """Something that somebody does."""

    mark: Mark
    real_time: ClassVar[str] = ""
    """What in it passes in real time, so that it can not be part of a run in travel time."""

    @abstractmethod
    def describe(self) -> str:
        """As it would be written: `publish self`. Also keys the step's random draws."""

    def check(self, who: str, cast: Cast, issues: Issues) -> None:  # noqa: B027 - most steps have nothing to check
        """Note what names nobody knows. May raise Misread after noting."""

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        """What can be waited for, once it is done."""
        return ()

    def patience(self) -> float | None:
        """Seconds that it may take; None: as long as any step."""
        return None

    def saves(self) -> tuple[str, ...]:
        """What later steps can refer to as `${name}` once it is done."""
        return ()

    @abstractmethod
    async def perform(self, scene: Scene, who: str) -> None:
        """Do it. Whatever is raised is the step's failure."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """`argument` is None for steps that are one bare word; `build` takes the mark, and the argument if there is one."""

    word: str
    argument: Shape[Any] | None
    build: Callable[..., Step]

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        return " ".join(inspect.cleandoc(self.build.__doc__ or "").partition("\n\n")[0].split())


PARTICIPANT_STEPS: dict[str, StepKind] = {}
MODERATOR_STEPS: dict[str, StepKind] = {}
STAGE_STEPS: dict[str, StepKind] = {}

S = TypeVar("S", bound=Callable[..., Step])


def step(
    word: str, argument: Shape[Any] | None = None, *, kinds: dict[str, StepKind] = PARTICIPANT_STEPS
) -> Callable[[S], S]:
    """Class decorator: make this class the step written with this word."""

    def register(build: S) -> S:
        if word in kinds:
            raise ValueError(f"two kinds of steps are called {word!r}")
        kinds[word] = StepKind(word, argument, build)
        return build

    return register
