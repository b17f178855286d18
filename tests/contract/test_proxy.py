"""The proxy passes everything on unchanged, and tells what breaks the description."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import telnyx
from aiohttp import web

from emulator.contract.api import Api
from emulator.contract.proxy import Proxy
from emulator.server import Emulator
from tests.contract.wrong_server import wrong_server


@asynccontextmanager
async def _running(upstream: str) -> AsyncIterator[tuple[str, Proxy, list[str]]]:
    lines: list[str] = []
    proxy = Proxy(upstream, tell=lines.append)
    runner = web.AppRunner(proxy.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", proxy, lines
    finally:
        await runner.cleanup()


async def test_the_official_sdk_works_through_it_without_a_violation(emulator: Emulator) -> None:
    async with _running(emulator.rest_url) as (url, proxy, lines):
        client = telnyx.AsyncTelnyx(api_key="KEY_app", base_url=f"{url}/v2")
        room = (await client.rooms.create(unique_name="lunch")).data
        assert room is not None
        assert room.id is not None
        listed = await client.rooms.list(filter={"unique_name": "lunch"})
        assert [each.id for each in listed.data or []] == [room.id]
        await client.rooms.delete(room.id)
        await client.close()
    assert lines == []
    assert proxy.exchanges == 3
    assert "3 exchanges, 0 violations" in proxy.summary()


async def test_answers_come_through_as_they_were(emulator: Emulator) -> None:
    async with _running(emulator.rest_url) as (url, _, _), aiohttp.ClientSession() as http:
        for path in ("/rooms", "/rooms/x", "/nothing"):
            async with http.get(url + path) as through, http.get(emulator.rest_url + path) as direct:
                assert through.status == direct.status
                assert through.headers["Content-Type"] == direct.headers["Content-Type"]
                assert await through.read() == await direct.read()


async def test_wrong_answers_and_requests_are_told_once_and_counted(emulator: Emulator) -> None:
    headers = {"Authorization": "Bearer KEY_app"}
    async with (
        wrong_server(emulator.rest_url, "KEY_app", "unset_is_null") as upstream,
        _running(upstream) as (url, proxy, lines),
        aiohttp.ClientSession(headers=headers) as http,
    ):
        for _ in range(2):
            async with http.post(f"{url}/v2/rooms", json={"colour": "blue"}) as answer:
                assert answer.status == 201
        async with http.get(f"{url}/v2/room_dreams") as answer:
            assert answer.status == 404
    assert "request of CreateRoom: body /colour: not described" in lines
    assert "answer of CreateRoom: answer /data/active_session_id: None is not of type 'string'" in lines
    assert lines[-1] == "GET /v2/room_dreams: not described"
    assert proxy.violations[lines[0]] == 2
    assert proxy.undescribed == 1


async def test_a_long_answer_in_many_pieces_comes_through_whole() -> None:
    piece = b"0123456789abcdef" * 4096

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(40):
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_get("/long", trickle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with (
            _running(upstream) as (url, _, _),
            aiohttp.ClientSession() as http,
            http.get(f"{url}/long") as answer,
            Api(upstream, "KEY", run="x", http=http) as api,
        ):
            assert await answer.read() == piece * 40
            assert (await api.call("GET", "/long")).raw == piece * 40
    finally:
        await runner.cleanup()


async def test_a_request_is_never_said_twice(emulator: Emulator) -> None:
    """Also not a DELETE whose answer was lost: the second would be a 404."""
    fault = {"surface": "rest", "kind": "drop", "parameters": {"when": "after"}, "count": 1}
    headers = {"Authorization": "Bearer KEY_app"}
    async with _running(emulator.rest_url) as (url, _, lines), aiohttp.ClientSession(headers=headers) as http:
        async with http.post(f"{url}/v2/rooms", json={}) as answer:
            room = (await answer.json())["data"]["id"]
        rule = {**fault, "match": {"operation": "DeleteRoom"}}
        async with http.post(f"{emulator.admin_url}/faults", json=rule) as answer:
            assert answer.status == 201
        async with http.delete(f"{url}/v2/rooms/{room}") as answer:
            assert answer.status == 502
    assert "does not answer" in lines[-1]


async def test_requests_that_are_refused_are_told_as_well(emulator: Emulator) -> None:
    headers = {"Authorization": "Bearer KEY_app"}
    async with _running(emulator.rest_url) as (url, _, lines), aiohttp.ClientSession(headers=headers) as http:
        async with http.post(f"{url}/v2/rooms", json={"unique_name": 7}) as answer:
            assert answer.status == 422
        async with http.get(f"{url}/v2/rooms?page[size]=abc") as answer:
            assert answer.status == 422
    assert lines == [
        "request of CreateRoom: body /unique_name: 7 is not of type 'string'",
        "request of ListRooms: query page[size]: 'abc' is not of type 'integer'",
    ]


async def test_an_upstream_that_is_not_there_is_a_502_with_a_reason() -> None:
    async with (
        _running("http://127.0.0.1:9") as (url, _, lines),
        aiohttp.ClientSession() as http,
        http.get(f"{url}/v2/rooms") as answer,
    ):
        assert answer.status == 502
        assert "http://127.0.0.1:9 does not answer" in await answer.text()
    assert "GET /v2/rooms: http://127.0.0.1:9 does not answer" in lines[0]
