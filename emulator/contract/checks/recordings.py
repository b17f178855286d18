"""Recordings and compositions, as far as they can be seen without media."""

from __future__ import annotations

from emulator.contract.api import Api
from emulator.contract.checks.base import NOBODY, check, equal


@check("R-91")
async def bulk_delete_says_how_many(api: Api) -> None:
    """Deleting all recordings of a room that has none is 201 with the count 0."""
    room = await api.room()
    answer = await api.call("DELETE", "/room_recordings", query={"filter[room_id]": room["id"]})
    equal("data", answer.expect(201).data, {"room_recordings": 0})


@check("R-92")
async def unknown_recordings_are_404(api: Api) -> None:
    """GET and DELETE of an unknown recording are 404."""
    (await api.call("GET", f"/room_recordings/{NOBODY}")).expect(404)
    (await api.call("DELETE", f"/room_recordings/{NOBODY}")).expect(404)


@check("R-101")
async def unknown_compositions_are_404(api: Api) -> None:
    """GET and DELETE of an unknown composition are 404."""
    (await api.call("GET", f"/room_compositions/{NOBODY}")).expect(404)
    (await api.call("DELETE", f"/room_compositions/{NOBODY}")).expect(404)


@check("R-97")
async def compositions_are_of_a_session(api: Api) -> None:
    """A composition without a session, or of an unknown one, is 422."""
    (await api.call("POST", "/room_compositions", {})).expect(422)
    (await api.call("POST", "/room_compositions", {"session_id": NOBODY})).expect(422)


@check("R-95", "R-96")
async def layouts_have_bounds(api: Api) -> None:
    """A resolution beyond 1280x720, three regions, a region of 15 pixels, z_pos 100: 422."""
    region = {"width": 320, "height": 180, "video_sources": []}
    for wish in (
        {"resolution": "1281x720"},
        {"resolution": "1280x721"},
        {"video_layout": dict.fromkeys("abc", region)},
        {"video_layout": {"a": {**region, "width": 15}}},
        {"video_layout": {"a": {**region, "z_pos": 100}}},
    ):
        (await api.call("POST", "/room_compositions", {"session_id": NOBODY, **wish})).expect(422)
