"""One participant's signaling, as the SDK says it, to either server."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import uuid
from typing import Any

import aiohttp

from tests.benchmarks.beside_janus.servers import Server

Frame = dict[str, Any]
ANSWER_SECS = 15.0


class Refused(Exception):
    """A server did not do what it was asked for."""


def display(**fields: Any) -> str:
    return base64.b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


class Member:
    """A WebSocket with one Janus session: registered, listening; made by `Member.enter`."""

    def __init__(self, server: Server, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.server = server
        self.id = str(uuid.uuid4())
        self.feeds: asyncio.Queue[int] = asyncio.Queue()
        """Ids of publishers, as they are told of."""
        self._ws = ws
        self._session_id: int | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def enter(cls, server: Server, http: aiohttp.ClientSession) -> Member:
        member = cls(server, await http.ws_connect(server.url, protocols=["janus-protocol"]))
        created = await member.ask("create")
        member._session_id = created["data"]["id"]
        register = await member.attach("audiobridge")
        presence = display(participantId=member.id, canReceiveMessages=True)
        await member.message(register, {"request": "join", "display": presence, "muted": True})
        listener = await member.attach("videoroom")
        shown = display(participantId=member.id)
        joined, _ = await member.message(listener, {"request": "join", "ptype": "publisher", "display": shown})
        member._note(joined)
        return member

    def stream_display(self, stream_id: str) -> str:
        flags = {"id": stream_id, "key": "self", "isAudioEnabled": True, "isVideoEnabled": True}
        return display(participantId=self.id, stream=flags)

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Raises Refused, TimeoutError."""
        transaction = f"t{next(self._numbers)}"
        frame = {"janus": kind, "transaction": transaction, **fields}
        if self._session_id is not None:
            frame["session_id"] = self._session_id
        if self.server.token is not None:
            frame["client_token"] = self.server.token
        answer = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        await self._ws.send_str(json.dumps(frame))
        async with asyncio.timeout(ANSWER_SECS):
            reply: Frame = await answer
        if reply["janus"] == "error":
            raise Refused(f"{self.server.name}: {kind}: {reply['error']}")
        return reply

    async def attach(self, plugin: str) -> int:
        reply = await self.ask("attach", plugin=f"janus.plugin.{plugin}")
        return int(reply["data"]["id"])

    async def detach(self, handle: int) -> None:
        await self.ask("detach", handle_id=handle)

    async def message(self, handle: int, body: Frame, jsep: Frame | None = None) -> tuple[Frame, str | None]:
        """The plugin's data and the SDP that came with it."""
        extra = {} if jsep is None else {"jsep": jsep}
        reply = await self.ask("message", handle_id=handle, body={"room": self.server.room, **body}, **extra)
        data = reply["plugindata"]["data"]
        if "error_code" in data:
            raise Refused(f"{self.server.name}: {body['request']}: {data}")
        return data, reply.get("jsep", {}).get("sdp")

    async def close(self) -> None:
        await self.ask("destroy")
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._ws.close()

    async def _read(self) -> None:
        async for message in self._ws:
            frame = json.loads(message.data)
            if frame["janus"] == "ack":  # the answer is still to come
                continue
            waiting = self._waiting.pop(frame.get("transaction", ""), None)
            if waiting is not None:
                waiting.set_result(frame)
            elif "plugindata" in frame:
                self._note(frame["plugindata"]["data"])

    def _note(self, data: Frame) -> None:
        for publisher in data.get("publishers", ()):
            self.feeds.put_nowait(int(publisher["id"]))
