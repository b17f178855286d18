"""Messages between pages that run the vendor's SDK, and between them and synthetic participants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from emulator.clients import RoomClient
from emulator.clients.events import MessageReceived
from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

UNICODE = 'Grüße, 世界 👋 "quoted" \\ back\u2028line'
BURST = 100


@pytest.fixture
async def ann(emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory) -> SdkPage:
    page = await sdk_page(emulator.admin_url, name="ann")
    await page.join(room.id, await room.token(), "Ann", enable_messages=True)
    return page


@pytest.fixture
async def ben(emulator: Emulator, room: JoinableRoom, ann: SdkPage, sdk_page: SdkPageFactory) -> SdkPage:
    page = await sdk_page(emulator.admin_url, name="ben")
    await page.join(room.id, await room.token(), "Ben", enable_messages=True)
    return page


@pytest.fixture
async def cleo(emulator: Emulator, room: JoinableRoom) -> AsyncIterator[RoomClient]:
    """A synthetic participant."""
    client = RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=await room.token(), name="Cleo", messages=True)
    async with client:
        yield client
    assert client.faults == []


def text(payload: str) -> dict[str, str]:
    return {"type": "text", "payload": payload}


async def heard(page: SdkPage, since: int = 0) -> list[tuple[object, ...]]:
    return [event.args for event in await page.events("message_received", since=since)]


async def test_public_message_reaches_everyone_and_comes_back_to_its_sender(
    ann: SdkPage, ben: SdkPage, cleo: RoomClient
) -> None:
    """S-36 to S-40, S-42, S-43, T-29: `sendMessage` resolves, so `success` came with its transaction."""
    await ann.send_message(UNICODE)
    for page in (ann, ben):
        event = await page.wait_event("message_received")
        assert event.args == (ann.participant_id, text(UNICODE), [])
    message = await cleo.wait_for(MessageReceived)
    assert message == MessageReceived(ann.participant_id, "text", UNICODE)


async def test_directed_message_reaches_those_it_is_meant_for_only(
    ann: SdkPage, ben: SdkPage, cleo: RoomClient
) -> None:
    """S-41, S-42."""
    await ann.send_message("for Ben and Cleo", [ben.participant_id, cleo.participant_id])
    await ann.send_message("for Cleo", [cleo.participant_id])
    await ann.send_message("for all")
    both = [ben.participant_id, cleo.participant_id]
    await ben.wait_event("message_received", ..., text("for all"))
    await ann.wait_event("message_received", ..., text("for all"))
    await cleo.wait_for(MessageReceived, {"payload": "for all"})
    assert await heard(ben) == [
        (ann.participant_id, text("for Ben and Cleo"), both),
        (ann.participant_id, text("for all"), []),
    ]
    assert await heard(ann) == [(ann.participant_id, text("for all"), [])]
    got = [event for event in cleo.events if isinstance(event, MessageReceived)]
    assert [(each.payload, each.recipients) for each in got] == [
        ("for Ben and Cleo", tuple(both)),
        ("for Cleo", (cleo.participant_id,)),
        ("for all", ()),
    ]


async def test_synthetic_participant_writes_to_pages(ann: SdkPage, ben: SdkPage, cleo: RoomClient) -> None:
    await cleo.send_message(UNICODE)
    for page in (ann, ben):
        event = await page.wait_event("message_received", cleo.participant_id)
        assert event.args == (cleo.participant_id, text(UNICODE), [])
    await cleo.wait_for(MessageReceived, {"participant_id": cleo.participant_id})
    mark = await ann.mark()
    await cleo.send_message("psst", to=ben.participant_id)
    await cleo.send_message("over")
    await ann.wait_event("message_received", ..., text("over"), since=mark)
    assert len(await heard(ann, mark)) == 1
    event = await ben.wait_event("message_received", ..., text("psst"))
    assert event.args == (cleo.participant_id, text("psst"), [ben.participant_id])


async def test_message_to_somebody_unknown_is_answered_all_the_same(ann: SdkPage) -> None:
    """S-43."""
    await ann.send_message("hello?", ["nobody"])
    assert await heard(ann) == []


async def test_messages_of_64_kib_pass_in_both_directions(ann: SdkPage, cleo: RoomClient) -> None:
    there, back = "a" * 65536, "é" * 32768
    await ann.send_message(there)
    message = await cleo.wait_for(MessageReceived, timeout=10)
    assert message.payload == there
    await cleo.send_message(back)
    event = await ann.wait_event("message_received", cleo.participant_id)
    assert event.args[1] == text(back)


async def test_hundred_messages_in_a_burst_arrive_in_order(ann: SdkPage, ben: SdkPage, cleo: RoomClient) -> None:
    code = """async (count) => {
      const sent = [];
      for (let i = 0; i < count; i += 1) sent.push(window.app.sendMessage({ type: "text", payload: `burst ${i}` }));
      await Promise.all(sent);
    }"""
    await ann.evaluate(code, BURST, timeout=30)
    wanted = [f"burst {number}" for number in range(BURST)]
    await cleo.wait_for(MessageReceived, {"payload": wanted[-1]}, timeout=10)
    assert [event.payload for event in cleo.events if isinstance(event, MessageReceived)] == wanted
    for page in (ann, ben):
        await page.wait_event("message_received", ..., text(wanted[-1]))
        assert [args[1] for args in await heard(page)] == [text(each) for each in wanted]


async def test_page_without_messages_is_left_alone(ann: SdkPage, alice: SdkPage) -> None:
    """S-44, S-45."""
    people = {each["id"]: each for each in (await ann.state())["participants"]}
    assert people[alice.participant_id]["canReceiveMessages"] is False
    assert people[ann.participant_id]["canReceiveMessages"] is True
    await ann.send_message("anybody?")
    await ann.wait_event("message_received", ann.participant_id)
    await alice.add_stream("self")
    await ann.wait_event("stream_published", alice.participant_id, "self")
    assert await heard(alice) == []


async def test_who_has_left_gets_nothing_and_who_comes_back_does(
    ann: SdkPage, ben: SdkPage, room: JoinableRoom
) -> None:
    await ben.disconnect()
    await ann.wait_event("participant_left", ben.participant_id)
    await ann.send_message("while you were away")
    first = ben.participant_id
    await ben.join(room.id, await room.token(), "Ben again", enable_messages=True)
    assert ben.participant_id != first
    await ann.send_message("welcome back")
    await ben.wait_event("message_received", ..., text("welcome back"))
    assert [args[1] for args in await heard(ben)] == [text("welcome back")]
