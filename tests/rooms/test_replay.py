"""The log is the account: any beginning of it, replayed, is the account as it was then."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from emulator.events import EventLog, HorizonError, Record
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.composition import CompositionSettings
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.records import Records
from tests.rooms.kit import join, make_account, make_room


def replay(kept: Sequence[Record]) -> Records:
    records = Records()
    for record in kept:
        records.apply(record)
    return records


def eventful_day(account: Account, done: Callable[[], None]) -> None:
    """Commands that tell every type of event there is; `done` is called after each of them."""
    lunch = make_room(account, unique_name="lunch", max_participants=3)
    retro = make_room(account)
    done()
    account.update_room(retro.id, {"unique_name": "retro", "enable_recording": True})
    done()
    for person, connection in (("alice", "c1"), ("bob", "c2"), ("alice", "c3")):
        join(account, lunch, person, connection=connection)
        done()
        account.offer_stream(
            person, connection=connection, stream_id=connection, key="self", audio_enabled=True, video_enabled=False
        )
        done()
        account.announce_stream(person, connection)
        done()
    account.change_stream("bob", "c2", audio_enabled=False, video_enabled=True)
    done()
    account.tell_talking("bob", stream_id="c2", talking=True)
    done()
    first = account.participant("bob").session_id
    account.mute(first, "all")
    done()
    account.unmute(first, ["bob"])
    done()
    account.kick(first, ["alice"])
    done()
    account.update_room(lunch.id, {"unique_name": None})
    done()
    account.leave("bob", connection="c2", reason="lost")
    done()
    join(account, retro, "bob", connection="c4")
    done()
    account.end_session(account.participant("bob").session_id)
    done()
    join(account, retro, "bob", connection="c5")
    recordings = [account.start_recording("bob", kind, "opus").id for kind in ("audio", "video")]
    done()
    session_id = account.participant("bob").session_id
    account.delete_room(retro.id)
    done()
    account.complete_recording(recordings[0], duration_secs=3, size_mb=0.25, ended_at=account.now())
    done()
    layout = {"all": {"width": 640, "height": 360, "video_sources": "*"}}
    compositions = [account.enqueue_composition(session_id, CompositionSettings(video_layout=layout)).id for _ in "ab"]
    done()
    account.start_composition(compositions[0])
    done()
    account.complete_composition(
        compositions[0], duration_secs=3, size_mb=0.5, started_at=account.now(), ended_at=account.now()
    )
    account.delete_recording(recordings[1])
    account.delete_composition(compositions[1])
    done()
    somebody = account.new_id()
    join(account, lunch, somebody)
    account.load_state(importable(account))
    done()
    account.mute(account.participant(somebody).session_id, "all")
    join(account, account.room(lunch.id), "carol", connection="c6")
    account.kick(account.participant("carol").session_id, "all")
    done()
    account.reset()
    join(account, make_room(account, unique_name="after"), "carol")
    done()


def importable(account: Account) -> dict[str, Any]:
    """Its state without those whose ids, short for the reader's sake, are no UUIDs."""
    document = account.export_state()
    document["room_participants"] = [p for p in document["room_participants"] if p["id"] not in ("alice", "bob")]
    document["room_recordings"] = []
    return document


def test_any_beginning_of_the_log_gives_the_records_of_that_time() -> None:
    account, clock = make_account()
    states: list[tuple[int, Records]] = [(0, Records())]

    def note() -> None:
        states.append((account.log.last_number, copy.deepcopy(account.records)))
        clock.jump(timedelta(seconds=1))

    eventful_day(account, note)
    kept = account.log.since(0)
    assert {record.event.type for record in kept} == set(EVENT_TYPES), "the day should hold every type of event"
    for number, records in states:
        assert replay(kept[:number]) == records
    for (earlier, _), (later, records) in pairwise(states):
        going_on = replay(kept[:earlier])
        for record in kept[earlier:later]:
            going_on.apply(record)
        assert going_on == records


def test_replayed_records_share_nothing_with_the_account_or_its_log() -> None:
    account, _ = make_account()
    eventful_day(account, lambda: None)
    account.enqueue_composition(None, CompositionSettings(video_layout={"a": {"width": 16}}), session_required=False)
    before = copy.deepcopy((account.log.since(0), account.records))
    copied = replay(account.log.since(0))
    for room in copied.rooms.values():
        room.active_session_id = "another"
    for session in copied.sessions.values():
        session.participant_ids.append("a stranger")
    for composition in copied.compositions.values():
        (composition.settings.video_layout or {}).clear()
    copied.participants.clear()
    assert (account.log.since(0), account.records) == before


def test_values_changed_after_the_command_do_not_change_what_was_told() -> None:
    account, _ = make_account()
    room = make_room(account)
    changes = {"max_participants": 5}
    account.update_room(room.id, changes)
    changes["max_participants"] = 7
    assert replay(account.log.since(0)).rooms[room.id].settings.max_participants == 5


def test_log_that_has_forgotten_its_beginning_is_not_replayed_in_part() -> None:
    _, clock = make_account()
    log = EventLog(clock, horizon=3)
    for number in range(5):
        log.append(h.RoomDeleted(f"room-{number}"))
    with pytest.raises(HorizonError, match="number 3 are no longer kept, asked for 1 on"):
        log.since(0)
    with pytest.raises(HorizonError):
        log.since(1)
    assert [record.number for record in log.since(2)] == [3, 4, 5]
    assert log.since(5) == []
