"""A room as tests hold it, and whatever else they may name a room by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from conftest_plugin.errors import WrongArgument


@dataclass(frozen=True, slots=True)
class Room:
    """A room when it was made. `data` is the whole resource as REST tells it."""

    id: str
    unique_name: str | None
    max_participants: int
    enable_recording: bool
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Room:
        return cls(data["id"], data.get("unique_name"), data["max_participants"], data["enable_recording"], data)


class HasId(Protocol):
    """A room of the vendor's SDK has this much."""

    @property
    def id(self) -> str | None: ...


AnyRoom = HasId | str
"""A `Room`, the SDK's room, an id, or a unique name."""


def room_id_of(room: AnyRoom) -> str:
    """Its id, or the text that was given. Raises WrongArgument for what names no room."""
    __tracebackhide__ = True
    found = room if isinstance(room, str) else getattr(room, "id", None)
    if not isinstance(found, str) or not found:
        raise WrongArgument(f"expected a room, its id or its unique name, got {room!r:.100}")
    return found
