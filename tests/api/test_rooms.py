"""Rooms: R-3 to R-7, R-25 to R-41."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from emulator.api.rooms import MAX_TEXTS
from emulator.rooms.errors import NotFound
from emulator.rooms.room import RoomSettings
from tests.api.served import OTHER_KEY, Served, new_uuid

FULL = {
    "unique_name": "Standup",
    "max_participants": 7,
    "enable_recording": True,
    "webhook_event_url": "https://example.com/hook?a=b",
    "webhook_event_failover_url": "http://127.0.0.1:8080/failover",
    "webhook_timeout_secs": 25,
}


async def test_empty_body_makes_a_room_with_the_defaults(api: Served) -> None:
    """R-25: 201; what has no default is left out (section 1)."""
    answer = await api.post("/rooms", {})
    assert answer.status == 201
    room = answer.data
    assert set(room) == {"id", "max_participants", "enable_recording", "created_at", "updated_at", "record_type"}
    assert (room["max_participants"], room["enable_recording"], room["record_type"]) == (10, False, "room")


async def test_ids_are_lower_case_uuids_and_times_have_microseconds_and_z(api: Served) -> None:
    """R-4, R-5."""
    room = await api.room()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", room["id"])
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", room[name])


async def test_all_six_fields_are_echoed_and_read_back(api: Served) -> None:
    """R-26."""
    room = await api.room(**FULL)
    assert FULL.items() <= room.items()
    assert (await api.get(f"/rooms/{room['id']}")).data == room


async def test_single_success_is_data_as_json_and_delete_has_no_body(api: Served) -> None:
    """R-2, R-3."""
    room = await api.room()
    got = await api.get(f"/rooms/{room['id']}")
    assert set(got.body) == {"data"}
    assert got.headers["Content-Type"].startswith("application/json")
    gone = await api.delete(f"/rooms/{room['id']}", headers={"Accept": "*/*"})
    assert (gone.status, gone.raw) == (204, b"")
    assert "Content-Type" not in gone.headers


async def test_lists_and_single_rooms_are_never_behind_even_while_time_stands_still(api: Served) -> None:
    """What has been answered once is kept for the next answer, as long as the room is as it was."""
    api.world.clock.freeze()
    account = api.world.account()
    room = await api.room(unique_name="first", webhook_timeout_secs=3)

    async def shown() -> list[Any]:
        listed = (await api.get("/rooms")).data
        assert listed == [(await api.get(f"/rooms/{room['id']}")).data]
        return [listed[0].get(name) for name in ("unique_name", "webhook_timeout_secs", "active_session_id")]

    assert await shown() == ["first", 3, None]
    await api.patch(f"/rooms/{room['id']}", {"unique_name": "second", "webhook_timeout_secs": None})
    assert await shown() == ["second", None, None]
    session_id = account.join(room["id"], new_uuid(), context=None, connection="c1").session_id
    assert await shown() == ["second", None, session_id]
    account.end_session(session_id, reason="over")
    assert await shown() == ["second", None, None]
    account.load_state({"rooms": [{"id": room["id"], "unique_name": "third"}]})
    assert await shown() == ["third", None, None]


async def test_more_rooms_than_are_kept_ready_are_all_listed(api: Served) -> None:
    account = api.world.account()
    names = [f"room {number}" for number in range(MAX_TEXTS + 10)]
    for name in names:
        account.create_room(RoomSettings(unique_name=name))
    listed: list[str] = []
    for page in range(1, -(-len(names) // 250) + 1):
        listed += [room["unique_name"] for room in (await api.get(f"/rooms?page[size]=250&page[number]={page}")).data]
    assert sorted(listed) == sorted(names)


async def test_unknown_body_keys_and_query_keys_do_no_harm(api: Served) -> None:
    """R-6, R-7."""
    room = await api.room(colour="green", video_codecs=["vp8"])
    assert "colour" not in room
    assert (await api.get(f"/rooms/{room['id']}?colour=green&filter[shade]=dark")).status == 200
    assert (await api.get("/rooms?filter[colour]=green&filter[date_created_at][near]=x&sort=up")).meta[
        "total_results"
    ] == 1


@pytest.mark.parametrize("count", [2, 50])
async def test_max_participants_at_the_bounds_passes(api: Served, count: int) -> None:
    """R-27."""
    assert (await api.room(max_participants=count))["max_participants"] == count


@pytest.mark.parametrize("seconds", [0, 30])
async def test_webhook_timeout_at_the_bounds_passes(api: Served, seconds: int) -> None:
    """R-28; 0 is a value, not "not set"."""
    assert (await api.room(webhook_timeout_secs=seconds))["webhook_timeout_secs"] == seconds


async def test_video_codecs_are_kept_in_their_order_and_null_unsets_them(api: Served) -> None:
    """Only the vendor's migration guide has the field; a room that says nothing about it does not show it."""
    room = await api.room(video_codecs=["h264", "vp8"])
    assert room["video_codecs"] == ["h264", "vp8"]
    patched = await api.patch(f"/rooms/{room['id']}", {"video_codecs": ["vp8"]})
    assert patched.data["video_codecs"] == ["vp8"]
    assert "video_codecs" not in (await api.patch(f"/rooms/{room['id']}", {"video_codecs": None})).data


async def test_an_empty_name_is_none_so_that_a_state_document_says_the_same(api: Served) -> None:
    one, two = await api.room(unique_name=""), await api.room(unique_name="")
    assert one.get("unique_name") == two.get("unique_name") == (await api.room()).get("unique_name")
    named = await api.room(unique_name="named")
    assert (await api.patch(f"/rooms/{named['id']}", {"unique_name": ""})).data.get("unique_name") is None
    await api.room(unique_name="named")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("max_participants", 1, id="R-27 low"),
        pytest.param("max_participants", 51, id="R-27 high"),
        pytest.param("webhook_timeout_secs", -1, id="R-28 low"),
        pytest.param("webhook_timeout_secs", 31, id="R-28 high"),
        pytest.param("max_participants", "10", id="R-29 string for integer"),
        pytest.param("max_participants", 10.5, id="R-29 float for integer"),
        pytest.param("max_participants", True, id="R-29 boolean for integer"),
        pytest.param("max_participants", None, id="R-29 null for integer"),
        pytest.param("webhook_timeout_secs", "5", id="R-29 string for timeout"),
        pytest.param("enable_recording", "true", id="R-29 string for boolean"),
        pytest.param("enable_recording", 1, id="R-29 number for boolean"),
        pytest.param("enable_recording", None, id="R-29 null for boolean"),
        pytest.param("unique_name", 5, id="R-29 number for name"),
        pytest.param("unique_name", ["x"], id="R-29 list for name"),
        pytest.param("unique_name", "\ud800", id="half a character"),
        pytest.param("video_codecs", [], id="no codec"),
        pytest.param("video_codecs", "vp8", id="a codec, but no list"),
        pytest.param("webhook_event_url", "example.com/hook", id="R-30 no scheme"),
        pytest.param("webhook_event_url", "//example.com/hook", id="R-30 relative"),
        pytest.param("webhook_event_url", "localhost:8080/hook", id="R-30 port taken for a scheme"),
        pytest.param("webhook_event_url", "ftp://example.com", id="R-30 not deliverable"),
        pytest.param("webhook_event_url", "https://", id="R-30 no host"),
        pytest.param("webhook_event_url", "https://exa mple.com", id="R-30 space"),
        pytest.param("webhook_event_url", "https://example.com:99999", id="R-30 port out of range"),
        pytest.param("webhook_event_url", "http://[::1", id="R-30 broken address"),
        pytest.param("webhook_event_url", "https://example.com/%zz", id="R-30 broken escape"),
        pytest.param("webhook_event_url", "https://example.com/" + "a" * 2000, id="R-30 too long"),
        pytest.param("webhook_event_url", 7, id="R-29 number for URL"),
        pytest.param("webhook_event_failover_url", "", id="R-30 empty failover"),
        pytest.param("webhook_event_failover_url", "failover", id="R-30 failover"),
    ],
)
async def test_bad_value_is_refused_and_named_and_changes_nothing(
    api: Served, method: str, field: str, value: Any
) -> None:
    """R-21, R-27 to R-30, R-35."""
    room = await api.room(unique_name="before")
    sent = {"webhook_timeout_secs": 9, "max_participants": 9, field: value}
    answer = await api.request(method, "/rooms" if method == "POST" else f"/rooms/{room['id']}", sent)
    assert answer.refused(422, pointer=f"/{field}") == "10015"
    assert (await api.get("/rooms")).data == [room]


@pytest.mark.parametrize(
    ("codecs", "place"), [(["av1"], 0), (["vp8", "vp8"], 1), (["vp8", 7], 1), (["VP8"], 0), ([["vp8"]], 0)]
)
async def test_codec_that_cannot_be_is_named_by_its_place(api: Served, codecs: list[Any], place: int) -> None:
    answer = await api.post("/rooms", {"video_codecs": codecs})
    assert answer.refused(422, pointer=f"/video_codecs/{place}") == "10015"


async def test_taken_name_is_refused_on_creation_and_renaming(api: Served) -> None:
    """R-31: 422, never 409, which SDKs would retry (R-118)."""
    await api.room(unique_name="taken")
    other = await api.room(unique_name="other")
    assert (await api.post("/rooms", {"unique_name": "taken"})).refused(422, pointer="/unique_name") == "10012"
    renamed = await api.patch(f"/rooms/{other['id']}", {"unique_name": "taken"})
    assert renamed.refused(422, pointer="/unique_name") == "10012"
    assert (await api.get(f"/rooms/{other['id']}")).data == other


async def test_another_account_may_use_the_same_name(api: Served) -> None:
    """A name is unique within an account."""
    await api.room(unique_name="same")
    assert (await api.with_key(OTHER_KEY).post("/rooms", {"unique_name": "same"})).status == 201


async def test_rooms_without_a_name_may_repeat(api: Served) -> None:
    await api.room()
    assert "unique_name" not in await api.room(unique_name=None)


async def test_room_keeps_its_own_name(api: Served) -> None:
    """R-32."""
    room = await api.room(unique_name="mine")
    assert (await api.patch(f"/rooms/{room['id']}", {"unique_name": "mine"})).status == 200


async def test_deleted_rooms_name_and_old_names_are_free(api: Served) -> None:
    """R-33."""
    room = await api.room(unique_name="phoenix")
    await api.delete(f"/rooms/{room['id']}")
    again = await api.room(unique_name="phoenix")
    await api.patch(f"/rooms/{again['id']}", {"unique_name": "renamed"})
    assert (await api.room(unique_name="phoenix"))["id"] not in (room["id"], again["id"])


async def test_patch_changes_only_what_was_sent_and_moves_updated_at(api: Served) -> None:
    """R-34; `created_at` never changes (R-5)."""
    room = await api.room(**FULL)
    api.world.clock.jump(timedelta(seconds=5))
    patched = (await api.patch(f"/rooms/{room['id']}", {"max_participants": 3})).data
    assert patched["updated_at"] > room["updated_at"]
    assert patched == {**room, "max_participants": 3, "updated_at": patched["updated_at"]}


async def test_patch_with_null_unsets(api: Served) -> None:
    room = await api.room(**FULL)
    nulls = dict.fromkeys(("unique_name", "webhook_event_url", "webhook_event_failover_url", "webhook_timeout_secs"))
    patched = (await api.patch(f"/rooms/{room['id']}", nulls)).data
    assert not set(nulls) & set(patched)


@pytest.mark.parametrize("room_id", [new_uuid(), "not-an-id", "undefined", "%00", "%F0%9F%8E%89", "A" * 500])
async def test_unknown_and_malformed_ids_are_404(api: Served, room_id: str) -> None:
    """R-22, R-36: before the body is looked at."""
    assert (await api.get(f"/rooms/{room_id}")).refused(404) == "10005"
    assert (await api.patch(f"/rooms/{room_id}", {"max_participants": 99})).refused(404) == "10005"
    assert (await api.delete(f"/rooms/{room_id}")).refused(404) == "10005"


async def test_deleted_room_is_gone(api: Served) -> None:
    """R-37."""
    room = await api.room()
    path = f"/rooms/{room['id']}"
    assert (await api.delete(path)).status == 204
    assert [a.refused(404) for a in (await api.delete(path), await api.get(path), await api.patch(path, {}))] == [
        "10005"
    ] * 3


async def test_deleting_ends_the_session_and_everything_past_stays_readable(api: Served) -> None:
    """R-38, R-40."""
    room = await api.room()
    people = [api.join(room["id"]) for _ in range(3)]
    session_id = people[0].session_id
    await api.delete(f"/rooms/{room['id']}")
    session = (await api.get(f"/room_sessions/{session_id}?include_participants=true")).data
    assert session["active"] is False
    assert session["ended_at"]
    assert {p["id"] for p in session["participants"] if p["left_at"]} == {p.id for p in people}
    assert [s["id"] for s in (await api.get(f"/room_sessions?filter[room_id]={room['id']}")).data] == [session_id]
    assert (await api.get(f"/room_participants/{people[0].id}")).data["left_at"]
    assert (await api.get(f"/rooms/{room['id']}/sessions")).refused(404) == "10005"


async def test_issued_token_does_not_outlive_the_room(api: Served) -> None:
    """R-39: the token still verifies, but there is no room behind it."""
    room = await api.room()
    token = (await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data["token"]
    await api.delete(f"/rooms/{room['id']}")
    grant = api.world.mint.check(token, token_type="access", now=api.account.now())
    with pytest.raises(NotFound):
        api.join(grant.room_id)


async def test_include_sessions_and_active_session(api: Served) -> None:
    """R-41: without the flag `sessions` is left out."""
    room = await api.room()
    path = f"/rooms/{room['id']}"
    assert (await api.get(f"{path}?include_sessions=true")).data["sessions"] == []
    api.leave(first := api.join(room["id"]))
    assert "active_session_id" not in (await api.get(path)).data
    second = api.join(room["id"])
    got = (await api.get(f"{path}?include_sessions=true")).data
    assert got["active_session_id"] == second.session_id
    assert {s["id"]: s["active"] for s in got["sessions"]} == {first.session_id: False, second.session_id: True}
    assert (await api.get("/rooms?include_sessions=true")).data == [got]
    assert "sessions" not in (await api.get(f"{path}?include_sessions=false")).data
    assert (await api.get(f"{path}?include_sessions=maybe")).refused(422, parameter="include_sessions") == "10015"


async def test_one_uuid_may_name_resources_of_several_kinds(api: Served) -> None:
    """R-4."""
    room = await api.room()
    participant = api.join(room["id"], participant_id=room["id"])
    assert (await api.get(f"/room_participants/{room['id']}")).data["session_id"] == participant.session_id
    assert (await api.get(f"/rooms/{room['id']}")).data["active_session_id"] == participant.session_id


async def test_accounts_do_not_see_each_others_rooms(api: Served) -> None:
    room = await api.room()
    stranger = api.with_key(OTHER_KEY)
    assert (await stranger.get(f"/rooms/{room['id']}")).refused(404) == "10005"
    assert (await stranger.get("/rooms")).data == []
