"""What an entry of the timeline can wait for: that somebody has come this far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from emulator.scenario.cast import Cast, group_of

JOINED, PUBLISHED, UNPUBLISHED, SUBSCRIBED, LEFT = "joined", "published", "unpublished", "subscribed", "left"
HAPPENINGS = (JOINED, PUBLISHED, UNPUBLISHED, SUBSCRIBED, LEFT)


@dataclass(frozen=True, slots=True)
class Milestone:
    """`key` names a stream; without one, any stream of the participant will do (or it is not about a stream)."""

    participant: str
    happening: str
    key: str | None = None

    def covers(self, reached: Milestone) -> bool:
        """Whether waiting for this one is over when `reached` has happened."""
        same = (self.participant, self.happening) == (reached.participant, reached.happening)
        return same and self.key in (None, reached.key)

    def of(self, participant: str) -> Milestone:
        """The same for somebody else."""
        return replace(self, participant=participant)

    def __str__(self) -> str:
        return f"{self.participant}{'' if self.key is None else '/' + self.key}.{self.happening}"


class Arrivals:
    """Who has come how far. A group has come as far as the last of its members."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._times: dict[Milestone, dict[str, float]] = defaultdict(dict)  # of the group -> member -> first time

    def add(self, reached: Milestone, time: float = 0.0) -> list[tuple[float, Milestone]]:
        """What is reached with this, and when: for a group all members, and the group with its last member."""
        found = [(time, reached.of(name)) for name in self._cast.members(reached.participant)]
        for at, milestone in tuple(found):
            group = group_of(milestone.participant)
            if group == milestone.participant:
                continue
            times = self._times[milestone.of(group)]
            times.setdefault(milestone.participant, at)
            if len(times) == len(self._cast.members(group)):
                found.append((max(times.values()), milestone.of(group)))
        return found

    def spread(self, reached: Iterable[Milestone]) -> Iterable[Milestone]:
        """All that is reached with these."""
        for milestone in reached:
            for _, one in self.add(milestone):
                yield one
