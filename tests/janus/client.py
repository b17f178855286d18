"""A WebSocket client that speaks the platform's dialect to either server and writes everything down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
from aiortc import RTCDataChannel

from tests.janus.conversation import Conversation
from tests.janus.translation import Translation

Frame = dict[str, Any]
TIMEOUT = 15.0
"""Liveness only."""


class Client:
    """One connection. `name` stands in front of the steps and channels of the conversation."""

    def __init__(
        self,
        name: str,
        ws: aiohttp.ClientWebSocketResponse,
        conversation: Conversation,
        *,
        token: str,
        translation: Translation | None,
    ) -> None:
        self.name = name
        self.session_id = 0
        self.handles: dict[str, int] = {}
        self.channel: RTCDataChannel | None = None
        self._ws = ws
        self._talk = conversation
        self.token = token
        self._translation = translation
        self._replies: dict[str | None, Frame] = {}
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._ws:
            frame = json.loads(message.data)
            if self._translation is not None:
                frame = self._translation.incoming(frame)
            self._take(frame)
            self._changed.set()

    def _take(self, frame: Frame) -> None:
        sender = next((role for role, handle in self.handles.items() if handle == frame.get("sender")), "?")
        if "transaction" not in frame and frame["janus"] == "event":
            self._talk.event(f"{self.name}.{sender}", frame)
        elif "transaction" not in frame and frame["janus"] != "error":
            self._talk.notice(frame["janus"], f"{self.name}.{sender}")
        elif frame["janus"] == "ack" and str(frame["transaction"]).startswith("message "):
            self._talk.notice("interim ack", self.name)  # it says that the answer is still to come
        else:
            self._replies[frame.get("transaction")] = frame

    async def until(self, found: Callable[[], Any], what: str) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT):
                while not (result := found()):
                    if self._reader.done():
                        raise AssertionError(f"{self.name}: the connection ended before {what}")
                    self._changed.clear()
                    await self._changed.wait()
                return result
        except TimeoutError:
            raise AssertionError(f"{self.name} waited for {what}; heard: {self._talk.heard(self.name)}") from None

    # -- requests -------------------------------------------------------------------------------------------------

    async def ask(self, step: str, janus: str, **fields: Any) -> Frame:
        """Send, await the one reply, write it down as `step`."""
        transaction = f"{janus} {self.name} {step}"
        frame = {"janus": janus, "transaction": transaction, "client_token": self.token, **fields}
        if self.session_id and "session_id" not in fields:
            frame["session_id"] = self.session_id
        return await self.say(step, frame, transaction)

    async def say(self, step: str, frame: Any, transaction: str | None = None) -> Frame:
        """Any frame. Without a transaction the next reply is the one."""
        if self._translation is not None:
            frame = self._translation.outgoing(frame)
        await self._ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        reply = await self._reply(step, transaction)
        self._talk.reply(f"{self.name} {step}", reply)
        return reply

    async def _reply(self, step: str, transaction: str | None) -> Frame:
        def found() -> Frame | None:
            if transaction is None and self._replies:
                return self._replies.popitem()[1]
            return self._replies.pop(transaction, None)

        reply: Frame = await self.until(found, f"the reply to {step}")
        return reply

    async def create(self) -> None:
        reply = await self.ask("create", "create")
        self.session_id = reply["data"]["id"]
        self._talk.name(self.session_id, f"<{self.name}.session>")

    async def attach(self, role: str, plugin: str) -> None:
        reply = await self.ask(f"{role} attach", "attach", plugin=f"janus.plugin.{plugin}")
        self.handles[role] = reply["data"]["id"]
        self._talk.name(self.handles[role], f"<{self.name}.{role}>")

    async def message(self, role: str, step: str, body: Any, **fields: Any) -> Frame:
        return await self.ask(f"{role} {step}", "message", handle_id=self.handles[role], body=body, **fields)

    async def join(self, role: str, body: Frame) -> Frame:
        """A join whose reply gives an id in the room."""
        reply = await self.message(role, "join", {"request": "join", **body})
        self._talk.name(data_of(reply)["id"], f"<{self.name}.{role} id>")
        return reply

    async def hear(self, role: str, gist: str) -> None:
        """Wait for an event (see `Conversation.gist`)."""
        channel = f"{self.name}.{role}"
        await self.until(lambda: gist in self._talk.gists(channel), f"{gist!r} on {channel}")

    async def noticed(self, kind: str, role: str) -> None:
        channel = f"{self.name}.{role}"
        await self.until(lambda: channel in self._talk.notices.get(kind, ()), f"{kind!r} on {channel}")

    # -- the text room --------------------------------------------------------------------------------------------

    def listen(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("open", self._changed.set)
        channel.on("message", self._heard)

    def _heard(self, text: str) -> None:
        frame = json.loads(text)
        if "transaction" in frame:
            self._replies[frame["transaction"]] = frame
        else:
            self._talk.event(f"{self.name}.text", frame)
        self._changed.set()

    async def text(self, step: str, kind: str, **fields: Any) -> Frame:
        """A request over the data channel."""
        channel = self.channel
        assert channel is not None
        await self.until(lambda: channel.readyState == "open", "the data channel")
        transaction = f"text {self.name} {step}"
        channel.send(json.dumps({"textroom": kind, "transaction": transaction, **fields}))
        reply = await self._reply(step, transaction)
        self._talk.reply(f"{self.name} text {step}", reply)
        return reply

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._ws.close()


def data_of(reply: Frame) -> Frame:
    assert "plugindata" in reply, reply
    data: Frame = reply["plugindata"]["data"]
    return data
