"""Lists: R-2, R-42 to R-58."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.api.conftest import Serve
from tests.api.served import Served, new_uuid


async def test_list_is_data_and_meta_with_the_default_page(api: Served) -> None:
    """R-2, R-42."""
    for _ in range(3):
        await api.room()
    answer = await api.get("/rooms")
    assert set(answer.body) == {"data", "meta"}
    assert answer.meta == {"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": 3}


@pytest.mark.parametrize("path", ["/rooms", "/room_sessions", "/room_participants"])
async def test_empty_list(api: Served, path: str) -> None:
    answer = await api.get(path)
    assert answer.data == []
    assert answer.meta == {"page_number": 1, "page_size": 20, "total_pages": 0, "total_results": 0}


async def test_page_size_up_to_250(api: Served) -> None:
    """R-43."""
    for _ in range(251):
        api.join((await api.room())["id"])
    for path in ("/rooms", "/room_sessions", "/room_participants"):
        answer = await api.get(f"{path}?page[size]=250")
        assert len(answer.data) == 250
        assert answer.meta == {"page_number": 1, "page_size": 250, "total_pages": 2, "total_results": 251}
        assert (await api.get(f"{path}?page[size]=251")).refused(422, parameter="page[size]") == "10015"


@pytest.mark.parametrize("name", ["number", "size"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "%2B1", "1e3", "9" * 200, "%D9%A1"])
async def test_page_values_out_of_range_are_422_or_defaults(serve: Serve, name: str, value: str) -> None:
    """R-44."""
    strict, lenient = await serve(), await serve(lenient=True)
    answer = await strict.get(f"/rooms?page[{name}]={value}")
    assert answer.refused(422, parameter=f"page[{name}]") == "10015"
    for path in ("/rooms", "/room_sessions", "/room_participants"):
        meta = (await lenient.get(f"{path}?page[{name}]={value}")).meta
        assert (meta["page_number"], meta["page_size"]) == (1, 20)


async def test_walking_all_pages_gives_everything_once_newest_first(api: Served) -> None:
    """R-45, R-46."""
    api.world.clock.freeze()
    made = []
    for _ in range(7):
        made.append((await api.room())["id"])
        api.world.clock.jump(timedelta(seconds=1))
    walked: list[str] = []
    for number in range(1, 5):
        answer = await api.get(f"/rooms?page[number]={number}&page[size]=2")
        assert answer.meta == {"page_number": number, "page_size": 2, "total_pages": 4, "total_results": 7}
        walked += [room["id"] for room in answer.data]
    assert walked == made[::-1]


async def test_records_of_one_instant_are_ordered_by_id(api: Served) -> None:
    """R-46: the order is the same in every walk."""
    api.world.clock.freeze()
    made = [(await api.room())["id"] for _ in range(7)]
    walked = [(await api.get(f"/rooms?page[number]={n}&page[size]=1")).data[0]["id"] for n in range(1, 8)]
    assert walked == sorted(made)


@pytest.mark.parametrize("number", [3, 1000, 999_999_999_999_999, 10**30])
async def test_page_past_the_end_is_empty(api: Served, number: int) -> None:
    """R-47."""
    for _ in range(3):
        await api.room()
    answer = await api.get(f"/rooms?page[number]={number}&page[size]=2")
    assert answer.data == []
    assert answer.meta == {"page_number": number, "page_size": 2, "total_pages": 2, "total_results": 3}


async def test_brackets_work_raw_and_percent_encoded(api: Served) -> None:
    """R-48, R-49: the name matches exactly."""
    room = await api.room(unique_name="My room & more")
    await api.room(unique_name="My room")
    value = quote("My room & more")
    for query in (f"filter[unique_name]={value}", f"filter%5Bunique_name%5D={value.replace('%20', '+')}"):
        answer = await api.get(f"/rooms?{query}")
        assert answer.data == [room]
        assert answer.meta["total_results"] == 1
    for miss in ("My", "my room", "My room ", ""):
        assert (await api.get(f"/rooms?filter[unique_name]={quote(miss)}")).data == []


async def test_dates_compare_the_utc_day_inclusively(api: Served) -> None:
    """R-50."""
    clock = api.world.clock
    midnight = (clock.freeze() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.jump(midnight - clock.now() - timedelta(microseconds=1))
    last_of_day = await api.room(unique_name="last")
    clock.jump(timedelta(microseconds=1))
    first_of_day = await api.room(unique_name="first")
    before, day = (midnight - timedelta(days=1)).date(), midnight.date()
    both = [first_of_day, last_of_day]
    for operator, value, expected in [
        ("eq", before, [last_of_day]),
        ("eq", day, [first_of_day]),
        ("gte", before, both),
        ("gte", day, [first_of_day]),
        ("gte", day + timedelta(days=1), []),
        ("lte", before, [last_of_day]),
        ("lte", day, both),
        ("lte", before - timedelta(days=1), []),
    ]:
        for field in ("date_created_at", "date_updated_at"):
            assert (await api.get(f"/rooms?filter[{field}][{operator}]={value}")).data == expected


async def test_filters_are_joined_by_and(api: Served) -> None:
    """R-51."""
    room = await api.room(unique_name="one")
    await api.room(unique_name="two")
    day = room["created_at"][:10]
    dates = f"filter[date_created_at][gte]={day}&filter[date_created_at][lte]={day}"
    assert (await api.get(f"/rooms?{dates}")).meta["total_results"] == 2
    assert (await api.get(f"/rooms?{dates}&filter[unique_name]=one")).data == [room]
    assert (await api.get("/rooms?filter[unique_name]=one&filter[date_created_at][gte]=2999-01-01")).data == []


BAD_DATES = ["yesterday", "", "2021-13-01", "2021-02-30", "20210425", "2021-W16-1", "2021-04-25T00:00:00Z", "2021-4-5"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/rooms", ("created_at", "updated_at")),
        ("/room_sessions", ("created_at", "updated_at", "ended_at")),
        ("/room_participants", ("joined_at", "updated_at", "left_at")),
    ],
)
async def test_malformed_dates_are_refused(api: Served, path: str, fields: tuple[str, ...]) -> None:
    """R-52, R-21."""
    for field in fields:
        for operator in ("eq", "gte", "lte"):
            for value in BAD_DATES:
                parameter = f"filter[date_{field}][{operator}]"
                assert (await api.get(f"{path}?{parameter}={value}")).refused(422, parameter=parameter) == "10015"
        bare = f"filter[date_{field}]"
        assert (await api.get(f"{path}?{bare}=2021-04-25")).refused(422, parameter=bare) == "10015"


@pytest.mark.parametrize("value", ["", "yes", "1", "TRUE", "null"])
async def test_malformed_booleans_are_refused(api: Served, value: str) -> None:
    """R-52."""
    for path in ("/room_sessions", f"/rooms/{(await api.room())['id']}/sessions"):
        for name in ("filter[active]", "include_participants"):
            assert (await api.get(f"{path}?{name}={value}")).refused(422, parameter=name) == "10015"


async def test_date_that_is_not_set_matches_no_date_filter(api: Served) -> None:
    """R-53."""
    room = await api.room()
    present = api.join(room["id"])
    session_id = present.session_id
    for operator, date in (("gte", "0001-01-01"), ("lte", "9999-12-31")):
        assert (await api.get(f"/room_sessions?filter[date_ended_at][{operator}]={date}")).data == []
        assert (await api.get(f"/room_participants?filter[date_left_at][{operator}]={date}")).data == []
    api.leave(present)
    ended = await api.get("/room_sessions?filter[date_ended_at][gte]=0001-01-01")
    assert [session["id"] for session in ended.data] == [session_id]
    left = await api.get("/room_participants?filter[date_left_at][lte]=9999-12-31")
    assert [participant["id"] for participant in left.data] == [present.id]


async def test_active_filter_separates(api: Served) -> None:
    """R-54."""
    room = await api.room()
    api.leave(ended := api.join(room["id"]))
    active = api.join(room["id"])
    for path in ("/room_sessions", f"/rooms/{room['id']}/sessions"):
        for value, session_id in (("true", active.session_id), ("false", ended.session_id)):
            found = (await api.get(f"{path}?filter[active]={value}")).data
            assert [session["id"] for session in found] == [session_id]


async def test_sessions_of_a_room_and_filtered_by_it_agree(api: Served) -> None:
    """R-55."""
    room = await api.room()
    api.join((await api.room())["id"])
    for _ in range(3):
        api.leave(api.join(room["id"]))
    nested = await api.get(f"/rooms/{room['id']}/sessions?page[size]=2&filter[active]=false")
    flat = await api.get(f"/room_sessions?filter[room_id]={room['id']}&page[size]=2&filter[active]=false")
    assert nested.body == flat.body
    assert nested.meta["total_results"] == 3


async def test_include_participants(api: Served) -> None:
    """R-56."""
    room = await api.room()
    participant = api.join(room["id"])
    session_id = participant.session_id
    for path in ("/room_sessions", f"/rooms/{room['id']}/sessions"):
        (session,) = (await api.get(f"{path}?include_participants=true")).data
        assert [p["id"] for p in session["participants"]] == [participant.id]
        (session,) = (await api.get(path)).data
        assert "participants" not in session
    session = (await api.get(f"/room_sessions/{session_id}?include_participants=true")).data
    assert session["participants"] == [(await api.get(f"/room_participants/{participant.id}")).data]


async def test_participants_of_a_session_and_filtered_by_it_agree(api: Served) -> None:
    """R-57."""
    room = await api.room()
    people = [api.join(room["id"]) for _ in range(3)]
    api.join((await api.room())["id"])
    nested = await api.get(f"/room_sessions/{people[0].session_id}/participants?page[size]=2")
    flat = await api.get(f"/room_participants?filter[session_id]={people[0].session_id}&page[size]=2")
    assert nested.body == flat.body
    assert nested.meta["total_results"] == 3


@pytest.mark.parametrize("context", ['{"username":"Alice"}', "Alice", "", "  Zo\u00eb & \u2603 "])
async def test_context_is_stored_unchanged_and_matches_exactly(api: Served, context: str) -> None:
    """R-58, R-85."""
    room = await api.room()
    participant = api.join(room["id"], context=context)
    api.join(room["id"], context=context + "x")
    api.join(room["id"], context=None)
    for path in ("/room_participants", f"/room_sessions/{participant.session_id}/participants"):
        (found,) = (await api.get(f"{path}?filter[context]={quote(context)}")).data
        assert (found["id"], found["context"]) == (participant.id, context)


async def test_context_that_utf8_can_not_hold_still_answers(api: Served) -> None:
    """R-12: signaling may bring half a surrogate pair."""
    participant = api.join((await api.room())["id"], context="half \ud83c of a character")
    assert (await api.get(f"/room_participants/{participant.id}")).data["context"] == "half \ud83c of a character"


async def test_participant_without_context_leaves_it_out(api: Served) -> None:
    participant = api.join((await api.room())["id"], context=None)
    assert set((await api.get(f"/room_participants/{participant.id}")).data) == {
        "id",
        "session_id",
        "joined_at",
        "updated_at",
        "record_type",
    }


async def test_unknown_parent_is_404_and_unknown_filter_value_is_empty(api: Served) -> None:
    """Section 2.1."""
    for unknown in (new_uuid(), "malformed"):
        assert (await api.get(f"/rooms/{unknown}/sessions")).refused(404) == "10005"
        assert (await api.get(f"/room_sessions/{unknown}/participants")).refused(404) == "10005"
        assert (await api.get(f"/room_sessions?filter[room_id]={unknown}")).data == []
        assert (await api.get(f"/room_participants?filter[session_id]={unknown}")).data == []
        assert (await api.get(f"/room_sessions/{unknown}")).refused(404) == "10005"
        assert (await api.get(f"/room_participants/{unknown}")).refused(404) == "10005"


async def test_of_a_key_sent_twice_the_last_counts(api: Served) -> None:
    assert (await api.get("/rooms?page[size]=0&page[size]=7")).meta["page_size"] == 7
