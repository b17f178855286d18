"""The text room's frames without any connection: whatever is said, in any order."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.signaling.allowance import Allowance
from emulator.signaling.text_members import TextMembers
from emulator.signaling.text_talk import TextTalk

NOW = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
ROOM = "7a3e0a9c-0d57-4c7e-9a53-0d6f6a1b2c11"


class Talker:
    """One connection; what came is kept."""

    def __init__(self, members: TextMembers, owner: str | None) -> None:
        self.frames: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.put_out = False
        self.reachable = True
        self.talk = TextTalk(
            members,
            send=self._send,
            put_out=self._put_out,
            owner=lambda: owner,
            now=lambda: NOW,
            on_refusal=lambda code, reason, rule, request: self.refused.append(f"{code} {reason} {rule.number}"),
        )

    def _send(self, text: str) -> bool:
        text.encode()  # it is UTF-8, or it could not be sent
        self.frames.append(json.loads(text))
        return self.reachable

    def _put_out(self) -> None:
        self.put_out = True

    def ask(self, **frame: Any) -> dict[str, Any]:
        seen = len(self.frames)
        self.talk.receive(json.dumps({"transaction": "t", **frame}))
        replies = [each for each in self.frames[seen:] if "transaction" in each]
        assert len(replies) == 1
        return replies[0]


def test_a_conversation_as_the_reference_shows_it() -> None:
    """signaling.md 4.4, word for word."""
    members = TextMembers(ROOM, 4711)
    ann, ben = Talker(members, "ann"), Talker(members, "ben")
    assert ann.ask(textroom="join", room=4711, username="ann", display="ann") == {
        "textroom": "success",
        "transaction": "t",
        "participants": [],
    }
    joined = ben.ask(textroom="join", room=4711, username="ben", display="ben")
    assert joined["participants"] == [{"username": "ann", "display": "ann"}]
    assert ann.ask(textroom="message", room=4711, text="hi") == {"textroom": "success", "transaction": "t"}
    message = {"textroom": "message", "room": 4711, "from": "ann", "date": "2024-05-01T10:00:00+0000", "text": "hi"}
    assert message in ann.frames
    assert message in ben.frames
    sent = ann.ask(textroom="message", room=4711, tos=["ben"], text="psst")["sent"]
    assert sent == {"ben": True}
    assert ben.frames[-1] == {**message, "text": "psst", "whisper": True}


def test_refusal_names_what_was_expected_and_the_rule() -> None:
    ann = Talker(TextMembers(ROOM, 4711), "ann")
    ann.ask(textroom="join", username="ben")
    ann.ask(textroom="message", text="hi")
    ann.talk.receive(b"\x00")
    ann.talk.receive('{"textroom": "join"}')
    assert ann.refused == [
        "419 join: 'ben' is not this connection's participant id S-54",
        "422 message: not in the text room; join it first S-39",
        "412 expected a text message, got a binary one of 1 bytes S-43",
        "413 transaction: expected a string, got none S-43",
    ]


def test_silent_messages_and_lists() -> None:
    """`ack: false` and `listparticipants` are stock Janus's; other clients may use them."""
    ann = Talker(TextMembers(ROOM, 1), None)
    ann.ask(textroom="join", username="ann")
    ann.talk.receive(json.dumps({"textroom": "message", "transaction": "quiet", "text": "hi", "ack": False}))
    assert ann.frames[-1]["textroom"] == "message"
    assert ann.ask(textroom="listparticipants")["participants"] == [{"username": "ann"}]


def test_member_that_cannot_be_reached_is_not_sent_to() -> None:
    members = TextMembers(ROOM, 1)
    ann, ben = Talker(members, None), Talker(members, None)
    ann.ask(textroom="join", username="ann")
    ben.ask(textroom="join", username="ben")
    ben.reachable = False
    assert ann.ask(textroom="message", text="hi", tos=["ben"])["sent"] == {"ben": False}


@pytest.mark.parametrize(("pause", "left"), [(0.0, False), (0.4, False), (0.5, True)])
def test_allowance_fills_up_again(pause: float, left: bool) -> None:
    now = 100.0
    allowance = Allowance(at_once=3, per_second=2, unit="messages", clock=lambda: now)
    assert [allowance.take(1) for _ in range(4)] == [True, True, True, False]
    now += pause
    assert allowance.take(1) is left
    now += 3600
    assert allowance.take(3)
    assert not allowance.take(0.5)


NAMES = ["ann", "ben", "cleo", "", "nobody"]
ANYTHING: list[Any] = [None, True, 0, 8, 1.5, "\u2028", [], ["ann", 7], {}, {"a": []}]
FIELDS: dict[str, list[Any]] = {
    "room": [7, 7, 7, ROOM, "7", None],
    "username": NAMES,
    "display": NAMES,
    "text": ["", "hi", "\ud83d", '{"message":{}}'],
    "to": NAMES,
    "tos": [[], ["ann"], ["ben", "ben", "nobody"], ["cleo", "ann"]],
    "ack": [True, False],
}
KINDS = ["join", "join", "message", "message", "message", "leave", "listparticipants", "destroy"]


def some_frame(dice: random.Random) -> dict[str, Any]:
    """Mostly sensible."""

    def draw(values: list[Any]) -> Any:
        return dice.choice(ANYTHING if dice.random() < 0.05 else values)

    fields = {name: draw(values) for name, values in FIELDS.items() if dice.random() < 0.6}
    return {"textroom": draw(KINDS), **fields}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_said_has_one_answer_and_leaves_the_room_in_order(seed: int) -> None:
    """S-107, S-109: every request is answered once; who has gone is told nothing more; names are taken once."""
    dice = random.Random(seed)
    members = TextMembers(ROOM, 7)
    people = [Talker(members, owner) for owner in ("ann", "ben", None, None)]
    for number in range(200):
        before = [len(each.frames) for each in people]
        index = dice.randrange(len(people))
        person = people[index]
        act = dice.random()
        if act < 0.05:
            person.talk.end()
        elif act < 0.1:
            person.talk.receive("{")
        else:
            said = some_frame(dice)
            person.talk.receive(json.dumps({**said, "transaction": str(number)}))
            answers = [each for each in person.frames[before[index] :] if each.get("transaction") == str(number)]
            silent = said["textroom"] == "message" and said.get("ack") is False
            assert len(answers) == 1 or (silent and answers == [])
        for other, seen in zip(people, before, strict=True):
            news = other.frames[seen:]
            if other is not person:
                assert all("transaction" not in each for each in news)
                assert not news or other.talk._member is not None
        present = [each.talk._member.username for each in people if each.talk._member is not None]
        assert len(present) == len(set(present)) == len(members)
    for person in people:
        person.talk.end()
    assert len(members) == 0
