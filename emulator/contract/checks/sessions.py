"""Sessions and moderation, as far as they can be seen without a client in the room."""

from __future__ import annotations

from emulator.contract.api import Api
from emulator.contract.checks.base import NOBODY, check, equal


@check("R-76")
async def actions_on_unknown_sessions_are_404(api: Api) -> None:
    """end, kick, mute and unmute of an unknown session are 404."""
    for action in ("end", "kick", "mute", "unmute"):
        path = f"/room_sessions/{NOBODY}/actions/{action}"
        (await api.call("POST", path, {"participants": "all"})).expect(404)


@check("R-36", "R-20")
async def unknown_sessions_and_participants_are_404(api: Api) -> None:
    """GET of an unknown session, of its participants, and of an unknown participant are 404."""
    for path in (f"/room_sessions/{NOBODY}", f"/room_sessions/{NOBODY}/participants", f"/room_participants/{NOBODY}"):
        (await api.call("GET", path)).expect(404)


@check("R-71")
async def who_is_not_there_is_not_listed(api: Api) -> None:
    """A room in which nobody has been has no sessions, and filters by ids that name nothing find nothing."""
    room = await api.room()
    equal("sessions", (await api.call("GET", f"/rooms/{room['id']}/sessions")).expect(200).data, [])
    answer = await api.call("GET", "/room_participants", query={"filter[session_id]": NOBODY})
    equal("participants of nobody's session", answer.expect(200).data, [])
