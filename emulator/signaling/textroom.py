"""The textroom plugin (TXT): the data channel's set-up through Janus messages; all else goes over the channel.

A connection without media has no data channel. There the same frames travel as the bodies of plugin messages, and come
as events on the handle.
"""

from __future__ import annotations

import logging
from typing import Any

from emulator.conference.conferences import Conferences
from emulator.conference.text_leg import TextLeg
from emulator.media.transport.errors import MediaError
from emulator.rooms.account import Account
from emulator.signaling import rules
from emulator.signaling.allowance import Allowance
from emulator.signaling.errors import JanusError, PluginError
from emulator.signaling.rules import Rule
from emulator.signaling.session import SignalingSession
from emulator.signaling.text_talk import TextTalk
from emulator.wire import textroom as wire
from emulator.wire.janus import ErrorCode, Jsep, Request
from emulator.wire.sdp import SdpError
from emulator.wire.textroom import TextError, TextRequest

log = logging.getLogger("emulator.signaling")

MESSAGES_AT_ONCE, MESSAGES_PER_SECOND = 1000, 200
BYTES_AT_ONCE, BYTES_PER_SECOND = 8 * 1024 * 1024, 2 * 1024 * 1024
"""What one client may make the others read; below what a healthy reader leaves unread (DataLimits.unsent)."""
CLOSED_UNREAD = 1013


class TextRoom:
    """One textroom handle: `setup` is answered with our offer, `ack` brings the answer (R3, R4)."""

    name = "janus.plugin.textroom"

    def __init__(self, session: SignalingSession, handle_id: int, conferences: Conferences) -> None:
        self._session = session
        self._handle_id = handle_id
        self._conferences = conferences
        self._leg: TextLeg | None = None
        self._talk: TextTalk | None = None

    @property
    def is_set_up(self) -> bool:
        return self._talk is not None

    def message(self, request: Request) -> None:
        body = request.body or {}
        match body.get("request"):
            case "setup":
                self._set_up(request, body)
            case "ack":
                self._acknowledge(request)
            case None if "textroom" in body and not self._session.media:
                self._receive(request, body)
            case other:
                reason = f"textroom: unknown request {other!r:.60}."
                raise JanusError(ErrorCode.UNKNOWN_REQUEST, reason, rules.TEXT_REQUEST)

    def _set_up(self, request: Request, body: dict[str, Any]) -> None:
        """R3: result, room number and offer in one frame (S-36)."""
        room = body.get("room")
        if room is not None and room != self._session.room_id:
            raise PluginError(TextError.NO_SUCH_ROOM, f"No such room ({room!r:.60}).", rules.TEXT_ROOM)
        # One for each connection: a client cannot use up the media socket's peers by asking for more.
        if any(isinstance(plugin, TextRoom) and plugin.is_set_up for plugin in self._session.handles()):
            raise PluginError(TextError.ALREADY_SETUP, "The text room is set up already.", rules.TEXT_ONCE)
        members = self._session.lobby.enter(self._session).text_room(self._session.lobby.ids.next)
        jsep = None
        if self._session.media:
            try:
                self._leg = self._conferences.open_text()
            except MediaError as error:
                raise PluginError(TextError.INVALID_REQUEST, str(error), rules.TEXT_REQUEST) from error
            self._leg.on_text = self._heard
            self._leg.on_closed = self._closed
            self._own()
            jsep = Jsep("offer", self._leg.offer())
        self._talk = TextTalk(
            members,
            send=self._send,
            put_out=self.leave,
            owner=lambda: self._session.participant_id,
            now=self._account.now,
            on_refusal=self._refused,
            **(self._allowances() if self._session.media else {}),
        )
        self._session.on_participant_joined, self._session.on_participant_left = self._own, self.leave
        data = {"textroom": "event", "result": "ok", "janus_room_id": members.room_number}
        self._session.answer(request, self, data, jsep)

    def _acknowledge(self, request: Request) -> None:
        """R4: the answer (S-37)."""
        if self._talk is None:
            raise PluginError(TextError.INVALID_REQUEST, "'ack' comes after 'setup'.", rules.TEXT_REQUEST)
        if self._session.media:
            if request.jsep is None or request.jsep.type != "answer":
                reason = "textroom: 'ack' needs a jsep of the type 'answer'."
                raise JanusError(ErrorCode.JSEP_UNKNOWN_TYPE, reason, rules.TEXT_ANSWER)
            if self._leg is None:
                raise PluginError(TextError.INVALID_REQUEST, "The data connection has ended.", rules.GONE)
            try:
                self._leg.accept(request.jsep.sdp)
            except (SdpError, MediaError) as error:
                raise JanusError(ErrorCode.INVALID_SDP, f"textroom: {error}", rules.TEXT_ANSWER) from error
        self._session.answer(request, self, {"textroom": "event", "result": "ok"})

    def _allowances(self) -> dict[str, Allowance]:
        clock = self._session.time
        return {
            "messages": Allowance(
                at_once=MESSAGES_AT_ONCE, per_second=MESSAGES_PER_SECOND, unit="messages", clock=clock
            ),
            "octets": Allowance(at_once=BYTES_AT_ONCE, per_second=BYTES_PER_SECOND, unit="bytes", clock=clock),
        }

    @property
    def _account(self) -> Account:
        account = self._session.account
        if account is None:
            raise RuntimeError("a frame is handled only after its token was checked")
        return account

    # -- what goes over the data channel --------------------------------------------------------------------------

    def _receive(self, request: Request, body: dict[str, Any]) -> None:
        """A frame of a client without media: it is answered by events, and the message itself like any other."""
        if self._talk is None:
            raise PluginError(TextError.INVALID_REQUEST, "'setup' comes first.", rules.TEXT_REQUEST)
        self._talk.receive(wire.serialise(body))
        self._session.answer(request, self, {"textroom": "event", "result": "ok"})

    def _own(self) -> None:
        """The connection goes over its participant's network (impairments), once it is known whose it is."""
        who = self._session.participant_id
        if self._leg is not None and who is not None:
            self._conferences.own_text(self._leg, self._account, who)

    def _heard(self, message: str | bytes) -> None:
        if self._talk is not None and not self._session.expelled:
            self._session.tap.heard(message, channel="data")
            self._talk.receive(message)

    def _send(self, text: str) -> bool:
        if self._session.media:
            reached = self._leg is not None and self._leg.send(text)
            if reached:
                self._session.tap.said(text, channel="data")
            return reached
        self._session.notify(self._handle_id, self.name, wire.parse(text))
        return True

    def _refused(self, code: int, reason: str, rule: Rule, request: TextRequest | None) -> None:
        frame = None
        if request is not None:
            body = {"request": request.kind}
            frame = Request("message", request.transaction, handle_id=self._handle_id, body=body)
        self._session.tell_problem("plugin_error", code, reason, rule, frame)

    def _closed(self, reason: str) -> None:
        """The data connection has ended. The person stays: presence follows the socket only (T-35)."""
        if self._leg is not None and self._leg.overrun:
            self._session.tell_problem("closed", CLOSED_UNREAD, f"The text room: {reason}.", rules.TEXT_UNREAD)
        else:
            log.debug("the text connection of %s has ended: %s", self._session.participant_id, reason)
        self.leave()

    def leave(self) -> None:
        """The participant has left, or this connection is no more: it hears and says nothing from now on."""
        if self._talk is not None:
            self._talk.end()
        if self._leg is not None:
            self._leg.close()
            self._leg = None

    def detach(self) -> None:
        self.leave()
