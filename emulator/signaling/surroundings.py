"""What a signaling session meets: a scheduler, plugins, and a gateway that takes orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from emulator.values import value_class
from emulator.wire.janus import Request


@value_class(frozen=True, slots=True)
class Close:
    """An order to the gateway: close the socket with this code; with 1006, break it without a Close frame."""

    code: int


class Timer(Protocol):
    def cancel(self) -> None: ...


class Scheduler(Protocol):
    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Plugin(Protocol):
    """One handle's behaviour."""

    name: str

    def message(self, request: Request) -> None:
        """Answer a plugin message. Raises SignalingError."""
        ...

    def detach(self) -> None:
        """The handle goes: give up what it holds."""
        ...
