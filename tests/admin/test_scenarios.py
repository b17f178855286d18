"""/_emulator/scenarios: started, watched, reported and stopped over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from emulator.admin.stages import Run
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller

LUNCH = """
version: 1
name: lunch
inputs: {who: {type: string, default: Alice}}
participants:
  alice: {context: {username: "${who}"}}
  bob: {}
timeline:
  - {at: 0s, do: [{alice: join}, {bob: join}]}
  - {after: bob.joined, do: {alice: leave}}
"""
ENDLESS = """
version: 1
name: endless
participants: {alice: {}}
timeline:
  - {at: 0s, do: {alice: join}}
  - {at: 600s, do: {alice: leave}}
"""


async def start(admin: Caller, text: str, query: str = "") -> Any:
    reply = await admin.post(f"scenarios{query}", raw=text.encode())
    assert reply.status == 201, reply.raw
    return reply.data


def run_of(admin: Caller, run_id: str) -> Run:
    account = admin.emulator.accounts.by_key(admin.key or "")
    assert account is not None
    return admin.emulator.stages.get(account, run_id)


async def until_over(admin: Caller, run_id: str) -> Any:
    task = run_of(admin, run_id).task
    assert task is not None
    await asyncio.wait({task}, timeout=30)
    return (await admin.get(f"scenarios/{run_id}")).data


async def until_somebody_is_in(admin: Caller) -> None:
    account = admin.emulator.accounts.by_key(admin.key or "")
    assert account is not None
    await account.log.wait_for(lambda record: record.event.type == "participant_joined", timeout=30)


async def test_a_scenario_runs_in_the_callers_account_and_tells_how_it_went(admin: Caller) -> None:
    began = await start(admin, LUNCH, "?seed=9&set=who=Ada")
    assert (began["name"], began["seed"], began["room"], began["state"]) == ("lunch", 9, "lunch", "running")
    told = await until_over(admin, began["id"])
    assert (told["state"], told["done"], told["failed"]) == ("passed", 3, 0)
    assert [(result["who"], result["what"], result["outcome"]) for result in told["results"]] == [
        ("alice", "join", "done"),
        ("bob", "join", "done"),
        ("alice", "leave", "done"),
    ]
    people = (await admin.get("/v2/room_participants")).data
    assert '{"username":"Ada"}' in {person["context"] for person in people}
    page = await admin.get(told["report"].removeprefix("/_emulator/"))
    assert page.headers["Content-Type"].startswith("text/html")
    assert b'"title":"lunch"' in page.raw
    assert [run["id"] for run in (await admin.get("scenarios")).data] == [told["id"]]


async def test_a_shipped_one_is_started_by_its_name_and_all_names_are_listed(admin: Caller) -> None:
    names = (await admin.get("scenarios")).body["meta"]["shipped"]
    assert "two_people" in names
    began = (await admin.post("scenarios", {"shipped": "lobby"})).data
    assert began["room"] == "lobby"
    assert (await admin.call("DELETE", f"scenarios/{began['id']}")).status == 204
    text = (await admin.post("scenarios", {"shipped": "tow_people"})).refused(422, pointer="/shipped")
    assert "two_people" in text


async def test_a_scenario_may_be_json(admin: Caller) -> None:
    document = {"version": 1, "name": "tea", "participants": {"a": {}}, "timeline": [{"at": "0s", "do": {"a": "join"}}]}
    began = (await admin.post("scenarios", document)).data
    assert (await until_over(admin, began["id"]))["state"] == "passed"


async def test_what_is_wrong_is_told_with_line_and_suggestion(admin: Caller) -> None:
    reply = await admin.post("scenarios", raw=b"version: 1\nnaem: lunch\n")
    text = reply.refused(422)
    assert "the scenario:2:1" in text
    assert 'did you mean "name"?' in text
    (await admin.post("scenarios?stay=maybe", raw=LUNCH.encode())).refused(422, parameter="stay")
    (await admin.post("scenarios?set=who", raw=LUNCH.encode())).refused(422, parameter="set")
    assert "nobody" in (await admin.post("scenarios?set=nobody=1", raw=LUNCH.encode())).refused(422)
    (await admin.post("scenarios", raw=b"\xff")).refused(422)


async def test_delete_stops_it_and_its_people_have_left(admin: Caller) -> None:
    began = await start(admin, ENDLESS)
    await until_somebody_is_in(admin)
    (await admin.get(f"scenarios/{began['id']}/report")).refused(409)
    assert (await admin.call("DELETE", f"scenarios/{began['id']}")).status == 204
    (await admin.get(f"scenarios/{began['id']}")).refused(404)
    (await admin.call("DELETE", f"scenarios/{began['id']}")).refused(404)
    sessions = (await admin.get("/v2/room_sessions")).data
    assert [session["active"] for session in sessions] == [False]


async def test_accounts_see_their_own_and_a_reset_ends_them(admin: Caller, emulator: Emulator) -> None:
    began = await start(admin, ENDLESS)
    await until_somebody_is_in(admin)
    other = admin.with_key("KEY_somebody_else")
    assert (await other.get("scenarios")).data == []
    (await other.get(f"scenarios/{began['id']}")).refused(404)
    await admin.post("reset")
    assert (await admin.get("scenarios")).data == []


async def test_who_forgets_the_account_ends_them_and_no_account_comes_back(admin: Caller, emulator: Emulator) -> None:
    began = await start(admin, ENDLESS)
    await until_somebody_is_in(admin)
    task = run_of(admin, began["id"]).task
    emulator.forget_account(KEY)
    assert task is not None
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()
    assert KEY not in emulator.accounts


async def test_only_so_many_run_at_once(admin: Caller) -> None:
    text = ENDLESS.replace("participants", "room: {unique_name: endless-%d}\nparticipants")
    for number in range(8):
        await start(admin, text % (number + 100))
    assert "8 scenarios" in (await admin.post("scenarios", raw=(text % 99).encode())).refused(429)
    await admin.post("reset")
