"""The few REST calls that putting a scenario on stage takes, made like any customer makes them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import urlencode

import aiohttp

from emulator.clients.unanswered import why_no_answer
from emulator.scenario.errors import NoSuchRoom, StageError

TOKEN_TTL_SECS = 3600
"""The longest the service grants (R-64)."""
ADMIN_TOKEN_HEADER = "x-emulator-token"  # noqa: S105 - the name of a header

TIMEOUT_SECS = 10.0


class RestClient:
    """`rest_url` includes `/v2`. The session stays the caller's, who closes it.

    `admin_token` is what the emulator's admin API asks for, if it does.

    `gate` is entered for each call: where time travels, it holds the clock, and lets one call through at a time.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        rest_url: str,
        api_key: str,
        admin_token: str | None = None,
        gate: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        self._http = http
        self._base = rest_url.rstrip("/")
        self.root = self._base.removesuffix("/v2")
        """Where the emulator is: behind it come `/v2` and `/_emulator`."""
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._admin_headers = dict(self._headers)
        if admin_token is not None:
            self._admin_headers[ADMIN_TOKEN_HEADER] = admin_token
        self._admin_token = admin_token
        self._gate = gate

    async def find_or_create_room(self, settings: Mapping[str, Any]) -> str:
        """The id of the room with this `unique_name`, made now or brought to these settings. Raises StageError."""
        name = settings["unique_name"]
        found = await self.call("GET", f"/rooms?{urlencode({'filter[unique_name]': name})}")
        # Looked through once more: a server that does not know the filter would hand over somebody else's room.
        room = next((room for room in found if room.get("unique_name") == name), None)
        if room is None:
            room = await self.call("POST", "/rooms", dict(settings))
        elif any(room.get(key) != value for key, value in settings.items()):
            room = await self.call("PATCH", f"/rooms/{room['id']}", dict(settings))
        return str(room["id"])

    async def find_room(self, room: str) -> str:
        """The id of the room with this id or `unique_name`. Raises NoSuchRoom, StageError when there is no answer."""
        for name in ("id", "unique_name"):
            found = await self.call("GET", f"/rooms?{urlencode({f'filter[{name}]': room})}")
            for each in found:
                if str(each.get(name)).casefold() == room.casefold():
                    return str(each["id"])
        raise NoSuchRoom(f"there is no room with the id or unique_name {room!r:.80} in this account")

    async def lasting_token(self, room_id: str) -> str:
        """A client token that does not run out, wherever the account's clock is moved to. Raises StageError."""
        token = await self.call("POST", "/_emulator/tokens", {"room_id": room_id})
        return str(token["token"])

    async def client_token(self, room_id: str, ttl: int = TOKEN_TTL_SECS) -> str:
        """Good for `ttl` seconds of the account's time, as apps get them. Raises StageError."""
        body = {"token_ttl_secs": ttl}
        tokens = await self.call("POST", f"/rooms/{room_id}/actions/generate_join_client_token", body)
        return str(tokens["token"])

    async def active_session(self, room_id: str) -> str | None:
        """The id of the session that is going on. Raises StageError."""
        room = await self.call("GET", f"/rooms/{room_id}")
        session: str | None = room.get("active_session_id")
        return session

    async def act(self, session_id: str, action: str, body: Mapping[str, Any]) -> None:
        """One of the session actions `end`, `kick`, `mute`, `unmute`. Raises StageError."""
        await self.call("POST", f"/room_sessions/{session_id}/actions/{action}", dict(body))

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | None = None,
        whole: bool = False,
        patience: float = TIMEOUT_SECS,
    ) -> Any:
        """Any call; a path that begins with `/_emulator` is one of the admin API. `patience` is in seconds.

        Returns what is under `data` (`whole`, or a refusal that was wanted: all of it), None for an empty answer.

        Raises StageError for another status than `status`, or, if that is None, for a refusal.
        """
        got, answer = await self.ask(method, path, body, patience=patience)
        if got != status if status is not None else got >= 300:
            wanted = "" if status is None else f", expected {status}"
            raise StageError(f"{method} {self._url(path)}: {got} {_reason(answer)}{wanted}")
        if whole or answer is None or got >= 300:
            return answer
        if not isinstance(answer, dict) or "data" not in answer:
            raise StageError(f"{method} {self._url(path)}: expected an answer with data, got {_reason(answer)}")
        return answer["data"]

    def sink_url(self, path: str) -> str:
        """Where webhooks are to be sent that shall come to this sink of the admin API."""
        return self.root + path + ("" if self._admin_token is None else f"?{urlencode({'token': self._admin_token})}")

    def _url(self, path: str) -> str:
        return (self.root if path.startswith("/_emulator") else self._base) + path

    async def ask(self, method: str, path: str, body: Any = None, *, patience: float = TIMEOUT_SECS) -> tuple[int, Any]:
        """Status and answer: JSON, or a text that is none, or None. Raises StageError when there is no answer."""
        options = {} if body is None else {"json": body}
        try:
            async with (
                self._gate(),
                self._http.request(
                    method,
                    self._url(path),
                    headers=self._admin_headers if path.startswith("/_emulator") else self._headers,
                    timeout=aiohttp.ClientTimeout(total=patience),
                    **options,
                ) as answer,
            ):
                text = await answer.text()
                return answer.status, _parsed(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise StageError(f"{method} {self._url(path)}: {why_no_answer(error, self.root)}") from error

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The account's events: those that are kept, then live ones, as they come. Raises StageError."""
        what = f"{self.root}/_emulator/events"
        headers = {**self._admin_headers, "Accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECS)
        try:
            async with self._http.get(what, headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise StageError(f"GET {what}: {answer.status} {_reason(_parsed(await answer.text()))}")
                await answer.content.readuntil(b"\n\n")  # the first line says that we are heard
                yield _told(answer.content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StageError(f"GET {what}: {why_no_answer(error, self.root)}") from error


async def _told(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The `data` of server-sent events; comments keep the connection alive."""
    async for line in content:
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: ") :])


def _parsed(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reason(answer: Any) -> str:
    """The detail of the first error, as clients read it (rest-and-webhooks.md 1.2), or the text as it came."""
    try:
        return str(answer["errors"][0]["detail"])
    except (LookupError, TypeError):
        return (answer if isinstance(answer, str) else json.dumps(answer))[:300]
