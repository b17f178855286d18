"""`{events: {event: participant_joined, where: {...}, count: 2, within: 3s}}`, `order`, and `latency`"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.scenario.cast import Cast
from emulator.scenario.errors import ExpectationFailed
from emulator.scenario.expectations.base import STAGE_EXPECTATIONS, Expectation, expectation
from emulator.scenario.news import EVENT, News, Pattern, pattern_fields, pattern_of, pattern_schema
from emulator.scenario.reading.conditions import AT_LEAST_ONE, COUNT, Condition
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Node, Scalar
from emulator.scenario.reading.shapes import Duration, Field, JsonSchema, ListOf, Record
from emulator.scenario.scene import Scene


class _Event:
    """An event's type, or `{event: ..., where: ...}`; other news likewise."""

    _record: Record[dict[str, Any]] = Record(
        "a pattern", pattern_fields(), lambda mark, **given: {"mark": mark, **given}
    )

    def read(self, node: Node, issues: Issues) -> Pattern:
        if isinstance(node, Scalar):
            return Pattern(node.mark, "event", EVENT.read(node, issues))
        given = self._record.read(node, issues)
        return pattern_of(given["mark"], given, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [EVENT.json_schema(), pattern_schema({})]}


PATTERN = _Event()


@dataclass(frozen=True, slots=True)
class _Wanted:
    pattern: Pattern
    count: Condition
    order: tuple[Pattern, ...] = ()


class _Events:
    """A pattern with a count, or an `order` of several."""

    _record: Record[dict[str, Any]] = Record(
        "what is expected of events",
        {
            **pattern_fields(),
            "count": Field(COUNT, about="how many there are, since the run began; at least one if left out"),
            "order": Field(
                ListOf("patterns, in order", PATTERN), about="they come one after the other, others between"
            ),
        },
        lambda mark, **given: {"mark": mark, **given},
    )

    def read(self, node: Node, issues: Issues) -> _Wanted:
        if isinstance(node, Scalar):
            return _Wanted(PATTERN.read(node, issues), AT_LEAST_ONE)
        given = self._record.read(node, issues)
        if "order" in given:
            if given.keys() - {"mark", "order"}:
                raise issues.misread(node.mark, '"order" stands alone, with within')
            return _Wanted(given["order"][0], AT_LEAST_ONE, given["order"])
        return _Wanted(pattern_of(given["mark"], given, issues), given.get("count", AT_LEAST_ONE))

    def json_schema(self) -> JsonSchema:
        order = self._record.fields["order"].json_schema()
        alone = {"type": "object", "properties": {"order": order}, "required": ["order"], "additionalProperties": False}
        count = {"count": self._record.fields["count"].json_schema()}
        return {"anyOf": [EVENT.json_schema(), pattern_schema(count), alone]}


@expectation("events", _Events(), kinds=STAGE_EXPECTATIONS)
@dataclass(frozen=True, slots=True)
class Events(Expectation):
    """What the account's log (or webhooks, REST calls, messages) has told since the run began, or tells in time."""

    wanted: _Wanted

    def describe(self) -> str:
        if self.wanted.order:
            return f"order of {', then '.join(map(str, self.wanted.order))}"
        count = "" if self.wanted.count == AT_LEAST_ONE else f", count {self.wanted.count}"
        return f"{self.wanted.pattern}{count}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Patterns name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        if self.wanted.order:
            await self._in_order(scene)
        else:
            await self._counted(scene)

    async def _counted(self, scene: Scene) -> None:
        pattern, count = self.wanted.pattern, self.wanted.count

        def found() -> list[News]:
            return [news for news in scene.chronicle.of_run() if pattern.fits(news)]

        def settled() -> bool:
            number = len(found())
            return count.spoilt(number) or (count.fits(number) and not count.never_exceeded)

        await scene.chronicle.until(settled, within=self.within)
        number = len(found())
        if not count.fits(number):
            told = pattern.closest(scene.chronicle.of_run()) if not number else f"the last was {found()[-1]}"
            raise ExpectationFailed(
                f"expected {pattern}, count {count}, within {self.within:g} s; got {number}; {told}"
            )

    async def _in_order(self, scene: Scene) -> None:
        def reached() -> int:
            place = 0
            for news in scene.chronicle.of_run():
                if place < len(self.wanted.order) and self.wanted.order[place].fits(news):
                    place += 1
            return place

        if not await scene.chronicle.until(lambda: reached() == len(self.wanted.order), within=self.within):
            place = reached()
            missing = self.wanted.order[place]
            behind = f"behind {self.wanted.order[place - 1]} " if place else ""
            closest = missing.closest(scene.chronicle.of_run())
            raise ExpectationFailed(f"expected {missing} {behind}within {self.within:g} s; {closest}")


def _latency(mark: object, below: float, to: Pattern, **given: Any) -> _Latency:
    return _Latency(given["from"], to, below)


@dataclass(frozen=True, slots=True)
class _Latency:
    begin: Pattern
    end: Pattern
    below: float


@expectation(
    "latency",
    Record(
        "a latency",
        {
            "from": Field(PATTERN, required=True, about="where it begins: the latest before the end"),
            "to": Field(PATTERN, required=True, about="where it ends: the latest"),
            "below": Field(Duration(positive=True), required=True, about="what it must be shorter than"),
        },
        _latency,
    ),
    kinds=STAGE_EXPECTATIONS,
)
@dataclass(frozen=True, slots=True)
class Latency(Expectation):
    """How much time of the account's clock passed from one event to another."""

    wanted: _Latency

    def describe(self) -> str:
        return f"{self.wanted.begin} to {self.wanted.end} in less than {written(self.wanted.below)}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Patterns name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        wanted = self.wanted

        def measured() -> float | None:
            news = scene.chronicle.of_run()
            ends = [one for one in news if wanted.end.fits(one)]
            begins = [one for one in news if ends and wanted.begin.fits(one) and one.at <= ends[-1].at]
            return _seconds(begins[-1], ends[-1]) if begins else None

        if not await scene.chronicle.until(lambda: measured() is not None, within=self.within):
            news = scene.chronicle.of_run()
            missing = wanted.end if any(wanted.begin.fits(one) for one in news) else wanted.begin
            raise ExpectationFailed(f"nothing to measure within {self.within:g} s: {missing}; {missing.closest(news)}")
        took = measured() or 0.0
        if took >= wanted.below:
            raise ExpectationFailed(f"expected less than {written(wanted.below)}, took {took:.3f} s")


def _seconds(begin: News, end: News) -> float:
    """By the account's clock where both tell it, else as they were heard of."""
    if "at" in begin.facts and "at" in end.facts:
        first, last = (datetime.fromisoformat(str(one.facts["at"])) for one in (begin, end))
        return (last - first).total_seconds()
    return end.at - begin.at
