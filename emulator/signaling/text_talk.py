"""One client's conversation with the text room: frames in, frames out, no I/O (signaling.md 4.4).

The official SDK waits for ever on anything but `success`, an error included: so whatever is refused is also told to
`on_refusal`, which says it aloud.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from emulator.signaling import rules
from emulator.signaling.allowance import Allowance
from emulator.signaling.rules import Rule
from emulator.signaling.text_members import TextMember, TextMembers
from emulator.wire import textroom as wire
from emulator.wire.textroom import MAX_FRAME_BYTES, Frame, TextError, TextFrameError, TextRequest

_RULES = {
    TextError.NO_SUCH_ROOM: rules.TEXT_ROOM,
    TextError.NOT_IN_ROOM: rules.TEXT_JOIN,
    TextError.ALREADY_IN_ROOM: rules.TEXT_JOIN,
    TextError.UNAUTHORIZED: rules.OWN_DISPLAY,
    TextError.TOO_MUCH: rules.TEXT_RATE,
}

OnRefusal = Callable[[int, str, Rule, TextRequest | None], None]


class TextTalk:
    """`owner` gives the participant id of the connection, once it has one. `messages` and `octets` bound what the
    client may make the others read; None for one that nothing waits for.
    """

    def __init__(
        self,
        members: TextMembers,
        *,
        send: Callable[[str], bool],
        put_out: Callable[[], None],
        owner: Callable[[], str | None],
        now: Callable[[], datetime],
        on_refusal: OnRefusal,
        messages: Allowance | None = None,
        octets: Allowance | None = None,
    ) -> None:
        self._members = members
        self._send = send
        self._put_out = put_out
        self._owner = owner
        self._now = now
        self._on_refusal = on_refusal
        self._messages = messages
        self._octets = octets
        self._member: TextMember | None = None

    def receive(self, text: str | bytes) -> None:
        """One message of the client. Each that names a transaction gets one reply with it."""
        request = None
        try:
            frame = wire.parse(text)
            request = wire.read_request(frame)
            if isinstance(text, str) and wire.size(text) > MAX_FRAME_BYTES:
                reason = f"expected a frame of at most {MAX_FRAME_BYTES} bytes, got {wire.size(text)}"
                raise request.fault(TextError.INVALID_ELEMENT, reason)
            self._serve(request)
        except TextFrameError as refusal:
            rule = _RULES.get(refusal.code, rules.TEXT_FRAME)
            self._on_refusal(refusal.code, refusal.reason, rule, request)
            self._reply(wire.error(refusal.code, refusal.reason, refusal.transaction))

    def end(self) -> None:
        """The connection, or the person, has gone. Without effect when called again."""
        member, self._member = self._member, None
        if member is not None:
            self._members.leave(member)

    def _serve(self, request: TextRequest) -> None:
        match request.kind:
            case "join":
                self._join(request)
            case "message":
                self._message(request)
            case "leave":
                self._check_room(request)
                self._check_member(request)
                self.end()
                self._reply(wire.success(request.transaction))
            case "listparticipants":
                self._check_room(request)
                member = self._check_member(request)
                everyone = [*self._members.others(member), member.as_json()]
                fields = {"room": self._members.room_number, "participants": everyone}
                self._reply(wire.success(request.transaction, **fields))
            case _:
                raise request.fault(TextError.INVALID_REQUEST, "expected one of join, message, leave, listparticipants")

    def _join(self, request: TextRequest) -> None:
        """S-39. The SDK does so before its participant is in the room, so there may be nobody to compare with yet."""
        self._check_room(request)
        if self._member is not None:
            raise request.fault(TextError.ALREADY_IN_ROOM, "this connection is in the text room already")
        username = request.text("username") or ""
        if not username:
            raise request.fault(TextError.INVALID_ELEMENT, "username: expected the participant id, got nothing")
        self._check_owner(request, username)
        member = TextMember(username, request.text("display", required=False), self._send, self._replaced)
        self._member = member
        self._members.join(member)
        self._reply(wire.success(request.transaction, participants=self._members.others(member)))

    def _message(self, request: TextRequest) -> None:
        """S-40 to S-43: the others first, then the success."""
        self._check_room(request)
        member = self._check_member(request)
        self._check_owner(request, member.username)
        text = request.text("text")
        recipients = request.recipients()
        frame = wire.serialise(
            wire.message(
                self._members.room_number,
                member.username,
                self._now(),
                text or "",
                whisper=recipients is not None,
            )
        )
        length = wire.size(frame)
        if length > MAX_FRAME_BYTES:
            reason = f"text: expected what fits a frame of {MAX_FRAME_BYTES} bytes, got one of {length}"
            raise request.fault(TextError.INVALID_ELEMENT, reason)
        self._check_allowance(request, length)
        if recipients is None:
            self._members.to_all(frame, member)
            sent = {}
        else:
            sent = {"sent": self._members.to_some(frame, recipients)}
        if request.body.get("ack") is not False:  # a client may ask for no answer; the SDK never does
            self._reply(wire.success(request.transaction, **sent))

    # -- checks ---------------------------------------------------------------------------------------------------

    def _check_room(self, request: TextRequest) -> None:
        room = request.body.get("room")
        if not self._members.is_this_room(room):
            reason = f"no such room ({room!r:.60}); this connection's is {self._members.room_number}"
            raise request.fault(TextError.NO_SUCH_ROOM, reason)

    def _check_member(self, request: TextRequest) -> TextMember:
        if self._member is None:
            raise request.fault(TextError.NOT_IN_ROOM, "not in the text room; join it first")
        return self._member

    def _check_owner(self, request: TextRequest, username: str) -> None:
        owner = self._owner()
        if owner is not None and owner != username:
            raise request.fault(TextError.UNAUTHORIZED, f"{username!r:.60} is not this connection's participant id")

    def _check_allowance(self, request: TextRequest, length: int) -> None:
        if self._messages is not None and not self._messages.take(1):
            raise request.fault(TextError.TOO_MUCH, f"too many messages; {self._messages}")
        if self._octets is not None and not self._octets.take(length):
            raise request.fault(TextError.TOO_MUCH, f"too many bytes in messages; {self._octets}")

    def _replaced(self) -> None:
        self._member = None
        self._put_out()

    def _reply(self, frame: Frame) -> None:
        self._send(wire.serialise(frame))
