"""How things end in the vendor's SDK: reasons, order, and what is left in its state (S-13, S-14, S-93, S-95)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from emulator.server import Emulator
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

Act = Callable[..., Awaitable[None]]


@pytest.fixture
async def act(emulator: Emulator, room: JoinableRoom) -> AsyncIterator[Act]:
    """`await act("kick", participants=[...])` on the room's active session."""
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http:

        async def act_on_session(action: str, **body: Any) -> None:
            async with http.get(f"{emulator.rest_url}/rooms/{room.id}") as answer:
                session = (await answer.json())["data"]["active_session_id"]
            async with http.post(f"{emulator.rest_url}/room_sessions/{session}/actions/{action}", json=body) as answer:
                assert answer.status == 200, await answer.text()

        yield act_on_session


def close_with(emulator: Emulator, page: SdkPage, code: int) -> None:
    """The server closes this page's connection at its next frame."""
    account = emulator.accounts.by_key(emulator.api_key)
    assert account is not None
    match = {"participant_id": page.participant_id}
    document = {"surface": "signaling", "kind": "close", "parameters": {"code": code}, "match": match, "count": 1}
    emulator.faults.of(account.id).add(document)


async def names_about(page: SdkPage, participant_id: str, since: int) -> list[str]:
    """What the SDK has told of a participant."""
    told = [event for event in await page.events(since=since) if event.args[:1] == (participant_id,)]
    # Who talks is told at any moment; it says nothing of coming and going.
    return [event.name for event in told if event.name != "audio_activity"]


async def test_s13_end_of_the_session_is_session_terminated(alice: SdkPage, act: Act) -> None:
    """A server Close 4000."""
    await act("end")
    assert (await alice.wait_event("disconnected")).args == ("session_terminated",)
    assert (await alice.state())["status"] == "disconnected"


@pytest.mark.parametrize(
    ("code", "reason"), [(3999, "timed_out"), (4000, "session_terminated"), (1000, "user_initiated"), (4001, "unknown")]
)
async def test_s14_close_code_of_the_server_becomes_the_reason(
    alice: SdkPage, emulator: Emulator, code: int, reason: str
) -> None:
    close_with(emulator, alice, code)
    assert (await alice.wait_event("disconnected")).args == (reason,)


async def test_s93_departure_with_a_subscribed_stream_is_told_in_full_and_leaves_nothing_behind(
    alice: SdkPage, bob: SdkPage
) -> None:
    await alice.add_stream("self")
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    mark = await bob.mark()
    await alice.disconnect()
    await bob.wait_event("participant_left", alice.participant_id, since=mark)
    told = await names_about(bob, alice.participant_id, mark)
    assert sorted(told) == [
        "participant_leaving",
        "participant_left",
        "stream_unpublished",
        "subscription_ended",
    ]
    assert told.index("subscription_ended") < told.index("stream_unpublished") < told.index("participant_left")
    (leaving,) = await bob.events("participant_leaving", since=mark)
    assert leaving.args == (alice.participant_id, None)
    state = await bob.state()
    assert [each["id"] for each in state["participants"]] == [bob.participant_id]
    assert state["streams"] == state["subscriptions"] == []


async def test_s95_kicked_page_hears_of_its_kick_before_it_is_disconnected(
    alice: SdkPage, bob: SdkPage, act: Act
) -> None:
    await alice.add_stream("self")
    await bob.wait_event("stream_published", alice.participant_id, "self")
    marks = await alice.mark(), await bob.mark()
    await act("kick", participants=[alice.participant_id])
    assert (await alice.wait_event("disconnected", since=marks[0])).args == ("unknown",)
    told = await alice.events("participant_leaving", "disconnected", since=marks[0])
    assert [(e.name, *e.args) for e in told] == [
        ("participant_leaving", alice.participant_id, "kicked"),
        ("disconnected", "unknown"),
    ]
    await bob.wait_event("participant_left", alice.participant_id, since=marks[1])
    (leaving,) = await bob.events("participant_leaving", since=marks[1])
    assert leaving.args == (alice.participant_id, "kicked")
