"""The history of events: bounded, awaitable, and telling when something did not come."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clients.events import (
    ClientEvent,
    Connected,
    Disconnected,
    EventHistory,
    NothingMoreComes,
    ParticipantJoined,
    ParticipantLeft,
    TrackDisabled,
)


@pytest.fixture
def history() -> EventHistory:
    ticks = iter(range(1_000_000))
    return EventHistory(lambda: next(ticks) / 10, limit=5)


async def test_an_event_of_the_past_is_found_at_once(history: EventHistory) -> None:
    history.append(ParticipantJoined("a"))
    history.append(ParticipantJoined("b"))
    found = await history.wait_for(ParticipantJoined, {"participant_id": "b"}, timeout=0)
    assert found == ParticipantJoined("b")


async def test_after_a_mark_only_later_events_count(history: EventHistory) -> None:
    history.append(ParticipantLeft("a"))
    waiting = asyncio.create_task(history.wait_for(ParticipantLeft, after=history.mark))
    await asyncio.sleep(0)
    history.append(Connected())
    history.append(ParticipantLeft("b", "kicked"))
    assert await waiting == ParticipantLeft("b", "kicked")


async def test_a_function_can_be_the_condition(history: EventHistory) -> None:
    history.append(TrackDisabled("a", "self", "video"))
    found = await history.wait_for(TrackDisabled, lambda event: event.kind == "video")
    assert found.key == "self"


async def test_what_did_not_come_is_told_with_what_came(history: EventHistory) -> None:
    history.append(Connected())
    history.append(ParticipantJoined("a", "ctx"))
    with pytest.raises(AssertionError) as failed:
        await history.wait_for(ParticipantLeft, {"participant_id": "a"}, timeout=0.01, who="Bob")
    lines = str(failed.value).splitlines()
    assert lines[0] == "expected Bob to notice ParticipantLeft where participant_id is 'a' within 0.01 s"
    assert lines[-1] == "    -0.100  ParticipantJoined(participant_id='a', context='ctx')"


async def test_when_nothing_came_that_is_told(history: EventHistory) -> None:
    with pytest.raises(AssertionError, match="no event came at all"):
        await history.wait_for(Connected, timeout=0.01)


async def test_a_misspelt_field_is_an_error_and_no_long_wait(history: EventHistory) -> None:
    history.append(ParticipantJoined("a"))
    with pytest.raises(ValueError, match="ParticipantJoined has no field 'participant'"):
        await history.wait_for(ParticipantJoined, {"participant": "a"})


async def test_a_field_is_misspelt_also_before_any_such_event_has_come(history: EventHistory) -> None:
    with pytest.raises(ValueError, match=r"ParticipantJoined has no field 'contxt'; did you mean 'context'\?"):
        await history.wait_for(ParticipantJoined, {"contxt": "a"}, timeout=60)


async def test_fields_of_the_kinds_that_a_kind_stands_for_are_no_mistake(history: EventHistory) -> None:
    history.append(Connected())
    history.append(ParticipantJoined("a", "Ada"))
    assert await history.wait_for(ClientEvent, {"context": "Ada"}) == ParticipantJoined("a", "Ada")


async def test_who_waits_is_told_when_the_session_ends_since_nothing_comes_after_that(history: EventHistory) -> None:
    waiting = asyncio.create_task(history.wait_for(ParticipantJoined, timeout=60, who="bob"))
    await asyncio.sleep(0)
    history.append(Disconnected(1000, "user_initiated"))
    async with asyncio.timeout(5):
        with pytest.raises(
            NothingMoreComes, match=r"(?s)notice ParticipantJoined, whose session has ended.*Disconnect"
        ):
            await waiting
        with pytest.raises(NothingMoreComes, match="whose session has ended before it came"):
            await history.wait_for(ParticipantJoined, timeout=60)
        assert (await history.wait_for(Disconnected, timeout=60)).code == 1000


def test_the_oldest_are_forgotten_and_numbers_go_on(history: EventHistory) -> None:
    for number in range(7):
        history.append(ParticipantJoined(str(number)))
    assert len(history) == 5
    assert [noticed.number for noticed in history.since(5)] == [6, 7]
    assert history.mark == 7


def test_listeners_hear_of_events_until_they_end_it(history: EventHistory) -> None:
    heard = []
    end = history.listen(lambda noticed: heard.append(noticed.number))
    history.append(Connected())
    end()
    end()
    history.append(Connected())
    assert heard == [1]
