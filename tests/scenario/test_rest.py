"""The REST calls, against a few routes of our own."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from emulator.scenario.errors import StageError
from emulator.scenario.rest import RestClient


class Service:
    """Answers as told, and remembers what was asked."""

    def __init__(self) -> None:
        self.rooms: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.refuse: web.Response | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else dict(request.query)
        self.asked.append((request.method, request.path, body))
        assert request.headers["Authorization"] == "Bearer KEY"
        if self.refuse is not None:
            return self.refuse
        if request.path.endswith("generate_join_client_token"):
            return web.json_response({"data": {"token": "a-token"}}, status=201)
        if request.method == "POST" and request.path == "/v2/rooms":
            return web.json_response({"data": {"id": "new", **body}}, status=201)
        return web.json_response({"data": self.rooms if request.path == "/v2/rooms" else self.rooms[0]})


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, RestClient]]:
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        yield service, RestClient(http, rest_url=f"http://{host}:{port}/v2/", api_key="KEY")
    await runner.cleanup()


Served = tuple[Service, RestClient]


async def test_a_room_that_is_not_there_is_made(service: Served) -> None:
    asked, rest = service
    asked.rooms = [{"id": "other", "unique_name": "else"}]
    assert await rest.find_or_create_room({"unique_name": "demo", "max_participants": 5}) == "new"
    assert asked.asked == [
        ("GET", "/v2/rooms", {"filter[unique_name]": "demo"}),
        ("POST", "/v2/rooms", {"unique_name": "demo", "max_participants": 5}),
    ]


async def test_a_room_that_is_there_is_taken_as_it_is(service: Served) -> None:
    asked, rest = service
    asked.rooms = [{"id": "old", "unique_name": "demo", "max_participants": 5}]
    assert await rest.find_or_create_room({"unique_name": "demo", "max_participants": 5}) == "old"
    assert len(asked.asked) == 1


async def test_a_room_with_other_settings_is_brought_to_these(service: Served) -> None:
    asked, rest = service
    asked.rooms = [{"id": "old", "unique_name": "demo", "max_participants": 10}]
    assert await rest.find_or_create_room({"unique_name": "demo", "max_participants": 5}) == "old"
    assert asked.asked[1] == ("PATCH", "/v2/rooms/old", {"unique_name": "demo", "max_participants": 5})


async def test_tokens_last_as_long_as_the_service_grants(service: Served) -> None:
    asked, rest = service
    assert await rest.client_token("r") == "a-token"
    assert asked.asked == [("POST", "/v2/rooms/r/actions/generate_join_client_token", {"token_ttl_secs": 3600})]


async def test_a_room_without_a_session_has_none(service: Served) -> None:
    asked, rest = service
    asked.rooms = [{"id": "r"}]
    assert await rest.active_session("r") is None
    asked.rooms = [{"id": "r", "active_session_id": "s"}]
    assert await rest.active_session("r") == "s"


async def test_a_refusal_is_told_with_what_was_asked_and_why(service: Served) -> None:
    asked, rest = service
    asked.refuse = web.json_response(
        {"errors": [{"code": "10009", "title": "x", "detail": "No such key."}]}, status=401
    )
    with pytest.raises(StageError, match=r"POST http://127.0.0.1:\d+/v2/rooms/r/actions/\S+: 401 No such key\."):
        await rest.client_token("r")


@pytest.mark.parametrize("text", ["gone fishing", "[]", '{"errors": []}'])
async def test_a_refusal_in_other_words_is_told_as_it_came(service: Served, text: str) -> None:
    asked, rest = service
    asked.refuse = web.Response(text=text, status=503, content_type="application/json")
    with pytest.raises(StageError) as caught:
        await rest.act("s", "mute", {})
    assert str(caught.value).endswith(f"503 {text}")


async def test_an_answer_that_is_none_is_an_error(service: Served) -> None:
    asked, rest = service
    asked.refuse = web.Response(text="hello")
    with pytest.raises(StageError, match="expected an answer with data, got hello"):
        await rest.client_token("r")


async def test_nobody_there_is_an_error(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as http:
        rest = RestClient(http, rest_url=f"http://127.0.0.1:{unused_tcp_port}/v2", api_key="KEY")
        with pytest.raises(StageError, match=rf"nobody answers at http://127.0.0.1:{unused_tcp_port} \(.*refused"):
            await rest.client_token("r")
