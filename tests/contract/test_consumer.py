"""Consumer contracts: what an app used here, replayed elsewhere."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import telnyx

from emulator.clients.room_client import RoomClient
from emulator.contract.api import Api
from emulator.contract.consumer import Contract, ContractError
from emulator.contract.replay import Replay, Verified
from emulator.contract.run import Verdict
from emulator.contract.usage import Gathering, contract_of
from emulator.contracting import record
from emulator.server import Emulator
from tests.contract.wrong_server import wrong_server

KEY = "KEY_app"


async def _use(emulator: Emulator) -> None:
    """An app at work, with the official SDK."""
    client = telnyx.AsyncTelnyx(api_key=KEY, base_url=emulator.rest_url)
    room = (await client.rooms.create(unique_name="lunch", max_participants=4)).data
    assert room is not None
    assert room.id is not None
    await client.rooms.update(room.id, max_participants=6)
    tokens = (await client.rooms.actions.generate_join_client_token(room.id, token_ttl_secs=60)).data
    assert tokens is not None
    assert tokens.refresh_token is not None
    await client.rooms.actions.refresh_client_token(room.id, refresh_token=tokens.refresh_token)
    with pytest.raises(telnyx.UnprocessableEntityError):
        await client.rooms.create(unique_name="lunch")
    await client.rooms.delete(room.id)
    with pytest.raises(telnyx.NotFoundError):
        await client.rooms.retrieve(room.id)
    await client.close()


async def _recorded(emulator: Emulator, tmp_path: Path) -> Contract:
    await _use(emulator)
    path = tmp_path / "contract.json"
    assert await record(emulator.rest_url, KEY, path, consumer="lunch app") == 0
    assert "eyJ" not in path.read_text()
    return Contract.read(path)


async def _replayed(contract: Contract, base_url: str) -> list[Verified]:
    async with aiohttp.ClientSession() as http, Api(base_url, "KEY_elsewhere", run="replay", http=http) as api:
        return await Replay(contract, api).run()


async def test_what_an_app_used_is_written_down(emulator: Emulator, tmp_path: Path) -> None:
    contract = await _recorded(emulator, tmp_path)
    assert contract.consumer == "lunch app"
    assert {name: (sorted(use.statuses), sorted(use.body)) for name, use in contract.uses.items()} == {
        "CreateRoom": ([201, 422], ["/max_participants", "/unique_name"]),
        "UpdateRoom": ([200], ["/max_participants"]),
        "CreateRoomClientToken": ([201], ["/token_ttl_secs"]),
        "RefreshRoomClientToken": ([201], ["/refresh_token"]),
        "DeleteRoom": ([204], []),
        "ViewRoom": ([404], []),
    }


async def test_another_server_that_does_the_same_keeps_the_contract(emulator: Emulator, tmp_path: Path) -> None:
    verified = await _replayed(await _recorded(emulator, tmp_path), emulator.rest_url)
    assert [str(each) for each in verified if each.verdict is not Verdict.HOLDS] == []
    assert len(verified) == 7
    account = emulator.accounts.by_key("KEY_elsewhere")
    assert account is not None
    assert not account.records.rooms


@pytest.mark.parametrize(
    ("deviation", "operation", "message"),
    [
        ("taken_name_is_409", "CreateRoom", "expected 422, got 409"),
        ("deleted_has_a_body", "DeleteRoom", "expected 204, got 200"),
        ("bare_code_is_missing", "ViewRoom", "the consumer was given /code, /title"),
    ],
)
async def test_a_server_that_breaks_it_is_named(
    emulator: Emulator, tmp_path: Path, deviation: str, operation: str, message: str
) -> None:
    contract = await _recorded(emulator, tmp_path)
    async with wrong_server(emulator.rest_url, "KEY_elsewhere", deviation) as base_url:
        verified = await _replayed(contract, base_url)
    broken = [each for each in verified if each.verdict is Verdict.DIFFERS]
    assert [each.operation for each in broken] == [operation]
    assert message in broken[0].message


def test_what_needs_somebody_in_the_room_is_not_reachable_and_frames_and_webhooks_are_counted() -> None:
    entries = [
        {"kind": "frame", "direction": "in", "text": '{"janus": "message", "body": {"request": "publish"}}'},
        {"kind": "frame", "direction": "out", "text": '{"janus": "ack"}'},
        {"kind": "webhook", "status": 200, "event_type": "video.room.session.started"},
        {"kind": "webhook", "status": 500, "event_type": "video.room.session.ended"},
    ]
    contract = contract_of(entries, consumer="app")
    assert contract.signaling == {"message publish"}
    assert contract.webhooks == {"video.room.session.started"}


async def test_an_id_that_no_answer_gave_is_not_reachable(emulator: Emulator) -> None:
    session = {"data": {"id": "1b6a2f6c-0000-4000-8000-000000000000", "record_type": "room_session", "active": True}}
    entry = {
        "kind": "rest",
        "surface": "rest",
        "method": "GET",
        "path": "/v2/room_sessions/1b6a2f6c-0000-4000-8000-000000000000",
        "query": "",
        "status": 200,
        "request": "",
        "response": str(session).replace("'", '"').replace("True", "true"),
    }
    verified = await _replayed(contract_of([entry], consumer="app"), emulator.rest_url)
    assert [(each.verdict, each.operation) for each in verified] == [(Verdict.NOT_REACHABLE, "ViewRoomSession")]


async def test_a_room_where_somebody_was_is_not_reachable_where_nobody_is(emulator: Emulator, tmp_path: Path) -> None:
    client = telnyx.AsyncTelnyx(api_key=KEY, base_url=emulator.rest_url)
    room = (await client.rooms.create(unique_name="lunch")).data
    assert room is not None
    assert room.id is not None
    token = (await client.rooms.actions.generate_join_client_token(room.id)).data
    assert token is not None
    assert token.token is not None
    async with RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=token.token):
        seen = (await client.rooms.retrieve(room.id)).data
        assert seen is not None
        assert seen.active_session_id
    await client.close()
    path = tmp_path / "contract.json"
    assert await record(emulator.rest_url, KEY, path, consumer="app") == 0
    *others, viewed = await _replayed(Contract.read(path), emulator.rest_url)
    assert {each.verdict for each in others} == {Verdict.HOLDS}
    assert viewed.verdict is Verdict.NOT_REACHABLE
    assert "somebody was in the room; here nobody is, and there is no /data/active_session_id" in viewed.message


async def test_a_body_that_is_no_json_is_replayed_as_it_was(emulator: Emulator, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for body in ("{broken", None):
            async with http.post(f"{emulator.rest_url}/rooms", data=body) as answer:
                assert answer.status == (400 if body else 422)
    path = tmp_path / "contract.json"
    assert await record(emulator.rest_url, KEY, path, consumer="app") == 0
    contract = Contract.read(path)
    assert [(each.text, each.status) for each in contract.exchanges] == [("{broken", 400), (None, 422)]
    verified = await _replayed(contract, emulator.rest_url)
    assert [str(each) for each in verified if each.verdict is not Verdict.HOLDS] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "no JSON"), ("[]", "a consumer contract has"), ('{"consumer_contract": 1}', "not a whole contract")],
)
def test_what_is_no_contract_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(text)
    with pytest.raises(ContractError) as error:
        Contract.read(path)
    assert message in str(error.value)


def _call(
    method: str, path: str, *, query: str = "", status: int = 200, request: Any = None, response: Any = None
) -> Any:
    bodies = {"request": json.dumps(request) if request else "", "response": json.dumps(response or {})}
    entry = {
        "kind": "rest",
        "surface": "rest",
        "method": method,
        "path": f"/v2{path}",
        "query": query,
        "status": status,
    }
    return entry | bodies


def _run(*, room: str, at: str, token: str, port: int, sink: str) -> Contract:
    """The same app once more: what is another in each run is given."""
    hook = f"http://127.0.0.1:{port}/_emulator/sink/{sink}"
    told = {"id": room, "unique_name": f"lunch {room}", "created_at": at, "webhook_event_url": hook}
    return contract_of(
        [
            _call("POST", "/rooms", status=201, response={"data": told},
                  request={"unique_name": f"lunch {room}", "webhook_event_url": hook,
                           "webhook_event_failover_url": f"http://localhost:{port}/hooks?x=1"}),
            _call("POST", f"/rooms/{room}/actions/generate_join_client_token", status=201,
                  response={"data": {"token": token, "token_expires_at": at}}),
            _call("GET", "/room_participants", query=f"filter%5Bdate_joined_at%5D%5Bgte%5D={at[:10]}&page[size]=2"),
            _call("GET", "/room_recordings",
                  response={"data": [{"id": room}] * (port % 7), "meta": {"total_results": port}}),
            _call("GET", f"/room_recordings/{room}", response={"data": {"duration_secs": port, "size_mb": port / 7}}),
        ],
        consumer="app",
    )  # fmt: skip


def test_what_is_another_in_each_run_is_not_in_the_file() -> None:
    one = _run(room="5c027fa9-1234-4abc-9def-001122334455", at="2026-09-17T20:00:00.123456Z", token="[token 0123abcd]",
               port=34567, sink="test-1a2b")  # fmt: skip
    two = _run(room="00027fa9-ffff-4000-8def-0011223344ff", at="2031-01-02T03:04:05.678901Z", token="[token ffff0000]",
               port=4567, sink="test-9z")  # fmt: skip
    assert one.as_json() == two.as_json()
    made, token, listed, _, _ = one.exchanges
    assert made.body == {
        "unique_name": "lunch 00000001-0000-4000-8000-000000000000",
        "webhook_event_url": "http://local.example/webhooks",
        "webhook_event_failover_url": "http://local.example/hooks?x=1",
    }
    assert made.answer["data"]["created_at"] == "2000-01-01T00:00:00.000000Z"
    assert token.path == "/rooms/00000001-0000-4000-8000-000000000000/actions/generate_join_client_token"
    assert token.answer["data"]["token"] == "[token 1]"
    assert listed.query == "filter%5Bdate_joined_at%5D%5Bgte%5D=2000-01-01&page%5Bsize%5D=2"


def test_what_was_meant_to_be_refused_stays_as_it_is() -> None:
    wrong = {"webhook_event_url": "http://127.0.0.1:99999/"}
    made, listed = contract_of(
        [
            _call("POST", "/rooms", status=422, request=wrong),
            _call("GET", "/rooms", status=400, query="filter[date_created_at][eq]=2026-13-45&page[size]=0"),
        ],
        consumer="app",
    ).exchanges
    assert made.body == wrong
    assert listed.query == "filter[date_created_at][eq]=2026-13-45&page[size]=0"


def test_accounts_are_gathered_in_whichever_order_they_come() -> None:
    def used(*statuses: int) -> Contract:
        calls = [_call("POST", "/rooms", status=status, request={"unique_name": "lunch"}) for status in statuses]
        return contract_of(calls, consumer="app")

    accounts = {"test_c": used(201), "test_a": used(201, 422), "test_b": used(201), "test_d": used(401)}
    found = []
    for names in itertools.permutations(accounts):
        workers = [Gathering("app"), Gathering("app")]
        for place, name in enumerate(names):
            workers[place % 2].add(name, accounts[name])
        whole = Gathering("app")
        for worker in workers:
            whole.merge(Contract.of_json(json.loads(json.dumps(worker.everything().as_json()))))
        found.append(whole.contract().as_json())
    assert all(each == found[0] for each in found)
    kept = [(each["account"], each["status"]) for each in found[0]["exchanges"]]
    assert kept == [("test_a", 201), ("test_a", 422), ("test_d", 401)]
    assert found[0]["operations"]["CreateRoom"]["statuses"] == [201, 401, 422]


def test_a_test_that_ran_twice_and_said_something_else_is_two_accounts() -> None:
    gathering = Gathering("app")
    for status in (201, 422):
        gathering.add("test_a", contract_of([_call("POST", "/rooms", status=status)], consumer="app"))
    assert [each.account for each in gathering.contract().exchanges] == ["test_a", "test_a (2)"]
