"""A stream that somebody is to look at: found anew each time, and why not if there is none to be found."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emulator.clients.company import Company, is_id
from emulator.clients.roster import Stream
from emulator.clients.subscription import Subscription
from emulator.clients.video_reception import Sighting

Place = tuple[str, str]
"""(participant id, stream key)."""


class Viewer(Protocol):
    """The client that looks."""

    name: str
    participant_id: str
    company: Company
    alone: bool

    @property
    def why_blind(self) -> str:
        """Why it cannot see anything, ever; empty if it can."""
        ...

    @property
    def streams(self) -> dict[Place, Stream]: ...

    @property
    def subscriptions(self) -> dict[Place, Subscription]: ...

    @property
    def subscribes(self) -> bool:
        """Whether a subscription is under way."""
        ...


@dataclass(slots=True)
class Target:
    """`who` is a participant id, or a name that somebody may have by and by; `gone` says that the publisher has left.

    A subscription may come, or come again, while an assertion waits.
    """

    viewer: Viewer
    who: str
    name: str
    key: str
    gone: Callable[[], bool]
    _found: str | None = None

    @property
    def participant_id(self) -> str | None:
        """Whoever was in the room under that name when it was first looked up; until then, asked again each time."""
        if self._found is None:
            found = self.viewer.company.id_of(self.who)
            if found is None or not self.viewer.company.is_present(found):
                return found
            self._found = found
        return self._found

    def __str__(self) -> str:
        return f"{self.name}/{self.key}"

    def find(self) -> Subscription | None:
        participant_id = self.participant_id
        return None if participant_id is None else self.viewer.subscriptions.get((participant_id, self.key))

    def shows(self, sighting: Sighting) -> bool:
        reading = sighting.reading
        return reading is not None and reading.participant_id == self.participant_id and reading.key == self.key

    def describe(self, sighting: Sighting) -> str:
        """With the participant's name instead of the id."""
        if sighting.reading is None:
            return str(sighting)
        participant_id = sighting.reading.participant_id
        return str(sighting).replace(participant_id, self.viewer.company.name_of(participant_id), 1)

    @property
    def hopeless(self) -> str:
        """Why no picture can ever come, whatever happens meanwhile; empty as long as one can."""
        viewer = self.viewer
        if viewer.why_blind:
            return viewer.why_blind
        if self.participant_id == viewer.participant_id:
            return f"{viewer.name} is not sent streams of {viewer.name}'s own"
        if self.gone():
            return f"{self.name} has left the room"
        if viewer.alone and not viewer.subscribes and self.find() is None:
            return self.missing
        return self._mistaken if self.participant_id is None else ""

    @property
    def missing(self) -> str:
        """Why there is no such subscription at the moment."""
        viewer, participant_id = self.viewer, self.participant_id
        company = viewer.company
        if participant_id is None:
            return (
                self._mistaken
                or f"nobody in the room is called {self.who!r} ({company.there(but=viewer.participant_id)})"
            )
        nothing = f'{viewer.name} subscribes to nothing; subscribe="all" at the join, or subscribe(...), changes that'
        idle = not viewer.subscriptions and not viewer.subscribes
        if idle and viewer.alone:
            return nothing
        keys = sorted(key for owner, key in viewer.streams if owner == participant_id)
        if self.key not in keys:
            if not company.is_present(participant_id):
                return f"{self.name} is not in the room ({self._there})"
            near = difflib.get_close_matches(self.key, keys, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            return f"{self.name} publishes {'only ' + ', '.join(map(repr, keys)) if keys else 'nothing'}{meant}"
        return nothing if idle else f"{viewer.name} is not subscribed to {self}"

    @property
    def _there(self) -> str:
        return self.viewer.company.there(but=self.viewer.participant_id)

    @property
    def _mistaken(self) -> str:
        """For `alice/self` in one word."""
        name, _, key = self.who.partition("/")
        if key and not is_id(self.who) and self.viewer.company.id_of(name) is not None:
            return f"{self.who!r} is a participant and a stream key: give them as {name!r}, {key!r}"
        return ""
