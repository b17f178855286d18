"""What can be wrong with a scenario.

ScenarioError
  ScenarioUnreadable   there is no such file, it is no UTF-8, or it is too large
  ScenarioInvalid      the text says something that is no scenario; carries every issue found
  BadInput             a value was given for an input that does not take it
  StageError           the emulator refused what the engine needs to set the stage (a room, a token)
    NoSuchRoom         the room that was named is not there
  StepFailed           a step could not be done
  ExpectationFailed    something expected did not come true in its time
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.reading.nodes import Mark


class ScenarioError(Exception):
    """Base of all scenario errors; `str()` is text for people."""


class ScenarioUnreadable(ScenarioError):
    """The file cannot be had as text."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One complaint, and where in the text it points."""

    mark: Mark
    message: str


class ScenarioInvalid(ScenarioError):
    """`issues` are in the order of the file; `str()` shows each with its line and a caret."""

    def __init__(self, text: str, issues: tuple[Issue, ...]) -> None:
        super().__init__(text)
        self.issues = issues


class BadInput(ScenarioError):
    """A value given from outside: which input, what it takes, what came."""


class StageError(ScenarioError):
    """The stage cannot be set: what was asked of the emulator, and what it said."""


class NoSuchRoom(StageError):
    """Nor is it made: only its name was given."""


class StepFailed(ScenarioError):
    """A step could not be done."""


class ExpectationFailed(ScenarioError):
    """What was expected, and what was there instead."""
