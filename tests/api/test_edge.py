"""The edge: envelopes for everything, request ids, CORS. R-1, R-8 to R-12, R-19."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.api.served import Served, make_app, new_uuid

BODIED = [
    ("POST", "/rooms"),
    ("PATCH", "/rooms/{room}"),
    ("POST", "/rooms/{room}/actions/generate_join_client_token"),
    ("POST", "/rooms/{room}/actions/refresh_client_token"),
    ("POST", "/room_sessions/{session}/actions/kick"),
    ("POST", "/room_sessions/{session}/actions/mute"),
    ("POST", "/room_sessions/{session}/actions/unmute"),
]


async def _filled(api: Served, path: str) -> str:
    room = await api.room()
    return path.format(room=room["id"], session=api.join(room["id"]).session_id)


async def test_paths_answer_with_and_without_the_version_prefix(api: Served) -> None:
    """R-1."""
    room = await api.room()
    for prefix in ("", "/v2"):
        assert (await api.get(f"{prefix}/rooms/{room['id']}")).data == room


@pytest.mark.parametrize(
    "path", ["/", "/v2", "/nothing", "/v2/nothing", "/rooms/", "/rooms//sessions", "/v1/rooms", "/rooms/x/janus"]
)
async def test_unknown_path_is_404_in_the_envelope(api: Served, path: str) -> None:
    """R-8: with or without a key."""
    assert (await api.get(path)).refused(404) == "10005"
    assert (await api.with_key(None).get(path)).refused(404) == "10005"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/rooms", {"GET", "HEAD", "POST"}),
        ("DELETE", "/v2/rooms", {"GET", "HEAD", "POST"}),
        ("POST", "/rooms/x", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("GET", "/rooms/x/actions/refresh_client_token", {"POST"}),
        ("GET", "/room_sessions/x/actions/end", {"POST"}),
        ("TRACE", "/room_participants", {"GET", "HEAD"}),
    ],
)
async def test_wrong_method_is_405_with_allow(api: Served, method: str, path: str, allow: set[str]) -> None:
    """R-9."""
    answer = await api.request(method, path)
    answer.refused(405)
    assert set(answer.headers["Allow"].split(", ")) == allow


BROKEN = [
    b"{",
    b"nope",
    b'{"a":}',
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b"\xff\xfe",
    b'{"a":"\xed\xa0\x80"}',
    b"[" * 100_000,
    b'{"a":' * 40_000,
    b"1" * 5000,
    b"unique_name=x&max_participants=2",
]


@pytest.mark.parametrize(("method", "path"), [*BODIED, ("POST", "/room_sessions/{session}/actions/end")])
async def test_broken_json_is_400(api: Served, method: str, path: str) -> None:
    """R-10."""
    target = await _filled(api, path)
    for raw in BROKEN:
        assert (await api.request(method, target, raw=raw)).refused(400) == "10023", raw[:20]


@pytest.mark.parametrize(("method", "path"), BODIED)
async def test_body_that_is_missing_or_no_object_is_422(api: Served, method: str, path: str) -> None:
    """R-11."""
    target = await _filled(api, path)
    for raw in (None, b"", b"[]", b"null", b'"text"', b"17", b"true", b'[{"unique_name":"x"}]'):
        assert (await api.request(method, target, raw=raw)).refused(422, pointer="") == "10015", raw


async def test_body_above_the_bound_is_413(api: Served) -> None:
    """Announced, streamed in chunks, or unpacked: the bound holds."""
    big = b'{"unique_name":"' + b"x" * 300_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(big), 10_000):
            yield big[at : at + 10_000]

    (await api.post("/rooms", raw=big)).refused(413)
    (await api.post("/rooms", raw=chunks())).refused(413)
    packed = gzip.compress(big)
    (await api.post("/rooms", raw=packed, headers={"Content-Encoding": "gzip"})).refused(413)
    assert (await api.get("/rooms")).data == []


async def test_body_packed_wrongly_is_a_client_error(api: Served) -> None:
    answer = await api.post("/rooms", raw=b"this is not gzip", headers={"Content-Encoding": "gzip"})
    assert answer.refused(400) == "10023"
    assert (await api.get("/rooms")).status == 200


async def test_client_that_goes_away_in_the_middle_of_a_body_is_no_error(api: Served) -> None:
    """The suite fails on an error in the log; and the next request finds everything as it was."""
    _, writer = await asyncio.open_connection(api.client.host, api.client.port)
    head = f"POST /rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nContent-Length: 10\r\n\r\n"
    writer.write(head.encode() + b'{"un')
    await writer.drain()
    assert (await api.get("/rooms")).status == 200  # by now the server waits for the rest
    writer.close()
    await writer.wait_closed()
    assert (await api.get("/rooms")).data == []


async def test_packed_body_is_read(api: Served) -> None:
    packed = gzip.compress(b'{"unique_name":"packed"}')
    answer = await api.post("/rooms", raw=packed, headers={"Content-Encoding": "gzip"})
    assert answer.data["unique_name"] == "packed"


@pytest.mark.parametrize("path", ["/rooms", "/rooms/x", "/nothing", "/rooms?page[size]=0"])
async def test_every_answer_has_a_request_id(api: Served, path: str) -> None:
    """A sane one is echoed, so that logs of both sides can be joined."""
    assert (await api.get(path, headers={"x-request-id": "test-17.a:b"})).headers["x-request-id"] == "test-17.a:b"
    fresh = (await api.get(path)).headers["x-request-id"]
    odd = (await api.get(path, headers={"x-request-id": "<script>"})).headers["x-request-id"]
    long = (await api.get(path, headers={"x-request-id": "x" * 200})).headers["x-request-id"]
    assert len({fresh, odd, long, "<script>", "x" * 200}) == 5


async def test_pages_of_any_origin_may_call(api: Served) -> None:
    """Pages call the token refresh themselves: a preflight first, then the call, and they may read refusals."""
    preflight = await api.with_key(None).request(
        "OPTIONS",
        "/v2/rooms/undefined/actions/refresh_client_token",
        headers={
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        },
    )
    assert (preflight.status, preflight.raw) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = preflight.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "x-stainless-os"} <= set(allowed)
    refused = await api.with_key(None).post("/v2/rooms/undefined/actions/refresh_client_token", {})
    assert refused.status == 422
    assert refused.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/rooms", 200),
        ("DELETE", "/rooms/{room}", 204),
        ("GET", "/rooms/unknown", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/rooms", 405),
        ("GET", "/rooms?page[size]=0", 422),
    ],
)
async def test_page_may_read_every_answer_and_its_headers(api: Served, method: str, path: str, status: int) -> None:
    room = await api.room()
    answer = await api.request(
        method,
        path.format(room=room["id"]),
        headers={"Origin": "https://app.example.com", "x-request-id": "page-1"},
    )
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "*"
    assert answer.headers["x-request-id"] == "page-1"


async def test_refresh_from_another_origin_as_a_browser_does_it(api: Served) -> None:
    """Preflight and call, with neither key nor cookies, and with the id that the vendor's sample application sends."""
    room = await api.room()
    tokens = (await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    page, path = api.with_key(None), "/v2/rooms/undefined/actions/refresh_client_token"
    origin = {"Origin": "http://localhost:3000"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-request-id"}
    preflight = await page.request("OPTIONS", path, headers={**origin, **asked})
    assert preflight.status == 204
    assert {"content-type", "x-request-id"} <= set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    assert int(preflight.headers["Access-Control-Max-Age"]) > 0
    answer = await page.post(path, {"refresh_token": tokens["refresh_token"]}, headers=origin)
    assert answer.status == 201
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_page_from_the_internet_may_call_this_machine(api: Served) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}
    preflight = await api.request("OPTIONS", "/v2/rooms", headers={"Origin": "https://app.example.com", **asked})
    assert preflight.headers["Access-Control-Allow-Private-Network"] == "true"
    plain = await api.request("OPTIONS", "/v2/rooms", headers={"Origin": "https://app.example.com"})
    assert "Access-Control-Allow-Private-Network" not in plain.headers


async def test_preflight_repeats_no_odd_header_names_and_knows_no_unknown_path(api: Served) -> None:
    answer = await api.request("OPTIONS", "/rooms", headers={"Access-Control-Request-Headers": 'x", evil: 1'})
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-request-id"
    assert (await api.request("OPTIONS", "/nothing")).refused(404) == "10005"


@pytest.mark.parametrize("path", ["/_emulator/anything", "/_emulator", "/livez", "/readyz", f"/{new_uuid()}/janus"])
async def test_other_surfaces_are_left_alone(api: Served, path: str) -> None:
    """Their unknown paths are theirs to answer."""
    answer = await api.get(path)
    assert answer.status == 404
    assert not answer.raw.startswith(b"{")
    assert "x-request-id" not in answer.headers


@pytest.mark.errors_expected
async def test_unexpected_exception_is_logged_and_answered_500(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make_app()

    async def broken(request: web.Request) -> web.Response:
        raise ZeroDivisionError

    app.router.add_get("/broken", broken)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/broken")
        body = await response.json()
    assert response.status == 500
    assert body["errors"][0]["code"] == "10007"
    assert response.headers["x-request-id"]
    records = [r for r in caplog.records if r.name == "emulator.api"]
    assert [r.levelno for r in records] == [logging.ERROR]


async def test_head_answers_like_get_without_a_body(api: Served) -> None:
    answer = await api.request("HEAD", "/rooms")
    assert (answer.status, answer.raw) == (200, b"")
