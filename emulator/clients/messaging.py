"""The text room from the client's side: messages out and acknowledged, messages in as events (signaling.md 4.4)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from emulator.clients.errors import MediaError, PluginRefusal, RequestTimeout, SignalingError
from emulator.clients.events import ClientEvent, MessageReceived
from emulator.wire import textroom as wire
from emulator.wire.textroom import TextFrameError

MAX_PENDING = 4096


class Messaging:
    """State of one client. `send(text)` hands over one frame; it raises MediaError when that is not possible."""

    def __init__(
        self,
        participant_id: str,
        *,
        send: Callable[[str], None],
        emit: Callable[[ClientEvent], None],
        on_fault: Callable[[str], None],
        rng: Random,
        request_timeout: float,
    ) -> None:
        self.room: object = None
        """`janus_room_id`, as the server told it: every frame carries it."""
        self._participant_id = participant_id
        self._send = send
        self._emit = emit
        self._on_fault = on_fault
        self._rng = rng
        self._request_timeout = request_timeout
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._ended: str | None = None

    def join(self) -> None:
        """R5: the SDK does not wait for the answer, and does not notice a refusal. Here a refusal is a fault."""
        self._send(wire.serialise(wire.join(self._transaction(), self.room, self._participant_id)))

    async def message(self, content: dict[str, Any], recipients: Sequence[str]) -> None:
        """R6: to everyone, or to some participants. Returns when the server has answered.

        Raises PluginRefusal, RequestTimeout, MediaError, SignalingError.
        """
        if self._ended is not None:
            raise MediaError(f"text room: {self._ended}")
        if len(self._pending) >= MAX_PENDING:
            raise SignalingError("text message", f"{MAX_PENDING} messages are unanswered already")
        transaction = self._transaction()
        text = json.dumps({"message": content, "recipients": list(recipients)}, ensure_ascii=False)
        answered = self._pending[transaction] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._request_timeout):
                self._send(wire.serialise(wire.say(transaction, self.room, text, recipients)))
                await answered
        except TimeoutError:
            raise RequestTimeout("text message", self._request_timeout) from None
        finally:
            self._pending.pop(transaction, None)

    def receive(self, text: str | bytes) -> None:
        """One frame of the server."""
        try:
            frame = wire.parse(text)
        except TextFrameError as error:
            self._on_fault(f"text room: {error}")
            return
        transaction = frame.get("transaction")
        answered = self._pending.get(transaction) if isinstance(transaction, str) else None
        match frame.get("textroom"):
            case "message":
                self._message_came(frame)
            case "success":
                if answered is not None and not answered.done():
                    answered.set_result(None)
            case "error":
                self._refused(frame, answered)
            case _:
                pass  # join, leave, announcement, destroyed, ...: the SDK ignores them, too

    def end(self, reason: str) -> None:
        """No message passes any more; who waits for an answer is told so."""
        if self._ended is not None:
            return
        self._ended = reason
        for answered in self._pending.values():
            if not answered.done():
                answered.set_exception(MediaError(f"text room: {reason}"))

    def _message_came(self, frame: dict[str, Any]) -> None:
        sender, text = frame.get("from"), frame.get("text")
        try:
            content = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            content = None
        message = content.get("message") if isinstance(content, dict) else None
        if not isinstance(sender, str) or not isinstance(content, dict) or not isinstance(message, dict):
            self._on_fault(
                f"text room: expected text to be JSON with message and recipients (T-30), got {frame!r:.200}"
            )
            return
        recipients = content.get("recipients")
        names = tuple(str(one) for one in recipients) if isinstance(recipients, list) else ()
        self._emit(MessageReceived(sender, str(message.get("type", "")), message.get("payload"), names))

    def _refused(self, frame: dict[str, Any], answered: asyncio.Future[None] | None) -> None:
        code, reason = frame.get("error_code"), str(frame.get("error", "no reason given"))
        if answered is not None and not answered.done():
            number = code if isinstance(code, int) else 0
            answered.set_exception(PluginRefusal("text message", number, reason))
        else:
            self._on_fault(f"text room: error_code {code}: {reason}")

    def _transaction(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
