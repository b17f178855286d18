"""What an entry of the timeline can wait for: that somebody has come this far."""

from __future__ import annotations

from dataclasses import dataclass

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

    def __str__(self) -> str:
        return f"{self.participant}{'' if self.key is None else '/' + self.key}.{self.happening}"
