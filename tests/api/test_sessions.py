"""Sessions and moderation: R-71 to R-85."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from emulator.rooms.errors import RoomFull
from emulator.rooms.participant import Participant
from tests.api.served import Served, new_uuid

OK = {"data": {"result": "ok"}}
TARGETED = ["kick", "mute", "unmute"]


async def _meeting(api: Served, count: int = 3) -> tuple[str, list[Participant]]:
    room = await api.room()
    people = [api.join(room["id"], context=f"p{number}") for number in range(count)]
    return people[0].session_id, people


async def _act(api: Served, session_id: str, action: str, body: Any = None) -> None:
    answer = await api.post(f"/room_sessions/{session_id}/actions/{action}", body)
    assert (answer.status, answer.body) == (200, OK), answer.raw


def _present(people: list[Participant]) -> list[int]:
    return [number for number, participant in enumerate(people) if participant.present]


def _muted(people: list[Participant]) -> list[int]:
    return [number for number, participant in enumerate(people) if participant.muted]


async def test_first_join_starts_and_last_leave_ends_a_session(api: Served) -> None:
    """R-71, R-72, R-73."""
    room = await api.room()
    path = f"/rooms/{room['id']}"
    assert (await api.get("/room_sessions")).data == []
    first, second = api.join(room["id"]), api.join(room["id"])
    assert first.session_id == second.session_id == (await api.get(path)).data["active_session_id"]
    session = (await api.get(f"/room_sessions/{first.session_id}")).data
    assert set(session) == {"id", "room_id", "active", "created_at", "updated_at", "record_type"}
    assert (session["room_id"], session["active"], session["record_type"]) == (room["id"], True, "room_session")
    api.leave(first)
    assert (await api.get(path)).data["active_session_id"] == first.session_id
    api.leave(second)
    assert "active_session_id" not in (await api.get(path)).data
    ended = (await api.get(f"/room_sessions/{first.session_id}")).data
    assert ended["active"] is False
    assert ended["ended_at"] >= ended["created_at"]
    assert api.join(room["id"]).session_id != first.session_id


async def test_participant_says_when_they_came_and_went(api: Served) -> None:
    """R-85 and section 3."""
    session_id, (participant, _, _) = await _meeting(api)
    path = f"/room_participants/{participant.id}"
    before = (await api.get(path)).data
    assert set(before) == {"id", "session_id", "context", "joined_at", "updated_at", "record_type"}
    assert (before["session_id"], before["context"], before["record_type"]) == (session_id, "p0", "room_participant")
    api.world.clock.jump(timedelta(seconds=3))
    api.leave(participant)
    after = (await api.get(path)).data
    assert after["joined_at"] == before["joined_at"]
    assert after["left_at"] == after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("body", [None, {}, {"reason": "enough"}])
async def test_end_disconnects_all(api: Served, body: Any) -> None:
    """R-74: with `{}` or without a body."""
    session_id, people = await _meeting(api)
    await _act(api, session_id, "end", body)
    session = (await api.get(f"/room_sessions/{session_id}?include_participants=true")).data
    assert session["active"] is False
    assert session["ended_at"]
    assert all("left_at" in participant for participant in session["participants"])
    assert _present(people) == []
    assert api.account.session(session_id).ended_reason == "Ended from API"


@pytest.mark.parametrize("action", ["end", *TARGETED])
async def test_action_on_a_session_that_is_over_is_422(api: Served, action: str) -> None:
    """R-75: the literal text of the service."""
    session_id, _ = await _meeting(api)
    await _act(api, session_id, "end")
    answer = await api.post(f"/room_sessions/{session_id}/actions/{action}", {"participants": "all"})
    answer.refused(422)
    assert answer.error["detail"] == "No private_ip for room"


@pytest.mark.parametrize("action", ["end", *TARGETED])
@pytest.mark.parametrize("session_id", [new_uuid(), "malformed"])
async def test_action_on_an_unknown_session_is_404(api: Served, action: str, session_id: str) -> None:
    """R-76, R-22: with and without a key, whatever the body."""
    for caller in (api, api.with_key(None)):
        for body in ({"participants": "all"}, {"participants": 5}, None):
            answer = await caller.post(f"/room_sessions/{session_id}/actions/{action}", body)
            assert answer.refused(404) == "10005"


TARGETS = [
    pytest.param([1], None, [1], id="list"),
    pytest.param([0, 2], None, [0, 2], id="two"),
    pytest.param("all", None, [0, 1, 2], id="all"),
    pytest.param("all", [1], [0, 2], id="all but one"),
    pytest.param("all", [0, 1, 2], [], id="all but all"),
    pytest.param([0, 1], [1], [0], id="exclude wins over the list"),
    pytest.param([], None, [], id="empty list"),
    pytest.param(None, None, [], id="R-83 neither"),
    pytest.param(None, [0], [], id="R-83 only exclude"),
    pytest.param([2, "unknown", 2], ["unknown"], [2], id="unknown and repeated ids are ignored"),
]


def _body(people: list[Participant], participants: Any, exclude: Any) -> dict[str, Any]:
    def ids(chosen: list[Any]) -> list[str]:
        return [new_uuid() if number == "unknown" else people[number].id for number in chosen]

    body: dict[str, Any] = {}
    if participants is not None:
        body["participants"] = participants if participants == "all" else ids(participants)
    if exclude is not None:
        body["exclude"] = ids(exclude)
    return body


@pytest.mark.parametrize(("participants", "exclude", "hit"), TARGETS)
async def test_kick_removes_exactly_the_targets(api: Served, participants: Any, exclude: Any, hit: list[int]) -> None:
    """R-77, R-78, R-79, R-83."""
    session_id, people = await _meeting(api)
    await _act(api, session_id, "kick", _body(people, participants, exclude))
    assert [number for number in range(3) if number not in hit] == _present(people)
    for number, participant in enumerate(people):
        assert ("left_at" in (await api.get(f"/room_participants/{participant.id}")).data) == (number in hit)
    assert (await api.get(f"/room_sessions/{session_id}")).data["active"] == (len(hit) < 3)


@pytest.mark.parametrize(("participants", "exclude", "hit"), TARGETS)
async def test_mute_and_unmute_hit_exactly_the_targets(
    api: Served, participants: Any, exclude: Any, hit: list[int]
) -> None:
    """R-80, R-81, R-83."""
    session_id, people = await _meeting(api)
    body = _body(people, participants, exclude)
    for _ in range(2):
        await _act(api, session_id, "mute", body)
        assert _muted(people) == hit
    await _act(api, session_id, "mute", {"participants": "all"})
    for _ in range(2):
        await _act(api, session_id, "unmute", body)
        assert _muted(people) == [number for number in range(3) if number not in hit]


async def test_muting_again_tells_nobody_anything_new(api: Served) -> None:
    """R-81: idempotent in its effects, too."""
    session_id, _ = await _meeting(api)
    await _act(api, session_id, "mute", {"participants": "all"})
    number = api.account.log.last_number
    await _act(api, session_id, "mute", {"participants": "all"})
    assert api.account.log.last_number == number


async def test_kicking_the_last_ends_the_session(api: Served) -> None:
    """R-79."""
    session_id, (alone,) = await _meeting(api, 1)
    await _act(api, session_id, "kick", {"participants": [alone.id]})
    assert (await api.get(f"/room_sessions/{session_id}")).data["active"] is False


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"participants": "everyone"}, "/participants"),
        ({"participants": "ALL"}, "/participants"),
        ({"participants": ""}, "/participants"),
        ({"participants": None}, "/participants"),
        ({"participants": 1}, "/participants"),
        ({"participants": True}, "/participants"),
        ({"participants": {}}, "/participants"),
        ({"participants": ["all"]}, "/participants/0"),
        ({"participants": [new_uuid(), "x"]}, "/participants/1"),
        ({"participants": [new_uuid(), None]}, "/participants/1"),
        ({"participants": [[new_uuid()]]}, "/participants/0"),
        ({"participants": [new_uuid() + "\n"]}, "/participants/0"),
        ({"participants": new_uuid()}, "/participants"),
        ({"exclude": "all"}, "/exclude"),
        ({"participants": "all", "exclude": None}, "/exclude"),
        ({"participants": "all", "exclude": [5]}, "/exclude/0"),
    ],
)
async def test_targets_of_another_form_are_422_and_hit_nobody(api: Served, body: dict[str, Any], pointer: str) -> None:
    """R-82, R-21."""
    session_id, people = await _meeting(api)
    for action in TARGETED:
        answer = await api.post(f"/room_sessions/{session_id}/actions/{action}", body)
        assert answer.refused(422, pointer=pointer) == "10015"
    assert _present(people) == [0, 1, 2]
    assert _muted(people) == []


async def test_join_above_the_limit_is_refused_and_changes_nothing(api: Served) -> None:
    """R-84."""
    room = await api.room(max_participants=2)
    people = [api.join(room["id"]) for _ in range(2)]
    path = f"/room_sessions/{people[0].session_id}?include_participants=true"
    before = (await api.get(path)).data
    with pytest.raises(RoomFull):
        api.join(room["id"])
    assert (await api.get(path)).data == before
    api.leave(people[0])
    assert api.join(room["id"]).present


async def test_lowering_the_limit_throws_nobody_out(api: Served) -> None:
    room = await api.room()
    people = [api.join(room["id"]) for _ in range(4)]
    assert (await api.patch(f"/rooms/{room['id']}", {"max_participants": 2})).status == 200
    assert _present(people) == [0, 1, 2, 3]
    with pytest.raises(RoomFull):
        api.join(room["id"])
