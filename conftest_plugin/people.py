"""Who is in the rooms of a test's account: names for ids and tones, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = ("username", "name", "displayName", "display_name", "userName", "nickname")
"""Members of a context that tell people apart, the most likely first; apps choose them freely."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Person:
    """`tone` is the index of the chord by which a synthetic participant is heard; None of others."""

    participant_id: str
    name: str
    tone: int | None = None


class NobodyOfThatName(LookupError):
    """Not yet, perhaps; the text says who there is."""


class SeveralOfThatName(LookupError):
    """A name does not say which one is meant."""


def named(context: str | None, participant_id: str) -> str:
    """What people call a participant with this context; the beginning of the id if it says nothing."""
    try:
        told = json.loads(context or "")
    except ValueError:
        told = context
    if isinstance(told, Mapping):
        told = next((told[name] for name in NAMES if isinstance(told.get(name), str) and told[name]), None)
    return told[:60] if isinstance(told, str) and told else participant_id[:8]


def find(who: Any, people: Sequence[Person]) -> Person:
    """`who` is a name, a participant id, or something with a `participant_id`. Raises LookupError, TypeError."""
    participant_id = getattr(who, "participant_id", who)
    if not isinstance(participant_id, str):
        raise TypeError(f"expected a participant, its id or its name, got {who!r:.80}")
    for person in people:
        if person.participant_id == participant_id:
            return person
    if _UUID.fullmatch(participant_id):
        return Person(participant_id, str(getattr(who, "name", participant_id[:8])), getattr(who, "tone", None))
    found = [one for one in people if one.name == who] or [one for one in people if one.name.lower() == who.lower()]
    if len(found) > 1:
        ids = ", ".join(one.participant_id for one in found)
        raise SeveralOfThatName(f"{len(found)} participants are called {who!r}: give the id of one of them ({ids})")
    if not found:
        there = ", ".join(sorted({one.name for one in people})) or "nobody at all"
        raise NobodyOfThatName(f"nobody called {who!r} has joined a room of this account; there is {there}")
    return found[0]
