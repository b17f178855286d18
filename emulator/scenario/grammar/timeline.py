"""`timeline`: what happens when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from emulator.scenario.expectations.base import STAGE_EXPECTATIONS
from emulator.scenario.grammar.doing import EXPECT, Do, reference, stage_action
from emulator.scenario.milestones import HAPPENINGS, PUBLISHED, UNPUBLISHED, Milestone
from emulator.scenario.news import pattern_fields, pattern_of, pattern_schema
from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.names import MILESTONE
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Sequence, Word, describe
from emulator.scenario.reading.shapes import Duration, Field, Integer, JsonSchema, ListOf, Record, Text
from emulator.scenario.schema import (
    MAX_TIMES,
    Action,
    After,
    At,
    Entry,
    Every,
    Expected,
    Finally,
    Groups,
    Span,
    Trigger,
    When,
)

_TRIGGERS = ("at", "after", "every", "when")


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
        pattern = rf"^[^./]+(/[^./]+)?\.({happenings})(\s*\+\s*{duration})?$"
        return {"type": "string", "title": "a milestone such as alice.published + 2s", "pattern": pattern}


class _When:
    """A pattern of news; `times` and `within`."""

    _record: Record[dict[str, Any]] = Record(
        "what an entry waits for",
        {
            **pattern_fields(),
            "times": Field(Integer(1, MAX_TIMES), about="how often it reacts at most; each time if left out"),
            "within": Field(
                Duration(positive=True), about="it must come the first time before so much time has passed"
            ),
        },
        lambda mark, **given: {"mark": mark, **given},
    )

    def read(self, node: Node, issues: Issues) -> When:
        given = self._record.read(node, issues)
        pattern = pattern_of(given["mark"], given, issues)
        return When(pattern, given.get("times", MAX_TIMES), given.get("within"))

    def json_schema(self) -> JsonSchema:
        more = {name: self._record.fields[name].json_schema() for name in ("times", "within")}
        return pattern_schema(more)


class _SpanLimit:
    """`{name: joining, limit: 2s}`: how long the whole entry may take."""

    _record = Record(
        "the span of an entry",
        {
            "name": Field(Text("the name of a span"), required=True, about="what it is called in reports"),
            "limit": Field(Duration(positive=True), required=True, about="how long it may take"),
        },
        lambda mark, name, limit: Span(mark, name.text, limit, ()),
    )

    def read(self, node: Node, issues: Issues) -> Span:
        return self._record.read(node, issues)

    def json_schema(self) -> JsonSchema:
        return self._record.json_schema()


_SUGAR = ("note", "wait_for", "impair", "fault", "clock")
"""Words that may stand beside `do`; they come before it, in this order."""


class _StageWord:
    """The argument of a step of the stage that stands in an entry; the entry reads it."""

    def __init__(self, word: str) -> None:
        self._word = word

    def read(self, node: Node, issues: Issues) -> Action:
        return stage_action(Scalar(node.mark, self._word, self._word), node, issues)

    def json_schema(self) -> JsonSchema:
        return reference(self._word)


class _Entry:
    """Exactly one of `at`, `after`, `every`, `when`; something to do, something to expect, or both."""

    _record: Record[dict[str, Any]] = Record(
        "an entry of the timeline",
        {
            "at": Field(Duration(), about="so long after the start"),
            "after": Field(_After(), about="when somebody has come so far for the first time"),
            "when": Field(
                _When(), about="each time that something is heard of: an event, a webhook, a call, a message"
            ),
            "every": Field(Duration(positive=True), about="again and again, with so much time from one to the next"),
            "from": Field(Duration(), about="with every: when the first is; after one period if left out"),
            "times": Field(Integer(1, 1_000_000), about="with every: how often; until all else has ended if left out"),
            "jitter": Field(Duration(), about="each action begins up to so much later, drawn from the seed"),
            **{word: Field(_StageWord(word), about="a step of the stage; it comes before do") for word in _SUGAR},
            "do": Field(Do(), about="what is done: a mapping at once, a list one after the other"),
            "expect": Field(EXPECT, about="what must come true then, all waited for at once"),
            "span": Field(_SpanLimit(), about="how long all of it may take"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> Entry:
        given = self._record.read(node, issues)
        trigger = self._trigger(node, given, issues)
        first: Groups = tuple((given[word],) for word in _SUGAR if word in given)
        if not first and "do" not in given and "expect" not in given:
            raise issues.misread(node.mark, "an entry of the timeline has do, expect or both; this has neither")
        groups = (*first, *given.get("do", ()))
        expect = given.get("expect", ())
        return Entry(node.mark, trigger, groups, expect, given.get("jitter", 0.0), given.get("span"))

    def _trigger(self, node: Node, given: dict[str, Any], issues: Issues) -> Trigger:
        named = [word for word in _TRIGGERS if word in given]
        if len(named) != 1:
            got = " and ".join(named) or "none of them"
            raise issues.misread(node.mark, f"an entry of the timeline has one of {', '.join(_TRIGGERS)}; got {got}")
        stray = [word for word in ("from", "times") if word in given and "every" not in given]
        if stray:
            raise issues.misread(node.mark, f'"{stray[0]}" goes with every, not with {named[0]}')
        if "at" in given:
            return At(given["at"])
        if "every" in given:
            return Every(given["every"], given.get("from", given["every"]), given.get("times"))
        trigger: Trigger = given[named[0]]
        return trigger

    def json_schema(self) -> JsonSchema:
        return {
            **self._record.json_schema(),
            "oneOf": [{"required": [word]} for word in _TRIGGERS],
            "anyOf": [{"required": [word]} for word in ("do", "expect", *_SUGAR)],
        }


def pieces(node: Node, issues: Issues) -> Iterator[Entry]:
    """What can be read of a timeline that is wrong somewhere: every trigger, step and expectation by itself."""
    for item in node.items if isinstance(node, Sequence) else ():
        for key, value in item.entries if isinstance(item, Mapping) else ():
            for part in _parts(value) if key.text in ("do", "expect") else (value,):
                with suppress(Misread):
                    yield _piece(key, part, issues)


def _piece(key: Scalar, value: Node, issues: Issues) -> Entry:
    trigger: Trigger = At(0.0)
    groups: Groups = ()
    expected: tuple[Expected, ...] = ()
    match key.text:
        case "after":
            trigger = _After().read(value, issues)
        case "do":
            groups = Do().read(value, issues)
        case "expect":
            expected = EXPECT.read(value, issues)
        case word if word in _SUGAR:
            groups = ((stage_action(key, value, issues),),)
    return Entry(value.mark, trigger, groups, expected, 0.0, None)


def _parts(node: Node) -> Iterator[Node]:
    """Each member of a mapping, or of those in a list, as a mapping of its own."""
    for group in node.items if isinstance(node, Sequence) else (node,):
        for entry in group.entries if isinstance(group, Mapping) else ():
            yield Mapping(group.mark, (entry,))


TIMELINE = ListOf("a timeline (a list of entries)", _Entry(), most=2000)


class _Finally:
    """What is done at the end, and what must be so when everybody has left."""

    _record: Record[Finally] = Record(
        "finally",
        {
            "do": Field(Do(), about="done before everybody leaves, also after a failure"),
            "expect": Field(EXPECT, about="what must come true when everybody has left"),
        },
        lambda mark, do=(), expect=(): Finally(do, expect),
    )

    def read(self, node: Node, issues: Issues) -> Finally:
        read = self._record.read(node, issues)
        for expected in read.expect:
            if expected.who.text not in STAGE_EXPECTATIONS:
                message = "everybody has left by then; put this into the timeline, or into finally: do: [{expect: ...}]"
                raise issues.misread(expected.who.mark, message)
        return read

    def json_schema(self) -> JsonSchema:
        return {**self._record.json_schema(), "minProperties": 1}


FINALLY = _Finally()
