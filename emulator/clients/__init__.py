"""Synthetic participants, real to the wire."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient

__all__ = ["RoomClient"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: who only reads the names of sources needs no media stack."""
    if name == "RoomClient":
        from emulator.clients.room_client import RoomClient

        return RoomClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
