"""The Janus protocol from the client's side: requests out, answers matched by transaction, events in order.

Each request is released by the same frame as in the official SDK (signaling.md, section 2). What would leave the SDK
waiting for ever, an error frame, a wrong answer, silence, is raised here as an error that names the request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emulator.clients.answers import PluginAnswer, PluginEvent, jsep_of, new_id, plugin_data, reason_for
from emulator.clients.errors import (
    ConnectionLost,
    JanusRefusal,
    Refused,
    RequestTimeout,
    SignalingError,
)
from emulator.clients.websocket import CODE_LOST, Closed, Garbage, Transport
from emulator.wire.janus import Jsep

log = logging.getLogger("emulator.clients")

AUDIOBRIDGE = "janus.plugin.audiobridge"
VIDEOROOM = "janus.plugin.videoroom"
TEXTROOM = "janus.plugin.textroom"

KEEPALIVE_SECS = 5.0
REQUEST_TIMEOUT_SECS = 10.0
CLOSE_TIMEOUT_SECS = 2.0
MAX_PENDING = 1024
MAX_FAULTS = 100
MAX_KEEPALIVES = 5
"""Round trips that are remembered, as many as the SDK's quality figure uses (5.5)."""


@dataclass(slots=True)
class _Pending:
    name: str
    releases: tuple[str, ...]  # values of `janus` that settle it, besides `error`
    future: asyncio.Future[dict[str, Any]]
    on_answer: Callable[[dict[str, Any]], None] | None = None


@dataclass(slots=True)
class Keepalives:
    """Round trips in seconds, newest last, and how many are unanswered."""

    round_trips: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_KEEPALIVES))
    sent: dict[str, float] = field(default_factory=dict)


class JanusClient:
    """One Janus session over one transport.

    `on_event(event)` is called for each broadcast, in the order of arrival; `on_closed(code)` once, when the connection
    has ended, whoever ended it. Neither may block. `faults` keeps what the server sent against the protocol. With
    `keepalive_interval` None there are no keepalives, for a connection that cannot fall silent.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        token: str,
        rng: Random,
        on_event: Callable[[PluginEvent], None],
        on_closed: Callable[[int], None],
        request_timeout: float = REQUEST_TIMEOUT_SECS,
        keepalive_interval: float | None = KEEPALIVE_SECS,
    ) -> None:
        self.token = token
        self.session_id: int | None = None
        self.close_code: int | None = None
        self.refusal: Refused | None = None
        """The error frame that ended the connection, if one did."""
        self.faults: deque[str] = deque(maxlen=MAX_FAULTS)
        self.keepalives = Keepalives()
        self._transport = transport
        self._rng = rng
        self._on_event = on_event
        self._on_closed = on_closed
        self._request_timeout = request_timeout
        self._keepalive_interval = keepalive_interval
        self._pending: dict[str, _Pending] = {}
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._reader = self._loop.create_task(self._read(), name="janus-reader")
        self._keepalive: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._awake = asyncio.Event()
        self._awake.set()

    def freeze(self) -> None:
        """Nothing is sent or looked at any more, as by a process that hangs; what is asked for waits for `thaw`."""
        self._awake.clear()

    def thaw(self) -> None:
        """What has come meanwhile is looked at now."""
        self._awake.set()

    # -- requests -------------------------------------------------------------------------------------------------

    async def create(self) -> int:
        """R1. Keepalives run from here on. Raises SignalingError, as all requests do."""
        frame = await self._request("create", {"janus": "create"}, ("success",))
        self.session_id = new_id("create", frame)
        if self._keepalive_interval is not None:
            keeping = self._keep_alive(self._keepalive_interval)
            self._keepalive = self._loop.create_task(keeping, name="janus-keepalive")
        return self.session_id

    async def attach(self, plugin: str, *, name: str = "") -> int:
        """R2. The handle's id."""
        title = f"{name} attach".strip()
        return new_id(title, await self._request(title, {"janus": "attach", "plugin": plugin}, ("success",)))

    async def message(
        self,
        handle_id: int,
        body: dict[str, Any],
        *,
        name: str,
        expect: dict[str, Any],
        jsep: Jsep | None = None,
        on_answer: Callable[[dict[str, Any]], None] | None = None,
    ) -> PluginAnswer:
        """A plugin request (R7 to R17), released by an event whose data holds all of `expect`.

        `on_answer` is called with the data of the right answer before any later frame is looked at.
        """
        frame: dict[str, Any] = {"janus": "message", "handle_id": handle_id, "body": body}
        if jsep is not None:
            frame["jsep"] = {"type": jsep.type, "sdp": jsep.sdp}

        def check(answer: dict[str, Any]) -> None:
            data = plugin_data(name, answer, expect)
            if on_answer is not None:
                on_answer(data)

        answer = await self._request(name, frame, ("event", "success"), check)
        return PluginAnswer(answer["plugindata"]["data"], jsep_of(name, answer))

    async def trickle_completed(self, handle_id: int, *, name: str) -> None:
        """R18. All our candidates are in the SDP already: only their end is told."""
        frame = {"janus": "trickle", "handle_id": handle_id, "candidate": {"completed": True}}
        await self._request(f"{name} trickle", frame, ("ack",))

    async def detach(self, handle_id: int, *, name: str) -> None:
        """R19."""
        await self._request(f"{name} detach", {"janus": "detach", "handle_id": handle_id}, ("success",))

    async def update_token(self, token: str) -> None:
        """R21: a keepalive that carries the new token, which every later frame carries, too."""
        self.token = token
        await self._request("keepalive with a new token", {"janus": "keepalive"}, ("ack",))

    async def destroy(self, code: int | None = 1000) -> None:
        """R22 and the Close in the same breath; waits for the echo. Does nothing after the end."""
        self.thaw()
        if self.close_code is None:
            try:
                if self.session_id is not None:
                    await self._send({"janus": "destroy"})
                await self._transport.send_close(code)
            except ConnectionError as error:
                log.debug("the connection was gone before it could be closed: %s", error)
        await self._finish()

    async def abort(self) -> None:
        """Vanish: no `destroy`, no Close frame."""
        self.thaw()
        await self._transport.abort()
        await self._finish()

    async def wait_ended(self) -> int:
        """The close code, once the connection has ended."""
        await self._ended.wait()
        return self.close_code or CODE_LOST

    # -- frames out -----------------------------------------------------------------------------------------------

    def _transaction(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    async def _send(self, frame: dict[str, Any], transaction: str | None = None) -> None:
        await self._awake.wait()
        envelope = {"client_token": self.token, "transaction": transaction or self._transaction()}
        if self.session_id is not None:
            envelope["session_id"] = self.session_id  # type: ignore[assignment]  # the values are JSON, the keys text
        await self._transport.send(json.dumps(envelope | frame, separators=(",", ":"), ensure_ascii=False))

    async def _request(
        self,
        name: str,
        frame: dict[str, Any],
        releases: tuple[str, ...],
        on_answer: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        self._check_alive(name)
        if len(self._pending) >= MAX_PENDING:
            raise SignalingError(name, f"{MAX_PENDING} requests are unanswered already")
        transaction = self._transaction()
        pending = _Pending(name, releases, self._loop.create_future(), on_answer)
        self._pending[transaction] = pending
        try:
            async with asyncio.timeout(self._request_timeout):
                try:
                    await self._send(frame, transaction)
                except ConnectionError as error:
                    log.debug("%s: %s", name, error)  # the reader is about to hear of it, and says how it ended
                return await pending.future
        except TimeoutError:
            raise RequestTimeout(name, self._request_timeout) from None
        finally:
            self._pending.pop(transaction, None)

    def _check_alive(self, name: str) -> None:
        if self.refusal is not None:
            raise Refused(name, self.refusal.status_code, self.refusal.message)
        if self.close_code is not None:
            raise ConnectionLost(name, self.close_code, reason_for(self.close_code))

    async def _keep_alive(self, interval: float) -> None:
        """R20, every 5 s whatever happens to the answers (signaling.md 1.6)."""
        due = self._loop.time()
        while self.close_code is None:
            due += interval
            await asyncio.sleep(due - self._loop.time())
            if not self._awake.is_set():
                continue
            transaction = self._transaction()
            sent = self.keepalives.sent
            sent[transaction] = self._loop.time()
            while len(sent) > MAX_KEEPALIVES:
                del sent[next(iter(sent))]
            try:
                await self._send({"janus": "keepalive"}, transaction)
            except ConnectionError as error:
                log.debug("keepalive: %s", error)
                return

    # -- frames in ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        code = CODE_LOST
        try:
            while True:
                received = await self._transport.receive()
                await self._awake.wait()
                match received:
                    case Closed(code):
                        return
                    case Garbage(description):
                        self._fault(f"expected a text frame, got {description}")
                    case _:
                        await self._receive(received.text)
        finally:
            self._end(code)

    async def _receive(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError) as error:
            self._fault(f"expected a JSON frame, got {text!r:.120}: {error}")
            return
        if not isinstance(frame, dict):
            self._fault(f"expected a JSON object, got {text!r:.120}")
            return
        if frame.get("status_code"):
            await self._refused(frame)
            return
        transaction = frame.get("transaction")
        if transaction is None:
            self._broadcast(frame)
        elif isinstance(transaction, str):
            self._answer(transaction, frame)
        else:
            self._fault(f"expected a transaction to be a string, got {transaction!r:.60}")

    def _answer(self, transaction: str, frame: dict[str, Any]) -> None:
        pending = self._pending.get(transaction)
        kind = frame.get("janus")
        if pending is None:
            sent = self.keepalives.sent.pop(transaction, None)
            if sent is not None and kind == "ack":
                self.keepalives.round_trips.append(self._loop.time() - sent)
            return
        if pending.future.done():
            return
        if kind == "error":
            error = frame.get("error")
            details = error if isinstance(error, dict) else {}
            code, reason = details.get("code"), details.get("reason")
            pending.future.set_exception(
                JanusRefusal(pending.name, code if isinstance(code, int) else 0, str(reason or "no reason given"))
            )
        elif kind in pending.releases:
            try:
                if pending.on_answer is not None:
                    pending.on_answer(frame)
            except SignalingError as violation:
                pending.future.set_exception(violation)
            else:
                pending.future.set_result(frame)
        elif kind != "ack":
            expected = " or ".join(repr(each) for each in pending.releases)
            self._fault(f"{pending.name}: expected janus {expected}, got {kind!r:.60}")

    def _broadcast(self, frame: dict[str, Any]) -> None:
        sender, plugindata = frame.get("sender"), frame.get("plugindata")
        if not sender or not isinstance(plugindata, dict):
            return  # webrtcup, media, hangup, timeout, ...: the SDK ignores them, too (4.5)
        data = plugindata.get("data")
        if not isinstance(sender, int) or not isinstance(data, dict):
            self._fault(f"expected an event with an integer sender and data, got {frame!r:.200}")
            return
        self._on_event(PluginEvent(sender, data))

    async def _refused(self, frame: dict[str, Any]) -> None:
        """An error frame: the SDK closes with an empty Close, whatever the code (1.3)."""
        status, message = frame["status_code"], frame.get("error_message")
        if not isinstance(status, int):
            self._fault(f"expected status_code to be an integer, got {status!r:.60}")
            status = 0
        if self.refusal is None:
            names = [pending.name for pending in self._pending.values()]
            self.refusal = Refused(", ".join(names) or "the session", status, str(message or "no message"))
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(Refused(pending.name, status, self.refusal.message))
        try:
            await self._transport.send_close(None)
        except ConnectionError as error:
            log.debug("the server did not wait for the Close after its refusal: %s", error)

    def _fault(self, text: str) -> None:
        self.faults.append(text)
        log.warning("the server broke the protocol: %s", text)

    # -- the end --------------------------------------------------------------------------------------------------

    def _end(self, code: int) -> None:
        if self.close_code is not None:
            return
        self.close_code = code
        if self._keepalive is not None:
            self._keepalive.cancel()
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(ConnectionLost(pending.name, code, reason_for(code)))
        self._ended.set()
        self._on_closed(code)

    async def _finish(self) -> None:
        """Let go of everything, once; whoever asks waits until it is done."""
        if self._finishing is None:
            self._finishing = self._loop.create_task(self._let_go(), name="janus-end")
        await asyncio.shield(self._finishing)

    async def _let_go(self) -> None:
        """Wait for the other end's Close for a while, then end the tasks and the connection."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECS):
                await self._ended.wait()
        except TimeoutError:
            log.warning("the server did not answer the Close within %g s", CLOSE_TIMEOUT_SECS)
        tasks = [self._reader] if self._keepalive is None else [self._reader, self._keepalive]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._end(CODE_LOST)
        await self._transport.release()
        for result in results:
            if isinstance(result, Exception):
                raise result
