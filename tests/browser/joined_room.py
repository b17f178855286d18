"""A room made through the REST API for one test, and tokens to join it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp


@dataclass(frozen=True)
class JoinableRoom:
    """`rest_url` is the API's base address with its version (http://host:port/v2)."""

    rest_url: str
    api_key: str
    id: str

    @classmethod
    async def create(cls, rest_url: str, api_key: str, **fields: Any) -> JoinableRoom:
        """POST /rooms; `fields` go into the body, `unique_name` is made up unless given."""
        body = {"unique_name": f"browser-{uuid4()}", **fields}
        base = rest_url.rstrip("/")
        return cls(base, api_key, (await _post(f"{base}/rooms", api_key, body))["id"])

    async def token(self, **fields: Any) -> str:
        """A client token; `fields` such as token_ttl_secs go into the body."""
        url = f"{self.rest_url}/rooms/{self.id}/actions/generate_join_client_token"
        token: str = (await _post(url, self.api_key, fields))["token"]
        return token

    async def act(self, action: str, **body: Any) -> None:
        """An action on the room's active session: `await room.act("kick", participants=[...])`."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.get(f"{self.rest_url}/rooms/{self.id}") as answer:
                session = (await answer.json())["data"]["active_session_id"]
            async with http.post(f"{self.rest_url}/room_sessions/{session}/actions/{action}", json=body) as answer:
                assert answer.status == 200, await answer.text()


async def _post(url: str, api_key: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {api_key}"}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        assert answer.status == 201, f"POST {url}: {answer.status} {await answer.text()}"
        data: dict[str, Any] = (await answer.json())["data"]
        return data
