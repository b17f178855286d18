"""The history of events: bounded, awaitable, and telling when something did not come."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clients.events import (
    Connected,
    EventHistory,
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
