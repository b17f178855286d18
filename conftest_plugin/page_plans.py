"""What an assertion asks of a page, step by step, without doing it: sync and async Playwright go through the same plan.

A plan is a generator: it yields a question, is sent the answer, and raises AssertionError or returns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conftest_plugin.people import NobodyOfThatName, SeveralOfThatName, find
from emulator.clients.company import Person
from emulator.probes.tones import TONES

POLL_SECS = 0.25
BUSY_SECS = 30.0
"""A page that has not answered for so long hangs."""
KEYS = ("self", "presentation")
"""Stream keys that the card's reader knows by itself."""

Verdict = Mapping[str, Any]
"""As `emulator/probes/page.js` gives it."""


@dataclass(frozen=True, slots=True)
class List:
    """Who is in the rooms of the account? Answered with a list of `Person`."""


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the page: `RoomsPage.<function>(element, wish)`. Answered with a verdict, or None if there is no element.

    Also with one of our own: `unanswered`.
    """

    function: str
    wish: Mapping[str, Any]
    element_within: float
    """Seconds to wait for the element."""

    def unanswered(self, *, busy: bool = False) -> Verdict:
        """To be asked again: the page went elsewhere, or was too busy to find the element, which proves nothing."""
        return {"met": False, "over": False, "history": self.wish["history"], "text": "", "busy": busy}


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


Question = List | Look | Pause
Plan = Generator[Question, Any, None]


class Budget:
    """The time an assertion has, in seconds."""

    def __init__(self, within: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not within >= 0:
            raise ValueError(f"within: expected seconds of at least 0, got {within!r}")
        self.within = within
        self._clock = clock
        self._began = clock()

    @property
    def spent(self) -> float:
        return self._clock() - self._began

    @property
    def left(self) -> float:
        return max(0.0, self.within - self.spent)


def shows(place: str, who: Any, key: str | None, within: float) -> Plan:
    budget = Budget(within)
    people, person = yield from _find(f"{place} to show {_called(who)}", who, budget)
    name = person.name if key is None else f"{person.name}/{key}"
    expected = f"expected {place} to show {name} within {within:g} s"
    wish = {"want": "show", "participantId": person.participant_id, "key": key, **_known(people, person, key)}
    yield from _look("tile", expected, wish, budget)


def shows_not(place: str, who: Any, key: str | None, within: float) -> Plan:
    # A name that nobody has is a slip of the pen: what it is meant to exclude could be there all the same.
    people, person = yield from _find(f"{place} not to show {_called(who)}", who, Budget(0))
    name = person.name if key is None else f"{person.name}/{key}"
    expected = f"expected {place} not to show {name} any more within {within:g} s"
    wish = {"want": "not_show", "participantId": person.participant_id, "key": key, **_known(people, person, key)}
    yield from _look("tile", expected, wish, Budget(within))


def live(place: str, within: float) -> Plan:
    people = yield List()
    wish = {"want": "live", "names": _names(people)}
    yield from _look("tile", f"expected {place} to be live within {within:g} s", wish, Budget(within))


def not_frozen(place: str, for_seconds: float) -> Plan:
    people = yield List()
    wish = {"want": "not_frozen", "forMs": for_seconds * 1000, "names": _names(people)}
    expected = f"expected {place} not to be frozen for {for_seconds:g} s"
    yield from _look("tile", expected, wish, Budget(max(for_seconds, 5.0)))


def black(place: str, within: float) -> Plan:
    people = yield List()
    wish = {"want": "black", "names": _names(people)}
    yield from _look("tile", f"expected {place} to be black within {within:g} s", wish, Budget(within))


def hears(place: str, who: Any, within: float) -> Plan:
    budget = Budget(within)
    people, person = yield from _find_voice(f"{place} to hear {_called(who)}", who, budget)
    expected = f"expected {place} to hear {person.name} within {within:g} s"
    wish = {"want": "hear", "tone": person.tone, "names": _voices([*people, person])}
    yield from _look("sound", expected, wish, budget)


def hears_not(place: str, who: Any, within: float, for_seconds: float) -> Plan:
    budget = Budget(within)
    people, person = yield from _find_voice(f"{place} not to hear {_called(who)}", who, budget)
    expected = f"expected {place} not to hear {person.name} any more within {within:g} s, for {for_seconds:g} s"
    wish = {"want": "not_hear", "tone": person.tone, "forMs": for_seconds * 1000, "names": _voices([*people, person])}
    yield from _look("sound", expected, wish, budget)


def _find(what: str, who: Any, budget: Budget) -> Generator[Question, Any, tuple[Sequence[Person], Person]]:
    """Everybody, and the one who is meant; waits for who has not come yet. Raises AssertionError."""
    while True:
        people: Sequence[Person] = yield List()
        try:
            return people, find(who, people)
        except SeveralOfThatName as error:
            raise AssertionError(f"expected {what}: {error}") from None
        except NobodyOfThatName as error:
            if budget.left == 0:
                raise AssertionError(f"expected {what} within {budget.within:g} s: {error}") from None
        yield Pause(min(POLL_SECS, budget.left))


def _find_voice(what: str, who: Any, budget: Budget) -> Generator[Question, Any, tuple[Sequence[Person], Person]]:
    """As `_find`, with a tone; `who` may also be the index of one."""
    if isinstance(who, int) and not isinstance(who, bool):
        if not 0 <= who < TONES:
            raise ValueError(f"a tone index is a number from 0 to {TONES - 1}, got {who}")
        people: Sequence[Person] = yield List()
        return people, next((one for one in people if one.tone == who), Person("", f"tone {who}", who))
    people, person = yield from _find(what, who, budget)
    if person.tone is None:
        raise AssertionError(
            f"expected {what}: {person.name} is no participant of the emulator's and has no tone that is known here; "
            "name the index of the tone it plays"
        )
    return people, person


def _look(function: str, expected: str, wish: Mapping[str, Any], budget: Budget) -> Plan:
    """Ask until there is a verdict: the element may leave the page, or the page go elsewhere, while it is looked at."""
    asked = {**wish, "expected": expected, "within": budget.within * 1000, "history": []}
    patience = 0.0
    while True:
        patience = max(POLL_SECS, budget.left, patience)
        verdict: Verdict | None = yield Look(function, {**asked, "elapsed": budget.spent * 1000}, patience)
        if verdict is None:
            if wish["want"] == "not_show":
                return  # what is not there shows nothing
            raise AssertionError(f"{expected}\nclosest: there is no such element on the page")
        if verdict["over"]:
            if not verdict["met"]:
                raise AssertionError(verdict["text"])
            return
        asked["history"] = verdict["history"]
        if verdict.get("busy") and patience >= BUSY_SECS:
            raise AssertionError(f"{expected}\nclosest: the page does not answer, it was too busy for {patience:.0f} s")
        patience = 2 * patience if verdict.get("busy") else 0.0


def _known(people: Sequence[Person], person: Person, key: str | None) -> dict[str, Any]:
    return {"names": _names([*people, person]), "keys": [*dict.fromkeys((*KEYS, *([] if key is None else [key])))]}


def _names(people: Sequence[Person]) -> dict[str, str]:
    return {person.participant_id: person.name for person in people}


def _voices(people: Sequence[Person]) -> dict[str, str]:
    return {str(person.tone): person.name for person in people if person.tone is not None}


def _called(who: Any) -> str:
    return str(getattr(who, "name", who))
