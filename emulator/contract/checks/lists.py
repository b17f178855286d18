"""Lists: pages and filters. They look only at rooms that the run has made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.contract.api import Api, Differs
from emulator.contract.checks.base import check, equal, true

LISTS = ("/rooms", "/room_sessions", "/room_participants", "/room_recordings", "/room_compositions")


async def _ids(api: Api, **filters: object) -> list[str]:
    """Ids of the rooms that fit, from the first 250."""
    query: dict[str, object] = {"page[size]": 250}
    query.update({f"filter[{name}]": value for name, value in filters.items()})
    return [room["id"] for room in (await api.call("GET", "/rooms", query=query)).expect(200).data]


def _day(room: dict[str, Any]) -> datetime:
    created = room.get("created_at")
    try:
        return datetime.fromisoformat(str(created)).astimezone(UTC)
    except ValueError:
        raise Differs(f"created_at is no time: {created!r}") from None


@check("R-2", "R-42")
async def first_page_is_number_1_of_20(api: Api) -> None:
    """Every list has data and meta; without being asked, it is page 1 of up to 20."""
    for path in LISTS:
        answer = (await api.call("GET", path)).expect(200)
        true(isinstance(answer.data, list), f"GET {path}: data is no list")
        equal(f"GET {path}: page_number", answer.meta.get("page_number"), 1)
        equal(f"GET {path}: page_size", answer.meta.get("page_size"), 20)


@check("R-43")
async def pages_hold_up_to_250(api: Api) -> None:
    """page[size]=250 works, 251 never gives more than 250."""
    (await api.call("GET", "/rooms", query={"page[size]": 250})).expect(200)
    answer = await api.call("GET", "/rooms", query={"page[size]": 251})
    true(answer.status != 200 or len(answer.data) <= 250, "page[size]=251 gave more than 250 rooms")


@check("R-44")
async def pages_begin_with_1(api: Api) -> None:
    """page[number]=0 and page[size]=0 are 422."""
    for name in ("page[number]", "page[size]"):
        (await api.call("GET", "/rooms", query={name: 0})).expect(422)


@check("R-45", "R-46", "R-47")
async def pages_give_everything_once(api: Api) -> None:
    """total_pages is total_results / page_size, rounded up; all pages give each once; one past the end is empty."""
    name = api.name()
    mine = {(await api.room(unique_name=name))["id"]}
    for size in (1, 2):
        query: dict[str, object] = {"filter[unique_name]": name, "page[size]": size}
        answer = (await api.call("GET", "/rooms", query=query)).expect(200)
        total = answer.meta.get("total_results")
        equal("total_results", total, 1)
        equal(f"total_pages of 1 by {size}", answer.meta.get("total_pages"), 1)
        equal("the ids on page 1", {room["id"] for room in answer.data}, mine)
        past = (await api.call("GET", "/rooms", query={**query, "page[number]": 2})).expect(200)
        equal("the page past the end", past.data, [])


@check("R-49", "R-48")
async def names_are_found_exactly(api: Api) -> None:
    """filter[unique_name] finds the room of that name, and no other; brackets may be written as they are."""
    name = api.name()
    room, _ = await api.room(unique_name=name), await api.room(unique_name=name + "-b")
    equal("rooms with the name", await _ids(api, unique_name=name), [room["id"]])
    equal("rooms with half the name", await _ids(api, unique_name=name[:-1] + "?"), [])
    raw = (await api.call("GET", f"/rooms?filter[unique_name]={name}")).expect(200).data
    equal("with brackets as they are", [each["id"] for each in raw], [room["id"]])


@check("R-50")
async def days_are_inclusive(api: Api) -> None:
    """eq, gte and lte take the room's own day in; the day before and after leave it out."""
    room = await api.room(unique_name=api.name())
    day = _day(room)
    today, before, after = (f"{day + timedelta(days=days):%Y-%m-%d}" for days in (0, -1, 1))
    name = {"unique_name": room["unique_name"]}
    for operator, value, found in (
        ("eq", today, True),
        ("gte", today, True),
        ("lte", today, True),
        ("eq", before, False),
        ("gte", after, False),
        ("lte", before, False),
    ):
        ids = await _ids(api, **name, **{f"date_created_at][{operator}": value})
        equal(f"listed by filter[date_created_at][{operator}]={value}", room["id"] in ids, found)


@check("R-51")
async def filters_are_joined_by_and(api: Api) -> None:
    """A room that fits one of two filters is not listed."""
    room = await api.room(unique_name=api.name())
    tomorrow = f"{_day(room) + timedelta(days=1):%Y-%m-%d}"
    ids = await _ids(api, **{"unique_name": room["unique_name"], "date_created_at][gte": tomorrow})
    equal("rooms with the name, and of a day to come", ids, [])


@check("R-52")
async def filters_that_are_none_are_refused(api: Api) -> None:
    """A date or a boolean that is none is a client error, not ignored."""
    (await api.call("GET", "/rooms", query={"filter[date_created_at][eq]": "yesterday"})).expect(422, 400)
    (await api.call("GET", "/room_sessions", query={"filter[active]": "perhaps"})).expect(422, 400)


@check("R-60")
async def states_of_compositions_are_three(api: Api) -> None:
    """filter[status] of compositions takes completed, enqueued and processing only."""
    (await api.call("GET", "/room_compositions", query={"filter[status]": "processing"})).expect(200)
    (await api.call("GET", "/room_compositions", query={"filter[status]": "failed"})).expect(422, 400)


@check("R-7")
async def unknown_query_keys_are_ignored(api: Api) -> None:
    """A query key that nobody knows is no error."""
    (await api.call("GET", "/rooms", query={"colour": "blue"})).expect(200)


@check("R-55")
async def a_rooms_sessions_are_listed_twice_alike(api: Api) -> None:
    """/rooms/{id}/sessions and /room_sessions?filter[room_id]= agree."""
    room = await api.room()
    own = (await api.call("GET", f"/rooms/{room['id']}/sessions")).expect(200)
    filtered = (await api.call("GET", "/room_sessions", query={"filter[room_id]": room["id"]})).expect(200)
    equal("total_results", filtered.meta.get("total_results"), own.meta.get("total_results"))
    equal("ids", [each["id"] for each in filtered.data], [each["id"] for each in own.data])
