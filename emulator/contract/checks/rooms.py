"""Rooms: making, changing, deleting."""

from __future__ import annotations

import re

from emulator.contract.api import Api
from emulator.contract.checks.base import NOBODY, check, equal, true

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@check("R-25")
async def empty_room_has_the_defaults(api: Api) -> None:
    """POST /rooms with {} is 201, for 10 people, without recording."""
    answer = await api.call("POST", "/rooms", {})
    api.keep(answer)
    room = answer.expect(201).data
    equal("max_participants", room.get("max_participants"), 10)
    equal("enable_recording", room.get("enable_recording"), False)
    equal("record_type", room.get("record_type"), "room")


@check("R-12")
async def unset_fields_are_left_out(api: Api) -> None:
    """What is not set is not in the answer, rather than null or an empty text."""
    room = await api.room()
    nulls = sorted(name for name, value in room.items() if value is None or value == "")
    equal("fields that are null or empty", nulls, [])


@check("R-4")
async def ids_are_lower_case_uuids(api: Api) -> None:
    """Ids are UUIDs in lower case."""
    room = await api.room()
    true(isinstance(room.get("id"), str) and bool(_UUID.fullmatch(room["id"])), f"id: no such UUID: {room.get('id')!r}")


@check("R-5")
async def times_are_utc_with_z(api: Api) -> None:
    """created_at and updated_at are UTC with fractions of a second and a Z, and created_at stays."""
    room = await api.room()
    for name in ("created_at", "updated_at"):
        value = room.get(name)
        true(isinstance(value, str) and bool(_TIME.fullmatch(value)), f"{name}: no UTC time that ends in Z: {value!r}")
    changed = (await api.call("PATCH", f"/rooms/{room['id']}", {"max_participants": 4})).expect(200).data
    equal("created_at after a PATCH", changed.get("created_at"), room["created_at"])


@check("R-26")
async def room_is_as_it_was_asked_for(api: Api) -> None:
    """All six fields come back, from POST and from GET."""
    wish = {
        "unique_name": api.name(),
        "max_participants": 7,
        "enable_recording": True,
        "webhook_event_url": "https://example.com/hook",
        "webhook_event_failover_url": "https://example.com/other",
        "webhook_timeout_secs": 3,
    }
    room = await api.room(**wish)
    read = (await api.call("GET", f"/rooms/{room['id']}")).expect(200).data
    for source, found in (("POST", room), ("GET", read)):
        equal(f"{source} /rooms", {name: found.get(name) for name in wish}, wish)


@check("R-27")
async def a_room_takes_2_to_50(api: Api) -> None:
    """max_participants 1 and 51 are refused with 422; 2 and 50 are accepted."""
    for number, status in ((1, 422), (2, 201), (50, 201), (51, 422)):
        answer = await api.call("POST", "/rooms", {"max_participants": number})
        api.keep(answer)
        answer.expect(status)


@check("R-28")
async def webhooks_may_take_0_to_30_seconds(api: Api) -> None:
    """webhook_timeout_secs -1 and 31 are refused with 422; 0 and 30 are accepted."""
    for number, status in ((-1, 422), (0, 201), (30, 201), (31, 422)):
        answer = await api.call("POST", "/rooms", {"webhook_timeout_secs": number})
        api.keep(answer)
        answer.expect(status)


@check("R-29")
async def wrong_types_are_refused(api: Api) -> None:
    """A text for an integer, a text for a boolean, a number for a name: 422."""
    for body in ({"max_participants": "10"}, {"enable_recording": "true"}, {"unique_name": 7}):
        answer = await api.call("POST", "/rooms", body)
        api.keep(answer)
        answer.expect(422)


@check("R-30")
async def webhook_urls_have_a_scheme(api: Api) -> None:
    """A webhook URL without a scheme is refused with 422."""
    answer = await api.call("POST", "/rooms", {"webhook_event_url": "example.com/hook"})
    api.keep(answer)
    answer.expect(422)


@check("R-21")
async def value_errors_name_their_place(api: Api) -> None:
    """A wrong value is named by errors[0].source: a JSON pointer in the body, a parameter in the query."""
    answer = await api.call("POST", "/rooms", {"max_participants": 0})
    api.keep(answer)
    equal("source", (answer.expect(422).error.get("source") or {}).get("pointer"), "/max_participants")
    answer = await api.call("GET", "/rooms", query={"page[size]": "many"})
    equal("source", (answer.expect(422, 400).error.get("source") or {}).get("parameter"), "page[size]")


@check("R-31", "R-118")
async def names_are_unique(api: Api) -> None:
    """A second room with a taken name, and renaming to one, are 422 (which no SDK repeats by itself)."""
    name = api.name()
    await api.room(unique_name=name)
    answer = await api.call("POST", "/rooms", {"unique_name": name})
    api.keep(answer)
    answer.expect(422)
    other = await api.room(unique_name=api.name())
    (await api.call("PATCH", f"/rooms/{other['id']}", {"unique_name": name})).expect(422)


@check("R-32")
async def a_room_may_keep_its_name(api: Api) -> None:
    """PATCHing a room with the name that it has is 200."""
    room = await api.room(unique_name=api.name())
    (await api.call("PATCH", f"/rooms/{room['id']}", {"unique_name": room["unique_name"]})).expect(200)


@check("R-33")
async def names_of_deleted_rooms_are_free(api: Api) -> None:
    """The name of a deleted room can be used again."""
    room = await api.room(unique_name=api.name())
    (await api.call("DELETE", f"/rooms/{room['id']}")).expect(204, 200)
    answer = await api.call("POST", "/rooms", {"unique_name": room["unique_name"]})
    api.keep(answer)
    answer.expect(201, 200)


@check("R-34")
async def patch_changes_what_is_sent(api: Api) -> None:
    """PATCH leaves what was not sent, and moves updated_at."""
    room = await api.room(unique_name=api.name(), max_participants=7, enable_recording=True)
    changed = (await api.call("PATCH", f"/rooms/{room['id']}", {"webhook_timeout_secs": 5})).expect(200).data
    for name in ("unique_name", "max_participants", "enable_recording"):
        equal(f"{name} after a PATCH of webhook_timeout_secs", changed.get(name), room[name])
    equal("webhook_timeout_secs", changed.get("webhook_timeout_secs"), 5)
    true(changed.get("updated_at") != room.get("updated_at"), "updated_at has not moved")


@check("R-35")
async def refused_patch_changes_nothing(api: Api) -> None:
    """A PATCH with one good and one bad field is 422, and the room is as before."""
    room = await api.room(unique_name=api.name(), max_participants=7)
    answer = await api.call("PATCH", f"/rooms/{room['id']}", {"unique_name": api.name(), "max_participants": 1})
    answer.expect(422)
    read = (await api.call("GET", f"/rooms/{room['id']}")).expect(200).data
    equal("unique_name after a refused PATCH", read.get("unique_name"), room["unique_name"])
    equal("max_participants after a refused PATCH", read.get("max_participants"), 7)


@check("R-36")
async def unknown_rooms_are_404(api: Api) -> None:
    """GET and PATCH of an unknown room are 404."""
    (await api.call("GET", f"/rooms/{NOBODY}")).expect(404)
    (await api.call("PATCH", f"/rooms/{NOBODY}", {"max_participants": 4})).expect(404)


@check("R-3", "R-37")
async def deleted_rooms_are_gone(api: Api) -> None:
    """DELETE is 204 without a body; then DELETE, GET and PATCH are 404."""
    room = await api.room()
    answer = (await api.call("DELETE", f"/rooms/{room['id']}")).expect(204)
    equal("body of a 204", answer.raw, b"")
    (await api.call("DELETE", f"/rooms/{room['id']}")).expect(404)
    (await api.call("GET", f"/rooms/{room['id']}")).expect(404)
    (await api.call("PATCH", f"/rooms/{room['id']}", {"max_participants": 4})).expect(404)


@check("R-41")
async def new_rooms_have_no_session(api: Api) -> None:
    """A room in which nobody has been has no active session and no sessions."""
    room = await api.room()
    read = (await api.call("GET", f"/rooms/{room['id']}", query={"include_sessions": True})).expect(200).data
    equal("active_session_id", read.get("active_session_id"), None)
    equal("sessions", read.get("sessions", []), [])


@check("R-6")
async def unknown_body_keys_are_ignored(api: Api) -> None:
    """A body with a key that nobody knows is no error."""
    answer = await api.call("POST", "/rooms", {"colour": "blue"})
    api.keep(answer)
    answer.expect(201, 200)
