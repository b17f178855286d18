"""One client's place in the text room: the TXT handle, its connection, and the messages over it (R3 to R6).

Without media there is no data channel: the same frames travel as plugin messages and as events on the handle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from emulator.clients.errors import MediaError, ProtocolViolation
from emulator.clients.events import ClientEvent
from emulator.clients.joined import Background
from emulator.clients.messaging import Messaging
from emulator.clients.peer import MediaSettings
from emulator.clients.signaling import TEXTROOM, JanusClient
from emulator.clients.text_connection import TextConnection
from emulator.wire import textroom as wire
from emulator.wire.janus import Jsep

_OK = {"textroom": "event", "result": "ok"}


class Chat:
    """Made with the session's Janus client; `enter` it before anything else is joined, as the SDK does.

    `rng` gives the transactions of messages; it is this object's own, since they depend on timing.
    """

    def __init__(
        self,
        name: str,
        participant_id: str,
        janus: JanusClient,
        background: Background,
        *,
        settings: MediaSettings | None,
        emit: Callable[[ClientEvent], None],
        rng: Random,
        request_timeout: float,
    ) -> None:
        """`settings` is None without media."""
        self.handle_id = 0
        self._janus = janus
        self._background = background
        self._messaging = Messaging(
            participant_id,
            send=self._send,
            emit=emit,
            on_fault=background.fault,
            rng=rng,
            request_timeout=request_timeout,
        )
        self._connection: TextConnection | None = None
        if settings is not None:
            self._connection = TextConnection(f"{name}: TXT", settings)
            self._connection.on_text = self._messaging.receive
            self._connection.on_ended = self._messaging.end
            self._connection.on_failed = lambda reason: background.fault(f"TXT: {reason}")

    async def enter(self, room_id: str) -> None:
        """Returns when the channel is open and `join` is on its way. Raises SignalingError, MediaError."""
        janus, connection = self._janus, self._connection
        self.handle_id = await janus.attach(TEXTROOM, name="TXT")
        body = {"request": "setup", "room": room_id}
        setup = await janus.message(self.handle_id, body, name="TXT setup", expect=_OK)
        self._messaging.room = setup.data.get("janus_room_id")
        if connection is not None:
            if setup.jsep is None or setup.jsep.type != "offer":
                raise ProtocolViolation("TXT setup", "expected the offer in the same frame (S-36)")
            answer = Jsep("answer", connection.answer(setup.jsep.sdp))
            await janus.message(self.handle_id, {"request": "ack"}, name="TXT ack", expect=_OK, jsep=answer)
            await janus.trickle_completed(self.handle_id, name="TXT")
            await connection.wait_open()
        self._messaging.join()

    async def say(self, payload: Any, recipients: Sequence[str], *, kind: str) -> None:
        """To everyone, oneself included, unless there are recipients; returns when the server has answered.

        Raises PluginRefusal, RequestTimeout, MediaError, SignalingError.
        """
        await self._messaging.message({"type": kind, "payload": payload}, recipients)

    def receive(self, frame: dict[str, Any]) -> None:
        """An event on the handle; without media it is a frame of the text room."""
        if self._connection is None:
            self._messaging.receive(wire.serialise(frame))

    def cut(self) -> None:
        """From now on nothing reaches the other end, no goodbye either."""
        if self._connection is not None:
            self._connection.cut()

    def close(self) -> None:
        """Safe to call again."""
        if self._connection is not None:
            self._connection.close()
        self._messaging.end("this client has left")

    def _send(self, text: str) -> None:
        if self._connection is not None:
            self._connection.send(text)
        elif self._janus.close_code is not None:
            raise MediaError("text room: the connection has ended")
        else:
            self._background.spawn(self._send_without_media(wire.parse(text)), "text message")

    async def _send_without_media(self, frame: dict[str, Any]) -> None:
        await self._janus.message(self.handle_id, frame, name="text message", expect=_OK)
