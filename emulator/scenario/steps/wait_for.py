"""`{wait_for: {participant: {context.username: "Browser*"}, within: 60s, as: browser}}`, or news of any kind"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.scenario.errors import StepFailed
from emulator.scenario.news import News, Pattern, pattern_fields, pattern_of, pattern_schema
from emulator.scenario.reading.conditions import WHERE, Where
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Node
from emulator.scenario.reading.shapes import Duration, Field, JsonSchema, Record, Text
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import STAGE_STEPS, Step, step

DEFAULT_SECS = 30.0
VARIABLE = Text("a name for what came", r"[^\W\d]\w*", "letters, digits and _", 64)


@dataclass(frozen=True, slots=True)
class _Awaited:
    pattern: Pattern
    present: bool
    within: float
    name: str | None


class _WaitFor:
    """A pattern of news, or `participant`: somebody who is in the room, or comes."""

    _record: Record[dict[str, Any]] = Record(
        "what to wait for",
        {
            "participant": Field(WHERE, about="a participant of the room who is like this, present or to come"),
            **pattern_fields(),
            "within": Field(Duration(positive=True), about=f"how long at most; {written(DEFAULT_SECS)} if left out"),
            "as": Field(VARIABLE, about="what it is called from then on: `${name.participant_id}` and so on"),
        },
        lambda mark, **given: {"mark": mark, **given},
    )

    def read(self, node: Node, issues: Issues) -> _Awaited:
        given = self._record.read(node, issues)
        within, name = given.get("within", DEFAULT_SECS), given.get("as")
        label = None if name is None else name.text
        if "participant" not in given:
            return _Awaited(pattern_of(given["mark"], given, issues), False, within, label)
        if len(given.keys() - {"mark", "participant", "within", "as"}):
            raise issues.misread(node.mark, '"participant" stands alone, with within and as')
        where: Where = given["participant"]
        return _Awaited(Pattern(given["mark"], "event", "participant_joined", where), True, within, label)

    def json_schema(self) -> JsonSchema:
        fields = {name: field.json_schema() for name, field in self._record.fields.items()}
        within = {name: fields[name] for name in ("within", "as")}
        person = {
            "type": "object",
            "properties": {"participant": fields["participant"], **within},
            "required": ["participant"],
            "additionalProperties": False,
        }
        return {"anyOf": [person, pattern_schema(within)]}


@step("wait_for", _WaitFor(), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class WaitFor(Step):
    """Go on when this has come since the run began, or comes."""

    awaited: _Awaited

    def describe(self) -> str:
        what = f"participant where {self.awaited.pattern.where}" if self.awaited.present else str(self.awaited.pattern)
        return f"wait_for {what}"

    def patience(self) -> float:
        return self.awaited.within + 60

    def saves(self) -> tuple[str, ...]:
        return () if self.awaited.name is None else (self.awaited.name,)

    async def perform(self, scene: Scene, who: str) -> None:
        awaited = self.awaited
        chronicle = scene.chronicle
        if awaited.present:
            found: list[News] = []

            def there() -> bool:
                found[:] = [news for news in scene.present() if awaited.pattern.where.fits(news.facts)][:1]
                return bool(found)

            came = found[0] if await chronicle.until(there, within=awaited.within) else None
        else:
            came = await chronicle.wait_for(awaited.pattern, within=awaited.within)
        if came is None:
            closest = awaited.pattern.closest(chronicle.all())
            raise StepFailed(f"did not come within {written(awaited.within)}; {closest}")
        if awaited.name is not None:
            scene.remember(awaited.name, came.facts)
