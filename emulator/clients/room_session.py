"""A participant on the wire: joins and leaves with the requests of the official JavaScript SDK, and notices events.

One WebSocket is one Janus session is one participant, with the handles REG (who is here), LST (what is published) and
MIX (the mixed audio), and TXT for messages if they are wanted; each published stream adds a PUB, each subscription a
SUB (signaling.md).
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from emulator.clients import joining
from emulator.clients.answers import PluginEvent, reason_for
from emulator.clients.audio_reception import AudioReception
from emulator.clients.audio_track import TimedBlock
from emulator.clients.chat import Chat
from emulator.clients.company import Company, Person
from emulator.clients.errors import ClientStateError, ConnectionLost, RequestTimeout
from emulator.clients.events import (
    ClientEvent,
    Connected,
    Disconnected,
    EventHistory,
    EventT,
    ParticipantJoined,
    ParticipantLeaving,
    TrackCensored,
    TrackUncensored,
    Where,
)
from emulator.clients.joined import Background, Joined
from emulator.clients.media_host import media_host_for
from emulator.clients.mix_connection import MixConnection
from emulator.clients.mix_input import MixInput
from emulator.clients.peer import MediaSettings
from emulator.clients.published_stream import send_block
from emulator.clients.publishing import Publishing
from emulator.clients.roster import Participant, Roster, Stream
from emulator.clients.signaling import KEEPALIVE_SECS, REQUEST_TIMEOUT_SECS, JanusClient
from emulator.clients.subscribing import Subscribing
from emulator.clients.telephone import Telephone
from emulator.clients.websocket import Transport, open_websocket
from emulator.clients.workers import Workers, shared_workers
from emulator.media.transport.dtls import Certificate
from emulator.probes.tones import TONES

log = logging.getLogger("emulator.clients")

CONNECT_TIMEOUT_SECS = 30.0
"""The SDK's one timer over the whole of `connect()` (signaling.md 1.8)."""
CODE_CONNECT_TIMEOUT = 3999

Kind = Literal["web", "telephone"]
Status = Literal["initialized", "connecting", "connected", "disconnected"]
PartT = TypeVar("PartT")
OpenTransport = Callable[[str], Awaitable[Transport]]


@functools.cache
def shared_certificate() -> Certificate:
    """One per process is enough: browsers reuse theirs, too."""
    return Certificate.generate()


class RoomSession:
    """Coming and going, and what is noticed. `RoomMember` adds what one does, `RoomClient` looking and listening.

    ws_url           e.g. `ws://127.0.0.1:8900`, without the `/{room_id}/janus` that is appended
    token            a client token for the room
    participant_id   a UUID, made from `rng` unless given
    context          text for the others; without it, JSON with `id` and `username` if there is a `name`
    name             for people: on test cards, in logs and in errors
    tone             index of the participant's chord (0 to 63), drawn from `rng` unless given
    rng              source of all ids, SSRCs and draws; unseeded unless given
    kind             "web", or "telephone": somebody who calls in, with audio in the mix and nothing else
    messages         as `enableMessages` of the SDK: joins the text room, too, over a data channel of its own
    listens          False: is not sent the mixed audio, which every browser is; most of what a crowd costs
    media_host       address to which the UDP sockets are bound; the one by which `ws_url` is reached unless given
    media            False: nothing is sent or received but signaling, and nothing waits for real time; only over an
                     in-memory transport (`open_transport=memory_opener(lobby)`), which the server knows by that
    """

    def __init__(
        self,
        *,
        ws_url: str,
        room_id: str,
        token: str,
        participant_id: str | None = None,
        context: str | None = None,
        name: str | None = None,
        tone: int | None = None,
        rng: Random | None = None,
        kind: Kind = "web",
        messages: bool = False,
        listens: bool = True,
        media_host: str | None = None,
        workers: Workers | None = None,
        certificate: Certificate | None = None,
        open_transport: OpenTransport = open_websocket,
        media: bool = True,
        request_timeout: float = REQUEST_TIMEOUT_SECS,
        keepalive_interval: float = KEEPALIVE_SECS,
        connect_timeout: float = CONNECT_TIMEOUT_SECS,
    ) -> None:
        if not media and open_transport is open_websocket:
            raise ClientStateError("media=False: expected an in-memory transport, got the WebSocket")
        if kind == "telephone" and messages:
            raise ClientStateError("kind='telephone': expected messages=False, a telephone has no text")
        self._rng = rng or Random(secrets.randbits(128))
        self.kind = kind
        self.room_id = room_id
        self.participant_id = participant_id or str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        self.name = name or f"participant {self.participant_id[:8]}"
        self.tone = self._rng.randrange(TONES) if tone is None else tone
        self._stream_ids = Random(self._rng.getrandbits(128))
        self._text_ids = Random(self._rng.getrandbits(128)) if messages else None
        self.context = context
        if context is None and name is not None:
            self.context = json.dumps({"id": self.participant_id, "username": name}, ensure_ascii=False)
        self.status: Status = "initialized"
        self.disconnected: Disconnected | None = None
        """How it ended, once it has."""
        self.heard = AudioReception()
        """The mixed audio."""
        self.company = Company(self._contexts, self._met)
        """What the others are called."""
        self.alone = False
        """Whoever holds this client does one thing at a time: nothing is subscribed to while an assertion waits."""
        self._url = f"{ws_url}/{room_id}/janus"
        self._token = token
        self._media_host = media_host or media_host_for(ws_url)
        self._workers = workers
        self._certificate = certificate
        self._open_transport = open_transport
        self._media = media
        self._listens = listens
        self._request_timeout = request_timeout
        self._keepalive_interval = keepalive_interval
        self._connect_timeout = connect_timeout
        self._background = Background(self.name)
        self._history = EventHistory(lambda: asyncio.get_running_loop().time())
        self._roster = Roster(
            self.participant_id,
            emit=self._emit,
            on_unpublished=self._unpublished,
            on_expelled=self._expelled,
            on_fault=self._background.fault,
        )
        self._janus: JanusClient | None = None
        self._mix: MixConnection | None = None
        self._chat: Chat | None = None
        self._handles = joining.Handles()
        self._joined: Joined | None = None
        self._publishing: Publishing | None = None
        self._subscribing: Subscribing | None = None
        self._releasing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} ({self.participant_id}), {self.status}>"

    # -- coming and going -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.leave()

    async def connect(self) -> None:
        """Join the room. Returns when the SDK would be `connected`: signaling is done, media may still be coming up.

        Raises ConnectError, Refused (401, 403, ... as soon as it comes), RequestTimeout after 30 s, other ClientErrors.
        """
        if self.status != "initialized":
            raise ClientStateError(f"{self.name}: connect() works once, this client is {self.status}")
        self.status = "connecting"
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._join()
        except TimeoutError:
            await self._shut(CODE_CONNECT_TIMEOUT)
            raise RequestTimeout("connect", self._connect_timeout) from None
        except BaseException:
            await self._shut(None)
            raise

    async def leave(self) -> None:
        """`destroy`, Close 1000, then everything is let go of. Safe to call again, and after any end."""
        await self._shut(1000)

    async def vanish(self) -> None:
        """As if the process were killed: TCP reset without a Close frame, no goodbye on any media connection."""
        if self._mix is not None:
            self._mix.cut()
        if self._chat is not None:
            self._chat.cut()
        if self._publishing is not None:
            self._publishing.cut()
        if self._subscribing is not None:
            self._subscribing.cut()
        if self._janus is not None:
            await self._janus.abort()
        await self._release()

    async def freeze(self, *, media: bool = True, signaling: bool = True) -> None:
        """As a page that hangs: nothing is sent any more, and what comes through signaling is not looked at.

        Connections stay open, and media connections answer checks. Requests wait until `thaw`. Raises ClientStateError.
        """
        janus = self._connected().janus
        if media:
            await self._require(self._publishing).freeze()
        if signaling:
            janus.freeze()

    async def thaw(self) -> None:
        """Go on, as if nothing had been. Raises ClientStateError."""
        joined = self._connected()
        joined.janus.thaw()
        await self._require(self._publishing).thaw()

    def go_on(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something that is done on the side until the session ends; it is a fault if it fails."""
        self._background.spawn(work, name)

    async def wait_disconnected(self, timeout: float = 5.0) -> Disconnected:
        """Until the session has ended. Raises AssertionError when it has not by then."""
        return await self.wait_for(Disconnected, timeout=timeout)

    async def update_token(self, token: str) -> None:
        """As `updateClientToken` (signaling.md 1.7). Raises ClientError."""
        await self._connected().janus.update_token(token)

    async def _join(self) -> None:
        transport = await self._open_transport(self._url)
        janus = self._janus = JanusClient(
            transport,
            token=self._token,
            rng=self._rng,
            on_event=self._on_event,
            on_closed=self._on_closed,
            request_timeout=self._request_timeout,
            keepalive_interval=self._keepalive_interval if self._media else None,
        )
        settings = MediaSettings(
            host=self._media_host,
            certificate=self._certificate or shared_certificate(),
            rng=self._rng,
            cname=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            clock=asyncio.get_running_loop().time,
        )
        await janus.create()
        if self._text_ids is not None:
            self._chat = Chat(
                self.name,
                self.participant_id,
                janus,
                self._background,
                settings=settings if self._media else None,
                emit=self._emit,
                rng=self._text_ids,
                request_timeout=self._request_timeout,
            )
            await self._chat.enter(self.room_id)
        if self.kind == "web":
            await joining.register(
                janus, self._handles, self._roster, self.room_id, self.context, messages=self._chat is not None
            )
            await joining.listen(janus, self._handles, self._roster, self.room_id)
        if self._media:
            self._mix = MixConnection(f"{self.name}: MIX", settings, heard=self.heard, listens=self._listens)
            self._mix.on_failed = lambda reason: self._background.fault(f"MIX: {reason}")
        await self._join_mix(janus, settings.uuid())
        self._joined = Joined(
            room_id=self.room_id,
            participant_id=self.participant_id,
            janus=janus,
            roster=self._roster,
            settings=settings,
            workers=self._workers or shared_workers(),
            background=self._background,
            mix_handle=self._handles.mixer,
            mix_input=MixInput(functools.partial(self._say, asyncio.get_running_loop().time())),
            media=self._media,
            stream_ids=self._stream_ids,
        )
        self._publishing = (Publishing if self.kind == "web" else Telephone)(self._joined)
        self._subscribing = Subscribing(self._joined)
        if janus.close_code is not None:
            raise ConnectionLost("connect", janus.close_code, reason_for(janus.close_code))
        self.status = "connected"
        self._emit(Connected())
        if self._media:
            await janus.trickle_completed(self._handles.mixer, name="MIX")

    async def _join_mix(self, janus: JanusClient, stream_id: str) -> None:
        handles, room_id = self._handles, self.room_id
        if self.kind == "web":
            await joining.join_mixer(janus, handles, self._mix, room_id, self.participant_id, stream_id)
        else:
            await joining.call_in(janus, handles, self._roster, self._mix, room_id, self.context, stream_id)

    def _say(self, origin: float, block: TimedBlock) -> None:
        if self._mix is not None and self._mix.audio is not None:
            send_block(self._mix.audio, block, origin)

    async def _shut(self, code: int | None) -> None:
        if self._janus is not None:
            await self._janus.destroy(code)
        else:
            self.status = "disconnected"
        await self._release()

    async def _release(self) -> None:
        """Let go of everything, once; whoever asks waits until it is done."""
        if self._releasing is None:
            self._releasing = asyncio.get_running_loop().create_task(self._let_go(), name=f"{self.name}: release")
        await asyncio.shield(self._releasing)

    async def _let_go(self) -> None:
        await self._background.end()
        if self._joined is not None:
            self._joined.mix_input.close()
        if self._publishing is not None:
            await self._publishing.close()
        if self._subscribing is not None:
            await self._subscribing.close()
        if self._chat is not None:
            self._chat.close()
        if self._mix is not None:
            self._mix.close()
        if self._janus is not None:
            await self._janus.destroy(None)  # the connection has ended: this lets go of it

    # -- what comes in --------------------------------------------------------------------------------------------

    def _on_event(self, event: PluginEvent) -> None:
        if event.data.get("videoroom") == "destroyed":  # counts on any handle (E15)
            self._background.spawn(self._give_up(1000), "room destroyed")
        elif event.handle_id == self._handles.register:
            self._roster.audiobridge_event(event.data)
        elif event.handle_id == self._handles.listener:
            self._roster.videoroom_event(event.data)
        elif self._chat is not None and event.handle_id == self._chat.handle_id:
            self._chat.receive(event.data)

    def _emit(self, event: ClientEvent) -> None:
        self._history.append(event)
        if (
            isinstance(event, TrackCensored | TrackUncensored)
            and event.participant_id == self.participant_id
            and self._publishing is not None
        ):
            self._publishing.censored(event.key)

    def _unpublished(self, stream: Stream) -> bool:
        return self._subscribing is not None and self._subscribing.unpublished(stream)

    def _expelled(self, reason: str) -> None:
        """E4 or E5 with our own reg id: the SDK closes without a code (signaling.md 1.4)."""
        self._background.spawn(self._give_up(None), f"expelled: {reason}")

    async def _give_up(self, code: int | None) -> None:
        if self._janus is not None:
            await self._janus.destroy(code)

    def _on_closed(self, code: int) -> None:
        self.status = "disconnected"
        refusal = self._janus.refusal if self._janus is not None else None
        self.disconnected = Disconnected(
            code,
            reason_for(code),
            status_code=None if refusal is None else refusal.status_code,
            message=None if refusal is None else refusal.message,
        )
        self._roster.participants.clear()
        self._roster.streams.clear()
        self._emit(self.disconnected)
        if self._releasing is None:
            self._releasing = asyncio.get_running_loop().create_task(self._let_go(), name=f"{self.name}: release")

    # -- the room's state -----------------------------------------------------------------------------------------

    @property
    def end_reason(self) -> str | None:
        """How it ended, as an application that listens to the SDK knows: `kicked`, or the reason of `disconnected`."""
        if self.disconnected is None:
            return None
        mine = (event for event in self.events if isinstance(event, ParticipantLeaving))
        kicked = any(event.participant_id == self.participant_id and event.reason == "kicked" for event in mine)
        return "kicked" if kicked else self.disconnected.reason

    @property
    def participants(self) -> dict[str, Participant]:
        """Everybody in the room by id, oneself included; empty after the end."""
        return dict(self._roster.participants)

    @property
    def streams(self) -> dict[tuple[str, str], Stream]:
        """Everything published by (participant id, key), one's own included."""
        return dict(self._roster.streams)

    @property
    def events(self) -> list[ClientEvent]:
        """What was noticed, oldest first; the last 2000."""
        return [noticed.event for noticed in self._history.since()]

    @property
    def history(self) -> EventHistory:
        """The same with numbers and times; `listen` to it, or take a `mark`."""
        return self._history

    @property
    def faults(self) -> list[str]:
        """What the server did against the protocol, and requests in the background that failed. Empty is well."""
        return [*self._background.faults, *(self._janus.faults if self._janus is not None else ())]

    @property
    def mark(self) -> int:
        """Now, for `wait_for(..., after=mark)`."""
        return self._history.mark

    async def wait_for(
        self, kind: type[EventT], where: Where = None, *, timeout: float = 5.0, after: int = 0
    ) -> EventT:
        """The first such event after a mark, past ones included (`where`: fields that are equal, or a function).

        Raises AssertionError that lists what came instead.
        """
        return await self._history.wait_for(kind, where, timeout=timeout, after=after, who=self.name)

    def _contexts(self) -> dict[str, str | None]:
        return {one.id: one.context for one in self._roster.participants.values()}

    def _met(self) -> dict[str, str | None]:
        joined = (event for event in self.events if isinstance(event, ParticipantJoined))
        return {event.participant_id: event.context for event in joined}

    # -- guards ---------------------------------------------------------------------------------------------------

    def _connected(self) -> Joined:
        return self._require(self._joined)

    def _require(self, part: PartT | None) -> PartT:
        if self.status != "connected" or part is None:
            raise ClientStateError(f"{self.name}: expected a connected client, this one is {self.status}")
        return part


def participant_id_of(participant: RoomSession | Person | str) -> str:
    return participant if isinstance(participant, str) else participant.participant_id
