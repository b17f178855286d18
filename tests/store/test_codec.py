"""Dataclasses to JSON and back, strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Literal

import pytest

from emulator.store.codec import CodecError, decode, encode

AT = datetime(2026, 9, 17, 20, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Leaf:
    name: str | None
    size: float = 1.0


@dataclass
class Tree:
    kind: ClassVar[str] = "tree"
    at: datetime
    colour: Literal["green", "brown"]
    leaves: dict[str, Leaf] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    pair: tuple[bool, ...] = ()
    anything: dict[str, Any] = field(default_factory=dict)
    index: list[str] = field(default_factory=list, init=False)


def full() -> Tree:
    tree = Tree(
        AT,
        "green",
        {"b": Leaf(None), "a": Leaf("x \ud800 \N{SNOWMAN}", 0.1)},
        [3, 1, 2],
        {"m"},
        (True, False),
        {"deep": [{"er": None}, 1.5, "text"]},
    )
    tree.index.append("b")
    return tree


def test_what_was_encoded_comes_back_the_same_and_in_order() -> None:
    text = json.dumps(encode(full()))
    again = decode(Tree, json.loads(text))
    assert again == full()
    assert list(again.leaves) == ["b", "a"]
    assert again.at.tzinfo is not None


def test_times_are_written_in_utc() -> None:
    abroad = AT.astimezone(timezone(timedelta(hours=5)))
    assert encode(abroad) == "2026-09-17T20:00:00.123456Z"


def test_fields_with_a_default_may_be_left_out() -> None:
    assert decode(Tree, {"at": encode(AT), "colour": "brown"}) == Tree(AT, "brown")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"at": "yesterday"}, "/at: expected a time in UTC"),
        ({"at": "2026-09-17T20:00:00"}, "/at: expected a time in UTC"),
        ({"at": 5}, "/at: expected a time in UTC"),
        ({"colour": "red"}, "/colour: expected one of 'green', 'brown', got 'red'"),
        ({"colour": ["green"]}, "/colour: expected one of"),
        ({"leaves": []}, "/leaves: expected an object, got []"),
        ({"leaves": {"a": {"name": 1}}}, "/leaves/a/name: expected a string, got 1"),
        ({"leaves": {"a": {"name": "x", "size": True}}}, "/leaves/a/size: expected a number, got True"),
        ({"leaves": {"a": {}}}, "/leaves/a/name: is missing"),
        ({"order": [1, True]}, "/order/1: expected an integer, got True"),
        ({"order": {}}, "/order: expected a list"),
        ({"pair": [1]}, "/pair/0: expected true or false, got 1"),
        ({"height": 3}, "/height: is no field of Tree"),
    ],
)
def test_a_value_of_another_type_is_refused_and_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CodecError) as refusal:
        decode(Tree, {**encode(full()), **change})
    assert complaint in str(refusal.value)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(CodecError, match="the whole: expected an object, got None"):
        decode(Tree, None)


def test_types_without_a_json_form_are_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="object"):
        encode(object())
