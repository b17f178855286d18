"""The audiobridge plugin: presence (REG), the mixed audio (MIX) and telephones (signaling.md 4.1)."""

from __future__ import annotations

from typing import Any

from emulator.conference.conference import Conference
from emulator.conference.conferences import Conferences
from emulator.events import StoreError
from emulator.media.transport.errors import MediaError
from emulator.rooms.errors import Conflict, DomainError, NotFound, RoomFull
from emulator.signaling import rules
from emulator.signaling.errors import JanusError, PluginError, Refused
from emulator.signaling.roster import AudioEntry
from emulator.signaling.session import SignalingSession
from emulator.signaling.videoroom import boolean, check_room, display_of
from emulator.wire.display import Display
from emulator.wire.janus import ErrorCode, Jsep, Request
from emulator.wire.sdp import SdpError

ERROR_INVALID_REQUEST = 481
ERROR_NO_SUCH_ROOM = 485
ERROR_NOT_JOINED = 487
ERROR_ALREADY_JOINED = 491


class AudioBridge:
    """One audiobridge handle. What it is, its display says at the join."""

    name = "janus.plugin.audiobridge"

    def __init__(self, session: SignalingSession, handle_id: int, conferences: Conferences) -> None:
        self._session = session
        self._handle_id = handle_id
        self._conferences = conferences
        self._entry: AudioEntry | None = None
        self._conference: Conference | None = None

    def message(self, request: Request) -> None:
        body = request.body or {}
        match body.get("request"):
            case "join":
                self._join(request, body)
            case "configure":
                self._configure(request, body)
            case "leave":
                self._leave(request)
            case other:
                reason = f"audiobridge: unknown request {other!r:.60}."
                raise JanusError(ErrorCode.UNKNOWN_REQUEST, reason, rules.PLUGIN_REQUEST)

    def _join(self, request: Request, body: dict[str, Any]) -> None:
        if self._entry is not None:
            raise PluginError(ERROR_ALREADY_JOINED, "This handle has joined already.", rules.JOIN_ONCE)
        check_room(body, self._session.room_id, ERROR_NO_SUCH_ROOM)
        text, display = display_of(body)
        muted = boolean(body, "muted", default=False)
        if display.stream is not None and not display.telephony:
            self._join_mixer(request, text, display, muted)
        else:
            self._join_present(request, text, display, muted)

    def _join_present(self, request: Request, text: str, display: Display, muted: bool) -> None:
        """A person comes in: a register handle, or a telephone with its only entry (D5)."""
        session = self._session
        account = session.account
        if account is None:
            raise RuntimeError("a frame is handled only after its token was checked")
        if session.participant_id is not None:
            raise PluginError(ERROR_ALREADY_JOINED, "This session has a participant already.", rules.PARTICIPANT_ONCE)
        hub = session.lobby.enter(session)
        entry = self._make_entry(text, display, muted, presence=True)
        hub.audio[entry.id] = entry
        try:
            account.join(
                session.room_id,
                display.participant_id,
                context=display.external,
                connection=session.connection,
                kind="telephone" if display.telephony else "web",
            )
        except RoomFull as error:
            del hub.audio[entry.id]
            raise Refused(403, str(error), rules.ROOM_FULL) from error
        except NotFound as error:
            del hub.audio[entry.id]
            raise Refused(404, str(error), rules.ROOM_UNKNOWN) from error
        except Conflict as error:
            del hub.audio[entry.id]
            raise Refused(403, str(error), rules.PRESENT_ELSEWHERE) from error
        except StoreError:
            del hub.audio[entry.id]
            raise
        self._entry = entry
        session.participant_id = display.participant_id
        session.register_id = self._handle_id
        session.participant_joined()
        self._answer_joined(request, entry)
        session.hold_events()

    def _join_mixer(self, request: Request, text: str, display: Display, muted: bool) -> None:
        """A second, separate audiobridge participant of the same person (S-55)."""
        session = self._session
        if session.participant_id is None:
            raise PluginError(ERROR_NOT_JOINED, "Join the register handle before the mixer leg.", rules.REGISTER_FIRST)
        if display.participant_id != session.participant_id:
            reason = "The display names another participant than this session's."
            raise PluginError(ERROR_INVALID_REQUEST, reason, rules.OWN_DISPLAY)
        hub = session.lobby.enter(session)
        entry = self._make_entry(text, display, muted, presence=False)
        hub.audio[entry.id] = entry
        self._entry = entry
        hub.announce_entry(entry)
        self._answer_joined(request, entry)

    def _make_entry(self, text: str, display: Display, muted: bool, *, presence: bool) -> AudioEntry:
        return AudioEntry(
            id=self._session.lobby.ids.next(),
            display=text,
            participant_id=display.participant_id,
            session=self._session,
            handle_id=self._handle_id,
            presence=presence,
            muted=muted,
        )

    def _answer_joined(self, request: Request, entry: AudioEntry) -> None:
        hub = self._session.lobby.enter(self._session)
        others = [other.as_json() for other in hub.others(self._session)]
        data = {"audiobridge": "joined", "room": self._session.room_id, "id": entry.id, "participants": others}
        self._session.answer(request, self, data)

    def _configure(self, request: Request, body: dict[str, Any]) -> None:
        """With an offer: the mixed audio's connection. Empty: nothing, but answered at any time (S-60)."""
        entry = self._entry
        if entry is None:
            raise PluginError(ERROR_NOT_JOINED, "This handle has not joined yet.", rules.JOIN_FIRST)
        if "display" in body:
            text, display = display_of(body)
            if display.participant_id != entry.participant_id:
                reason = "The display names another participant than this handle's."
                raise PluginError(ERROR_INVALID_REQUEST, reason, rules.OWN_DISPLAY)
            entry.display = text
        entry.muted = boolean(body, "muted", default=entry.muted)
        data = {"audiobridge": "event", "room": self._session.room_id, "result": "ok"}
        if request.jsep is None:
            entry.setup = entry.setup or not (entry.presence or self._session.media)
            self._session.answer(request, self, data)
            return
        if request.jsep.type != "offer":
            reason = "audiobridge: expected a jsep of the type 'offer'."
            raise JanusError(ErrorCode.JSEP_UNKNOWN_TYPE, reason, rules.MIX_OFFER)
        answer = self._open_mix(entry, request.jsep.sdp)
        entry.setup = True
        self._session.answer(request, self, data, Jsep("answer", answer))

    def _open_mix(self, entry: AudioEntry, offer: str) -> str:
        account = self._session.account
        try:
            if account is None:
                raise RuntimeError("a frame is handled only after its token was checked")
            if entry.id not in self._session.lobby.enter(self._session).audio:
                raise PluginError(ERROR_NOT_JOINED, "This participant has left.", rules.GONE)
            participant = account.participant(entry.participant_id)
            self._conference = self._conferences.of(account, participant.session_id)
            return self._conference.open_mix(self._handle_id, participant.id, offer)
        except (SdpError, MediaError) as error:
            raise JanusError(ErrorCode.INVALID_SDP, f"audiobridge: {error}", rules.MIX_OFFER) from error
        except DomainError as error:
            raise PluginError(ERROR_NOT_JOINED, str(error), rules.GONE) from error

    def _leave(self, request: Request) -> None:
        """Stock Janus's; the official SDK detaches or destroys instead. The handle may join again."""
        entry, session = self._entry, self._session
        if entry is None:
            raise PluginError(ERROR_NOT_JOINED, "This handle has not joined yet.", rules.JOIN_FIRST)
        self.detach()
        if session.register_id == self._handle_id:
            session.release_events()
            session.register_id = None
        session.answer(request, self, {"audiobridge": "left", "room": session.room_id, "id": entry.id})

    def detach(self) -> None:
        if self._conference is not None:
            self._conference.close_leg(self._handle_id)
            self._conference = None
        entry, session = self._entry, self._session
        self._entry = None
        if entry is None:
            return
        if entry.presence and session.account is not None:
            session.account.leave(entry.participant_id, connection=session.connection, reason="left")
            session.participant_id = None
        if session.hub is not None:
            session.hub.drop_entry(entry)
