"""The REST surface for faults: what a rule can match, and what a fault can do to one exchange."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from emulator.api.faults.operations import OPERATIONS
from emulator.faults import Fault, Surface

Proceed = Callable[[], Awaitable[web.StreamResponse]]
"""Does what the operation does. Refusals come back as answers, so that faults happen to them as well."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way to an answer. `sleep` takes real seconds: a client's timeout knows no other."""

    request: web.Request
    rng: random.Random
    sleep: Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFault(Fault):
    """Base of all REST faults."""

    async def around(self, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        """The answer to give. Not calling `proceed` means that the operation does not happen."""
        return await proceed()


REST = Surface(
    "rest",
    RestFault,
    facts={
        "operation": "the operation's name in the public API description, such as CreateRoom",
        "method": "GET, POST, PATCH or DELETE",
        "path": "the path, with or without /v2, such as /rooms/*",
        "room_id": "the room in the path",
        "session_id": "the session in the path",
        "participant_id": "the participant in the path",
        "recording_id": "the recording in the path",
        "composition_id": "the composition in the path",
    },
    words={
        "operation": OPERATIONS.values(),
        "method": ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"),
    },
    modules=[f"emulator.api.faults.{name}" for name in ("delay", "drop", "malformed", "status")],
)
