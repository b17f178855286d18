"""`{bob: {ends: kicked, within: 2s}}`: how somebody's own session ends"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.errors import ExpectationFailed
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.shapes import Choice
from emulator.scenario.scene import Scene

REASONS = ("kicked", "session_terminated", "network_error", "timed_out", "user_initiated", "unknown")
"""`kicked`, as the SDK tells it in `participant_leaving`; the others are reasons of its `disconnected` (1.4)."""


@expectation("ends", Choice("reason", REASONS))
@dataclass(frozen=True, slots=True)
class Ends(Expectation):
    """The session is over, or is over in time, for this reason."""

    reason: str

    def describe(self) -> str:
        return f"ends {self.reason}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Anybody's session can end in any way."""

    async def verify(self, scene: Scene, who: str) -> None:
        client = scene.actors[who].client
        if client is None:
            raise ExpectationFailed(f"{who} has not joined")
        reason = await client.ended(within=self.within)
        if reason is None:
            raise ExpectationFailed(f"expected {who}'s session to end ({self.reason}); it goes on")
        if reason != self.reason:
            raise ExpectationFailed(f"expected {who}'s session to end as {self.reason}, it ended as {reason}")
