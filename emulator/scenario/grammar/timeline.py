"""`timeline`: what happens when."""

from __future__ import annotations

from typing import Any

from emulator.scenario.grammar.doing import Do, Expect
from emulator.scenario.milestones import HAPPENINGS, PUBLISHED, UNPUBLISHED, Milestone
from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import MILESTONE
from emulator.scenario.reading.nodes import Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import Duration, Field, Integer, JsonSchema, ListOf, Record
from emulator.scenario.schema import After, At, Entry, Every, Trigger

_TRIGGERS = ("at", "after", "every")


class _After:
    """`alice.published`, `alice/self.published + 2s`"""

    def read(self, node: Node, issues: Issues) -> After:
        text = node.value if isinstance(node, Scalar) else None
        match = MILESTONE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise issues.misread(node.mark, f"expected participant.published or the like, got {describe(node)}")
        if match["happening"] not in HAPPENINGS:
            raise issues.unknown(Word(match["happening"], node.mark), "milestone", HAPPENINGS)
        if match["key"] is not None and match["happening"] not in (PUBLISHED, UNPUBLISHED):
            raise issues.misread(
                node.mark, f'"{match["happening"]}" is not about one stream; leave /{match["key"]} out'
            )
        plus = 0.0
        if match["plus"] is not None:
            plus = Duration().read(Scalar(node.mark, match["plus"], match["plus"]), issues)
        return After(Milestone(match["who"], match["happening"], match["key"]), plus, node.mark)

    def json_schema(self) -> JsonSchema:
        happenings = "|".join(HAPPENINGS)
        duration = durations.PATTERN.strip("^$")
        return {"type": "string", "pattern": rf"^[^./]+(/[^./]+)?\.({happenings})(\s*\+\s*{duration})?$"}


class _Entry:
    """Exactly one of `at`, `after`, `every`; `do`, `expect` or both."""

    _record: Record[dict[str, Any]] = Record(
        "an entry of the timeline",
        {
            "at": Field(Duration()),
            "after": Field(_After()),
            "every": Field(Duration(positive=True)),
            "from": Field(Duration()),
            "times": Field(Integer(1, 1_000_000)),
            "jitter": Field(Duration()),
            "do": Field(Do()),
            "expect": Field(Expect()),
        },
        lambda mark, **given: given,
        later=("when", "impair", "fault"),
    )

    def read(self, node: Node, issues: Issues) -> Entry:
        given = self._record.read(node, issues)
        trigger = self._trigger(node, given, issues)
        if "do" not in given and "expect" not in given:
            raise issues.misread(node.mark, "an entry of the timeline has do, expect or both; this has neither")
        return Entry(node.mark, trigger, given.get("do", ()), given.get("expect", ()), given.get("jitter", 0.0))

    def _trigger(self, node: Node, given: dict[str, Any], issues: Issues) -> Trigger:
        named = [word for word in _TRIGGERS if word in given]
        if len(named) != 1:
            got = " and ".join(named) or "none of them"
            raise issues.misread(node.mark, f"an entry of the timeline has one of at, after, every; got {got}")
        stray = [word for word in ("from", "times") if word in given and "every" not in given]
        if stray:
            raise issues.misread(node.mark, f'"{stray[0]}" goes with every, not with {named[0]}')
        if "at" in given:
            return At(given["at"])
        if "every" in given:
            return Every(given["every"], given.get("from", given["every"]), given.get("times"))
        after: After = given["after"]
        return after

    def json_schema(self) -> JsonSchema:
        return {
            **self._record.json_schema(),
            "oneOf": [{"required": [word]} for word in _TRIGGERS],
            "anyOf": [{"required": ["do"]}, {"required": ["expect"]}],
        }


TIMELINE = ListOf("a timeline (a list of entries)", _Entry(), most=2000)
