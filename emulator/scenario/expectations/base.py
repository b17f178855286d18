"""What an expectation is, and the registry of all kinds of expectations; the twin of `steps.base`."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from emulator.scenario.cast import Cast
from emulator.scenario.reading.issues import Issues, close
from emulator.scenario.reading.nodes import Mark, Word
from emulator.scenario.reading.shapes import Shape
from emulator.scenario.scene import Scene

DEFAULT_WITHIN = 5.0
"""Seconds, where an expectation does not say."""


@dataclass(frozen=True, slots=True)
class Expectation(ABC):
    """Something that must come true for somebody within some seconds."""

    mark: Mark
    within: float
    real_time: ClassVar[str] = ""
    """As of a step."""
    needs_events: ClassVar[bool] = False
    """Whether it looks at events, although it has no pattern of them."""

    @abstractmethod
    def describe(self) -> str:
        """As it would be written, without `within`: `sees alice/self`."""

    @abstractmethod
    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Note what names nobody knows, and what can never come true. May raise Misread after noting."""

    @abstractmethod
    async def verify(self, scene: Scene, who: str) -> None:
        """Returns when it has come true. Raises ExpectationFailed when the time is over."""


@dataclass(frozen=True, slots=True)
class ExpectationKind:
    """`build` takes mark, within and the argument."""

    word: str
    argument: Shape[Any]
    build: Callable[..., Expectation]

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        return " ".join(inspect.cleandoc(self.build.__doc__ or "").partition("\n\n")[0].split())


EXPECTATIONS: dict[str, ExpectationKind] = {}
"""What is expected of a participant."""
STAGE_EXPECTATIONS: dict[str, ExpectationKind] = {}
"""What is expected of events, webhooks, REST and the like: the word stands where a participant's name would."""


def misnomer(who: Word, issues: Issues) -> None:
    """What is nobody's, and misspelt, stands where a name would. Raises Misread for it."""
    meant = close(who.text, STAGE_EXPECTATIONS)
    if meant is not None:
        raise issues.misread(who.mark, f'nobody is called "{who}"; did you mean "{meant}"?')


X = TypeVar("X", bound=Callable[..., Expectation])


def expectation(
    word: str, argument: Shape[Any], *, kinds: dict[str, ExpectationKind] = EXPECTATIONS
) -> Callable[[X], X]:
    """Class decorator: make this class the expectation written with this word."""

    def register(build: X) -> X:
        if word in kinds:
            raise ValueError(f"two kinds of expectations are called {word!r}")
        kinds[word] = ExpectationKind(word, argument, build)
        return build

    return register
