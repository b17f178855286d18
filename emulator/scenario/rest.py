"""The few REST calls that putting a scenario on stage takes, made like any customer makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from emulator.scenario.errors import StageError

TOKEN_TTL_SECS = 3600
"""The longest the service grants; who is in stays in when it is over (rest-and-webhooks.md, section 4, "Tokens")."""

TIMEOUT_SECS = 10.0


class RestClient:
    """`rest_url` includes `/v2`. The session stays the caller's, who closes it."""

    def __init__(self, http: aiohttp.ClientSession, *, rest_url: str, api_key: str) -> None:
        self._http = http
        self._base = rest_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def find_or_create_room(self, settings: Mapping[str, Any]) -> str:
        """The id of the room with this `unique_name`, made now or brought to these settings. Raises StageError."""
        name = settings["unique_name"]
        found = await self._call("GET", "/rooms", params={"filter[unique_name]": name})
        # Looked through once more: a server that does not know the filter would hand over somebody else's room.
        room = next((room for room in found if room.get("unique_name") == name), None)
        if room is None:
            room = await self._call("POST", "/rooms", json=dict(settings))
        elif any(room.get(key) != value for key, value in settings.items()):
            room = await self._call("PATCH", f"/rooms/{room['id']}", json=dict(settings))
        return str(room["id"])

    async def find_room(self, room: str) -> str:
        """The id of the room with this id or `unique_name`. Raises StageError when there is none, or no answer."""
        for name in ("id", "unique_name"):
            found = await self._call("GET", "/rooms", params={f"filter[{name}]": room})
            for each in found:
                if str(each.get(name)).casefold() == room.casefold():
                    return str(each["id"])
        raise StageError(f"there is no room with the id or unique_name {room!r:.80} in this account")

    async def client_token(self, room_id: str, ttl: int | None = None) -> str:
        """Good for `ttl` seconds, else for as long as can be. Raises StageError."""
        body = {"token_ttl_secs": ttl or TOKEN_TTL_SECS}
        tokens = await self._call("POST", f"/rooms/{room_id}/actions/generate_join_client_token", json=body)
        return str(tokens["token"])

    async def active_session(self, room_id: str) -> str | None:
        """The id of the session that is going on. Raises StageError."""
        room = await self._call("GET", f"/rooms/{room_id}")
        session: str | None = room.get("active_session_id")
        return session

    async def act(self, session_id: str, action: str, body: Mapping[str, Any]) -> None:
        """One of the session actions `end`, `kick`, `mute`, `unmute`. Raises StageError."""
        await self._call("POST", f"/room_sessions/{session_id}/actions/{action}", json=dict(body))

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        what = f"{method} {self._base}{path}"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECS)
        try:
            async with self._http.request(
                method, self._base + path, headers=self._headers, timeout=timeout, **options
            ) as answer:
                if answer.status >= 300:
                    raise StageError(f"{what}: {answer.status} {await _reason(answer)}")
                return (await answer.json())["data"]
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise StageError(f"{what}: {type(error).__name__}: {error}") from error


async def _reason(answer: aiohttp.ClientResponse) -> str:
    """The detail of the first error, as clients read it (rest-and-webhooks.md 1.2), or the text as it came."""
    text = await answer.text()
    try:
        return str((await answer.json())["errors"][0]["detail"])
    except (aiohttp.ClientError, ValueError, LookupError, TypeError):
        return text[:300]
