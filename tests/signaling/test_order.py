"""Nothing overtakes anything: replies, events, and what a listener hears from its first moment on (S-24, S-108)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.signaling.conftest import Clients
from tests.signaling.guest import Guest
from tests.signaling.house import House
from tests.signaling.raw_client import Frame, RawClient, RestRoom
from tests.signaling.test_hub import HELD_LONG_ENOUGH


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def room_id(house: House) -> str:
    return house.new_room(house.account("KEY"))


async def test_s24_requests_sent_without_waiting_are_answered_in_their_order(client: Clients) -> None:
    raw = await client(entered=True)
    await raw.join_mixer()
    frames = []
    for _ in range(40):
        frames += [
            raw.frame("message", handle_id=raw.mix, body={"request": "configure"}),
            raw.frame("trickle", handle_id=raw.lst, candidate={"completed": True}),
            raw.frame("attach", plugin="janus.plugin.videoroom"),
            raw.frame("keepalive"),
            raw.frame("message", handle_id=raw.reg, body={"request": "dance"}),
        ]
    asked = [frame["transaction"] for frame in frames]
    before = len(raw.frames)
    for frame in frames:
        await raw.ws.send_str(json.dumps(frame))
    await raw.wait(lambda: len(raw.frames) - before == len(frames), "all answers")
    assert [frame["transaction"] for frame in raw.frames[before:]] == asked


async def test_frames_that_wait_while_the_server_has_much_else_to_do_get_as_long_a_turn_as_that(
    client: Clients,
) -> None:
    """The SDK trickles 250 candidates for 49 subscriptions, and looks every 4 ms for each whether it is answered."""
    raw = await client(entered=True)
    frames = [raw.frame("trickle", handle_id=raw.lst, candidate={"completed": True}) for _ in range(1500)]
    loop = asyncio.get_running_loop()
    before, turns = len(raw.frames), 0

    def work() -> None:
        nonlocal turns, timer
        turns += 1
        time.sleep(0.02)  # not a wait: what keeps the loop busy
        timer = loop.call_soon(work)

    timer = loop.call_soon(work)
    for frame in frames:
        await raw.ws.send_str(json.dumps(frame))
    turns = 0
    await raw.wait(lambda: len(raw.frames) - before == len(frames), "all answers")
    timer.cancel()
    assert turns <= 30  # about 15, as often as the socket is read; with turns of 1 ms about 60


async def test_s24_s108_events_and_replies_reach_each_socket_in_the_order_of_what_happened(
    client: Clients, room: RestRoom
) -> None:
    bob, alice = await client(entered=True), await client(entered=True)
    first = await client(entered=True)
    for raw in (alice, bob):  # what is held back behind their own joins (S-69) has come
        await raw.wait(lambda raw=raw: first.reg_id in _announced(raw), "the first newcomer")  # type: ignore[misc]
    session = await room.active_session()
    marks = {raw: len(raw.frames) for raw in (alice, bob)}
    for number in range(10):
        newcomer = await client(entered=True, context=str(number))
        await room.post(f"room_sessions/{session}/actions/kick", {"participants": [newcomer.participant_id]})
        for raw in marks:
            await raw.request("keepalive")
    told = [[_said(frame) for frame in raw.frames[mark:]] for raw, mark in marks.items()]
    assert told[0] == told[1]
    assert [word for word, _ in told[0]] == ["joined", "kicked", "reply"] * 10


def _announced(raw: RawClient) -> set[int]:
    return {entry["id"] for event in raw.events(raw.reg) for entry in event.get("participants", ())}


def _said(frame: Frame) -> tuple[str, int]:
    if "transaction" in frame:
        return "reply", 0
    data = frame["plugindata"]["data"]
    return ("joined", data["participants"][0]["id"]) if "participants" in data else ("kicked", data["kicked"])


def test_s68_listener_hears_what_happens_from_the_moment_its_join_was_answered(house: House, room_id: str) -> None:
    """It comes a moment later (S-69), but nothing is lost: the reply does not list the stream, the event does."""
    publisher, listener = Guest(house, room_id, "publisher"), Guest(house, room_id, "listener")
    publisher.register()
    listener.register()
    publisher.publish("stream")
    listener.listen()
    assert listener.feeds == {}
    publisher.account.announce_stream("publisher", "stream")
    house.loop.run(HELD_LONG_ENOUGH)
    listener.take()
    assert list(listener.feeds.values()) == ["publisher"]


def test_s52_register_stays_listed_under_its_id_though_it_never_negotiates_media(house: House, room_id: str) -> None:
    first = Guest(house, room_id, "first")
    first.register()
    (own_id,) = first.own_ids
    first.join_mixer()
    first.publish("stream")
    for number in range(3):
        house.loop.run(25.0)
        assert first.request("keepalive")["janus"] == "ack"
        later = Guest(house, room_id, f"later {number}")
        later.register()
        assert later.audio[own_id] == "first"
    first.leave(lost=False)
    house.loop.run(HELD_LONG_ENOUGH)
    assert own_id not in later.audio | dict.fromkeys(later.hears_of())


async def test_s53_ids_in_events_are_the_integers_that_were_announced(client: Clients, room: RestRoom) -> None:
    bob, alice = await client(entered=True), await client(entered=True)
    await alice.join_mixer()
    announced = []
    await bob.wait(lambda: len(bob.events(bob.reg)) == 2, "both entries of alice")
    for event in bob.events(bob.reg):
        announced += [entry["id"] for entry in event["participants"]]
    assert announced == [alice.reg_id, alice.mix_id]
    account = room.emulator.accounts.by_key(room.emulator.api_key)
    assert account is not None
    account.tell_talking(alice.participant_id, stream_id=None, talking=True)
    talking = (await bob.event(audiobridge="talking"))["id"]
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/kick", {"participants": [alice.participant_id]})
    kicked = (await bob.event(kicked=...))["kicked"]
    leaving = (await bob.event(leaving=...))["leaving"]
    assert [talking, kicked, leaving] == [alice.mix_id, alice.reg_id, alice.mix_id]
    assert {type(number) for number in (talking, kicked, leaving)} == {int}
