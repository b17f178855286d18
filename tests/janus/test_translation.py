"""The small translation, without a server."""

from __future__ import annotations

from typing import Any

from tests.janus.translation import Translation

ROOM = "7a3e0a9c-0d57-4c7e-9a53-0d6f6a1b2c11"
MISSING = {"janus": "error", "session_id": 1, "transaction": "t", "error": {"code": 459, "reason": "No such handle"}}


def detach(translation: Translation, reply: dict[str, Any]) -> dict[str, Any]:
    translation.outgoing({"janus": "detach", "handle_id": 8, "transaction": "t"})
    return translation.incoming(reply)


def test_token_is_kept_from_janus_and_the_room_gets_its_number() -> None:
    translation = Translation(ROOM, 12)
    frame = {"janus": "message", "client_token": "secret", "body": {"request": "join", "room": ROOM}}
    assert translation.outgoing(frame) == {"janus": "message", "body": {"request": "join", "room": 12}}
    assert translation.outgoing({"body": {"room": "another"}})["body"]["room"] != 12
    event = translation.incoming({"janus": "event", "plugindata": {"data": {"room": 12, "leaving": 12}}})
    assert event["plugindata"]["data"] == {"room": ROOM, "leaving": 12}


def test_set_up_of_the_text_room_tells_the_number() -> None:
    translation = Translation(ROOM, 12)
    translation.outgoing({"janus": "message", "transaction": "t", "body": {"request": "setup"}})
    ok = {"janus": "event", "transaction": "t", "plugindata": {"data": {"textroom": "event", "result": "ok"}}}
    assert translation.incoming(ok)["plugindata"]["data"]["janus_room_id"] == 12
    assert "janus_room_id" not in translation.incoming({**ok, "transaction": "u"})["plugindata"]["data"]


def test_t1_second_detach_succeeds_and_that_of_an_unknown_handle_does_not() -> None:
    translation = Translation(ROOM, 12)
    assert detach(translation, MISSING) == MISSING
    success = {"janus": "success", "session_id": 1, "transaction": "t"}
    assert detach(translation, success) == success
    assert detach(translation, MISSING) == success
