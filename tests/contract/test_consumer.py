"""Consumer contracts: what an app used here, replayed elsewhere."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
import telnyx

from emulator.contract.api import Api
from emulator.contract.consumer import Contract, ContractError, Replay, Verified, contract_of
from emulator.contract.run import Verdict
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
    assert contract.signaling == {"message publish": 1}
    assert contract.webhooks == {"video.room.session.started": 1}


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
