"""The judge itself: what it calls a difference, and what a row of the table covers."""

from __future__ import annotations

from typing import Any

from tests.janus.comparison import ABSENT, ANY, PRESENT, Difference, Row, compare
from tests.janus.conversation import Conversation

ROOM = "7a3e0a9c-0d57-4c7e-9a53-0d6f6a1b2c11"


def said(reply: dict[str, Any], *events: dict[str, Any], notice: str | None = None) -> Conversation:
    talk = Conversation(ROOM)
    talk.name(4_711_000, "<A.REG id>")
    talk.reply("A join", reply)
    for data in events:
        talk.event("A.REG", {"plugindata": {"data": data}})
    if notice is not None:
        talk.notice(notice, "A.REG")
    return talk


def test_drawn_ids_texts_for_people_and_the_room_are_no_difference() -> None:
    ours = said({"id": 4_711_000, "private_id": 123_456, "reason": "no", "room": ROOM})
    theirs = said({"id": 9_000_001, "private_id": 654_321, "reason": "No.", "room": ROOM})
    theirs.name(9_000_001, "<A.REG id>")
    assert compare(ours, theirs) == []


def test_difference_has_its_place_and_both_values() -> None:
    ours = said({"a": {"b": [{"c": 1}]}, "d": True})
    theirs = said({"a": {"b": [{"c": 2}]}, "d": 1})
    assert compare(ours, theirs) == [Difference("A join: a.b[].c", "1", "2"), Difference("A join: d", "true", "1")]


def test_events_that_one_has_more_and_those_in_another_form() -> None:
    ours = said({}, {"audiobridge": "event", "leaving": 1}, {"audiobridge": "event", "leaving": 2, "room": ROOM})
    theirs = said({}, {"audiobridge": "event", "leaving": 2}, {"audiobridge": "event", "kicked": 3}, notice="media")
    assert compare(ours, theirs) == [
        Difference("A.REG leaving 1", PRESENT, ABSENT),
        Difference("A.REG leaving 2: plugindata.data.room", '"<room>"', ABSENT),
        Difference("A.REG kicked 3", ABSENT, PRESENT),
        Difference("frames of the kind media", ABSENT, PRESENT),
    ]


def test_row_covers_its_place_and_its_values_only() -> None:
    row = Row("A (join|leave): list[].x", 1, ANY, "S-1")
    assert row.covers(Difference("A join: list[].x", "1", '"y"'))
    assert row.covers(Difference("A leave: list[].x", "1", ABSENT))
    assert not row.covers(Difference("A join: list[].x", "2", '"y"'))
    assert not row.covers(Difference("A join: list[].xx", "1", '"y"'))
    assert not Row("A join: d", True, ANY, "S-1").covers(Difference("A join: d", "1", "2"))
    assert Row("* join*", ABSENT, PRESENT, "S-1").covers(Difference("B join (of A)", ABSENT, PRESENT))
