"""A Janus client with no mercy: sends what it is told, keeps every frame, checks the rules all frames obey."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import aiohttp

from emulator.server import Emulator

Frame = dict[str, Any]
TIMEOUT = 10.0
"""Liveness only: replies come within milliseconds."""


def display(participant_id: str, **fields: Any) -> str:
    """Base64 of compact JSON, written out here on its own so that the emulator's encoder is not its own judge."""
    text = json.dumps({"participantId": participant_id, **fields}, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(text.encode()).decode()


def stream_display(participant_id: str, stream_id: str, key: str, *, audio: bool = True, video: bool = True) -> str:
    stream = {"id": stream_id, "key": key, "isAudioEnabled": audio, "isVideoEnabled": video}
    return display(participant_id, stream=stream)


class RestRoom:
    """A room made over REST, and what tests ask of the REST surface about it."""

    def __init__(self, emulator: Emulator, http: aiohttp.ClientSession, data: dict[str, Any]) -> None:
        self.emulator = emulator
        self.http = http
        self.id: str = data["id"]

    @classmethod
    async def create(cls, emulator: Emulator, http: aiohttp.ClientSession, **fields: Any) -> RestRoom:
        async with http.post(f"{emulator.rest_url}/rooms", json=fields) as answer:
            return cls(emulator, http, (await answer.json())["data"])

    async def token(self, **fields: Any) -> str:
        return str((await self.post(f"rooms/{self.id}/actions/generate_join_client_token", fields))["data"]["token"])

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.emulator.rest_url}/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.emulator.rest_url}/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["data"]

    async def delete(self) -> None:
        async with self.http.delete(f"{self.emulator.rest_url}/rooms/{self.id}") as answer:
            assert answer.status == 204

    async def active_session(self) -> str:
        return str((await self.get(f"rooms/{self.id}"))["active_session_id"])


class RawClient:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse, token: str, room_id: str) -> None:
        self.ws = ws
        self.token = token
        self.room_id = room_id
        self.participant_id = str(uuid4())
        self.session_id: int | None = None
        self.reg = self.lst = self.mix = 0
        self.reg_id = self.mix_id = 0
        self.frames: list[Frame] = []
        """Every frame that came, in order."""
        self.close_code: int | None = None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, room: RestRoom, token: str | None = None) -> RawClient:
        url = f"{room.emulator.ws_url}/{room.id}/janus"
        ws = await room.http.ws_connect(url, protocols=["janus-protocol"], autoclose=False)
        assert ws.protocol == "janus-protocol"
        return cls(ws, token if token is not None else await room.token(), room.id)

    async def _read(self) -> None:
        while True:
            message = await self.ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                frame = json.loads(message.data)
                assert isinstance(frame, dict), frame  # S-4
                self.frames.append(frame)
            elif message.type is aiohttp.WSMsgType.CLOSE:
                self.close_code = message.data
                if not self.ws.closed:
                    await self.ws.close(code=message.data or 1000)
            else:
                if self.close_code is None:
                    self.close_code = self.ws.close_code or 1006
                self._changed.set()
                return
            self._changed.set()

    async def wait(self, found: Callable[[], Any], what: str) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT):
                while not (result := found()):
                    self._changed.clear()
                    await self._changed.wait()
                return result
        except TimeoutError:
            raise AssertionError(f"waited for {what}; frames so far: {self.frames[-8:]}") from None

    # -- requests -------------------------------------------------------------------------------------------------

    def frame(self, janus: str, **fields: Any) -> Frame:
        frame = {"janus": janus, "transaction": str(uuid4()), "client_token": self.token, **fields}
        if self.session_id is not None:
            frame.setdefault("session_id", self.session_id)
        return frame

    async def send(self, frame: Frame) -> Frame:
        """Send, and await the frame that carries the same transaction (or the gateway's refusal)."""
        seen = len(self.frames)
        await self.ws.send_str(json.dumps(frame))

        def answered() -> Frame | None:
            for came in self.frames[seen:]:
                if came.get("transaction") == frame.get("transaction") or "status_code" in came:
                    return came
            return None

        reply: Frame = await self.wait(answered, f"an answer to {frame}")
        return reply

    async def request(self, janus: str, **fields: Any) -> Frame:
        return await self.send(self.frame(janus, **fields))

    async def create(self) -> Frame:
        reply = await self.request("create")
        self.session_id = reply.get("data", {}).get("id")
        return reply

    async def attach(self, plugin: str) -> int:
        reply = await self.request("attach", plugin=f"janus.plugin.{plugin}")
        assert reply["janus"] == "success", reply
        return int(reply["data"]["id"])

    async def message(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> Frame:
        extra = {} if jsep is None else {"jsep": jsep}
        return await self.request("message", handle_id=handle, body=body, **extra)

    async def join_register(self, *, context: str | None = None) -> Frame:
        self.reg = await self.attach("audiobridge")
        fields: dict[str, Any] = {"canReceiveMessages": False}
        if context is not None:
            fields["external"] = context
        text = display(self.participant_id, **fields)
        reply = await self.message(self.reg, {"request": "join", "room": self.room_id, "display": text, "muted": True})
        self.reg_id = reply.get("plugindata", {}).get("data", {}).get("id", 0)
        return reply

    async def join_listener(self) -> Frame:
        self.lst = await self.attach("videoroom")
        body = {"request": "join", "room": self.room_id, "ptype": "publisher", "display": display(self.participant_id)}
        return await self.message(self.lst, body)

    async def join_mixer(self) -> Frame:
        self.mix = await self.attach("audiobridge")
        text = stream_display(self.participant_id, str(uuid4()), "audiobridge", video=False)
        body = {"request": "join", "room": self.room_id, "display": text, "muted": False}
        reply = await self.message(self.mix, body)
        self.mix_id = reply["plugindata"]["data"]["id"]
        return reply

    async def enter(self, *, context: str | None = None) -> RawClient:
        """create, REG, LST: present, and hearing of everything."""
        await self.create()
        await self.join_register(context=context)
        await self.join_listener()
        return self

    # -- events ---------------------------------------------------------------------------------------------------

    def events(self, handle: int | None = None) -> list[dict[str, Any]]:
        """Data of all broadcasts so far, in order; of one handle or of all."""
        return [
            frame["plugindata"]["data"]
            for frame in self.frames
            if frame.get("janus") == "event" and "transaction" not in frame and handle in (None, frame["sender"])
        ]

    async def event(self, **wanted: Any) -> dict[str, Any]:
        """The first broadcast whose data has these fields (`audio_moderation` stands for `audio-moderation`)."""
        names = {name.replace("audio_moderation", "audio-moderation"): value for name, value in wanted.items()}

        def found() -> dict[str, Any] | None:
            for data in self.events():
                if all(name in data and (value is ... or data[name] == value) for name, value in names.items()):
                    return data
            return None

        result: dict[str, Any] = await self.wait(found, f"the event {wanted}")
        return result

    async def closed(self) -> int | None:
        await self.wait(self._reader.done, "the end of the connection")
        return self.close_code

    async def close(self, code: int = 1000) -> None:
        if not self._reader.done():
            await self.ws.close(code=code)
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
