"""`{alice: update_token}`: a new client token over REST, told to the server as the SDK does it."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("update_token")
@dataclass(frozen=True, slots=True)
class UpdateToken(Step):
    """Stay when the token runs out: every frame carries it, and is refused with an old one."""

    def describe(self) -> str:
        return "update_token"

    async def perform(self, scene: Scene, who: str) -> None:
        client = scene.client(who)
        await client.update_token(await scene.token(who))
