"""What can go wrong between a test and the emulator's thread; everything else is raised as itself.

RoomsEmulatorError
├── CallTimeout       a call took longer than it may; says where the emulator's thread stood
├── ServerStopped     the emulator is not running (any more)
├── RequestRefused    a REST request was answered with an error
└── WrongArgument     a call was given what it does not take; a TypeError and a ValueError, too
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RoomsEmulatorError(Exception):
    """Base of the fixtures' own errors."""


class CallTimeout(RoomsEmulatorError, TimeoutError):
    """The call was given up, and cancelled in the emulator's thread."""


class ServerStopped(RoomsEmulatorError):
    """The emulator's thread does not run, so nothing can be asked of it."""


class WrongArgument(RoomsEmulatorError, TypeError, ValueError):
    """The text says what was expected and what came."""


class RequestRefused(RoomsEmulatorError):
    """`status` is the HTTP status, `body` the answer's JSON: `{"errors": [{"code", "title", "detail", ...}]}`."""

    def __init__(self, request: str, status: int, body: Mapping[str, Any]) -> None:
        details = "; ".join(_told(error) for error in body.get("errors", ()))
        super().__init__(f"{request}: {status} {details}".rstrip())
        self.status = status
        self.body = body


class RoomsEmulatorWarning(UserWarning):
    """Something a participant noticed that should not be, though the test may be fine."""


def _told(error: Mapping[str, Any]) -> str:
    source = error.get("source", {})
    place = source.get("pointer") or source.get("parameter")
    return f"{error.get('detail') or error.get('title')}" + (f" ({place})" if place else "")
