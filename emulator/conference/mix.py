"""The mixed audio of one session: who speaks into it, who hears it, and its 20 ms beat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emulator.media.rtp.sender import RtpSender

FRAME_SECS = 0.02
FRAME_SAMPLES = 960
SILENCE = b"\xf8\xff\xfe"


class Mix:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._senders: dict[int, RtpSender] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._timestamp = 0

    def add(self, leg_id: int, *, muted: bool) -> Callable[[bytes, int, int, int | None], object]:
        def receive(payload: bytes, sequence: int, timestamp: int, level: int | None) -> None:
            return

        return receive

    def listen(self, leg_id: int, sender: RtpSender) -> None:
        self._senders[leg_id] = sender
        if self._timer is None:
            self._due = self._loop.time()
            self._tick()

    def set_muted(self, leg_id: int, muted: bool) -> None:
        return

    def remove(self, leg_id: int) -> None:
        self._senders.pop(leg_id, None)

    def _tick(self) -> None:
        self._timer = None
        if not self._senders:
            return
        for sender in self._senders.values():
            sender.send_frame([SILENCE], self._timestamp, marker=False)
        self._timestamp += FRAME_SAMPLES
        self._due = max(self._due + FRAME_SECS, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._tick)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
