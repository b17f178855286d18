"""Rooms have a text of their own making: it is what the JSON encoder would make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import rest

TEXTS = st.none() | st.text(st.characters() | st.sampled_from('"\\\n\x7f\ud83d'), max_size=20)
NUMBERS = st.none() | st.integers(0, 50)
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them without
SESSIONS = st.none() | st.lists(st.builds(rest.RoomSession, id=st.text(), room_id=TEXTS, created_at=TIMES), max_size=2)


@given(
    st.builds(
        rest.Room,
        id=st.text(),
        max_participants=NUMBERS,
        enable_recording=st.none() | st.booleans(),
        created_at=TIMES,
        updated_at=TIMES,
        unique_name=TEXTS,
        active_session_id=TEXTS,
        webhook_event_url=TEXTS,
        webhook_event_failover_url=TEXTS,
        webhook_timeout_secs=NUMBERS,
        video_codecs=st.none() | st.lists(st.sampled_from(["vp8", "h264"])),
        sessions=SESSIONS,
    )
)
def test_it_is_the_same_to_the_byte(room: rest.Room) -> None:
    text = room.as_text()
    assert text.encode("ascii") == rest.encode(room.as_json())
    assert json.loads(text)["record_type"] == "room"
