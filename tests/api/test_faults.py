"""REST faults: each has the effect it promises, on the account it was made for, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import pytest
import telnyx
import yaml

from emulator.api import RateLimit
from emulator.api.faults import FAULT_HEADER, REST, FaultLayer
from emulator.api.faults.operations import OPERATIONS
from emulator.faults import BadFault, Catalogue, FaultBook, Rule
from emulator.wire import rest
from tests.api.conftest import Serve
from tests.api.served import DOCUMENT, KEY, OTHER_KEY, Served, make_app, new_uuid


class Sleeps:
    """Remembers how long it was asked to sleep, and sleeps no time at all."""

    def __init__(self) -> None:
        self.secs: list[float] = []
        self.before: Callable[[], object] = lambda: None

    async def __call__(self, secs: float) -> None:
        self.before()
        self.secs.append(secs)


class Faulty:
    """A served API and its fault book."""

    def __init__(self, api: Served, book: FaultBook, sleeps: Sleeps) -> None:
        self.api = api
        self.book = book
        self.sleeps = sleeps

    def add(self, kind: str, parameters: dict[str, Any] | None = None, **more: Any) -> Rule:
        document = {"surface": "rest", "kind": kind, "parameters": parameters or {}, **more}
        return self.book.of(self.api.account.id).add(document)


@pytest.fixture
async def faulty(serve: Serve) -> Faulty:
    return await make(serve)


async def make(serve: Serve, **options: Any) -> Faulty:
    book, sleeps = FaultBook(Catalogue([REST])), Sleeps()
    return Faulty(await serve(faults=FaultLayer(book, sleep=sleeps), **options), book, sleeps)


# -- status ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "10015"),
        (401, "10009"),
        (403, "10010"),
        (404, "10005"),
        (408, "10008"),
        (409, "10015"),
        (415, "10014"),
        (422, "10015"),
        (429, "10011"),
        (500, "10007"),
        (503, "10007"),
        (599, "10007"),
    ],
)
async def test_status_answers_in_the_envelope_with_the_usual_code(faulty: Faulty, status: int, code: str) -> None:
    """R-19, R-20: section 1.2 says which code goes with which status."""
    faulty.add("status", {"status": status})
    answer = await faulty.api.get("/rooms")
    assert answer.refused(status) == code
    assert answer.error["detail"] == rest.GENERIC_ERRORS[code][1]


async def test_status_says_what_it_is_told_to_say(faulty: Faulty) -> None:
    faulty.add(
        "status",
        {
            "status": 429,
            "code": "10021",
            "detail": "Come back.",
            "headers": {"Retry-After": "7", "x-should-retry": "false"},
        },
    )
    answer = await faulty.api.get("/rooms")
    assert answer.refused(429) == "10021"
    assert answer.error["detail"] == "Come back."
    assert answer.error["title"] == "Resource in use"
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("7", "false")


@pytest.mark.parametrize("code", sorted(rest.GENERIC_ERRORS))
async def test_status_knows_every_code_of_the_table(faulty: Faulty, code: str) -> None:
    faulty.add("status", {"status": 422, "code": code})
    assert (await faulty.api.get("/rooms")).refused(422) == code


async def test_status_keeps_the_operation_from_happening(faulty: Faulty) -> None:
    rule = faulty.add("status", {"status": 500}, match={"operation": "CreateRoom"}, count=1)
    answer = await faulty.api.post("/rooms", {"unique_name": "x"})
    assert answer.status == 500
    assert answer.headers[FAULT_HEADER] == rule.id
    assert faulty.api.account.records.rooms == {}
    created = await faulty.api.post("/rooms", {"unique_name": "x"})
    assert created.status == 201
    assert FAULT_HEADER not in created.headers
    assert (rule.matched, rule.fired) == (2, 1)


async def test_answers_made_by_faults_have_the_headers_of_every_answer(faulty: Faulty) -> None:
    faulty.add("status", {"status": 503})
    answer = await faulty.api.get("/rooms", headers={"x-request-id": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"Content-Length": "5"}, "Content-Length"),
        ({"transfer-encoding": "chunked"}, "transfer-encoding"),
        ({"a b": "x"}, "a b"),
        ({"": "x"}, ""),
        ({"x": "a\r\nb: c"}, "x"),
        ({"x": "ü"}, "x"),
        ({"x": " a"}, "x"),
    ],
)
def test_headers_that_would_break_the_answer_are_refused(headers: dict[str, str], pointer: str) -> None:
    document = {"surface": "rest", "kind": "status", "parameters": {"status": 500, "headers": headers}}
    with pytest.raises(BadFault) as refused:
        Catalogue([REST]).read(document)
    assert refused.value.pointer == f"/parameters/headers/{pointer}"


# -- delay -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "rooms_then"), [("before", 0), ("after", 1)])
async def test_delay_holds_back_the_request_or_the_answer(faulty: Faulty, when: str, rooms_then: int) -> None:
    faulty.add("delay", {"secs": 2.5, "when": when})
    seen: list[int] = []
    faulty.sleeps.before = lambda: seen.append(len(faulty.api.account.records.rooms))
    assert (await faulty.api.post("/rooms", {})).status == 201
    assert faulty.sleeps.secs == [2.5]
    assert seen == [rooms_then]


async def test_delay_after_also_holds_back_a_refusal(faulty: Faulty) -> None:
    faulty.add("delay", {"secs": 1, "when": "after"})
    assert (await faulty.api.get(f"/rooms/{new_uuid()}")).refused(404) == "10005"
    assert faulty.sleeps.secs == [1]


async def test_delays_are_drawn_anew_and_repeat_with_the_seed(serve: Serve) -> None:
    async def drawn() -> list[float]:
        faulty = await make(serve)
        faulty.add("delay", {"secs": {"uniform": [0.1, 0.4]}}, seed=11)
        for _ in range(10):
            await faulty.api.get("/rooms")
        return faulty.sleeps.secs

    first = await drawn()
    assert len(set(first)) == 10
    assert all(0.1 <= secs <= 0.4 for secs in first)
    assert await drawn() == first


async def test_delay_takes_real_time(serve: Serve) -> None:
    """Only the lower bound is asserted: a machine may always be slower."""
    book = FaultBook(Catalogue([REST]))
    api = await serve(faults=FaultLayer(book))
    book.of(api.account.id).add({"surface": "rest", "kind": "delay", "parameters": {"secs": 0.15}, "count": 1})
    started = time.monotonic()
    await api.get("/rooms")
    assert time.monotonic() - started >= 0.14


# -- drop --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "rooms"), [("before", 0), ("after", 1)])
async def test_drop_loses_the_request_or_the_answer(faulty: Faulty, when: str, rooms: int) -> None:
    rule = faulty.add("drop", {"when": when}, match={"method": "POST"}, count=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await faulty.api.post("/rooms", {"unique_name": "x"})
    assert rule.fired == 1
    assert len(faulty.api.account.records.rooms) == rooms
    assert len((await faulty.api.get("/rooms")).data) == rooms


async def test_drop_after_also_loses_a_refusal(faulty: Faulty) -> None:
    faulty.add("drop", {"when": "after"}, count=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await faulty.api.get(f"/rooms/{new_uuid()}")
    assert (await faulty.api.get(f"/rooms/{new_uuid()}")).status == 404


# -- malformed ---------------------------------------------------------------------------------------------------------


async def test_malformed_json_comes_whole_but_can_not_be_read(faulty: Faulty) -> None:
    faulty.add("malformed", count=1, match={"method": "PATCH"})
    room = await faulty.api.room()
    async with faulty.api.client.session.patch(
        faulty.api.client.make_url(f"/rooms/{room['id']}"),
        json={"max_participants": 5},
        headers={"Authorization": f"Bearer {faulty.api.key}"},
    ) as response:
        raw = await response.read()
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(raw))
        assert response.content_type == "application/json"
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(raw)
    assert (await faulty.api.get(f"/rooms/{room['id']}")).data["max_participants"] == 5


async def test_truncated_body_breaks_off(faulty: Faulty) -> None:
    faulty.add("malformed", {"how": "truncated"}, count=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await faulty.api.get("/rooms")
    assert (await faulty.api.get("/rooms")).data == []


async def test_wrong_content_type_leaves_the_body_alone(faulty: Faulty) -> None:
    faulty.add("malformed", {"how": "content_type"}, match={"path": "/rooms/*"})
    faulty.add(
        "malformed", {"how": "content_type", "content_type": "text/plain; charset=utf-8"}, match={"path": "/room_*"}
    )
    answer = await faulty.api.get(f"/rooms/{new_uuid()}")  # refusals as well
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html")
    assert answer.body["errors"][0]["code"] == "10005"
    sessions = await faulty.api.get(f"/room_sessions/{new_uuid()}")
    assert sessions.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("how", ["broken_json", "truncated", "content_type"])
async def test_an_answer_without_a_body_stays_as_it_is(faulty: Faulty, how: str) -> None:
    room = await faulty.api.room()
    faulty.add("malformed", {"how": how})
    answer = await faulty.api.delete(f"/rooms/{room['id']}")
    assert (answer.status, answer.raw) == (204, b"")


# -- what a rule sees --------------------------------------------------------------------------------------------------


def test_every_operation_of_the_table_has_its_public_name() -> None:
    """All 25 of section 2, with and without the version in the path."""
    app, _ = make_app()
    served = {
        (route.method, route.resource.canonical.removeprefix("/v2"))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
        if not route.resource.canonical.startswith("/_emulator/")
    }
    assert served == set(OPERATIONS)
    assert len(OPERATIONS) == len(set(OPERATIONS.values())) == 25


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the public document is no part of the project")
def test_operation_names_are_those_of_the_public_document() -> None:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    named = {
        (method.upper(), re.sub(r"^/v2", "", path)): operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "operationId" in operation
    }
    assert named == dict(OPERATIONS)


@pytest.mark.parametrize("prefix", ["", "/v2"])
async def test_every_operation_can_be_matched_by_its_name(faulty: Faulty, prefix: str) -> None:
    room = await faulty.api.room()
    tokens = (await faulty.api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    for (method, template), name in OPERATIONS.items():
        rule = faulty.add("status", {"status": 418}, match={"operation": name}, count=1)
        body = {"refresh_token": tokens["refresh_token"]} if name == "RefreshRoomClientToken" else None
        path = prefix + template.replace("{", "").replace("}", "")
        assert (await faulty.api.request(method, path, body)).status == 418, name
        assert (rule.matched, rule.fired) == (1, 1)
        faulty.book.of(faulty.api.account.id).clear()


@pytest.mark.parametrize(
    ("match", "request_line", "fires"),
    [
        ({"path": "/rooms"}, "GET /rooms", True),
        ({"path": "/rooms"}, "GET /v2/rooms?page[size]=5", True),
        ({"path": "/v2/rooms"}, "GET /rooms", True),
        ({"path": "/rooms"}, "GET /room_sessions", False),
        ({"method": "GET"}, "HEAD /rooms", False),
        ({"operation": "ListRooms"}, "HEAD /rooms", True),
        ({"operation": "List*"}, "GET /room_participants", True),
        ({"room_id": "r1"}, "GET /rooms/R1", True),
        ({"room_id": "r1"}, "GET /rooms/r1/sessions", True),
        ({"room_id": "r1"}, "GET /rooms", False),
        ({"session_id": "s*"}, "POST /room_sessions/s1/actions/mute", True),
        ({"participant_id": "p"}, "GET /room_participants/p", True),
        ({"recording_id": "r"}, "DELETE /room_recordings/r", True),
        ({"composition_id": "c"}, "GET /room_compositions/c", True),
        ({"method": ["PUT", "POST"], "path": "*/mute"}, "POST /room_sessions/s1/actions/mute", True),
    ],
)
async def test_rules_match_on_facts_of_the_request(
    faulty: Faulty, match: dict[str, Any], request_line: str, fires: bool
) -> None:
    faulty.add("status", {"status": 418}, match=match)
    method, _, path = request_line.partition(" ")
    assert ((await faulty.api.request(method, path)).status == 418) is fires


async def test_unknown_paths_and_wrong_methods_are_no_matches(faulty: Faulty) -> None:
    rule = faulty.add("status", {"status": 418})
    assert (await faulty.api.get("/nothing")).status == 404
    assert (await faulty.api.request("PUT", "/rooms")).status == 405
    assert (await faulty.api.request("OPTIONS", "/rooms")).status == 204
    assert rule.matched == 0


async def test_a_request_without_an_account_is_matched_by_nothing(faulty: Faulty) -> None:
    """R-13: 401 is decided before anything goes wrong."""
    rule = faulty.add("status", {"status": 503})
    assert (await faulty.api.with_key(None).get("/rooms")).refused(401) == "10009"
    forged = await faulty.api.post("/rooms/undefined/actions/refresh_client_token", {"refresh_token": "forged"})
    assert forged.status == 403
    assert rule.matched == 0


async def test_keyless_calls_belong_to_the_account_of_the_session_or_the_token(faulty: Faulty) -> None:
    """R-16, R-17."""
    room = await faulty.api.room()
    session = faulty.api.join(room["id"]).session_id
    tokens = (await faulty.api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    rule = faulty.add("status", {"status": 503}, count=2)
    keyless = faulty.api.with_key(None)
    assert (await keyless.post(f"/room_sessions/{session}/actions/end")).status == 503
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await keyless.post("/rooms/undefined/actions/refresh_client_token", body)).status == 503
    assert rule.fired == 2
    assert (await keyless.post("/rooms/undefined/actions/refresh_client_token", body)).status == 201
    assert (await keyless.post(f"/room_sessions/{session}/actions/end")).status == 200


async def test_other_accounts_notice_nothing(faulty: Faulty) -> None:
    rule = faulty.add("status", {"status": 503})
    assert (await faulty.api.with_key(OTHER_KEY).get("/rooms")).status == 200
    assert rule.matched == 0


async def test_the_rate_limit_comes_first(serve: Serve) -> None:
    """R-24: what it refuses is no match; what a fault answers is counted and carries the headers."""
    faulty = await make(serve, rate_limit=RateLimit(1, 60), monotonic=lambda: 5.0)
    rule = faulty.add("status", {"status": 503})
    broken = await faulty.api.get("/rooms")
    assert (broken.status, broken.headers["x-ratelimit-remaining"]) == (503, "0")
    assert (await faulty.api.get("/rooms")).status == 429
    assert rule.matched == 1


async def test_the_first_rule_is_the_outermost(faulty: Faulty) -> None:
    slow = faulty.add("delay", {"secs": 1, "when": "after"})
    spoiled = faulty.add("malformed", {"how": "content_type"})
    broken = faulty.add("status", {"status": 500})
    never = faulty.add("delay", {"secs": 9})
    answer = await faulty.api.get("/rooms")
    assert (answer.status, answer.headers["Content-Type"]) == (500, "text/html")
    assert faulty.sleeps.secs == [1]
    assert answer.headers[FAULT_HEADER] == f"{slow.id}, {spoiled.id}, {broken.id}"
    assert never.matched == 0


async def test_one_answer_is_late_while_others_are_not(serve: Serve) -> None:
    """A delayed request holds nobody else up."""
    book, gate = FaultBook(Catalogue([REST])), asyncio.Event()
    arrived = asyncio.Event()

    async def sleep(secs: float) -> None:
        arrived.set()
        await gate.wait()

    api = await serve(faults=FaultLayer(book, sleep=sleep))
    document = {"surface": "rest", "kind": "delay", "parameters": {"secs": 60}, "match": {"method": "POST"}}
    book.of(api.account.id).add(document)
    late = asyncio.create_task(api.post("/rooms", {}))
    await arrived.wait()
    assert (await api.get("/rooms")).data == []
    assert not late.done()
    gate.set()
    assert (await late).status == 201


# -- the official SDK --------------------------------------------------------------------------------------------------


@pytest.fixture
async def sdk(faulty: Faulty) -> AsyncIterator[telnyx.AsyncTelnyx]:
    """With its own default of two retries (1.3)."""
    base_url = str(faulty.api.client.make_url("/v2"))
    async with telnyx.AsyncTelnyx(api_key=KEY, base_url=base_url) as client:
        yield client


RETRY_AT_ONCE = {"retry-after-ms": "1"}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_once_then_succeed_and_the_sdk_succeeds(faulty: Faulty, sdk: telnyx.AsyncTelnyx, status: int) -> None:
    """1.3: it retries 408, 409, 429 and 5xx, after `retry-after-ms`."""
    rule = faulty.add("status", {"status": status, "headers": RETRY_AT_ONCE}, count=1)
    room = (await sdk.rooms.create(unique_name="standup")).data
    assert room is not None
    assert room.unique_name == "standup"
    assert (rule.matched, rule.fired) == (2, 1)


async def test_three_failures_are_one_too_many_for_the_sdk(faulty: Faulty, sdk: telnyx.AsyncTelnyx) -> None:
    rule = faulty.add("status", {"status": 503, "detail": "Down.", "headers": RETRY_AT_ONCE}, count=3)
    with pytest.raises(telnyx.InternalServerError, match=r"Down\."):
        await sdk.rooms.create()
    assert rule.fired == 3
    assert (await sdk.rooms.create()).data is not None


async def test_the_sdk_does_not_retry_what_says_so(faulty: Faulty, sdk: telnyx.AsyncTelnyx) -> None:
    """1.3: `x-should-retry` overrides."""
    rule = faulty.add("status", {"status": 503, "headers": {"x-should-retry": "false"}})
    with pytest.raises(telnyx.InternalServerError):
        await sdk.rooms.create()
    assert rule.fired == 1


@pytest.mark.parametrize(("when", "rooms"), [("before", 1), ("after", 2)])
async def test_a_lost_answer_makes_the_sdk_create_twice(
    faulty: Faulty, sdk: telnyx.AsyncTelnyx, when: str, rooms: int
) -> None:
    """It retries connection errors; whether the first try had happened, it can not know."""
    faulty.add("drop", {"when": when}, match={"operation": "CreateRoom"}, count=1)
    assert (await sdk.rooms.create()).data is not None
    assert len(faulty.api.account.records.rooms) == rooms


async def test_the_sdk_gives_up_on_an_unreadable_answer(faulty: Faulty, sdk: telnyx.AsyncTelnyx) -> None:
    faulty.add("malformed", {"how": "broken_json"}, count=1)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        await sdk.rooms.create()
    assert (await sdk.rooms.create()).data is not None


async def test_the_sdk_times_out_on_a_late_answer(serve: Serve) -> None:
    """The answer comes no sooner than the test lets it; the second try is answered at once."""
    book, gate = FaultBook(Catalogue([REST])), asyncio.Event()

    async def sleep(secs: float) -> None:
        await gate.wait()

    api = await serve(faults=FaultLayer(book, sleep=sleep))
    document = {"surface": "rest", "kind": "delay", "parameters": {"secs": 60}, "count": 1}
    rule = book.of(api.account.id).add(document)
    timeout = httpx.Timeout(20, read=0.1)
    async with telnyx.AsyncTelnyx(
        api_key=KEY, base_url=str(api.client.make_url("/v2")), timeout=timeout, max_retries=0
    ) as client:
        with pytest.raises(telnyx.APITimeoutError):
            await client.rooms.create()
    assert rule.fired == 1
    gate.set()
    assert (await api.post("/rooms", {})).status == 201
