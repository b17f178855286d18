"""Synthetic participants, real to the wire; and the typed client of the admin API, which needs none of their codecs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient

__all__ = ["RoomClient"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for (PEP 562): codecs take longer than everything else of a test run's start."""
    if name == "RoomClient":
        from emulator.clients.room_client import RoomClient

        return RoomClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
