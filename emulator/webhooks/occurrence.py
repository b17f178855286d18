"""Something a webhook tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from emulator.values import value_class
from emulator.webhooks.target import Target


class Subject(NamedTuple):
    """Whose queue an event stands in: that of a room, or of a composition."""

    kind: Literal["room", "composition"]
    id: str


@value_class(frozen=True, slots=True)
class Occurrence:
    """`payload` has exactly the keys of section 5 (R-102); `target` is the one in force when it happened, if any."""

    event_type: str
    occurred_at: datetime
    subject: Subject
    room_id: str | None
    payload: dict[str, Any]
    target: Target | None
