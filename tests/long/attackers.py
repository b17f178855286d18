"""Clients that mean harm, for a process of their own: `attack` runs all of them for a while."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.signaling.machine import MIX_OFFER, STREAM_OFFER, any_body, any_jsep, any_json, any_text
from tests.signaling.raw_client import display, stream_display

PLUGINS = ["audiobridge", "videoroom", "textroom"]
GONE = (aiohttp.ClientError, ConnectionError, TimeoutError, OSError)
"""What is to be expected of a server that defends itself; the attacker comes again."""
REST_SECS = 0.05
DATAGRAMS_AT_ONCE = 40


@dataclass(frozen=True)
class Target:
    """`tokens` are good ones for `room_id`; `other_room_id` is the room that must not be disturbed."""

    ws_url: str
    room_id: str
    other_room_id: str
    tokens: list[str]
    media: tuple[str, int]


class Attack:
    def __init__(self, target: Target, http: aiohttp.ClientSession, seconds: float, seed: int) -> None:
        self.target = target
        self.http = http
        self.until = time.monotonic() + seconds
        self.rng = random.Random(seed)
        self.done: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        kinds = [self.ask_anything] * 2 + [self.publish_and_detach, self.send_huge_frames, self.flood, self.flood_pings]
        kinds += [self.never_read, self.forge_tokens, self.come_and_reset]
        async with asyncio.TaskGroup() as group:
            for kind in kinds:
                group.create_task(self._again(kind))
            group.create_task(self.open_half())
            group.create_task(self.send_datagrams())
        return self.done

    async def _again(self, kind: Callable[[], Awaitable[None]]) -> None:
        while time.monotonic() < self.until:
            try:
                await asyncio.wait_for(kind(), max(0.1, self.until - time.monotonic()))
            except GONE as error:
                self.done[f"{kind.__name__}: {type(error).__name__}"] += 1
            await asyncio.sleep(REST_SECS)

    def _open(self, room_id: str | None = None) -> Any:
        url = f"{self.target.ws_url}/{room_id or self.target.room_id}/janus"
        return self.http.ws_connect(url, protocols=["janus-protocol"], max_msg_size=0, timeout=_CLOSE)

    def _frame(self, janus: str, **fields: Any) -> dict[str, Any]:
        return {"janus": janus, "transaction": "t", "client_token": self.rng.choice(self.target.tokens), **fields}

    async def _ask(self, ws: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> dict[str, Any]:
        """The answer, past all events. Raises ConnectionError at the end of the connection."""
        await ws.send_str(json.dumps(frame))
        self.done["frames asked"] += 1
        while True:
            message = await ws.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionResetError("closed")
            found: dict[str, Any] = json.loads(message.data)
            if "transaction" in found or "status_code" in found or found.get("janus") == "error":
                return found

    async def ask_anything(self) -> None:
        rng = self.rng
        async with self._open() as ws:
            session = (await self._ask(ws, self._frame("create")))["data"]["id"]
            handles = [7]
            for _ in range(rng.randrange(500)):
                if rng.random() < 0.1:
                    await ws.send_str(any_text(rng))
                    continue
                name = rng.choice(["message", "message", "attach", "trickle", "detach", "keepalive", "claim"])
                fields = {"session_id": session, "handle_id": rng.choice(handles), "body": any_body(rng)}
                fields["plugin"] = f"janus.plugin.{rng.choice(PLUGINS)}"
                if rng.random() < 0.3:
                    fields["jsep"] = any_jsep(rng)
                if rng.random() < 0.1:
                    fields[rng.choice(["body", "jsep", "plugin", "candidate"])] = any_json(rng)
                answer = await self._ask(ws, self._frame(name, **fields))
                if "data" in answer:
                    handles.append(answer["data"]["id"])

    async def publish_and_detach(self) -> None:
        """What costs the server most: connections made and dropped."""
        who = f"attacker {self.rng.random()}"
        async with self._open() as ws:
            session = (await self._ask(ws, self._frame("create")))["data"]["id"]

            async def attach(plugin: str, body: dict[str, Any], offer: str | None = None) -> int:
                asked = self._frame("attach", session_id=session, plugin=f"janus.plugin.{plugin}")
                handle = int((await self._ask(ws, asked))["data"]["id"])
                asked = self._frame("message", session_id=session, handle_id=handle, body={"request": "join", **body})
                await self._ask(ws, asked)
                if offer is not None:
                    configure = {"session_id": session, "handle_id": handle, "body": {"request": "configure"}}
                    jsep = {"type": "offer", "sdp": offer}
                    await self._ask(ws, self._frame("message", **configure, jsep=jsep))
                return handle

            await attach("audiobridge", {"display": display(who)})
            for number in range(self.rng.randrange(100)):
                text = stream_display(who, f"s{number}", "self")
                handle = await attach("videoroom", {"ptype": "publisher", "display": text}, STREAM_OFFER)
                await self._ask(ws, self._frame("detach", session_id=session, handle_id=handle))
                text = stream_display(who, f"m{number}", "audiobridge")
                handle = await attach("audiobridge", {"display": text}, MIX_OFFER)
                await self._ask(ws, self._frame("detach", session_id=session, handle_id=handle))
                self.done["connections made and dropped"] += 2

    async def send_huge_frames(self) -> None:
        rng = self.rng
        async with self._open() as ws:
            for _ in range(20):
                size = rng.choice([60_000, 70_000, 200_000, 3_000_000])
                await ws.send_str(rng.choice(["[" * size, '{"a":' * (size // 5), "9" * size, "\u2028" * (size // 3)]))
                self.done["huge frames"] += 1
                await asyncio.sleep(0.01)

    async def flood(self) -> None:
        text = json.dumps(self._frame("create"))
        async with self._open() as ws:
            reader = asyncio.create_task(self._read_all(ws))
            try:
                while True:
                    for _ in range(100):
                        await ws.send_str(text)
                    self.done["frames of floods"] += 100
                    await asyncio.sleep(0)
            finally:
                reader.cancel()

    async def _read_all(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(*GONE):
            async for _ in ws:
                pass

    async def flood_pings(self) -> None:
        async with self._open() as ws:
            while True:
                for _ in range(100):
                    await ws.ping()
                    await ws.send_bytes(b"")
                self.done["pings and empty frames"] += 200
                await asyncio.sleep(0)

    async def never_read(self) -> None:
        async with self._open() as ws:
            transport = ws._response.connection.transport
            transport.pause_reading()
            create = self._frame("create")
            while True:
                await ws.send_str(json.dumps(create | {"transaction": "x" * 1000}))
                self.done["frames never read"] += 1
                await asyncio.sleep(0.002)

    async def forge_tokens(self) -> None:
        """At the door of the room that must not be disturbed."""
        async with self._open(self.target.other_room_id) as ws:
            token = self.rng.choice(self.target.tokens)
            for forged in (token, token[:-2], "a.b.c", "", None):
                await self._ask(ws, self._frame("create") | {"client_token": forged})
                self.done["wrong tokens"] += 1

    async def come_and_reset(self) -> None:
        async with self._open() as ws:
            await ws.send_str(json.dumps(self._frame("create")))
            ws._response.connection.transport.abort()
            self.done["resets"] += 1

    async def open_half(self) -> None:
        """Handshakes that never end."""
        address = urlsplit(self.target.ws_url)
        head = f"GET /{self.target.room_id}/janus HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n".encode()
        writers: list[asyncio.StreamWriter] = []
        while time.monotonic() < self.until:
            with contextlib.suppress(*GONE):
                _, writer = await asyncio.open_connection(address.hostname, address.port)
                writer.write(head[: self.rng.randrange(len(head))])
                writers.append(writer)
                self.done["half handshakes"] += 1
                if len(writers) > 100:
                    writers.pop(0).transport.abort()
            await asyncio.sleep(0.02)
        for writer in writers:
            writer.transport.abort()

    async def send_datagrams(self) -> None:
        """Such as look like STUN, DTLS, RTP and nothing, some thousand a second."""
        rng = self.rng
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while time.monotonic() < self.until:
                for _ in range(DATAGRAMS_AT_ONCE):
                    data = bytearray(rng.randbytes(rng.choice([0, 1, 12, 20, 100, 1200])))
                    if data:
                        data[0] = rng.choice([0, 1, 20, 22, 23, 63, 128, 144, 191, rng.randrange(256)])
                    if len(data) >= 20 and data[0] < 2:
                        data[2:8] = (len(data) - 20).to_bytes(2, "big") + b"\x21\x12\xa4\x42"
                    with contextlib.suppress(OSError):
                        sock.sendto(data, self.target.media)
                        self.done["datagrams"] += 1
                await asyncio.sleep(0.01)


_CLOSE = aiohttp.ClientWSTimeout(ws_close=0.2)


async def _attack(target: Target, seconds: float, seed: int) -> Counter[str]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        return await Attack(target, http, seconds, seed).run()


def attack(target: Target, seconds: float, seed: int) -> Counter[str]:
    """Returns how much of what was done."""
    return asyncio.run(_attack(target, seconds, seed))
