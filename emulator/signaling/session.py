"""One Janus session: a WebSocket's frames in, frames out. No socket in here; the gateway pumps `outbox`.

Order is the promise (S-24, S-108): replies and events leave in the order they were made. Right after a join reply on
the register or listener handle, *events* are held for a moment, since the SDK consumes that reply a timer tick later
and would lose events about what the reply lists (signaling.md 5.4, rule 7; S-69).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from emulator.events import StoreError
from emulator.faults import FaultBook
from emulator.rooms.account import Account
from emulator.rooms.errors import TokenExpired, TokenForbidden, TokenRefused
from emulator.rooms.happenings import LeaveReason
from emulator.signaling import problems, rules
from emulator.signaling.errors import JanusError, PluginError, Refused, SignalingError
from emulator.signaling.faults import FaultLayer
from emulator.signaling.held import HeldEvents
from emulator.signaling.hub import Hub
from emulator.signaling.ids import Ids
from emulator.signaling.pace import Pace
from emulator.signaling.problems import Form, Problems
from emulator.signaling.rules import Rule
from emulator.signaling.surroundings import Close, Plugin, Scheduler, Timer
from emulator.signaling.tap import Tap
from emulator.wire import janus
from emulator.wire.janus import ErrorCode, Frame, Request
from emulator.wirelog import WireLogs

log = logging.getLogger("emulator.signaling")

MAX_HANDLES = 256
MAX_OUTBOX = 4096
"""Frames a client may leave unread before it is closed; bounds what a stalled socket holds."""
MAX_DETACHED = 4096
MAX_INSIDE_FRAME_BYTES = 512 * 1024
"""Without media, what a data channel would carry comes as a frame, too."""
REFUSAL_GRACE_SECS = 5.0
CLOSE_LOST = 1006
CLOSE_REFUSED = 1008
CLOSE_TOO_BIG = 1009
CLOSE_OVERLOADED = 1013
CLOSE_TIMED_OUT = 3999


class Door(Protocol):
    """What a session needs of the place it came in by (the lobby)."""

    @property
    def ids(self) -> Ids: ...

    @property
    def max_frame_bytes(self) -> int: ...

    @property
    def problems(self) -> Problems: ...

    @property
    def faults(self) -> FaultBook: ...

    @property
    def wire(self) -> WireLogs: ...

    def owner(self, room_id: str) -> Account | None: ...

    def expire(self, token: str) -> None: ...

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
        self.on_participant_joined: Callable[[], None] | None = None
        self.on_participant_left: Callable[[], None] | None = None
        """Set by a handle that speaks in the participant's name beside the frames (the text room's)."""
        self.outbox: deque[Frame | Close] = deque()
        self.last_heard = scheduler.time()
        self.over = False
        self._destroyed = False
        """Over by the client's own `destroy`; its socket may stay open for as long as one that is silent."""
        self.expelled = False
        self.overflowed = False
        """The client reads nothing: the gateway cuts the connection."""
        self._scheduler = scheduler
        self._wake = wake
        self._handles: dict[int, Plugin] = {}
        self._detached: deque[int] = deque(maxlen=MAX_DETACHED)
        self._held = HeldEvents(scheduler, self._push)
        self._expel_timer: Timer | None = None
        self._token_refused = False
        """The SDK closes on that by itself, which is no leaving of its own accord."""
        self._named: Account | None = None
        """Whom the last genuine token named, also if it was refused then; failing that, whose the room is."""
        self._teller = problems.Teller()
        self._heard_before = self.last_heard
        self._faults = FaultLayer(lobby.faults, self, scheduler)
        self._pace = Pace(scheduler.time) if media else None
        self._most = lobby.max_frame_bytes if media else MAX_INSIDE_FRAME_BYTES
        self.tap = Tap(lobby.wire, self)

    # -- frames in ------------------------------------------------------------------------------------------------

    def receive(self, text: str) -> None:
        """One text frame. Every frame with a transaction gets exactly one reply (S-109)."""
        known = self._named is not None
        if known:
            self.tap.heard(text)
        self._receive(text)
        if not known:  # now its token has said whose it is, if it has one
            self.tap.heard(text)

    @property
    def named(self) -> Account | None:
        """Whose connection this is, as far as anything tells."""
        return self.account or self._named

    def _receive(self, text: str) -> None:
        if self.over:
            if self._destroyed:
                self._too_late(text)
            return
        self._heard_before, self.last_heard = self.last_heard, self._scheduler.time()
        length = janus.size(text)
        too_much = self._spend(length)
        if self.hopeless:
            return
        try:
            request = janus.parse_request(text, most=self._most)
        except janus.FrameError as error:
            rule = rules.FRAME_SIZE if length > self._most else rules.FRAME_RULES.get(error.code, rules.ENVELOPE)
            if too_much is None:
                self._note("janus_error", error.code, error.reason, rule)
            self.reply(janus.error(error.transaction, error.code, error.reason, session_id=self.id or None))
            return
        if too_much is None:
            self._attempt(request, self._let_in)
            return
        self.reply(janus.error(request.transaction, ErrorCode.UNKNOWN, too_much, session_id=self.id or None))

    def _too_late(self, text: str) -> None:
        """Behind the client's own `destroy`: answered (signaling.md 1.2, rule 6), and nothing comes of it (S-117)."""
        if self._spend(janus.size(text)) is not None or len(self.outbox) >= MAX_OUTBOX:
            return
        try:
            request = janus.parse_request(text, most=self._most)
        except janus.FrameError as error:
            late = janus.error(error.transaction, error.code, error.reason)
        else:
            reason = "The session of this connection has been destroyed."
            late = janus.error(request.transaction, ErrorCode.SESSION_NOT_FOUND, reason, session_id=self.id)
        self._push(late)

    @property
    def hopeless(self) -> bool:
        """It was closed since it would not stop: nothing more of it is worth reading."""
        return self._pace is not None and self._pace.hopeless

    def _spend(self, octets: int) -> str | None:
        """Why a frame of this length is too much for one connection, if it is; in the end that closes it."""
        pace, known = self._pace, self.hopeless
        too_much = None if pace is None else pace.spend(octets)
        if pace is None or too_much is None:
            return None
        if not pace.told:
            pace.told = True
            self._note("janus_error", ErrorCode.UNKNOWN, too_much, rules.FRAME_PACE)
        if pace.hopeless and not known:
            self._note("closed", CLOSE_REFUSED, f"It does not stop. {too_much}", rules.FRAME_PACE)
            self._push(Close(CLOSE_REFUSED))
            self.end("lost")
        return too_much

    def _let_in(self, request: Request) -> None:
        self._admit(request)
        self._faults.incoming(request, lambda: self._attempt(request, self._handle))

    def _attempt(self, request: Request, step: Callable[[Request], None]) -> None:
        """Whatever the step raises is answered."""
        if self.over:
            return
        try:
            step(request)
        except Refused as refusal:
            self._note("status_code", refusal.code, refusal.reason, refusal.rule, request)
            # The SDK closes at once: who was put out must have heard so before (S-95).
            self._held.release_frames()
            self._push(janus.refusal(refusal.code, refusal.reason))
            self._refused(refusal)
        except PluginError as refusal:
            self._refuse_in_plugin(request, refusal)
        except SignalingError as error:
            self._note("janus_error", error.code, error.reason, error.rule, request)
            self.reply(janus.error(request.transaction, error.code, error.reason, session_id=self.id or None))
        except StoreError as error:
            self._note("janus_error", ErrorCode.UNKNOWN, str(error), rules.STORE, request)
            self.reply(janus.error(request.transaction, ErrorCode.UNKNOWN, str(error), session_id=self.id or None))
        except Exception:
            # Whatever goes wrong in here, no request is left without a reply (S-109). The suite fails on this log line.
            log.exception("the frame %r of %s failed", request.janus, self.participant_id or self.connection)
            reason = "The emulator failed on this request; its log says why."
            self.reply(janus.error(request.transaction, ErrorCode.UNKNOWN, reason, session_id=self.id or None))

    def receive_control(self, octets: int) -> bool:
        """A ping or a pong of the WebSocket: costs as much as a frame; whether it may be answered."""
        return not self.over and self._spend(octets) is None

    def too_big(self, reason: str) -> None:
        """The gateway ends the connection over a frame that it has not read to its end."""
        self._note("closed", CLOSE_TOO_BIG, reason, rules.FRAME_SIZE)

    def receive_binary(self, octets: int = 0) -> None:
        """The protocol has text frames only (S-4)."""
        if self.over:
            return
        too_much = self._spend(octets)
        if self.hopeless:
            return
        reason = "Expected a text frame with one JSON object, got a binary frame."
        if too_much is None:
            self._note("janus_error", ErrorCode.INVALID_JSON, reason, rules.FRAME)
        self.reply(janus.error(None, ErrorCode.INVALID_JSON, reason, session_id=self.id or None))

    def _refuse_in_plugin(self, request: Request, refusal: PluginError) -> None:
        self._note("plugin_error", refusal.code, refusal.reason, refusal.rule, request)
        plugin = self._handles.get(request.handle_id or 0)
        if plugin is None:
            self.reply(janus.error(request.transaction, refusal.code, refusal.reason, session_id=self.id))
            return
        kind = plugin.name.rpartition(".")[2]
        data = {kind: "event", "error_code": refusal.code, "error": refusal.reason}
        self.answer(request, plugin, data)

    def _note(self, form: Form, code: int, reason: str, rule: Rule, request: Request | None = None) -> None:
        """Say aloud what the SDK keeps silent about (problems.py)."""
        account = self.account or self._named
        if account is None:
            account = self._named = self.lobby.owner(self.room_id)
        place = problems.Place(self.room_id, self.connection, self.participant_id)
        frame = problems.Frame()
        if request is not None:
            frame = problems.Frame.of(request, self.plugin_name(request.handle_id))
        self._teller.tell(self.lobby.problems.note(account, place, frame, form, code, reason, rule))

    def _refused(self, refusal: Refused) -> None:
        """The SDK closes on a refusal; a client that does not is put out after a while."""
        if self._expel_timer is not None:
            return
        self._token_refused = refusal.code == 401
        reason: LeaveReason = "token_expired" if self._token_refused else "kicked"

        def put_out() -> None:
            self._push(Close(CLOSE_REFUSED))
            self.end(reason)

        self._expel_timer = self._scheduler.call_later(REFUSAL_GRACE_SECS, put_out)

    def _handle(self, request: Request) -> None:
        if self.expelled and request.janus != "destroy":  # the SDK's own answer to a kick, and always a success (S-19)
            raise Refused(403, "This participant has been removed from the session.", rules.REMOVED)
        if request.janus == "create":
            self._create(request)
            return
        if request.session_id is None:
            reason = f"The element 'session_id' is missing: {request.janus!r:.60} is about a session."
            raise JanusError(ErrorCode.INVALID_REQUEST_PATH, reason, rules.SESSION_UNKNOWN)
        if self.id == 0 or request.session_id != self.id:
            reason = f"No such session {request.session_id!r} on this connection."
            raise JanusError(ErrorCode.SESSION_NOT_FOUND, reason, rules.SESSION_UNKNOWN)
        match request.janus:
            case "keepalive":
                self.reply(janus.ack(request.transaction, self.id))
            case "attach":
                self._attach(request)
            case "message":
                plugin = self._plugin(request)
                if request.jsep is not None and not self.media:
                    reason = "This connection carries no media: send no jsep."
                    raise JanusError(ErrorCode.INVALID_SDP, reason, rules.NO_MEDIA)
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
                self._destroyed = True
                self.reply(janus.success(request.transaction, session_id=self.id))
                self.end("left")
            case other:
                raise JanusError(ErrorCode.UNKNOWN_REQUEST, f"Unknown request {other!r:.60}.", rules.REQUEST)

    def _admit(self, request: Request) -> None:
        """Check the token of this frame (S-9, S-10). Raises Refused."""
        if request.client_token is None:
            raise Refused(401, "The element 'client_token' is missing.", rules.TOKEN_MISSING)
        try:
            account = self.lobby.admit(request.client_token, self.room_id)
        except TokenForbidden as error:
            raise Refused(403, str(error), rules.TOKEN_OF_ANOTHER_ROOM) from error
        except TokenExpired as error:
            raise Refused(401, str(error), rules.TOKEN_EXPIRED) from error
        except TokenRefused as error:
            raise Refused(401, str(error), rules.TOKEN_WRONG) from error
        self._named = account
        if self.account is not None and account is not self.account:
            reason = "The token belongs to another account than this session."
            raise Refused(403, reason, rules.TOKEN_OF_ANOTHER_ACCOUNT)
        if self.room_id not in account.records.rooms:
            raise Refused(404, f"There is no room with the id {self.room_id!r:.80}.", rules.ROOM_UNKNOWN)
        if self.account is None:
            self.account, self.connection = account, account.new_connection()

    def _create(self, request: Request) -> None:
        if self.id != 0:
            raise JanusError(ErrorCode.SESSION_CONFLICT, "This connection has a session already.", rules.SESSION_TWICE)
        self.id = self.lobby.ids.next()
        self.reply(janus.success(request.transaction, data_id=self.id))

    # -- handles --------------------------------------------------------------------------------------------------

    def _attach(self, request: Request) -> None:
        if len(self._handles) >= MAX_HANDLES:
            reason = f"A session can have at most {MAX_HANDLES} handles."
            raise JanusError(ErrorCode.PLUGIN_MESSAGE, reason, rules.HANDLES_SPENT)
        if request.plugin is None:
            raise JanusError(ErrorCode.MISSING_ELEMENT, "The element 'plugin' is missing.", rules.PLUGIN_UNKNOWN)
        handle_id = self.lobby.ids.next()
        self._handles[handle_id] = self.lobby.make_plugin(request.plugin, self, handle_id)
        self.reply(janus.success(request.transaction, session_id=self.id, data_id=handle_id))

    def _plugin(self, request: Request) -> Plugin:
        plugin = self._handles.get(request.handle_id or 0)
        if plugin is None:
            raise _no_handle(request)
        if request.body is None:
            raise JanusError(ErrorCode.MISSING_ELEMENT, "The element 'body' is missing.", rules.BODY_MISSING)
        return plugin

    def _known_handle(self, request: Request) -> None:
        if request.handle_id not in self._handles and request.handle_id not in self._detached:
            raise _no_handle(request)

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

    @property
    def open(self) -> bool:
        """Whether its socket is still the client's to use."""
        return not self.over or self._destroyed

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

    def notify(self, handle_id: int, plugin: str, data: dict[str, Any]) -> None:
        """An event on whichever handle."""
        self._event(janus.event(self.id, handle_id, plugin, data))

    @property
    def holds_events(self) -> bool:
        return self._held.holding

    def hold_events(self) -> None:
        """Called with a join reply on REG or LST: events wait for a moment (rule 7)."""
        if self.media:  # else our own clients read each reply before the next frame, and nothing waits for real time
            self._held.begin()

    def release_events(self) -> None:
        """Tell at once what was held: a reply must not come before it."""
        self._held.release()

    def _event(self, item: Frame | Close) -> None:
        if self._held.put(item) > MAX_OUTBOX:
            self._overflow()

    def _push(self, item: Frame | Close) -> None:
        self._faults.outgoing(None if isinstance(item, Close) else item, lambda: self._put(item))

    def _put(self, item: Frame | Close) -> None:
        self.outbox.append(item)
        if len(self.outbox) > MAX_OUTBOX:
            self._overflow()
        self._wake()

    def _overflow(self) -> None:
        self._note("closed", CLOSE_OVERLOADED, f"It has left {MAX_OUTBOX} frames unread.", rules.UNREAD)
        self.outbox.clear()
        self._held.take()
        self.overflowed = True
        self.outbox.append(Close(CLOSE_OVERLOADED))
        self.end("lost")

    def time(self) -> float:
        """Seconds on the clock that timers go by."""
        return self._scheduler.time()

    def tell_problem(self, form: Form, code: int, reason: str, rule: Rule, request: Request | None = None) -> None:
        """What happened beside the frames and the SDK keeps silent about, too."""
        self._note(form, code, reason, rule, request)

    # -- what faults do -------------------------------------------------------------------------------------------

    def plugin_name(self, handle_id: int | None) -> str | None:
        plugin = self._handles.get(handle_id or 0)
        return None if plugin is None else plugin.name

    def break_off(self, code: int | None) -> None:
        self.expelled = True
        self._put(Close(CLOSE_LOST if code is None else code))

    def leave_unanswered(self, transaction: str) -> None:
        self._faults.leave_unanswered(transaction)

    def unhear(self) -> None:
        self.last_heard = self._heard_before

    def expire_token(self, token: str) -> None:
        self.lobby.expire(token)

    # -- ending ---------------------------------------------------------------------------------------------------

    def participant_joined(self) -> None:
        """It is known whose connection this is."""
        if self.on_participant_joined is not None:
            self.on_participant_joined()

    def participant_left(self) -> None:
        """The person has gone, whatever becomes of the connection."""
        if self.on_participant_left is not None:
            self.on_participant_left()

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
        """Silent for too long: `timeout`, then Close 3999 (signaling.md 1.6). After `destroy` just the Close."""
        if self._destroyed:
            self._destroyed = False
            self._push(Close(CLOSE_TIMED_OUT))
            return
        silent = self._scheduler.time() - self.last_heard
        self._note("closed", CLOSE_TIMED_OUT, f"It has been silent for {silent:.1f} s.", rules.IDLE)
        if self.id:
            self._push(janus.timeout(self.id))
        self._push(Close(CLOSE_TIMED_OUT))
        self.end("timed_out")

    def end(self, reason: LeaveReason) -> None:
        """The session is over, whatever the cause; clean-up is the same and runs once (S-20)."""
        if self.over:
            return
        self.over = True
        if self._expel_timer is not None:
            self._expel_timer.cancel()
        self._faults.end()
        self.outbox.extend(self._held.take())
        if self.account is not None and self.participant_id is not None:
            reason = "token_expired" if self._token_refused else reason
            self.account.leave(self.participant_id, connection=self.connection, reason=reason)
        for plugin in self._handles.values():
            plugin.detach()
        self._handles.clear()
        if self.hub is not None:
            self.lobby.forget(self, self.hub)
        self._wake()


def _no_handle(request: Request) -> JanusError:
    if request.handle_id is None:
        reason = f"The element 'handle_id' is missing: {request.janus!r:.60} is about a handle."
        return JanusError(ErrorCode.INVALID_REQUEST_PATH, reason, rules.HANDLE_UNKNOWN)
    reason = f"No such handle {request.handle_id!r} in this session."
    return JanusError(ErrorCode.HANDLE_NOT_FOUND, reason, rules.HANDLE_UNKNOWN)
