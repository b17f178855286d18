"""`do` and `expect`: who does what, and what must come of it."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import emulator.scenario.expectations
import emulator.scenario.steps  # noqa: F401 - importing the two packages fills their registries
from emulator.scenario.cast import MODERATOR, STAGE
from emulator.scenario.expectations.base import (
    DEFAULT_WITHIN,
    EXPECTATIONS,
    STAGE_EXPECTATIONS,
    Expectation,
    ExpectationKind,
    misnomer,
)
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Sequence, Word, describe
from emulator.scenario.reading.shapes import Duration, Field, Integer, JsonSchema, ListOf, Record, Text, read_all
from emulator.scenario.schema import Act, Action, Expected, Expecting, Groups, Parallel, Repeat, Span
from emulator.scenario.steps.base import MODERATOR_STEPS, PARTICIPANT_STEPS, STAGE_STEPS, Step, StepKind

_WITHIN = Duration(positive=True)


class Do:
    """A mapping `{alice: join, bob: join}` is done at once, a list of such mappings one after the other.

    Beside participants and the moderator stand the words of the stage (`note`, `fault`, ...) and the blocks.
    """

    def read(self, node: Node, issues: Issues) -> Groups:
        groups = node.items if isinstance(node, Sequence) else (node,)
        if not groups:
            raise issues.misread(node.mark, "expected what to do, got an empty list")
        return tuple(read_all([partial(self._group, group, issues) for group in groups]))

    def _group(self, node: Node, issues: Issues) -> tuple[Act, ...]:
        if not isinstance(node, Mapping) or not node.entries:
            raise issues.misread(node.mark, f"expected {{participant: step}}, got {describe(node)}")
        return tuple(read_all([partial(self._act, who, steps, issues) for who, steps in node.entries]))

    def _act(self, who: Scalar, node: Node, issues: Issues) -> Act:
        if who.text in STAGE_STEPS:
            return stage_action(who, node, issues)
        match who.text:
            case "expect":
                return Expecting(who.mark, EXPECT.read(node, issues))
            case word if word in BLOCKS:
                block: Act = replace(BLOCKS[word].read(node, issues), mark=who.mark)
                return block
        return self._action(who, node, issues)

    def _action(self, who: Scalar, node: Node, issues: Issues) -> Action:
        kinds = MODERATOR_STEPS if who.text == MODERATOR else PARTICIPANT_STEPS
        what = "step of the moderator" if who.text == MODERATOR else "step"
        parts = node.items if isinstance(node, Sequence) else (node,)
        if not parts:
            raise issues.misread(node.mark, f"expected a {what}, got an empty list")
        steps = read_all([partial(_steps, part, kinds, what, issues) for part in parts])
        return Action(Word(who.text, who.mark), tuple(step for several in steps for step in several))

    def json_schema(self) -> JsonSchema:
        return reference("do")


def definitions() -> dict[str, JsonSchema]:
    """What is under `$defs`: `do` and `expect`, which contain themselves, and what stands in several places of them."""
    acts: dict[str, JsonSchema] = {
        MODERATOR: {**_several(reference("moderation")), "description": "what is done over REST"},
        **{word: reference(word) for word in STAGE_STEPS},
        **{word: {**block.json_schema(), "description": block.about} for word, block in BLOCKS.items()},
        "expect": {**reference("expect"), "description": "what must have come true before it goes on"},
    }
    wanted = {word: _several(_stage_schema(kind)) for word, kind in STAGE_EXPECTATIONS.items()}
    return {
        "do": _several(reference("acts")),
        "acts": _names(acts, _several(reference("step"))),
        "step": _step_schema(PARTICIPANT_STEPS),
        "moderation": _step_schema(MODERATOR_STEPS),
        **{word: kind_schema(kind) for word, kind in STAGE_STEPS.items()},
        "expect": _several(reference("wanted")),
        "wanted": _names(wanted, _several(reference("expectation"))),
        "expectation": {"anyOf": [_expectation_schema(word) for word in EXPECTATIONS]},
    }


def reference(name: str) -> JsonSchema:
    """Where in `$defs` it stands."""
    return {"$ref": f"#/$defs/{name}"}


def _names(words: dict[str, JsonSchema], of_participant: JsonSchema) -> JsonSchema:
    """Words of the grammar, and under any other key what goes with a participant's name."""
    return {"type": "object", "minProperties": 1, "properties": words, "additionalProperties": of_participant}


def stage_action(key: Scalar, node: Node, issues: Issues) -> Action:
    """`note: ...` and the like, wherever it stands."""
    return Action(Word(STAGE, key.mark), (_step(key, node, STAGE_STEPS, "step", issues),))


class _Block(Protocol):
    about: str

    def read(self, node: Node, issues: Issues) -> Any: ...

    def json_schema(self) -> JsonSchema: ...


class _Repeat:
    about = "do something several times, or for some time"
    _record: Record[dict[str, Any]] = Record(
        "a repetition",
        {
            "times": Field(Integer(1, 100_000), about="how often"),
            "for": Field(Duration(positive=True), about="instead of times: again until so much time has passed"),
            "every": Field(Duration(), about="from one beginning to the next at least; at once if left out"),
            "do": Field(Do(), required=True, about="what"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> Repeat:
        given = self._record.read(node, issues)
        if ("times" in given) == ("for" in given):
            raise issues.misread(node.mark, "a repetition has either times or for")
        if "for" in given and not given.get("every"):
            raise issues.misread(node.mark, "a repetition for some time says every how often")
        return Repeat(node.mark, given.get("times"), given.get("for"), given.get("every", 0.0), given["do"])

    def json_schema(self) -> JsonSchema:
        return {**self._record.json_schema(), "oneOf": [{"required": ["times"]}, {"required": ["for", "every"]}]}


class _Parallel:
    about = "do several lists at once; goes on when all are done"
    _branches = ListOf("lists of what to do", Do())

    def read(self, node: Node, issues: Issues) -> Parallel:
        return Parallel(node.mark, self._branches.read(node, issues))

    def json_schema(self) -> JsonSchema:
        return self._branches.json_schema()


class _Span:
    about = "do something that may take so long at most; if it takes longer, that is a failure"
    _record: Record[dict[str, Any]] = Record(
        "a span",
        {
            "name": Field(Text("the name of a span"), required=True, about="what it is called in reports"),
            "limit": Field(Duration(positive=True), required=True, about="how long it may take"),
            "do": Field(Do(), required=True, about="what"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> Span:
        given = self._record.read(node, issues)
        return Span(node.mark, given["name"].text, given["limit"], given["do"])

    def json_schema(self) -> JsonSchema:
        return self._record.json_schema()


BLOCKS: dict[str, _Block] = {"repeat": _Repeat(), "parallel": _Parallel(), "span": _Span()}


def _steps(node: Node, kinds: dict[str, StepKind], what: str, issues: Issues) -> list[Step]:
    """A bare word is one step, a mapping as many as it has keys."""
    if isinstance(node, Mapping) and node.entries:
        return read_all([partial(_step, key, value, kinds, what, issues) for key, value in node.entries])
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return [_step(node, None, kinds, what, issues)]
    raise issues.misread(node.mark, f"expected a {what} such as {next(iter(kinds))}, got {describe(node)}")


def _step(key: Scalar, argument: Node | None, kinds: dict[str, StepKind], what: str, issues: Issues) -> Step:
    word = Word(key.text, key.mark)
    if word.text not in kinds:
        raise issues.unknown(word, what, kinds)
    kind = kinds[word.text]
    if kind.argument is not None:
        if argument is None:
            raise issues.misread(word.mark, f'"{word}" needs to be told what: {{{word}: ...}}')
        return kind.build(word.mark, kind.argument.read(argument, issues))
    if argument is not None and not (isinstance(argument, Scalar) and argument.value in (None, True)):
        raise issues.misread(argument.mark, f'"{word}" stands alone, got {describe(argument)} with it')
    return kind.build(word.mark)


def kind_schema(kind: StepKind) -> JsonSchema:
    schema: JsonSchema = {"enum": [None, True]} if kind.argument is None else kind.argument.json_schema()
    return {**schema, "description": kind.summary}


def _step_schema(kinds: dict[str, StepKind]) -> JsonSchema:
    bare = [word for word, kind in kinds.items() if kind.argument is None]
    properties = {word: kind_schema(kind) for word, kind in kinds.items()}
    mapping = {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": False}
    return {"anyOf": [{"enum": bare}, mapping]}


class Expect:
    """`{bob: {sees: alice/self, within: 3s}}`, or a list of such mappings; all are waited for at once.

    Where a participant's name would stand, there can be what is nobody's: `events`, `rest`, `webhooks`, ...
    """

    def read(self, node: Node, issues: Issues) -> tuple[Expected, ...]:
        groups = node.items if isinstance(node, Sequence) else (node,)
        if not groups:
            raise issues.misread(node.mark, "expected what to expect, got an empty list")
        several = read_all([partial(self._group, group, issues) for group in groups])
        return tuple(one for group in several for one in group)

    def _group(self, node: Node, issues: Issues) -> list[Expected]:
        if not isinstance(node, Mapping) or not node.entries:
            raise issues.misread(node.mark, f"expected {{participant: expectation}}, got {describe(node)}")
        several = read_all([partial(self._of_one, who, value, issues) for who, value in node.entries])
        return [one for group in several for one in group]

    def _of_one(self, who: Scalar, node: Node, issues: Issues) -> list[Expected]:
        parts = node.items if isinstance(node, Sequence) else (node,)
        if who.text in STAGE_EXPECTATIONS:
            kind = STAGE_EXPECTATIONS[who.text]
            found = read_all([partial(_of_stage, who, kind, part, issues) for part in parts])
            return [Expected(Word(who.text, who.mark), expectation) for expectation in found]
        if not any(map(_is_of_somebody, parts)):
            misnomer(Word(who.text, who.mark), issues)
        name = PARTICIPANT.read(Scalar(who.mark, who.text, who.text), issues)
        found = read_all([partial(_expectation, part, issues) for part in parts])
        return [Expected(name, expectation) for expectation in found]

    def json_schema(self) -> JsonSchema:
        return reference("expect")


EXPECT = Expect()


def _is_of_somebody(node: Node) -> bool:
    """Whether it looks like what is expected of a participant, though it may be misspelt."""
    keys = [key.text for key, _ in node.entries] if isinstance(node, Mapping) else []
    return any(difflib.get_close_matches(key, EXPECTATIONS, n=1, cutoff=0.75) for key in keys)


def _several(one: JsonSchema) -> JsonSchema:
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _of_stage(who: Scalar, kind: ExpectationKind, node: Node, issues: Issues) -> Expectation:
    """What is expected and `within` stand in one mapping."""
    within = DEFAULT_WITHIN
    if isinstance(node, Mapping):
        found = node.get("within")
        if found is not None:
            within = _WITHIN.read(found[1], issues)
            node = node.without("within")
    return kind.build(who.mark, within, kind.argument.read(node, issues))


def _stage_schema(kind: ExpectationKind) -> JsonSchema:
    """`within` beside the keys of each mapping that may stand there."""
    schema = kind.argument.json_schema()
    parts = [_with_within(part) for part in schema["anyOf"]] if "anyOf" in schema and "type" not in schema else None
    return (
        {"anyOf": parts, "description": kind.summary}
        if parts
        else {
            **_with_within(schema),
            "description": kind.summary,
        }
    )


def _with_within(schema: JsonSchema) -> JsonSchema:
    if schema.get("type") != "object":
        return schema
    return {**schema, "properties": {**schema["properties"], "within": _within_schema()}}


def _within_schema() -> JsonSchema:
    about = f"how long that may take; {written(DEFAULT_WITHIN)} if left out"
    return {**_WITHIN.json_schema(), "description": about}


def _expectation(node: Node, issues: Issues) -> Expectation:
    if not isinstance(node, Mapping):
        raise issues.misread(node.mark, f"expected {{sees: alice/self, within: 3s}} or the like, got {describe(node)}")

    def entry(key: Scalar, value: Node) -> tuple[Scalar, Any]:
        if key.text == "within":
            return key, _WITHIN.read(value, issues)
        if key.text not in EXPECTATIONS:
            raise issues.unknown(Word(key.text, key.mark), "expectation", (*EXPECTATIONS, "within"))
        return key, EXPECTATIONS[key.text].argument.read(value, issues)

    entries = read_all([partial(entry, key, value) for key, value in node.entries])
    within = next((value for key, value in entries if key.text == "within"), DEFAULT_WITHIN)
    wanted = [(key, value) for key, value in entries if key.text != "within"]
    if len(wanted) != 1:
        words = ", ".join(EXPECTATIONS)
        raise issues.misread(node.mark, f"one expectation is one of {words}, with within; got {len(wanted)} of them")
    key, argument = wanted[0]
    return EXPECTATIONS[key.text].build(key.mark, within, argument)


def _expectation_schema(word: str) -> JsonSchema:
    kind = EXPECTATIONS[word]
    return {
        "type": "object",
        "description": kind.summary,
        "properties": {word: kind.argument.json_schema(), "within": _within_schema()},
        "required": [word],
        "additionalProperties": False,
    }
