"""Accounts with settings of their own, made and dropped over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from emulator.config import Config
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller


async def test_accounts_with_one_seed_draw_the_same_ids(admin: Caller) -> None:
    ids = []
    for key in ("KEY_one", "KEY_two"):
        caller = admin.with_key(key)
        assert (await caller.post("account", {"seed": 7})).status == 201
        ids.append((await caller.room())["id"])
    assert ids[0] == ids[1]
    assert (await admin.room())["id"] != ids[0]


async def test_clock_of_the_account_begins_where_it_is_told(admin: Caller) -> None:
    made = await admin.post("account", {"start_time": "2030-01-31T09:00:00Z", "freeze": True})
    assert made.data == {"now": "2030-01-31T09:00:00.000000Z"}
    assert (await admin.get("clock")).data["frozen"]
    assert (await admin.room())["created_at"].startswith("2030-01-31T09:00:00")
    running = admin.with_key("KEY_running")
    await running.post("account", {"start_time": "2030-01-31T09:00:00", "freeze": False})
    clock = (await running.get("clock")).data
    assert not clock["frozen"]
    assert clock["now"].startswith("2030-01-31T09:0")


async def test_account_that_is_there_already_is_not_made_again(admin: Caller) -> None:
    assert (await admin.post("account")).status == 201
    assert "already" in (await admin.post("account", {"seed": 1})).refused(409)


async def test_forgotten_account_is_as_if_it_had_never_been(admin: Caller, emulator: Emulator) -> None:
    await admin.room()
    assert KEY in emulator.accounts
    for _ in range(2):
        assert (await admin.call("DELETE", "account")).status == 204
        assert KEY not in emulator.accounts
    assert (await admin.post("account", {"seed": 3})).status == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"seed": -1}, "/seed"),
        ({"seed": 2**63}, "/seed"),
        ({"seed": True}, "/seed"),
        ({"seed": "7"}, "/seed"),
        ({"start_time": "tomorrow"}, "/start_time"),
        ({"start_time": 5}, "/start_time"),
        ({"start_time": "1969-12-31T23:59:59Z"}, "/start_time"),
        ({"start_time": "9000-01-01T00:00:00Z"}, "/start_time"),
        ({"freeze": "yes"}, "/freeze"),
    ],
)
async def test_wrong_setting_is_named_and_makes_no_account(
    admin: Caller, emulator: Emulator, body: dict[str, Any], pointer: str
) -> None:
    (await admin.post("account", body)).refused(422, pointer=pointer)
    assert KEY not in emulator.accounts


async def test_only_keys_the_emulator_was_started_with_have_accounts(http: aiohttp.ClientSession) -> None:
    async with Emulator(Config(port=0, api_keys=("KEY_known",))) as emulator:
        caller = Caller(emulator, http, "KEY_other")
        for method in ("POST", "DELETE"):
            assert "started with" in (await caller.call(method, "account")).refused(401)
            assert "Authorization" in (await caller.with_key(None).call(method, "account")).refused(401)
        assert (await caller.with_key("KEY_known").post("account", {"seed": 1})).status == 201
