"""`{clock: {advance: 1h}}`, `{clock: freeze}`, `{clock: resume}`, `{clock: {rate: 60}}`"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Node, Scalar
from emulator.scenario.reading.shapes import Choice, Duration, Field, JsonSchema, Number, Record
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import STAGE_STEPS, Step, step


class _Travel:
    """What the account's clock is told."""

    _word = Choice("thing to do with the clock", ("freeze", "resume"))
    _record: Record[dict[str, Any]] = Record(
        "what to do with the clock",
        {
            "advance": Field(Duration(), about="move forward; all that falls due on the way happens"),
            "rate": Field(Number(0.001, 10_000), about="run so many times as fast as real time"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> dict[str, Any]:
        if isinstance(node, Scalar):
            return {self._word.read(node, issues): True}
        given = self._record.read(node, issues)
        if not given:
            raise issues.misread(
                node.mark, "expected freeze, resume, {advance: 1h} or {rate: 60}, got an empty mapping"
            )
        named = {"advance": "advance_secs"}
        return {named.get(key, key): value for key, value in given.items()}

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self._word.json_schema(), {**self._record.json_schema(), "minProperties": 1}]}


@step("clock", _Travel(), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class Clock(Step):
    """Move the account's time: tokens expire, webhooks are tried again. Media and connections do not notice."""

    real_time: ClassVar[str] = "moves the clock, which travel time does by itself"
    wanted: dict[str, Any]

    def describe(self) -> str:
        told = []
        for key, value in self.wanted.items():
            told.append(key if value is True else f"{key} {value:g}" if key == "rate" else f"advance {written(value)}")
        return f"clock {', '.join(told)}"

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.rest.call("POST", "/_emulator/clock", self.wanted)
