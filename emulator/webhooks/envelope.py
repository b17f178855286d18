"""The wire form of an event: `data`, the same in every attempt, and `meta`, of each one (R-103)."""

from __future__ import annotations

import json
from typing import Any

from emulator.wire import rest

SESSION_STARTED = "video.room.session.started"
SESSION_ENDED = "video.room.session.ended"
PARTICIPANT_JOINED = "video.room.participant.joined"
PARTICIPANT_LEFT = "video.room.participant.left"
RECORDING_STARTED = "video.room.recording.started"
RECORDING_COMPLETED = "video.room.recording.completed"
COMPOSITION_COMPLETED = "video.room.composition.completed"

EVENT_TYPES = (
    SESSION_STARTED,
    SESSION_ENDED,
    PARTICIPANT_JOINED,
    PARTICIPANT_LEFT,
    RECORDING_STARTED,
    RECORDING_COMPLETED,
    COMPOSITION_COMPLETED,
)
"""rest-and-webhooks.md, section 5."""


class Envelope:
    """One event's body, written once: all attempts carry the same bytes of `data` (R-110, R-115)."""

    def __init__(self, *, event_type: str, event_id: str, occurred_at: str, payload: dict[str, Any]) -> None:
        self._data = rest.encode(
            {
                "record_type": "event",
                "event_type": event_type,
                "id": event_id,
                "occurred_at": occurred_at,
                "payload": payload,
            }
        )

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self._data)
        return data

    def body(self, *, attempt: int, delivered_to: str) -> bytes:
        """What is posted, and signed. `attempt` counts from 1 over the whole delivery."""
        meta = rest.encode({"attempt": attempt, "delivered_to": delivered_to})
        return b'{"data":' + self._data + b',"meta":' + meta + b"}"
