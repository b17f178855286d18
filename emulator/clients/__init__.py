"""Synthetic participants, real to the wire."""

from emulator.clients.room_client import RoomClient

__all__ = ["RoomClient"]
