"""Who is in the rooms of a test's account: names for ids and tones, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emulator.clients.company import Person, is_id


class NobodyOfThatName(LookupError):
    """Not yet, perhaps; the text says who there is."""


class SeveralOfThatName(LookupError):
    """A name does not say which one is meant."""


def find(who: Any, people: Sequence[Person]) -> Person:
    """`who` is a name, a participant id, or something with a `participant_id`. Raises LookupError, TypeError."""
    participant_id = getattr(who, "participant_id", who)
    if not isinstance(participant_id, str):
        raise TypeError(f"expected a participant, its id or its name, got {who!r:.80}")
    for person in people:
        if person.participant_id == participant_id:
            return person
    if is_id(participant_id):
        return Person(participant_id, str(getattr(who, "name", participant_id[:8])), getattr(who, "tone", None))
    found = [one for one in people if one.name == who] or [one for one in people if one.name.lower() == who.lower()]
    if len(found) > 1:
        ids = ", ".join(one.participant_id for one in found)
        raise SeveralOfThatName(f"{len(found)} participants are called {who!r}: give the id of one of them ({ids})")
    if not found:
        there = ", ".join(sorted({one.name for one in people})) or "nobody at all"
        raise NobodyOfThatName(f"nobody called {who!r} has joined a room of this account; there is {there}")
    return found[0]
