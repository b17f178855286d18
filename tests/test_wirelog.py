"""The wire log: bounded, cheap, and without secrets in what it tells."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from emulator.clock import RealClock
from emulator.events import EventLog
from emulator.redaction import REDACTED, redacted
from emulator.wirelog import MAX_TEXT, Line, WireLog, WireLogs

AT = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def packed(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def display(username: str) -> str:
    """As signaling frames have who somebody is."""
    return packed({"participantId": str(uuid.uuid5(uuid.NAMESPACE_DNS, username)), "external": {"username": username}})


def wire(**limits: int) -> WireLog:
    return WireLog(lambda: AT, real=iter(range(1_000_000)).__next__, **limits)


class Owner:
    def __init__(self, name: str) -> None:
        self.id = name
        self.log = EventLog(RealClock())

    def now(self) -> datetime:
        return AT


def call(log: WireLog, *, asked: bytes = b"", answered: bytes = b"", target: str = "/v2/rooms") -> None:
    log.rest("rest", "GET", target, "/v2/rooms", 200, asked, answered, 0.0)


def test_entries_are_numbered_and_told_after_a_number() -> None:
    log = wire()
    for number in range(3):
        log.frame(Line("room"), "in", str(number))
    assert [entry.number for entry in log.since(0)] == [1, 2, 3]
    assert [entry.as_json()["text"] for entry in log.since(1)] == ["1", "2"]
    assert (log.last_number, log.dropped) == (3, 0)


def test_the_oldest_go_when_there_are_too_many() -> None:
    log = wire(max_entries=2)
    for number in range(5):
        log.frame(Line("room"), "out", str(number))
    assert [entry.number for entry in log.since(0)] == [4, 5]
    assert log.dropped == 3


def test_the_oldest_go_when_they_are_too_long_together() -> None:
    log = wire(max_bytes=10_000)
    for _ in range(20):
        call(log, answered=b"x" * 3000)
    assert [entry.number for entry in log.since(0)] == [19, 20]
    assert log.bytes <= 10_000


def test_long_texts_are_cut_and_their_length_is_told() -> None:
    log = wire()
    log.frame(Line("room"), "in", "f" * (MAX_TEXT + 1))
    call(log, asked=b"a" * (MAX_TEXT + 2), answered=b"b")
    frame, rest = (entry.as_json() for entry in log.since(0))
    assert (len(frame["text"]), frame["size"]) == (MAX_TEXT, MAX_TEXT + 1)
    assert (len(rest["request"]), rest["sizes"]) == (MAX_TEXT, {"request": MAX_TEXT + 2, "response": 1})


def test_what_is_learned_of_a_connection_holds_for_its_earlier_frames() -> None:
    log, line = wire(), Line("room")
    log.frame(line, "in", "{}")
    line.participant_id = "alice"
    log.frame(line, "out", "", close=4000)
    told = [entry.as_json() for entry in log.since(0)]
    assert [entry["participant_id"] for entry in told] == ["alice", "alice"]
    assert told[1]["close"] == 4000
    assert "text" not in told[1]


def test_all_accounts_together_keep_to_their_bytes_and_the_longest_give_way() -> None:
    logs = WireLogs(RealClock(), max_bytes=100_000)
    small, large = Owner("small"), Owner("large")
    for owner in (small, large):
        logs.watch(owner)
    logs.of(small).frame(Line("room"), "in", "hello")
    for _ in range(200):
        logs.of(large).frame(Line("room"), "in", "x" * 1000)
    logs.settle()
    assert sum(logs.of(owner).bytes for owner in (small, large)) <= 100_000
    assert len(logs.of(small).since(0)) == 1
    assert logs.of(large).since(0)[-1].number == 200


def test_accounts_are_apart_and_who_is_unknown_or_forgotten_has_the_common_log() -> None:
    logs = WireLogs(RealClock())
    one, other = Owner("one"), Owner("other")
    for owner in (one, other):
        logs.watch(owner)
    logs.of(one).frame(Line("room"), "in", "of one")
    logs.of(None).frame(Line("room"), "in", "of nobody")
    assert [len(logs.of(owner).since(0)) for owner in (one, other)] == [1, 0]
    logs.forget(one)
    assert logs.of(one) is logs.unattributed
    assert len(logs.unattributed.since(0)) == 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"janus": "create", "client_token": JWT}),
        json.dumps({"data": {"token": "plain secret", "refresh_token": JWT}}),
        json.dumps({"refresh_token": 'with "quotes" in it'}),
        json.dumps({"text": json.dumps({"token": "plain secret"})}),
        json.dumps({"client_token": JWT})[:60],
        '{"refresh_token": "plain sec',
        f"Bearer {JWT}",
        "expires=1&signature=plain+secret",
        "https://example.test/f?signature=plain%20secret&x=1",
        "token=plain-secret",
        f"of {JWT.rpartition('.')[0]}",
        f"of {JWT[: JWT.index('.') + 5]}",
        packed({"participantId": "p", "external": json.dumps({"token": "plain secret"})}),
        packed({"participantId": "p", "external": JWT}),
        packed({"external": packed({"refresh_token": JWT})}),
        json.dumps({"display": packed({"participantId": "p", "external": JWT})})[:120],
        base64.b64encode(json.dumps({"token": "plain secret"}, indent=1).encode()).decode(),
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    told = redacted(text)
    for secret in (JWT, JWT[JWT.index(".") : JWT.index(".") + 5], "plain", "quotes"):
        assert secret not in told
        for packed_text in re.findall(r"[A-Za-z0-9+/]{16,}", told):
            assert secret.encode() not in base64.b64decode(packed_text + "=" * (-len(packed_text) % 4))
    assert REDACTED in told or "[token " in told


def test_the_same_token_leaves_the_same_mark() -> None:
    other = JWT.replace("c2ln", "c3ln")
    marks: Callable[[str], str] = lambda token: redacted(json.dumps({"client_token": token}))  # noqa: E731
    assert marks(JWT) == marks(JWT)
    assert marks(JWT) != marks(other)


@pytest.mark.parametrize(
    "text",
    [
        '{"token_ttl_secs": 600}',
        '{"text": "my token is gone"}',
        '{"unique_name": "signature"}',
        "page[number]=1",
        "",
        json.dumps({"display": display("Zo\u00eb \u2603 the keyJoker of eyJ")}),
        json.dumps({"display": display("alice")})[:-7],
        json.dumps({"publishers": [{"id": 1, "display": display("alice")}, {"id": 2, "display": display("bob")}]}),
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_query_and_path_are_told_apart() -> None:
    log = wire()
    call(log, target="/v2/rooms/a%20b?page[size]=5&token=s3cret")
    told = log.since(0)[0].as_json()
    assert (told["path"], told["query"]) == ("/v2/rooms/a b", f"page[size]=5&token={REDACTED}")
