"""What counts as a finding in the logs of the emulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from conftest_plugin.findings import findings
from emulator.clients.admin_client import SignalingProblem


def frame(number: int, real: float, direction: str, connection: str = "1", **told: Any) -> dict[str, Any]:
    entry = {"number": number, "real": real, "kind": "frame", "direction": direction, "channel": "socket"}
    entry |= {"connection": connection, "participant_id": "alice"}
    if "close" in told:
        return entry | told
    return entry | {"text": json.dumps({"janus": "message", **told})}


def webhook(status: int | None, faults: list[str]) -> dict[str, Any]:
    told = {"kind": "webhook", "real": 1.0, "url": "http://127.0.0.1/hook", "event_type": "video.room.session.started"}
    return told | {"attempt": 1, "status": status, "faults": faults}


def fault(what: str, rule: str = "rule") -> dict[str, Any]:
    return {"kind": "fault", "real": 1.0, "surface": "webhooks", "id": rule, "what": what}


def test_nothing_wrong_is_nothing_found() -> None:
    assert findings([], []) == []
    wire = [frame(1, 0.0, "in", transaction="a"), frame(2, 0.1, "out", transaction="a"), webhook(200, [])]
    assert findings([], wire) == []


def test_problem_of_signaling_is_told_in_its_own_line() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    problem = SignalingProblem(1, at, "room", "alice", 428, "No such feed", "S-89", "wait", "refused: 428 No such feed")
    assert findings([problem], []) == ["signaling: refused: 428 No such feed"]


def test_forged_webhook_that_is_accepted_is_found() -> None:
    for kind in ("bad_signature", "stale_timestamp"):
        (line,) = findings([], [fault(kind), webhook(204, ["rule"])])
        assert "http://127.0.0.1/hook answered 204 to video.room.session.started" in line
        assert kind.replace("_", " ") in line
    assert findings([], [fault("bad_signature"), webhook(401, ["rule"]), webhook(None, ["rule"])]) == []
    assert findings([], [fault("delay"), webhook(200, ["rule"])]) == []


def test_request_without_an_answer_is_found_unless_it_has_just_come() -> None:
    later = frame(9, 5.0, "out", transaction="other")
    (line,) = findings([], [frame(1, 0.0, "in", transaction="a"), later])
    assert line.startswith("signaling: the request a of alice was never answered: ")
    assert findings([], [frame(1, 4.5, "in", transaction="a"), later]) == []
    gone = frame(2, 0.3, "in", close=1006)
    assert findings([], [frame(1, 0.0, "in", transaction="a"), gone, later]) == []
    answered_elsewhere = frame(3, 0.1, "out", connection="2", transaction="a")
    assert len(findings([], [frame(1, 0.0, "in", transaction="a"), answered_elsewhere, later])) == 1


def test_frame_that_was_cut_or_has_no_transaction_is_no_request() -> None:
    cut = frame(1, 0.0, "in") | {"text": '{"janus": "message", "transac'}
    assert findings([], [cut, frame(2, 0.0, "in"), frame(3, 9.0, "out")]) == []
