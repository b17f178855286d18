"""Each signaling fault, and the effect that a client measures of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from emulator.config import Config
from emulator.faults import BadFault
from emulator.server import Emulator
from emulator.signaling.faults import SIGNALING
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RawClient, RestRoom, display, stream_display

Rule = Callable[..., None]


@pytest.fixture
def fault(emulator: Emulator) -> Rule:
    """`fault("delay", {"secs": 1}, match={...}, count=1)`: a rule of the account under test."""
    account = emulator.accounts.by_key(emulator.api_key)
    assert account is not None
    faults = emulator.faults.of(account.id)

    def add(kind: str, parameters: dict[str, Any] | None = None, **terms: Any) -> None:
        faults.add({"surface": "signaling", "kind": kind, "parameters": parameters or {}, **terms})

    return add


async def post(raw: RawClient, janus: str, **fields: Any) -> str:
    """Send a request without awaiting its answer; returns its transaction."""
    frame = raw.frame(janus, **fields)
    await raw.ws.send_str(json.dumps(frame))
    return str(frame["transaction"])


def answers(raw: RawClient, transaction: str) -> list[dict[str, Any]]:
    return [frame for frame in raw.frames if frame.get("transaction") == transaction]


def events_of(raw: RawClient, word: str) -> list[dict[str, Any]]:
    return [event for event in raw.events() if word in event or event.get("audiobridge") == word]


# -- the end of the connection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 3999, 4000, 4321])
async def test_close_ends_the_connection_with_its_code(client: Clients, fault: Rule, code: int) -> None:
    bob, alice = await client(entered=True), await client(entered=True)
    fault("close", {"code": code}, match={"participant_id": alice.participant_id, "janus": "keepalive"})
    transaction = await post(alice, "keepalive")
    assert await alice.closed() == code
    assert answers(alice, transaction) == []
    await bob.event(leaving=alice.reg_id)


async def test_close_after_the_frame_lets_its_answer_through(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("close", {"code": 4000, "when": "after"}, match={"direction": "in", "janus": "keepalive"})
    transaction = await post(alice, "keepalive")
    assert await alice.closed() == 4000
    assert len(answers(alice, transaction)) == 1


@pytest.mark.parametrize("code", [1005, 1006, 1015, 2000])
def test_codes_that_may_not_be_sent_are_refused(emulator_faults: Rule, code: int) -> None:
    with pytest.raises(BadFault, match="RFC 6455"):
        emulator_faults("close", {"code": code})


async def test_drop_ends_the_connection_without_a_close_frame(client: Clients, fault: Rule) -> None:
    bob, alice = await client(entered=True), await client(entered=True)
    fault("drop", match={"participant_id": alice.participant_id, "direction": "in", "request": "configure"})
    await post(alice, "message", handle_id=alice.reg, body={"request": "configure"})
    assert await alice.closed() == 1006
    await bob.event(leaving=alice.reg_id)


# -- time and order ---------------------------------------------------------------------------------------------------


async def test_delay_holds_a_request_back_and_those_behind_it(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("delay", {"secs": 0.3}, match={"direction": "in", "janus": "attach"}, count=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    first = await post(alice, "attach", plugin="janus.plugin.videoroom")
    second = await post(alice, "keepalive")
    await alice.wait(lambda: answers(alice, second), "the later answer")
    assert loop.time() - began >= 0.29
    assert alice.frames.index(answers(alice, first)[0]) < alice.frames.index(answers(alice, second)[0])


async def test_delays_of_many_frames_do_not_add_up(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("delay", {"secs": 0.3}, match={"direction": "out"})
    loop = asyncio.get_running_loop()
    began = loop.time()
    sent = [await post(alice, "keepalive") for _ in range(20)]
    await alice.wait(lambda: answers(alice, sent[-1]), "the last answer")
    assert 0.29 <= loop.time() - began < 3.0
    assert [frame["transaction"] for frame in alice.frames[-20:]] == sent


async def test_delay_with_overtaking_lets_later_frames_go_first(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("delay", {"secs": 0.3, "overtaking": True}, match={"direction": "out", "janus": "success"}, count=1)
    first = await post(alice, "attach", plugin="janus.plugin.videoroom")
    second = await post(alice, "keepalive")
    await alice.wait(lambda: answers(alice, first), "the held answer")
    assert alice.frames.index(answers(alice, second)[0]) < alice.frames.index(answers(alice, first)[0])


async def test_reorder_puts_a_frame_behind_the_next(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("reorder", {"behind": 2}, match={"direction": "out", "janus": "ack"}, count=1)
    sent = [await post(alice, "keepalive") for _ in range(4)]
    await alice.wait(lambda: answers(alice, sent[3]), "the last answer")
    assert [frame["transaction"] for frame in alice.frames[-4:]] == [sent[1], sent[2], sent[0], sent[3]]


async def test_reordered_frame_goes_anyway_when_nothing_follows(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("reorder", {"behind": 5, "within_secs": 0.2}, match={"direction": "in", "janus": "keepalive"}, count=1)
    assert (await alice.request("keepalive"))["janus"] == "ack"


async def test_requests_are_reordered_on_their_way_in(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("reorder", match={"direction": "in", "janus": "attach"}, count=1)
    first = await post(alice, "attach", plugin="janus.plugin.videoroom")
    second = await post(alice, "keepalive")
    await alice.wait(lambda: answers(alice, first), "the held request's answer")
    assert alice.frames.index(answers(alice, second)[0]) < alice.frames.index(answers(alice, first)[0])


# -- lost and doubled -------------------------------------------------------------------------------------------------


async def test_lost_request_is_neither_carried_out_nor_answered(client: Clients, fault: Rule) -> None:
    bob, alice = await client(entered=True), await client()
    await alice.create()
    handle = await alice.attach("audiobridge")
    fault("lose", match={"direction": "in", "request": "join", "handle": "register"}, count=1)
    text = display(alice.participant_id)
    transaction = await post(alice, "message", handle_id=handle, body={"request": "join", "display": text})
    assert (await alice.request("keepalive"))["janus"] == "ack"
    assert answers(alice, transaction) == []
    assert events_of(bob, "joined") == []


async def test_lost_event_never_comes(client: Clients, fault: Rule) -> None:
    bob = await client(entered=True)
    fault("lose", match={"direction": "out", "event": "joined", "participant_id": bob.participant_id}, count=1)
    await client(entered=True)
    carol = await client(entered=True)
    event = await bob.event(audiobridge="joined")
    assert [entry["id"] for entry in event["participants"]] == [carol.reg_id]


async def test_lost_keepalives_do_not_keep_the_session_alive() -> None:
    """As when the network swallows them: S-21's idle timeout comes."""
    async with (
        Emulator(Config(port=0, idle_timeout_secs=0.5)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as http,
    ):
        account = emulator.accounts.by_key("key")
        assert account is not None
        match = {"direction": "in", "janus": "keepalive"}
        emulator.faults.of(account.id).add({"surface": "signaling", "kind": "lose", "match": match})
        raw = await (await RawClient.open(await RestRoom.create(emulator, http))).enter()

        async def keep_alive() -> None:
            while not raw.ws.closed:
                await post(raw, "keepalive")
                await asyncio.sleep(0.05)  # the client's own pace

        alive = asyncio.create_task(keep_alive())
        assert await raw.closed() == 3999
        alive.cancel()
        await asyncio.gather(alive, return_exceptions=True)
        await raw.close()


async def test_duplicated_event_comes_twice(client: Clients, fault: Rule) -> None:
    bob = await client(entered=True)
    fault("duplicate", {"times": 3}, match={"direction": "out", "event": "joined"}, count=1)
    alice = await client(entered=True)
    await bob.wait(lambda: len(events_of(bob, "joined")) == 3, "three announcements")
    assert {event["participants"][0]["id"] for event in events_of(bob, "joined")} == {alice.reg_id}


async def test_duplicated_request_is_carried_out_twice(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("duplicate", match={"direction": "in", "janus": "attach"}, count=1)
    transaction = await post(alice, "attach", plugin="janus.plugin.videoroom")
    await alice.wait(lambda: len(answers(alice, transaction)) == 2, "two answers")
    assert len({answer["data"]["id"] for answer in answers(alice, transaction)}) == 2


# -- answers ----------------------------------------------------------------------------------------------------------


async def test_request_without_an_answer_is_carried_out(client: Clients, fault: Rule) -> None:
    bob, alice = await client(entered=True), await client()
    await alice.create()
    handle = await alice.attach("audiobridge")
    fault("no_answer", match={"handle": "register", "participant_id": alice.participant_id})
    text = display(alice.participant_id)
    transaction = await post(alice, "message", handle_id=handle, body={"request": "join", "display": text})
    await bob.event(audiobridge="joined")
    assert (await alice.request("keepalive"))["janus"] == "ack"
    assert answers(alice, transaction) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("janus", {"janus": "error", "error": {"code": 428, "reason": "on purpose"}}),
        ("plugin", {"janus": "event"}),
        ("status_code", {"status_code": 428, "error_message": "on purpose"}),
    ],
)
async def test_error_comes_instead_of_what_was_asked(
    client: Clients, fault: Rule, form: str, told: dict[str, Any]
) -> None:
    bob, alice = await client(entered=True), await client(entered=True)
    fault("error", {"form": form, "code": 428, "reason": "on purpose"}, match={"plugin": "audiobridge"}, count=1)
    handle = await alice.attach("videoroom")
    assert handle > 0  # another plugin: no match
    reply = await alice.message(alice.reg, {"request": "configure", "muted": False})
    assert {name: reply.get(name) for name in told} == told
    if form == "plugin":
        data = reply["plugindata"]["data"]
        assert data == {"audiobridge": "event", "error_code": 428, "error": "on purpose"}
    assert bob.events() == [event for event in bob.events() if "joined" in event.values()]


async def test_errors_are_kept_with_the_problems_as_made_on_purpose(
    emulator: Emulator, client: Clients, fault: Rule
) -> None:
    alice = await client(entered=True)
    fault("error", match={"janus": "keepalive"})
    await alice.request("keepalive")
    account = emulator.accounts.by_key(emulator.api_key)
    assert account is not None
    (problem,) = emulator.lobby.problems.of(account).since(0)
    assert "on purpose" in problem.rule.mend


async def test_expired_token_is_refused_from_then_on_and_a_new_one_is_taken(
    client: Clients, fault: Rule, room: RestRoom
) -> None:
    alice = await client(entered=True)
    fault("expire_token", match={"participant_id": alice.participant_id}, count=1)
    for _ in range(2):
        reply = await alice.request("keepalive")
        assert reply == {"status_code": 401, "error_message": "The token has expired."}
        del alice.frames[-1]
    assert (await (await client(token=alice.token)).create())["status_code"] == 401
    assert (await (await client(token=await room.token())).create())["janus"] == "success"


async def test_join_of_one_context_is_refused(client: Clients, fault: Rule) -> None:
    fault("refuse_join", {"status": 503, "message": "no more"}, match={"context": '*"Mallory"*'})
    alice = await client(entered=True, context='{"username":"Alice"}')
    mallory = await client()
    await mallory.create()
    assert await mallory.join_register(context='{"username":"Mallory"}') == {
        "status_code": 503,
        "error_message": "no more",
    }
    await alice.request("keepalive")
    assert events_of(alice, "joined") == []


async def test_late_announcement_comes_behind_what_followed_it(client: Clients, fault: Rule) -> None:
    bob = await client(entered=True)
    fault("late", {"secs": 0.3, "what": "participants"}, match={"participant_id": bob.participant_id}, count=1)
    alice = await client(entered=True)
    carol = await client(entered=True)
    await bob.wait(lambda: len(events_of(bob, "joined")) == 2, "both announcements")
    assert [event["participants"][0]["id"] for event in events_of(bob, "joined")] == [carol.reg_id, alice.reg_id]


# -- rules ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def emulator_faults() -> Rule:
    """A book without an emulator, for what is refused when it is written."""
    from emulator.faults import Catalogue, FaultBook

    book = FaultBook(Catalogue([SIGNALING])).of("account")

    def add(kind: str, parameters: dict[str, Any] | None = None, **terms: Any) -> None:
        book.add({"surface": "signaling", "kind": kind, "parameters": parameters or {}, **terms})

    return add


async def test_faults_of_one_account_leave_others_alone(client: Clients, emulator: Emulator, fault: Rule) -> None:
    fault("lose", match={"janus": "keepalive"})
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer another"}) as http:
        stranger = await client(of=await RestRoom.create(emulator, http), entered=True)
        assert (await stranger.request("keepalive"))["janus"] == "ack"


async def test_room_works_as_ever_when_the_rule_is_gone(client: Clients, emulator: Emulator, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("delay", {"secs": 30}, match={"direction": "out", "janus": "ack"}, count=1)
    held = await post(alice, "keepalive")
    account = emulator.accounts.by_key(emulator.api_key)
    assert account is not None
    emulator.faults.of(account.id).clear()
    assert await post(alice, "destroy")
    await alice.wait(lambda: answers(alice, held), "what was held comes at the end")


async def test_publisher_s_streams_match_by_their_plugin_in_both_spellings(client: Clients, fault: Rule) -> None:
    alice = await client(entered=True)
    fault("error", {"code": 1}, match={"plugin": "videoroom", "handle": "publisher"}, count=1)
    fault("error", {"code": 2}, match={"plugin": "janus.plugin.videoroom", "handle": "publisher"}, count=1)
    handle = await alice.attach("videoroom")
    body = {
        "request": "join",
        "ptype": "publisher",
        "display": stream_display(alice.participant_id, "stream", "self"),
    }
    assert [(await alice.message(handle, body)).get("error", {}).get("code") for _ in range(3)] == [1, 2, None]


def test_every_kind_describes_itself() -> None:
    assert set(SIGNALING.kinds) == {
        "close", "delay", "drop", "duplicate", "error", "expire_token", "late", "lose", "no_answer", "refuse_join",
        "reorder",
    }  # fmt: skip
    for kind in SIGNALING.kinds.values():
        assert kind.summary.endswith(".")


async def test_rules_are_added_over_http_as_those_of_the_other_surfaces(
    emulator: Emulator, http: aiohttp.ClientSession, client: Clients
) -> None:
    alice = await client(entered=True, context='{"username":"Alice"}')
    rule = {
        "surface": "signaling",
        "kind": "close",
        "parameters": {"code": 4321},
        "match": {"context": "*Alice*", "janus": "keepalive", "direction": "in"},
        "count": 1,
    }
    async with http.post(f"{emulator.admin_url}/faults", json=rule) as answer:
        assert answer.status in (200, 201), await answer.text()
    await post(alice, "keepalive")
    assert await alice.closed() == 4321
