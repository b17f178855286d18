"""Texts with gaps for what is known of somebody: `Welcome, {username}!`"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from emulator.clients.options import Text

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient

TEXT = Text("a text, with gaps such as {username} that the other one's context fills")
_GAP = re.compile(r"\{(\w+)\}")
_MAX_VALUE = 200


def filled(pattern: str, me: RoomClient, other: str, **more: str) -> str:
    """Gaps are filled from `more`, then from the JSON that the other one gave as context; `{id}` is the participant id.

    What nobody knows is filled with the beginning of the id, so that a text always says something.
    """
    person = me.participants.get(other)
    values: dict[str, object] = {**_fields(None if person is None else person.context), "id": other, **more}

    def value(gap: re.Match[str]) -> str:
        return str(values.get(gap[1], other[:8]))[:_MAX_VALUE]

    return _GAP.sub(value, pattern)


def _fields(context: str | None) -> dict[str, object]:
    try:
        read = json.loads(context or "")
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
