"""One Janus session: a WebSocket's frames in, frames out. No socket in here; the gateway pumps `outbox`.

Order is the promise (S-24, S-108): replies and events leave in the order they were made. Right after a join reply on
the register or listener handle, *events* are held for a moment, since the SDK consumes that reply a timer tick later
and would lose events about what the reply lists (signaling.md 5.4, rule 7; S-69).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.rooms.account import Account
from emulator.rooms.errors import TokenExpired, TokenForbidden, TokenRefused
from emulator.rooms.happenings import LeaveReason
from emulator.signaling.errors import JanusError, PluginError, Refused, SignalingError
from emulator.signaling.hub import Hub
from emulator.signaling.ids import Ids
from emulator.wire import janus
from emulator.wire.janus import ErrorCode, Frame, Request

log = logging.getLogger("emulator.signaling")

MAX_HANDLES = 256
MAX_OUTBOX = 4096
"""Frames a client may leave unread before it is closed; bounds what a stalled socket holds."""
MAX_DETACHED = 4096
HOLD_AFTER_JOIN_SECS = 0.075
REFUSAL_GRACE_SECS = 5.0
CLOSE_REFUSED = 1008
CLOSE_OVERLOADED = 1013
CLOSE_TIMED_OUT = 3999


@dataclass(frozen=True, slots=True)
class Close:
    """An order to the gateway: close the socket with this code."""

    code: int


class Timer(Protocol):
    def cancel(self) -> None: ...


class Scheduler(Protocol):
    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Plugin(Protocol):
    """One handle's behaviour."""

    name: str

    def message(self, request: Request) -> None:
        """Answer a plugin message. Raises SignalingError."""
        ...

    def detach(self) -> None:
        """The handle goes: give up what it holds."""
        ...


class Door(Protocol):
    """What a session needs of the place it came in by (the lobby)."""

    @property
    def ids(self) -> Ids: ...

    def admit(self, token: str, room_id: str) -> Account: ...

    def make_plugin(self, name: str, session: SignalingSession, handle_id: int) -> Plugin: ...

    def enter(self, session: SignalingSession) -> Hub: ...

    def forget(self, session: SignalingSession, hub: Hub) -> None: ...


class SignalingSession:
    """State of one client's connection. `wake` is called whenever the outbox got something.

    Without `media` nothing is negotiated: streams are announced as soon as they are configured, subscriptions are
    answered without an offer, and nothing waits for real time (no held events, no idle timeout).
    """

    def __init__(
        self, room_id: str, *, lobby: Door, scheduler: Scheduler, wake: Callable[[], None], media: bool = True
    ) -> None:
        self.room_id = room_id
        self.lobby = lobby
        self.media = media
        self.id = 0
        self.connection = ""
        """Tells the connections of an account apart; given with the first token."""
        self.account: Account | None = None
        self.hub: Hub | None = None
        self.participant_id: str | None = None
        self.register_id: int | None = None
        """Handle that listens to audiobridge events (REG)."""
        self.listener_id: int | None = None
        """Handle that listens to videoroom events (LST)."""
        self.outbox: deque[Frame | Close] = deque()
        self.last_heard = scheduler.time()
        self.over = False
        self.expelled = False
        self.overflowed = False
        """The client reads nothing: the gateway cuts the connection."""
        self._scheduler = scheduler
        self._wake = wake
        self._handles: dict[int, Plugin] = {}
        self._detached: deque[int] = deque(maxlen=MAX_DETACHED)
        self._held: deque[Frame | Close] = deque()
        self._hold_timer: Timer | None = None
        self._expel_timer: Timer | None = None
        self._token: str | None = None

    # -- frames in ------------------------------------------------------------------------------------------------

    def receive(self, text: str) -> None:
        """One text frame. Every frame with a transaction gets exactly one reply (S-109)."""
        if self.over:
            return
        self.last_heard = self._scheduler.time()
        try:
            request = janus.parse_request(text)
        except janus.FrameError as error:
            self._fault(error.code, error.reason)
            self.reply(janus.error(error.transaction, error.code, error.reason, session_id=self.id or None))
            return
        try:
            self._handle(request)
        except Refused as refusal:
            self._fault(refusal.code, refusal.reason)
            self._push(janus.refusal(refusal.code, refusal.reason))
            self._refused(refusal)
        except PluginError as refusal:
            self._refuse_in_plugin(request, refusal)
        except SignalingError as error:
            self._fault(error.code, f"{request.janus}: {error.reason}")
            self.reply(janus.error(request.transaction, error.code, error.reason, session_id=self.id or None))
        except Exception:
            # Whatever goes wrong in here, no request is left without a reply (S-109). The suite fails on this log line.
            log.exception("the frame %r of %s failed", request.janus, self.participant_id or self.connection)
            reason = "The emulator failed on this request; its log says why."
            self.reply(janus.error(request.transaction, ErrorCode.UNKNOWN, reason, session_id=self.id or None))

    def receive_binary(self) -> None:
        """The protocol has text frames only (S-4)."""
        reason = "Expected a text frame with one JSON object, got a binary frame."
        self._fault(ErrorCode.INVALID_JSON, reason)
        self.reply(janus.error(None, ErrorCode.INVALID_JSON, reason, session_id=self.id or None))

    def _refuse_in_plugin(self, request: Request, refusal: PluginError) -> None:
        plugin = self._handles.get(request.handle_id or 0)
        if plugin is None:
            self.reply(janus.error(request.transaction, refusal.code, refusal.reason, session_id=self.id))
            return
        self._fault(refusal.code, refusal.reason)
        kind = plugin.name.rpartition(".")[2]
        data = {kind: "event", "error_code": refusal.code, "error": refusal.reason}
        self.answer(request, plugin, data)

    def _fault(self, code: int, reason: str) -> None:
        who = self.participant_id or f"connection {self.connection or 'without a good token'}"
        log.warning("refused %s in room %s: %d %s", who, self.room_id, code, reason)

    def _refused(self, refusal: Refused) -> None:
        """The SDK closes on a refusal; a client that does not is put out after a while."""
        if self._expel_timer is not None:
            return
        reason: LeaveReason = "token_expired" if refusal.code == 401 else "kicked"

        def put_out() -> None:
            self._push(Close(CLOSE_REFUSED))
            self.end(reason)

        self._expel_timer = self._scheduler.call_later(REFUSAL_GRACE_SECS, put_out)

    def _handle(self, request: Request) -> None:
        self._admit(request)
        if request.janus == "create":
            self._create(request)
            return
        if self.id == 0 or request.session_id != self.id:
            raise JanusError(ErrorCode.SESSION_NOT_FOUND, f"No such session {request.session_id!r} on this connection.")
        match request.janus:
            case "keepalive":
                self.reply(janus.ack(request.transaction, self.id))
            case "attach":
                self._attach(request)
            case "message":
                plugin = self._plugin(request)
                if request.jsep is not None and not self.media:
                    raise JanusError(ErrorCode.INVALID_SDP, "This connection carries no media: send no jsep.")
                plugin.message(request)
            case "trickle":
                # All our candidates are in the SDP and the client's checks teach us its address (S-32 to S-35), so a
                # trickle is acknowledged whatever it holds, also after `detach` (S-116).
                self._known_handle(request)
                self.reply(janus.ack(request.transaction, self.id))
            case "detach":
                self._detach(request)
            case "hangup":
                self._known_handle(request)
                self.reply(janus.success(request.transaction, session_id=self.id))
            case "destroy":
                self.reply(janus.success(request.transaction, session_id=self.id))
                self.end("left")
            case other:
                raise JanusError(ErrorCode.UNKNOWN_REQUEST, f"Unknown request {other!r:.60}.", rule="S-107")

    def _admit(self, request: Request) -> None:
        """Check the token of this frame (S-9, S-10). Raises Refused."""
        if request.client_token is None:
            raise Refused(401, "The element 'client_token' is missing.", rule="S-9")
        try:
            account = self.lobby.admit(request.client_token, self.room_id)
        except TokenForbidden as error:
            raise Refused(403, str(error), rule="S-9") from error
        except (TokenExpired, TokenRefused) as error:
            raise Refused(401, str(error), rule="S-9") from error
        if self.account is not None and account is not self.account:
            raise Refused(403, "The token belongs to another account than this session.", rule="S-9")
        if self.room_id not in account.records.rooms:
            raise Refused(404, f"There is no room with the id {self.room_id!r}.", rule="R-39")
        if self.expelled:
            raise Refused(403, "This participant has been removed from the session.", rule="S-96")
        if self.account is None:
            self.account, self.connection = account, account.new_connection()

    def _create(self, request: Request) -> None:
        if self.id != 0:
            raise JanusError(ErrorCode.SESSION_CONFLICT, "This connection has a session already.")
        self.id = self.lobby.ids.next()
        self.reply(janus.success(request.transaction, data_id=self.id))

    # -- handles --------------------------------------------------------------------------------------------------

    def _attach(self, request: Request) -> None:
        if len(self._handles) >= MAX_HANDLES:
            raise JanusError(ErrorCode.PLUGIN_MESSAGE, f"A session can have at most {MAX_HANDLES} handles.")
        if request.plugin is None:
            raise JanusError(ErrorCode.MISSING_ELEMENT, "The element 'plugin' is missing.")
        handle_id = self.lobby.ids.next()
        self._handles[handle_id] = self.lobby.make_plugin(request.plugin, self, handle_id)
        self.reply(janus.success(request.transaction, session_id=self.id, data_id=handle_id))

    def _plugin(self, request: Request) -> Plugin:
        plugin = self._handles.get(request.handle_id or 0)
        if plugin is None:
            raise JanusError(ErrorCode.HANDLE_NOT_FOUND, f"No such handle {request.handle_id!r} in this session.")
        if request.body is None:
            raise JanusError(ErrorCode.MISSING_ELEMENT, "The element 'body' is missing.")
        return plugin

    def _known_handle(self, request: Request) -> None:
        if request.handle_id not in self._handles and request.handle_id not in self._detached:
            raise JanusError(ErrorCode.HANDLE_NOT_FOUND, f"No such handle {request.handle_id!r} in this session.")

    def _detach(self, request: Request) -> None:
        """Succeeds also for a handle detached before (S-29, T-1)."""
        self._known_handle(request)
        handle_id = request.handle_id or 0
        plugin = self._handles.pop(handle_id, None)
        if plugin is not None:
            self._detached.append(handle_id)
            self._give_up_events(handle_id)
            plugin.detach()
        self.reply(janus.success(request.transaction, session_id=self.id))

    def _give_up_events(self, handle_id: int) -> None:
        if handle_id in (self.register_id, self.listener_id):
            # A successor will be told at its join how things stand then; what was before must not come after that.
            self.release_events()
        if self.register_id == handle_id:
            self.register_id = None
        if self.listener_id == handle_id:
            self.listener_id = None

    def handles(self) -> list[Plugin]:
        return list(self._handles.values())

    # -- frames out -----------------------------------------------------------------------------------------------

    def reply(self, frame: Frame) -> None:
        """A reply to a request; it does not wait for held events, which it cannot concern."""
        self._push(frame)

    def answer(self, request: Request, plugin: Plugin, data: dict[str, Any], jsep: janus.Jsep | None = None) -> None:
        """A plugin's answer: result and jsep in one frame (5.4, rule 8)."""
        self.reply(
            janus.event(self.id, request.handle_id or 0, plugin.name, data, transaction=request.transaction, jsep=jsep)
        )

    def notify_register(self, data: dict[str, Any]) -> None:
        if self.register_id is not None:
            self._event(janus.event(self.id, self.register_id, "janus.plugin.audiobridge", data))

    def notify_listener(self, data: dict[str, Any]) -> None:
        if self.listener_id is not None:
            self._event(janus.event(self.id, self.listener_id, "janus.plugin.videoroom", data))

    def hold_events(self) -> None:
        """Called with a join reply on REG or LST: events wait for a moment (rule 7)."""
        if not self.media:
            return  # our own clients read each reply before the next frame, and here nothing waits for real time
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._hold_timer = self._scheduler.call_later(HOLD_AFTER_JOIN_SECS, self.release_events)

    def release_events(self) -> None:
        """Tell at once what was held: the time is over, or a reply must not come before it."""
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None
        while self._held:
            self._push(self._held.popleft())

    def _event(self, item: Frame | Close) -> None:
        if self._hold_timer is not None:
            self._held.append(item)
            if len(self._held) > MAX_OUTBOX:
                self._overflow()
        else:
            self._push(item)

    def _push(self, item: Frame | Close) -> None:
        self.outbox.append(item)
        if len(self.outbox) > MAX_OUTBOX:
            self._overflow()
        self._wake()

    def _overflow(self) -> None:
        log.warning("closing %s: it has left %d frames unread", self.participant_id or self.connection, MAX_OUTBOX)
        self.outbox.clear()
        self._held.clear()
        self.overflowed = True
        self.outbox.append(Close(CLOSE_OVERLOADED))
        self.end("lost")

    # -- ending ---------------------------------------------------------------------------------------------------

    def close(self, code: int) -> None:
        """Close from our side, behind every event already made."""
        self.expelled = True
        self._event(Close(code))

    def expel(self, grace_secs: float, code: int) -> None:
        """No more requests (S-96); close by force if the client has not done so within the grace."""
        self.expelled = True
        if self._expel_timer is not None:
            self._expel_timer.cancel()
        if not self.over:
            self._expel_timer = self._scheduler.call_later(grace_secs, lambda: self._event(Close(code)))

    def time_out(self) -> None:
        """Silent for too long: `timeout`, then Close 3999 (signaling.md 1.6)."""
        if self.id:
            self._push(janus.timeout(self.id))
        self._push(Close(CLOSE_TIMED_OUT))
        self.end("timed_out")

    def end(self, reason: LeaveReason) -> None:
        """The session is over, whatever the cause; clean-up is the same and runs once (S-20)."""
        if self.over:
            return
        self.over = True
        for timer in (self._hold_timer, self._expel_timer):
            if timer is not None:
                timer.cancel()
        self._hold_timer = None
        while self._held:
            self.outbox.append(self._held.popleft())
        if self.account is not None and self.participant_id is not None:
            self.account.leave(self.participant_id, connection=self.connection, reason=reason)
        for plugin in self._handles.values():
            plugin.detach()
        self._handles.clear()
        if self.hub is not None:
            self.lobby.forget(self, self.hub)
        self._wake()
