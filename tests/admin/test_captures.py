"""/_emulator/pcap: what tshark reads in the file is what flowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from emulator.conference.captures import MAX_CAPTURES
from tests.admin.caller import Caller
from tests.admin.conftest import MakeClient
from tests.media.test_pcap import fields, tshark


async def fetched(admin: Caller, capture: Any, folder: Path) -> Path:
    reply = await admin.get(f"pcap/{capture['id']}")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-pcapng"
    path = folder / f"{capture['id']}.pcapng"
    path.write_bytes(reply.raw)
    return path


async def when(admin: Caller, capture: Any, condition: Callable[[Any], bool]) -> Any:
    """Reports come once a second, and nothing tells of them."""
    async with asyncio.timeout(20):
        while True:
            found = next(each for each in (await admin.get("pcap")).data if each["id"] == capture["id"])
            if condition(found):
                return found
            await asyncio.sleep(0.05)


async def test_connections_there_are_and_those_to_come_are_decrypted(
    admin: Caller, join: MakeClient, tmp_path: Path
) -> None:
    ada = await join("Ada")
    stream = await ada.publish()
    await stream.wait_connected()
    capture = (await admin.post("pcap")).data
    ben = await join("Ben")
    await ben.subscribe(ada)
    await asyncio.gather(ben.sees(ada), ben.hears(ada))
    await when(admin, capture, lambda c: c["packets"] > 150)
    stopped = (await admin.post(f"pcap/{capture['id']}/stop")).data
    assert stopped["ended"] == "stopped"

    path = await fetched(admin, capture, tmp_path)
    read = await asyncio.to_thread(
        tshark, path, *fields("frame.protocols", "frame.interface_name", "rtp.p_type", "ip.src", "rtcp.pt")
    )
    assert len(read) == stopped["packets"]
    assert path.stat().st_size == stopped["bytes"]
    assert {line[0].split(":")[1] for line in read} == {"rtp", "rtcp"}
    (session,) = (await admin.get("stats")).data
    of_stream = session["feeds"][0]["stream_id"]
    assert {line[1] for line in read} == {
        f"{ada.participant_id} publisher of {of_stream}",
        f"{ada.participant_id} mix",
        f"{ben.participant_id} subscriber of {of_stream}",
        f"{ben.participant_id} mix",
    }
    # What is encrypted has no such thing: the size of the picture in the head of a VP8 keyframe.
    of_ben = f'frame.interface_name == "{ben.participant_id} subscriber of {of_stream}"'
    vp8 = ["-o", "vp8.dynamic.payload.type:96", "-Y", f"vp8.keyframe.width && {of_ben}"]
    sizes = await asyncio.to_thread(tshark, path, *vp8, *fields("vp8.keyframe.width", "vp8.keyframe.height"))
    assert ["320", "180"] in sizes
    assert await asyncio.to_thread(tshark, path, "-Y", "_ws.malformed") == []


async def test_only_who_is_asked_for_is_taken(admin: Caller, join: MakeClient, tmp_path: Path) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    of_ben = (await admin.post("pcap", {"participant_id": ben.participant_id})).data
    of_nobody = (await admin.post("pcap", {"room_id": "another"})).data
    of_all = (await admin.post("pcap")).data
    await ada.publish()
    await ben.subscribe(ada)
    await ben.sees(ada)
    await when(admin, of_ben, lambda c: c["packets"] > 20)
    await when(admin, of_all, lambda c: c["packets"] > 40)
    await admin.call("DELETE", f"pcap/{of_all['id']}")  # the others go on
    before = (await when(admin, of_ben, lambda c: True))["packets"]
    await when(admin, of_ben, lambda c: c["packets"] > before + 20)
    path = await fetched(admin, of_ben, tmp_path)
    names = await asyncio.to_thread(tshark, path, *fields("frame.interface_name"))
    assert {name.split()[0] for (name,) in names} == {ben.participant_id}
    assert (await when(admin, of_nobody, lambda c: True))["packets"] == 0


async def test_it_ends_at_its_bounds(admin: Caller, join: MakeClient) -> None:
    ada = await join("Ada")
    short = (await admin.post("pcap", {"for_secs": 0.2})).data
    small = (await admin.post("pcap", {"max_bytes": 4000})).data
    await ada.publish()
    ended = await when(admin, small, lambda c: c["ended"] is not None)
    assert ended["ended"] == "4000 bytes are full"
    assert 2000 < ended["bytes"] <= 4000
    assert (await when(admin, short, lambda c: c["ended"] is not None))["ended"] == "0.2 seconds are over"
    for capture in (short, small):
        assert (await admin.call("DELETE", f"pcap/{capture['id']}")).status == 204
        (await admin.get(f"pcap/{capture['id']}")).refused(404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max_bytes": 10}, "/max_bytes"),
        ({"max_bytes": True}, "/max_bytes"),
        ({"for_secs": 0}, "/for_secs"),
        ({"for_secs": "1"}, "/for_secs"),
        ({"room_id": 1}, "/room_id"),
        ({"room": "x"}, "/room"),
    ],
)
async def test_wrong_bodies_are_refused_by_pointer(admin: Caller, body: Any, pointer: str) -> None:
    (await admin.post("pcap", body)).refused(422, pointer=pointer)
    assert (await admin.get("pcap")).data == []


async def test_captures_are_of_their_account_and_bounded_in_number(admin: Caller) -> None:
    made = [(await admin.post("pcap")).data["id"] for _ in range(MAX_CAPTURES)]
    assert "delete one first" in (await admin.post("pcap")).refused(422)
    other = admin.with_key("KEY_other")
    assert (await other.get("pcap")).data == []
    (await other.get(f"pcap/{made[0]}")).refused(404)
    (await other.call("DELETE", f"pcap/{made[0]}")).refused(404)
    (await admin.with_key(None).get("pcap")).refused(401)
    (await admin.get("pcap/x")).refused(404)
    await admin.post("reset")
    assert (await admin.get("pcap")).data == []


async def test_the_published_schema_fits(admin: Caller) -> None:
    reply = await admin.post("pcap", {"for_secs": 5})
    document = (await admin.get("openapi.json")).body["paths"]["/_emulator/pcap"]["post"]
    Draft202012Validator(document["responses"]["201"]["content"]["application/json"]["schema"]).validate(reply.body)
