"""What a list costs in a small account and in one ten times as large: `python -m tests.benchmarks.lists`.

The small one has 500 rooms and 2,500 participants, the large one 5,000 and 25,000. Each line: microseconds per list
(median of 5 runs) in both, and their ratio, which should stay near 1 for what an index answers; `scan` marks the lists
that look at every row (filters on what changes all the time).
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from emulator.rooms import queries as q
from emulator.rooms.account import Account
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.travelling_clock import TravellingClock

SMALL, TIMES = 500, 10
SESSIONS_PER_ROOM, PEOPLE_PER_SESSION = 2, 2
START = datetime(2026, 1, 1, tzinfo=UTC)
RUNS, REPEATS = 5, 200
DAY = date(2026, 1, 3)
PAGE = q.PageRequest()

List = Callable[[Records], object]


def fill(rooms: int) -> Account:
    """Each room: a session that is over, and for every tenth one that goes on. A room a minute, however many."""
    clock = TravellingClock(frozen_at=START)
    account = Account("00000000-0000-4000-8000-000000000000", clock=clock, rng=random.Random(1))
    for number in range(rooms):
        room = account.create_room(RoomSettings(unique_name=f"room-{number}"))
        for session in range(SESSIONS_PER_ROOM):
            for person in range(PEOPLE_PER_SESSION):
                context = f"person-{number}-{session}-{person}"
                joined = account.join(room.id, account.new_id(), context=context, connection="c1")
            if session == 0 or number % 10:
                account.end_session(joined.session_id)
        recording_of = account.join(room.id, account.new_id(), context=None, connection="c1")
        account.start_recording(recording_of.id, "audio", "opus")
        account.leave(recording_of.id, connection="c1", reason="left")
        clock.jump(timedelta(minutes=1))
    return account


def lists(records: Records) -> Mapping[str, List]:
    room = list(records.rooms.values())[len(records.rooms) // 2]
    session_id = next(iter(records.sessions.values())).id
    created = q.DateFilter(eq=DAY) if len(records.rooms) > 2880 else q.DateFilter(eq=START.date())
    return {
        "rooms": lambda r: q.list_rooms(r, q.RoomFilter(), PAGE),
        "rooms, page 20": lambda r: q.list_rooms(r, q.RoomFilter(), q.PageRequest(20)),
        "rooms by unique_name": lambda r: q.list_rooms(r, q.RoomFilter(room.settings.unique_name), PAGE),
        "rooms by date_created_at": lambda r: q.list_rooms(r, q.RoomFilter(created_at=created), PAGE),
        "sessions": lambda r: q.list_sessions(r, q.SessionFilter(), PAGE),
        "sessions by room": lambda r: q.list_sessions(r, q.SessionFilter(room.id), PAGE),
        "sessions by active": lambda r: q.list_sessions(r, q.SessionFilter(active=True), PAGE),
        "sessions that are over": lambda r: q.list_sessions(r, q.SessionFilter(active=False), PAGE),
        "sessions by active, date_created_at": lambda r: q.list_sessions(
            r, q.SessionFilter(active=False, created_at=created), PAGE
        ),
        "participants": lambda r: q.list_participants(r, q.ParticipantFilter(), PAGE),
        "participants by session": lambda r: q.list_participants(r, q.ParticipantFilter(session_id), PAGE),
        "participants by context": lambda r: q.list_participants(r, q.ParticipantFilter(context="person-3-0-1"), PAGE),
        "participants by date_joined_at": lambda r: q.list_participants(
            r, q.ParticipantFilter(joined_at=created), PAGE
        ),
        "recordings by room": lambda r: q.list_recordings(r, q.RecordingFilter(room_id=room.id), PAGE),
        "recordings by type": lambda r: q.list_recordings(r, q.RecordingFilter(kind="audio"), PAGE),
        "scan: rooms by date_updated_at": lambda r: q.list_rooms(r, q.RoomFilter(updated_at=created), PAGE),
        "scan: participants by date_left_at": lambda r: q.list_participants(
            r, q.ParticipantFilter(left_at=created), PAGE
        ),
    }


def cost(ask: List, records: Records) -> float:
    """Microseconds."""
    runs = []
    repeats = 1 if _took(ask, records, 1) > 1e-3 else REPEATS
    for _ in range(RUNS):
        runs.append(_took(ask, records, repeats) / repeats * 1e6)
    return statistics.median(runs)


def _took(ask: List, records: Records, repeats: int) -> float:
    begun = time.perf_counter()
    for _ in range(repeats):
        ask(records)
    return time.perf_counter() - begun


def main() -> None:
    small, large = fill(SMALL).records, fill(SMALL * TIMES).records
    print(f"{'list':<40}{len(small.rooms):>8} rooms{len(large.rooms):>8} rooms   ratio")
    before = lists(small)
    for name, ask in lists(large).items():
        at_first, later = cost(before[name], small), cost(ask, large)
        print(f"{name:<40}{at_first:>11.1f} us{later:>11.1f} us{later / at_first:>8.1f}")


if __name__ == "__main__":
    main()
