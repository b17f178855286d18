"""A server that is right in all but one thing: the deviations of fixtures/contract/deviations.yaml, each as a change.

The emulator itself answers; a deviation changes the request on its way in, the answer on its way out, or both.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

DEVIATIONS_FILE = Path(__file__).resolve().parents[2] / "fixtures" / "contract" / "deviations.yaml"
ROOM = re.compile(r"/rooms/[^/]+")


def deviations() -> list[dict[str, str]]:
    listed: list[dict[str, str]] = yaml.safe_load(DEVIATIONS_FILE.read_text(encoding="utf-8"))
    return listed


@dataclass
class Talk:
    """One request to the emulator and its answer, open to change."""

    method: str
    path: str
    """Without the query, below the base path."""
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    """Parsed JSON, or None."""
    raw: bytes
    ask: Callable[..., Any]
    """`await ask(method, path, body)`: another request to the emulator; gives (status, body)."""
    status: int = 0
    answer: Any = None
    memory: dict[str, Any] = field(default_factory=dict)
    """Of the deviation, over all requests."""

    def is_(self, method: str, path: str) -> bool:
        return self.method == method and re.fullmatch(path.replace("{room}", "[^/]+"), self.path) is not None

    @property
    def rooms(self) -> list[dict[str, Any]]:
        """The rooms in a successful answer."""
        data = self.answer.get("data") if isinstance(self.answer, dict) else None
        if not self.path.startswith("/rooms") or "/actions/" in self.path or "/sessions" in self.path:
            return []
        return [data] if isinstance(data, dict) else [each for each in data or [] if isinstance(each, dict)]


async def created_is_200(talk: Talk) -> None:
    if talk.is_("POST", "/rooms") and talk.status == 201:
        talk.status = 200


async def unset_is_null(talk: Talk) -> None:
    for room in talk.rooms:
        for name in ("unique_name", "active_session_id", "webhook_event_url"):
            room.setdefault(name, None)


async def deleted_has_a_body(talk: Talk) -> None:
    if talk.is_("DELETE", "/rooms/{room}") and talk.status == 204:
        talk.status, talk.answer = 200, {}


async def ids_in_capitals(talk: Talk) -> None:
    for room in talk.rooms:
        room["id"] = room["id"].upper()


async def times_without_z(talk: Talk) -> None:
    for room in talk.rooms:
        for name in ("created_at", "updated_at"):
            room[name] = room[name].replace("Z", "+00:00")


async def bare_code_is_missing(talk: Talk) -> None:
    if talk.status == 404:
        talk.answer = {"errors": talk.answer["errors"]}


async def unknown_before_unauthorised(talk: Talk) -> None:
    if talk.is_("GET", "/rooms/{room}") and talk.status == 401:
        talk.status, talk.answer = await talk.ask("GET", talk.path)
        if talk.status == 200:
            talk.status, talk.answer = 401, {"errors": [{"code": "10009", "title": "Authentication failed"}]}


async def other_code_for_401(talk: Talk) -> None:
    if talk.status == 401:
        talk.answer["errors"][0]["code"] = "10010"


async def room_for_51(talk: Talk) -> None:
    if isinstance(talk.body, dict) and talk.body.get("max_participants") == 51 and talk.method in ("POST", "PATCH"):
        talk.status, talk.answer = await talk.ask(talk.method, talk.path, {**talk.body, "max_participants": 50})
        for room in talk.rooms:
            room["max_participants"] = 51


async def taken_name_is_409(talk: Talk) -> None:
    if talk.status == 422 and talk.answer["errors"][0]["code"] == "10012":
        talk.status = 409


async def patch_resets(talk: Talk) -> None:
    if talk.is_("PATCH", "/rooms/{room}") and talk.status == 200:
        whole = {"max_participants": 10, "enable_recording": False, **talk.body}
        talk.status, talk.answer = await talk.ask("PATCH", talk.path, whole)


async def refused_patch_half_done(talk: Talk) -> None:
    if talk.is_("PATCH", "/rooms/{room}") and talk.status == 422 and isinstance(talk.body, dict):
        good = {"unique_name": talk.body["unique_name"]} if "unique_name" in talk.body else {}
        if good and len(talk.body) > 1:
            await talk.ask("PATCH", talk.path, good)


async def pages_rounded_down(talk: Talk) -> None:
    if isinstance(talk.answer, dict) and "meta" in talk.answer:
        meta = talk.answer["meta"]
        meta["total_pages"] = meta["total_results"] // meta["page_size"]


async def filters_joined_by_or(talk: Talk) -> None:
    filters = {name: value for name, value in talk.query.items() if name.startswith("filter")}
    if talk.is_("GET", "/rooms") and len(filters) > 1 and talk.status == 200:
        found: dict[str, Any] = {}
        for name, value in filters.items():
            _, one = await talk.ask("GET", "/rooms", query={name: value, "page[size]": "250"})
            found.update({room["id"]: room for room in one["data"]})
        talk.answer["data"] = list(found.values())


async def last_day_excluded(talk: Talk) -> None:
    lte = talk.query.get("filter[date_created_at][lte]")
    if talk.is_("GET", "/rooms") and lte and talk.status == 200:
        day = datetime.date.fromisoformat(lte)
        talk.answer["data"] = [room for room in talk.answer["data"] if room["created_at"][:10] < day.isoformat()]


async def no_pointer(talk: Talk) -> None:
    if talk.status == 422:
        for error in talk.answer["errors"]:
            error.pop("source", None)


async def expiry_of_another_token(talk: Talk) -> None:
    if talk.path.endswith("generate_join_client_token") and talk.status == 201:
        data = talk.answer["data"]
        time = datetime.datetime.fromisoformat(data["token_expires_at"]) + datetime.timedelta(seconds=1)
        data["token_expires_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")


async def refresh_gives_a_refresh_token(talk: Talk) -> None:
    if talk.path.endswith("refresh_client_token") and talk.status == 201:
        talk.answer["data"]["refresh_token"] = talk.body["refresh_token"]


async def refresh_token_used_up(talk: Talk) -> None:
    if talk.path.endswith("refresh_client_token") and talk.status == 201:
        used = talk.memory.setdefault("used", set())
        if talk.body["refresh_token"] in used:
            error = {"code": "10010", "title": "Authorization failed"}
            talk.status, talk.answer = 403, {"errors": [error], **error}
        used.add(talk.body["refresh_token"])


async def token_of_another_room_refreshes(talk: Talk) -> None:
    if talk.path.endswith("refresh_client_token") and talk.status == 403 and isinstance(talk.body, dict):
        path = "/rooms/undefined/actions/refresh_client_token"
        status, answer = await talk.ask("POST", path, talk.body)
        if status == 201:
            talk.status, talk.answer = status, answer


CHANGES: dict[str, Callable[[Talk], Any]] = {
    change.__name__: change
    for change in (
        created_is_200,
        unset_is_null,
        deleted_has_a_body,
        ids_in_capitals,
        times_without_z,
        bare_code_is_missing,
        unknown_before_unauthorised,
        other_code_for_401,
        room_for_51,
        taken_name_is_409,
        patch_resets,
        refused_patch_half_done,
        pages_rounded_down,
        filters_joined_by_or,
        last_day_excluded,
        no_pointer,
        expiry_of_another_token,
        refresh_gives_a_refresh_token,
        refresh_token_used_up,
        token_of_another_room_refreshes,
    )
}


@asynccontextmanager
async def wrong_server(upstream: str, api_key: str, deviation: str) -> AsyncIterator[str]:
    """The base URL of a server in front of `upstream` that has this one deviation."""
    change, memory = CHANGES[deviation], dict[str, Any]()
    async with aiohttp.ClientSession() as http:

        async def ask(
            method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None
        ) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {api_key}"}
            async with http.request(method, upstream + path, json=body, params=query, headers=headers) as answer:
                raw = await answer.read()
                return answer.status, json.loads(raw) if raw else None

        async def handle(request: web.Request) -> web.Response:
            raw = await request.read()
            headers = {name: request.headers[name] for name in ("Authorization",) if name in request.headers}
            asked = request.rel_url.raw_path_qs
            if deviation == "ids_in_capitals":
                asked = asked.lower()  # it knows its own ids again
            url = URL(upstream + asked, encoded=True)
            async with http.request(request.method, url, data=raw, headers=headers) as answer:
                received, kept = await answer.read(), {n: answer.headers[n] for n in ("Allow",) if n in answer.headers}
                status = answer.status
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                body = None
            talk = Talk(
                request.method, request.path, dict(request.query), headers, body, raw, ask, status, memory=memory
            )
            talk.answer = json.loads(received) if received else None
            await change(talk)
            if talk.answer is None:
                return web.Response(status=talk.status, headers=kept)
            return web.json_response(talk.answer, status=talk.status, headers=kept)

        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
