"""GET /_emulator/stats: what flows, held against what the other ends know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from tests.admin.caller import Caller
from tests.admin.conftest import MakeClient


async def when(admin: Caller, condition: Callable[[dict[str, Any]], bool], path: str = "stats") -> dict[str, Any]:
    """The first statistics of the session that are as wanted: reports come once a second."""
    session: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while not session or not condition(session):
            await asyncio.sleep(0.05)
            (session,) = (await admin.get(path)).data
    return session


async def test_feeds_subscriptions_and_the_mix_are_told_as_they_flow(admin: Caller, join: MakeClient) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    await asyncio.gather(ben.sees(ada), ben.hears(ada))
    session = await when(
        admin,
        lambda s: (
            s["feeds"][0]["video"]["bits_per_sec"] > 0
            and s["subscriptions"][0]["video"]["fraction_lost"] is not None
            and all(mix["heard"]["bits_per_sec"] > 0 for mix in s["mixes"])
        ),
    )
    (feed,), (subscription,) = session["feeds"], session["subscriptions"]
    mixes = {mix["participant_id"]: mix for mix in session["mixes"]}
    assert (feed["participant_id"], feed["key"], feed["muted"]) == (ada.participant_id, "self", False)
    assert (feed["audio"]["codec"], feed["video"]["codec"]) == ("opus", "vp8")
    assert (subscription["participant_id"], subscription["from_participant_id"]) == (
        ben.participant_id,
        ada.participant_id,
    )
    assert subscription["stream_id"] == feed["stream_id"]
    assert set(mixes) == {ada.participant_id, ben.participant_id}
    for connection in (feed["connection"], subscription["connection"], *(mix["connection"] for mix in mixes.values())):
        assert connection["state"] == "connected"
        assert connection["selected_address"].startswith("127.0.0.1:")
        assert connection["srtp_profile"] == "SRTP_AEAD_AES_128_GCM"
        assert connection["connected_secs"] > 0
    # The test card comes 15 times a second; everything that came was sent on, but for what came before it began.
    assert 0 < subscription["video"]["frames"] <= feed["video"]["frames"]
    assert feed["video"]["keyframes"] >= 1
    assert feed["video"]["lost"] == subscription["video"]["lost"] == 0
    assert subscription["video"]["fraction_lost"] == 0
    assert mixes[ada.participant_id]["said"]["packets"] > 10
    assert mixes[ben.participant_id]["heard"]["packets"] > 10
    assert session["mixer"]["ticks"] > 10


async def test_counts_are_those_of_the_client(admin: Caller, join: MakeClient) -> None:
    """What was sent of a feed that has fallen silent is what the subscriber has received."""
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    await ben.sees(ada)
    await admin.post("impairments", {"participant_id": ada.participant_id, "direction": "up", "kind": "blackout"})
    session = await when(
        admin, lambda s: s["subscriptions"][0]["video"]["frames"] == ben.statistics(ada).frames_received
    )
    assert session["subscriptions"][0]["video"]["frames"] > 0
    assert session["feeds"][0]["connection"]["rtp_received"] == sum(
        session["feeds"][0][kind]["packets"] for kind in ("audio", "video")
    )


async def test_each_layer_of_a_simulcast_is_told(admin: Caller, join: MakeClient) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish(video={"source": "test_card", "size": "640x360", "simulcast": True, "loop": 0})
    await ben.subscribe(ada)
    await ben.sees(ada)
    session = await when(admin, lambda s: all(layer["flowing"] for layer in s["feeds"][0]["video"]["layers"]))
    video = session["feeds"][0]["video"]
    assert [layer["rid"] for layer in video["layers"]] == ["l", "m", "h"]
    assert video["packets"] == sum(layer["packets"] for layer in video["layers"])
    assert all(layer["keyframes"] >= 1 for layer in video["layers"])
    sent = session["subscriptions"][0]["video"]["layer"]
    assert [layer["viewers"] for layer in video["layers"]] == [int(sent == index) for index in range(3)]


async def test_loss_and_repair_show(admin: Caller, join: MakeClient) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    await ben.sees(ada)
    for who, direction in ((ada, "up"), (ben, "down")):
        document = {
            "participant_id": who.participant_id,
            "direction": direction,
            "kind": "loss",
            "parameters": {"p": 0.2},
        }
        assert (await admin.post("impairments", document)).status == 201
    session = await when(
        admin,
        lambda s: s["feeds"][0]["video"]["nacks_sent"] > 2 and s["subscriptions"][0]["video"]["resent"] > 2,
    )
    assert session["feeds"][0]["connection"]["rtcp_sent"] > 2
    assert (await when(admin, lambda s: (s["subscriptions"][0]["video"]["lost"] or 0) > 0))["mixer"]["ticks"] > 0


async def test_what_comes_twice_is_told_as_such(admin: Caller, join: MakeClient) -> None:
    ada = await join("Ada")
    await ada.publish()
    document = {"participant_id": ada.participant_id, "direction": "up", "kind": "duplicate", "parameters": {"p": 0.5}}
    assert (await admin.post("impairments", document)).status == 201
    session = await when(admin, lambda s: s["feeds"][0]["connection"]["replayed"] > 10)
    assert session["feeds"][0]["connection"]["undecryptable"] == 0


async def test_a_mute_and_a_pause_show(admin: Caller, join: MakeClient) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    subscription = await ben.subscribe(ada, video=False)
    await ben.hears(ada, through=subscription)
    (session,) = (await admin.get("stats")).data
    assert (session["subscriptions"][0]["video"]["paused"], session["subscriptions"][0]["audio"]["paused"]) == (
        True,
        False,
    )
    assert session["subscriptions"][0]["video"]["packets"] == 0
    path = f"/v2/room_sessions/{session['session_id']}/actions/mute"
    await admin.post(path, {"participants": [ada.participant_id]})
    (session,) = (await admin.get("stats")).data
    assert session["feeds"][0]["muted"] is True
    assert {mix["participant_id"]: mix["muted"] for mix in session["mixes"]} == {
        ada.participant_id: True,
        ben.participant_id: False,
    }


async def test_they_can_be_of_one_participant_or_room_and_are_of_the_account(admin: Caller, join: MakeClient) -> None:
    assert (await admin.get("stats")).data == []
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    (session,) = (await admin.get(f"stats?participant_id={ben.participant_id}")).data
    assert session["feeds"] == []
    assert [one["participant_id"] for kind in ("subscriptions", "mixes") for one in session[kind]] == [
        ben.participant_id
    ] * 2
    assert (await admin.get(f"stats?room_id={session['room_id']}")).data[0]["feeds"] != []
    assert (await admin.get("stats?room_id=another")).data == []
    assert (await admin.with_key("KEY_somebody_else").get("stats")).data == []
    (await admin.with_key(None).get("stats")).refused(401)


async def test_the_published_schema_describes_all_of_it(admin: Caller, join: MakeClient) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    await ben.sees(ada)
    operation = (await admin.get("openapi.json")).body["paths"]["/_emulator/stats"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate((await admin.get("stats")).body)
