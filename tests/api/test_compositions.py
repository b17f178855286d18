"""Compositions over REST: R-60, R-93 to R-98, R-100, R-101."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.served import Served, new_uuid

REGION = {"width": 640, "height": 360}


async def a_session(api: Served) -> Any:
    return api.join((await api.room())["id"]).session_id


async def compose(api: Served, **body: Any) -> Any:
    return await api.post("/room_compositions", {"session_id": await a_session(api), **body})


async def test_composition_is_accepted_and_enqueued_with_defaults(api: Served) -> None:
    """R-93; what is not set is left out."""
    session_id = await a_session(api)
    answer = await api.post("/room_compositions", {"session_id": session_id.upper(), "odd": 1})
    assert answer.status == 202
    created_at = answer.data["created_at"]
    assert answer.data == {
        "id": answer.data["id"],
        "room_id": api.account.session(session_id).room_id,
        "session_id": session_id,
        "user_id": api.account.id,
        "status": "enqueued",
        "format": "mp4",
        "resolution": "1280x720",
        "created_at": created_at,
        "updated_at": created_at,
        "record_type": "room_composition",
    }
    assert (await api.get(f"/room_compositions/{answer.data['id']}")).data == answer.data


async def test_composition_echoes_what_it_was_asked_for_with_positions_filled_in(api: Served) -> None:
    source = new_uuid()
    asked = {
        "format": "mp4",
        "resolution": "800x600",
        "video_layout": {
            "first": {**REGION, "x_pos": 3, "max_columns": 1000, "max_rows": 1, "video_sources": [source.upper()]},
            "a/~b": {"z_pos": -99, "odd": True},
        },
        "audio_sources": ["*"],
        "webhook_event_url": "https://example.com/film",
        "webhook_event_failover_url": "http://example.com",
        "webhook_timeout_secs": 25,
    }
    answer = await compose(api, **asked)
    layout = {
        "first": {
            **REGION,
            "x_pos": 3,
            "y_pos": 0,
            "z_pos": 0,
            "max_columns": 1000,
            "max_rows": 1,
            "video_sources": [source],
        },
        "a/~b": {"x_pos": 0, "y_pos": 0, "z_pos": -99},
    }
    assert {name: answer.data[name] for name in asked} == {**asked, "video_layout": layout}


async def test_composition_moves_on_and_never_back(api: Served) -> None:
    """R-94; the steps are the composer's to tell, later."""
    composition_id = (await compose(api)).data["id"]
    account = api.account
    account.start_composition(composition_id)
    assert (await api.get(f"/room_compositions/{composition_id}")).data["status"] == "processing"
    begun = account.now()
    ended = begun + timedelta(seconds=7)
    account.complete_composition(composition_id, duration_secs=7, size_mb=6, started_at=begun, ended_at=ended)
    done = (await api.get(f"/room_compositions/{composition_id}")).data
    assert (done["status"], done["duration_secs"], done["size_mb"]) == ("completed", 7, 6)
    assert done["started_at"] < done["ended_at"]
    assert "/composition/" in done["download_url"]
    assert (await api.with_key(None).fetch(done["download_url"].removeprefix("http://emulator.test"))).status == 404


@pytest.mark.parametrize("resolution", ["16x16", "1280x720", "720x1280", "960x960", "17x1280"])
async def test_resolution_inside_the_bounds_is_accepted(api: Served, resolution: str) -> None:
    """R-95."""
    assert (await compose(api, resolution=resolution)).data["resolution"] == resolution


@pytest.mark.parametrize(
    "resolution",
    [
        *("15x16", "16x15", "1281x16", "16x1281", "1280x721", "961x960", "1280", "x", "1280X720", "-16x16", "16x16 "),
        *("016x16", "16.0x16", "", 3, None, ["16x16"], "16x16\n", "\u0661\u0666x16"),
    ],
)
async def test_resolution_outside_the_bounds_is_refused(api: Served, resolution: Any) -> None:
    """R-95."""
    assert (await compose(api, resolution=resolution)).refused(422, pointer="/resolution") == "10015"


@pytest.mark.parametrize(
    ("layout", "pointer"),
    [
        ({"a": {}, "b": {}, "c": {}}, ""),
        ([], ""),
        ("*", ""),
        ({"a": []}, "/a"),
        ({"a": None}, "/a"),
        ({"a/b~": {"width": 15}}, "/a~1b~0/width"),
        ({"a": {"height": 15}}, "/a/height"),
        ({"a": {"width": 16.5}}, "/a/width"),
        ({"a": {"width": True}}, "/a/width"),
        ({"a": {"x_pos": "0"}}, "/a/x_pos"),
        ({"a": {"y_pos": None}}, "/a/y_pos"),
        ({"a": {"z_pos": 100}}, "/a/z_pos"),
        ({"a": {"z_pos": -100}}, "/a/z_pos"),
        ({"a": {"max_columns": 0}}, "/a/max_columns"),
        ({"a": {"max_rows": 1001}}, "/a/max_rows"),
        ({"a": {"video_sources": "all"}}, "/a/video_sources"),
        ({"a": {"video_sources": ["*", new_uuid()]}}, "/a/video_sources/0"),
        ({"a": {"video_sources": [new_uuid(), 3]}}, "/a/video_sources/1"),
    ],
)
async def test_layout_that_can_not_be_is_refused_with_its_place(api: Served, layout: Any, pointer: str) -> None:
    """R-96, R-21."""
    answer = await compose(api, video_layout=layout)
    assert answer.refused(422, pointer="/video_layout" + pointer) == "10015"
    assert (await api.get("/room_compositions")).data == []


@pytest.mark.parametrize("lenient", [False, True])
async def test_unknown_session_is_refused_as_a_missing_associate(serve: Serve, lenient: bool) -> None:
    """R-97."""
    api = await serve(lenient=lenient)
    answer = await api.post("/room_compositions", {"session_id": new_uuid()})
    assert answer.refused(422, pointer="/session_id") == "10017"


@pytest.mark.parametrize("body", [{}, {"session_id": None}])
async def test_missing_session_is_refused_unless_lenient(serve: Serve, body: Any) -> None:
    """R-97, R-117."""
    strict, lenient = await serve(), await serve(lenient=True)
    assert (await strict.post("/room_compositions", body)).refused(422, pointer="/session_id") == "10004"
    answer = await lenient.post("/room_compositions", body)
    assert answer.status == 202
    assert not {"session_id", "room_id"} & set(answer.data)


async def test_malformed_session_id_is_refused(api: Served) -> None:
    assert (await api.post("/room_compositions", {"session_id": "S1"})).refused(422, pointer="/session_id") == "10015"


@pytest.mark.parametrize("sources", ["*", [], ["*", "*"], [new_uuid()], 0, {}, False])
async def test_odd_audio_sources_are_refused(api: Served, sources: Any) -> None:
    """R-98."""
    assert (await compose(api, audio_sources=sources)).refused(422, pointer="/audio_sources") == "10015"


async def test_no_audio_sources_are_left_out(api: Served) -> None:
    """R-98."""
    assert "audio_sources" not in (await compose(api, audio_sources=None)).data


@pytest.mark.parametrize("everything", ["*", ["*"]])
async def test_star_stands_for_all_video_recordings_of_the_session(api: Served, everything: Any) -> None:
    """R-100. Shown as their ids, as the document declares it (R-12); those that come later belong to it, too."""
    participant = api.join((await api.room())["id"])
    elsewhere = api.join((await api.room())["id"])
    first = api.account.start_recording(participant.id, "video", "vp8")
    api.account.start_recording(participant.id, "audio", "opus")
    api.account.start_recording(elsewhere.id, "video", "vp8")
    layout = {"all": {**REGION, "video_sources": everything}}
    body = {"session_id": participant.session_id, "video_layout": layout}
    answer = await api.post("/room_compositions", body)
    assert answer.data["video_layout"]["all"]["video_sources"] == [first.id]
    later = api.account.start_recording(participant.id, "video", "vp8")
    again = (await api.get(f"/room_compositions/{answer.data['id']}")).data
    assert set(again["video_layout"]["all"]["video_sources"]) == {first.id, later.id}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "webm"),
        ("format", None),
        ("webhook_event_url", "example.com"),
        ("webhook_event_failover_url", ""),
        ("webhook_timeout_secs", 31),
    ],
)
async def test_wrong_value_is_refused_by_name(api: Served, name: str, value: Any) -> None:
    """R-21, R-29."""
    assert (await compose(api, **{name: value})).refused(422, pointer=f"/{name}") == "10015"


async def test_missing_body_is_refused(api: Served) -> None:
    """R-11."""
    assert (await api.post("/room_compositions")).refused(422)


async def test_deleted_composition_is_gone(api: Served) -> None:
    """R-101."""
    composition_id = (await compose(api)).data["id"]
    answer = await api.delete(f"/room_compositions/{composition_id}")
    assert (answer.status, answer.raw) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await api.request(method, f"/room_compositions/{composition_id}")).refused(404) == "10005"


async def test_compositions_are_listed_by_session_status_and_date(api: Served) -> None:
    api.world.clock.freeze()
    made = []
    for _ in range(3):
        made.append((await compose(api)).data)
        api.world.clock.jump(timedelta(seconds=1))
    api.account.start_composition(made[1]["id"])
    today = made[0]["created_at"][:10]

    async def found(query: str) -> list[str]:
        return [each["id"] for each in (await api.get(f"/room_compositions?{query}")).data]

    ids = [each["id"] for each in made]
    assert await found("") == ids[::-1]
    assert await found("filter[status]=processing") == [ids[1]]
    assert await found("filter[status]=enqueued&page[size]=1") == [ids[2]]
    assert await found(f"filter[session_id]={made[0]['session_id']}") == [ids[0]]
    assert await found(f"filter[date_created_at][gte]={today}") == ids[::-1]
    assert await found("filter[date_created_at][lte]=2000-01-01") == []


@pytest.mark.parametrize("name", ["status", "session_id", "date_created_at][eq"])
async def test_filter_with_no_possible_value_is_refused(api: Served, name: str) -> None:
    """R-60, R-52."""
    answer = await api.get(f"/room_compositions?filter[{name}]=failed")
    assert answer.refused(422, parameter=f"filter[{name}]") == "10015"
