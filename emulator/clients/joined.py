"""What a session that has joined consists of; publishing and subscribing work with it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emulator.clients.errors import ConnectionLost, Refused, SignalingError
from emulator.clients.events import NothingMoreComes
from emulator.clients.mix_input import MixInput
from emulator.clients.peer import MediaSettings
from emulator.clients.roster import Roster
from emulator.clients.signaling import JanusClient
from emulator.clients.workers import Workers

log = logging.getLogger("emulator.clients")

MAX_FAULTS = 100


@dataclass(slots=True)
class Background:
    """Requests the SDK does not wait for, and reactions to events. Failures are told, none is lost."""

    who: str
    faults: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_FAULTS))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.who}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def fault(self, text: str) -> None:
        """Something is not as it should be, yet the session goes on."""
        self.faults.append(text)
        log.warning("%s: %s", self.who, text)

    async def end(self) -> None:
        """Cancel and await everything but the calling task."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ConnectionLost | Refused | NothingMoreComes):
            log.debug("%s: %s", task.get_name(), error)  # the end of the session tells it already
        elif isinstance(error, SignalingError):
            self.fault(str(error))
        elif error is not None:
            self.fault(f"{task.get_name()}: {type(error).__name__}: {error}")
            log.error("%s failed", task.get_name(), exc_info=error)


@dataclass(frozen=True, slots=True)
class Joined:
    """`mix_handle` is the handle of the mixed audio; `mix_input` is what we say into it. The ids of our streams are
    drawn from a source of their own: nothing that depends on timing, such as keepalives, may change them.

    Without `media` there are no peer connections, nothing is sent and nothing received.
    """

    room_id: str
    participant_id: str
    janus: JanusClient
    roster: Roster
    settings: MediaSettings
    workers: Workers
    background: Background
    mix_handle: int
    mix_input: MixInput
    media: bool
    stream_ids: Random

    def new_stream_id(self) -> str:
        return str(uuid.UUID(int=self.stream_ids.getrandbits(128), version=4))

    def swap_mix_tracks(self) -> None:
        """R11: tell the mixer, for nothing, that local audio tracks may have changed. The SDK does not wait for it."""
        self.background.spawn(self._swap_mix_tracks(), "MIX configure")

    async def _swap_mix_tracks(self) -> None:
        await self.janus.message(
            self.mix_handle,
            {"request": "configure"},
            name="MIX configure",
            expect={"audiobridge": "event", "result": "ok"},
        )
