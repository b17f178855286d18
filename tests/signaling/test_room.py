"""REG, LST and MIX; who hears what, and in which order (S-25 to S-69, S-90 to S-97)."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RestRoom, display, stream_display


async def test_s25_s26_s27_s110_handles_of_all_plugins_have_different_integer_ids(client: Clients) -> None:
    raw = await client()
    await raw.create()
    handles = [await raw.attach(name) for name in ("audiobridge", "videoroom", "audiobridge", "videoroom")]
    assert len(set(handles)) == 4
    assert all(1 <= handle <= 2**53 - 1 for handle in handles)


async def test_s28_s29_detach_succeeds_also_the_second_time(client: Clients) -> None:
    raw = await client(entered=True)
    handle = await raw.attach("videoroom")
    for _ in range(2):
        reply = await raw.request("detach", handle_id=handle)
        assert reply["janus"] == "success"


@pytest.mark.parametrize(
    "candidate",
    [
        {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0},
        {"completed": True},
        {"candidate": "", "sdpMid": "0"},
        {"candidate": "candidate:1 1 udp 1 0b1c.local 9 typ host", "sdpMid": "0"},
        {"nonsense": [1, 2]},
    ],
)
async def test_s32_s33_trickle_is_acknowledged_before_any_sdp(client: Clients, candidate: dict[str, object]) -> None:
    raw = await client(entered=True)
    handle = await raw.attach("videoroom")
    assert (await raw.request("trickle", handle_id=handle, candidate=candidate))["janus"] == "ack"


async def test_s116_trickle_after_detach_is_answered(client: Clients) -> None:
    raw = await client(entered=True)
    handle = await raw.attach("videoroom")
    await raw.request("detach", handle_id=handle)
    assert (await raw.request("trickle", handle_id=handle, candidate={"completed": True}))["janus"] == "ack"


async def test_s46_s47_first_to_join_gets_an_id_and_an_empty_list(client: Clients) -> None:
    raw = await client()
    await raw.create()
    data = (await raw.join_register())["plugindata"]["data"]
    assert data["audiobridge"] == "joined"
    assert type(data["id"]) is int
    assert data["participants"] == []


async def test_s48_s49_s50_s51_newcomer_gets_the_others_and_the_others_get_the_newcomer(client: Clients) -> None:
    alice = await client(entered=True, context='{"id":7,"username":"Zoë"}')
    await alice.join_mixer()
    bob = await client()
    await bob.create()
    data = (await bob.join_register(context="Bob"))["plugindata"]["data"]
    assert [entry["id"] for entry in data["participants"]] == [alice.reg_id, alice.mix_id]
    assert data["participants"][0]["display"] == display(
        alice.participant_id, canReceiveMessages=False, external='{"id":7,"username":"Zoë"}'
    )
    event = await alice.event(audiobridge="joined")
    assert "id" not in event  # T-4
    assert [entry["id"] for entry in event["participants"]] == [bob.reg_id]
    assert event["participants"][0]["display"] == display(bob.participant_id, canReceiveMessages=False, external="Bob")
    await bob.request("keepalive")
    assert bob.events(bob.reg) == []


async def test_s54_r85_participant_has_the_id_and_the_context_of_the_display(client: Clients, room: RestRoom) -> None:
    raw = await client(entered=True, context="  verbatim, with ünïcode \u2603 ")
    (participant,) = await room.get("room_participants")
    assert participant["id"] == raw.participant_id
    assert participant["context"] == "  verbatim, with ünïcode \u2603 "


async def test_s112_context_of_several_kilobytes_survives(client: Clients, room: RestRoom) -> None:
    await client(entered=True, context="x" * 20_000)
    assert (await room.get("room_participants"))[0]["context"] == "x" * 20_000


async def test_s55_s56_mixer_leg_is_a_second_participant_that_the_others_hear_of(client: Clients) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    await alice.join_mixer()
    assert alice.mix_id not in (alice.reg_id, 0)
    event = await bob.event(audiobridge="joined", participants=...)
    assert [entry["id"] for entry in event["participants"]] == [alice.mix_id]


async def test_s60_empty_configure_is_ok_at_any_time_after_the_join(client: Clients) -> None:
    raw = await client(entered=True)
    await raw.join_mixer()
    data = (await raw.message(raw.mix, {"request": "configure"}))["plugindata"]["data"]
    assert (data["audiobridge"], data["result"]) == ("event", "ok")


async def test_s64_s65_listener_join_lists_no_listeners(client: Clients) -> None:
    await client(entered=True)
    bob = await client()
    await bob.create()
    await bob.join_register()
    data = (await bob.join_listener())["plugindata"]["data"]
    assert data["videoroom"] == "joined"
    assert data["publishers"] == []


async def test_s7_s106_events_carry_no_transaction_and_come_once(client: Clients) -> None:
    alice = await client(entered=True)
    for _ in range(5):
        await client(entered=True)
    await alice.wait(lambda: len(alice.events()) >= 5, "five newcomers")
    newcomers = [event["participants"][0]["id"] for event in alice.events()]
    assert len(newcomers) == len(set(newcomers)) == 5


async def test_s69_events_behind_a_join_reply_are_held_for_a_moment(client: Clients) -> None:
    """The SDK consumes the reply a timer tick later; an event about what it lists must not overtake it (5.4)."""
    alice = await client(entered=True)
    bob = await client()
    await bob.create()
    bob.reg = await bob.attach("audiobridge")
    loop = asyncio.get_running_loop()
    text = display(bob.participant_id, canReceiveMessages=False)
    joined, _ = await asyncio.gather(
        bob.message(bob.reg, {"request": "join", "room": bob.room_id, "display": text, "muted": True}),
        alice.close(),
    )
    answered = loop.time()
    listed = [entry["id"] for entry in joined["plugindata"]["data"]["participants"]]
    if alice.reg_id in listed:  # the join came first: the leaving follows, but not at once
        await bob.event(leaving=alice.reg_id)
        assert loop.time() - answered > 0.05
    else:
        assert bob.events() == []


async def test_r77_kick_reaches_everyone_including_the_target_and_no_more_requests_are_served(
    client: Clients, room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-94, S-96."""
    monkeypatch.setattr("emulator.signaling.hub.KICK_GRACE_SECS", 0.2)
    alice, bob = await client(entered=True), await client(entered=True)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/kick", {"participants": [alice.participant_id]})
    await alice.event(kicked=alice.reg_id)
    await bob.event(kicked=alice.reg_id)
    assert (await alice.request("keepalive"))["status_code"] == 403
    assert await alice.closed() == 4001
    assert not any(event.get("leaving") == alice.reg_id for event in bob.events())


async def test_s102_r74_end_of_session_closes_every_socket_with_4000(client: Clients, room: RestRoom) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/end", {})
    assert await alice.closed() == await bob.closed() == 4000
    assert not (await room.get(f"room_sessions/{session}"))["active"]


async def test_r38_deleting_a_room_closes_every_socket(client: Clients, room: RestRoom) -> None:
    alice = await client(entered=True)
    await room.delete()
    assert await alice.closed() == 4000
    assert "left_at" in (await room.get("room_participants"))[0]


async def test_r72_r73_next_join_after_the_last_leave_is_a_new_session(client: Clients, room: RestRoom) -> None:
    alice = await client(entered=True)
    first = await room.active_session()
    await alice.request("destroy")
    await alice.close()
    await client(entered=True)
    assert await room.active_session() != first


@pytest.mark.parametrize(
    ("plugin", "body"),
    [
        ("audiobridge", {}),
        ("audiobridge", {"request": "dance"}),
        ("audiobridge", {"request": "join"}),
        ("audiobridge", {"request": "join", "display": "not base64 %%"}),
        ("audiobridge", {"request": "join", "display": 7}),
        ("audiobridge", {"request": ["join"]}),
        ("videoroom", {}),
        ("videoroom", {"request": "join"}),
        ("videoroom", {"request": "join", "ptype": "publisher"}),
        ("videoroom", {"request": "join", "ptype": "spectator"}),
        ("videoroom", {"request": "join", "ptype": "subscriber"}),
        ("videoroom", {"request": "join", "ptype": "subscriber", "feed": "62"}),
    ],
)
async def test_s107_malformed_plugin_bodies_get_an_error(client: Clients, plugin: str, body: dict[str, object]) -> None:
    raw = await client(entered=True)
    reply = await raw.message(await raw.attach(plugin), body)
    assert reply["janus"] == "error"
    assert reply["error"]["reason"]
    assert (await raw.request("keepalive"))["janus"] == "ack"


async def test_requests_out_of_turn_get_a_plugin_error(client: Clients) -> None:
    raw = await client()
    await raw.create()
    mixer, room = await raw.attach("audiobridge"), await raw.attach("videoroom")
    me = raw.participant_id
    for handle, body in (
        (mixer, {"request": "configure"}),
        (mixer, {"request": "join", "display": stream_display(me, str(uuid4()), "audiobridge")}),
        (room, {"request": "join", "ptype": "publisher", "display": display(me)}),
        (room, {"request": "join", "ptype": "subscriber", "feed": 1}),
        (room, {"request": "configure"}),
        (room, {"request": "start"}),
    ):
        reply = await raw.message(handle, body)
        data = reply["plugindata"]["data"]
        assert data["error_code"] > 0, reply
        assert data["error"]


async def test_s89_subscription_to_an_unknown_feed_is_refused_and_disturbs_nothing(client: Clients) -> None:
    raw = await client(entered=True)
    handle = await raw.attach("videoroom")
    reply = await raw.message(handle, {"request": "join", "ptype": "subscriber", "feed": 424242})
    assert reply["plugindata"]["data"]["error_code"] == 428
    assert (await raw.request("keepalive"))["janus"] == "ack"


@pytest.mark.parametrize("sdp", ["", "v=0", "nonsense\r\n" * 10, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"])
async def test_sdp_nonsense_gets_an_error_on_every_handle(client: Clients, sdp: str) -> None:
    raw = await client(entered=True)
    await raw.join_mixer()
    offer = {"type": "offer", "sdp": sdp}
    assert (await raw.message(raw.mix, {"request": "configure"}, offer))["error"]["code"] == 465
    publisher = await raw.attach("videoroom")
    text = stream_display(raw.participant_id, str(uuid4()), "self")
    await raw.message(publisher, {"request": "join", "ptype": "publisher", "display": text})
    for _ in range(2):  # the handle stays usable
        reply = await raw.message(publisher, {"request": "configure", "display": text}, offer)
        assert reply["error"]["code"] == 465
    assert (await raw.request("keepalive"))["janus"] == "ack"
