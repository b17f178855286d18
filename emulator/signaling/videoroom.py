"""The videoroom plugin: the event feed (LST), publishers (PUB) and subscribers (SUB) (signaling.md 4.2)."""

from __future__ import annotations

import logging
from typing import Any

from emulator.conference.conference import Conference
from emulator.conference.conferences import Conferences
from emulator.media.transport.errors import CodecMismatch, MediaError
from emulator.media.transport.negotiation import MAX_LAYERS
from emulator.rooms.account import Account
from emulator.rooms.errors import DomainError, NotFound
from emulator.signaling import rules
from emulator.signaling.errors import JanusError, PluginError
from emulator.signaling.roster import FeedEntry
from emulator.signaling.session import SignalingSession
from emulator.wire import display as displays
from emulator.wire.display import Display, DisplayError, StreamInfo
from emulator.wire.janus import ErrorCode, Jsep, Request
from emulator.wire.sdp import SdpError

log = logging.getLogger("emulator.signaling")

ERROR_INVALID_REQUEST = 423
ERROR_JOIN_FIRST = 424
ERROR_ALREADY_JOINED = 425
ERROR_NO_SUCH_ROOM = 426
ERROR_NO_SUCH_FEED = 428
ERROR_INVALID_ELEMENT = 430
ERROR_NOT_PUBLISHED = 435
ERROR_ID_EXISTS = 436
DEFAULT_BITRATE = 500_000
BITRATE_RANGE = (10_000, 20_000_000)


class VideoRoom:
    """One videoroom handle. What it is, its join says: a listener, a publisher or a subscriber."""

    name = "janus.plugin.videoroom"

    def __init__(self, session: SignalingSession, handle_id: int, conferences: Conferences) -> None:
        self._session = session
        self._handle_id = handle_id
        self._conferences = conferences
        self._conference: Conference | None = None
        self._role: str | None = None
        self._feed: FeedEntry | None = None
        self._offered = False
        self._subscribed_to: int | None = None

    def message(self, request: Request) -> None:
        body = request.body or {}
        match body.get("request"), self._role:
            case "join", None:
                self._join(request, body)
            case "join", _:
                raise PluginError(ERROR_ALREADY_JOINED, "This handle has joined already.", rules.JOIN_ONCE)
            case "configure", "publisher":
                self._configure_publisher(request, body)
            case "unpublish", "publisher":
                self._unpublish(request)
            case "configure", "subscriber":
                self._configure_subscriber(request, body)
            case "start", "subscriber":
                self._start(request)
            case ("configure" | "start" | "unpublish") as name, role:
                reason = f"{name!r} does not fit a handle that is {role or 'not joined'}."
                code = ERROR_JOIN_FIRST if role is None else ERROR_INVALID_REQUEST
                raise PluginError(code, reason, rules.JOIN_FIRST)
            case other, _:
                reason = f"videoroom: unknown request {other!r:.60}."
                raise JanusError(ErrorCode.UNKNOWN_REQUEST, reason, rules.PLUGIN_REQUEST)

    def _join(self, request: Request, body: dict[str, Any]) -> None:
        check_room(body, self._session.room_id, ERROR_NO_SUCH_ROOM)
        match body.get("ptype"):
            case "publisher":
                text, display = display_of(body)
                if display.stream is None:
                    self._join_listener(request, display)
                else:
                    self._join_publisher(request, text, display, display.stream)
            case "subscriber":
                self._join_subscriber(request, body)
            case other:
                reason = f"videoroom: ptype must be 'publisher' or 'subscriber', got {other!r:.40}."
                raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.ELEMENT)

    # -- LST ------------------------------------------------------------------------------------------------------

    def _join_listener(self, request: Request, display: Display) -> None:
        self._check_owner(display)
        self._role = "listener"
        self._session.listener_id = self._handle_id
        # The reply lists streams: the coming of whose they are must have been told before (5.4, rule 1; S-67). The
        # register's own reply, for which events are held, was read long since: this is a later request.
        self._session.release_events()
        self._answer_joined(request, self._session.lobby.ids.next())
        self._session.hold_events()

    def _answer_joined(self, request: Request, own_id: int) -> None:
        hub = self._session.lobby.enter(self._session)
        data = {
            "videoroom": "joined",
            "room": self._session.room_id,
            "description": self._session.room_id,
            "id": own_id,
            "private_id": self._session.lobby.ids.next(),
            "publishers": [feed.as_json() for feed in hub.publishers(self._session)],
        }
        self._session.answer(request, self, data)

    def _check_owner(self, display: Display) -> None:
        joined_as = self._session.participant_id
        if joined_as is None:
            raise PluginError(ERROR_JOIN_FIRST, "Join the audiobridge register handle first.", rules.REGISTER_FIRST)
        if display.participant_id != joined_as:
            reason = "The display names another participant than this session's."
            raise PluginError(ERROR_INVALID_ELEMENT, reason, rules.OWN_DISPLAY)

    # -- PUB ------------------------------------------------------------------------------------------------------

    def _join_publisher(self, request: Request, text: str, display: Display, stream: StreamInfo) -> None:
        self._check_owner(display)
        hub = self._session.lobby.enter(self._session)
        for feed in hub.feeds.values():
            if feed.participant_id == display.participant_id and feed.key == stream.key:
                reason = f"This participant already publishes a stream with the key {stream.key!r:.80}."
                raise PluginError(ERROR_ID_EXISTS, reason, rules.KEY_TWICE)
            if feed.stream_id == stream.id:
                reason = f"The stream id {stream.id!r:.80} is in use already."
                raise PluginError(ERROR_ID_EXISTS, reason, rules.KEY_TWICE)
        participant = self._account().participant(display.participant_id)
        feed = FeedEntry(
            id=self._session.lobby.ids.next(),
            display=text,
            participant_id=display.participant_id,
            stream_id=stream.id,
            key=stream.key,
            session=self._session,
            handle_id=self._handle_id,
            audio_moderated=participant.muted,
        )
        hub.feeds[feed.id] = feed
        self._feed = feed
        self._role = "publisher"
        self._answer_joined(request, feed.id)

    def _configure_publisher(self, request: Request, body: dict[str, Any]) -> None:
        feed = self._feed
        hub = self._session.lobby.enter(self._session)
        if feed is None or not (self._offered or feed.id in hub.feeds):  # the person has left meanwhile
            raise PluginError(ERROR_JOIN_FIRST, "This publisher is gone.", rules.GONE)
        bitrate = _bitrate(body)
        flags: StreamInfo | None = None
        text = feed.display
        if "display" in body:
            text, display = display_of(body)
            flags = display.stream
            if flags is None or (display.participant_id, flags.id, flags.key) != (
                feed.participant_id,
                feed.stream_id,
                feed.key,
            ):
                reason = "The display names another stream than this handle's."
                raise PluginError(ERROR_INVALID_ELEMENT, reason, rules.OWN_STREAM)
        data: dict[str, Any] = {"videoroom": "event", "room": self._session.room_id, "configured": "ok"}
        jsep: Jsep | None = None
        up = flags is not None and not self._offered and not self._session.media
        if request.jsep is not None:
            jsep = self._publish(feed, request.jsep, text, bitrate)
            data |= {"audio_codec": feed.audio_codec, "video_codec": feed.video_codec}
        elif up:
            self._offer_stream(feed, text)
        elif bitrate is not None and self._conference is not None:
            self._conference.set_bitrate(feed.stream_id, bitrate)
        if flags is not None and self._offered and jsep is None and not up:
            self._change_flags(feed, flags)
        feed.display = text
        self._session.answer(request, self, data, jsep)
        if up:  # there is no connection to wait for
            self._account().announce_stream(feed.participant_id, feed.stream_id)
        elif flags is not None and self._offered:
            hub.announce_display(feed)

    def _change_flags(self, feed: FeedEntry, flags: StreamInfo) -> None:
        try:
            self._account().change_stream(
                feed.participant_id,
                feed.stream_id,
                audio_enabled=flags.audio_enabled,
                video_enabled=flags.video_enabled,
            )
        except NotFound:
            # Its connection has failed and it was unpublished (T-35); the handle itself is still in order.
            log.debug("flags of the stream %s changed after it was unpublished", feed.stream_id)

    def _publish(self, feed: FeedEntry, jsep: Jsep, display_text: str, bitrate: int | None) -> Jsep:
        if jsep.type != "offer":
            reason = "videoroom: expected a jsep of the type 'offer'."
            raise JanusError(ErrorCode.JSEP_UNKNOWN_TYPE, reason, rules.OFFER)
        if self._offered:
            reason = "Renegotiation of a publisher is not supported."
            raise PluginError(ERROR_INVALID_REQUEST, reason, rules.RENEGOTIATION)
        account = self._account()
        self._offer_stream(feed, display_text)
        try:
            session_id = account.participant(feed.participant_id).session_id
            self._conference = self._conferences.of(account, session_id)
            published = self._conference.open_publisher(
                self._handle_id, feed.participant_id, feed.stream_id, jsep.sdp, bitrate=bitrate or DEFAULT_BITRATE
            )
        except (SdpError, MediaError) as error:
            self._withdraw(account, feed)
            rule = rules.CODECS if isinstance(error, CodecMismatch) else rules.OFFER
            raise JanusError(ErrorCode.INVALID_SDP, f"videoroom: {error}", rule) from error
        feed.audio_codec, feed.video_codec = published.audio_codec, published.video_codec
        feed.simulcast = published.layers > 1
        return Jsep("answer", published.answer)

    def _offer_stream(self, feed: FeedEntry, display_text: str) -> None:
        info = displays.decode(display_text).stream
        try:
            self._account().offer_stream(
                feed.participant_id,
                connection=self._session.connection,
                stream_id=feed.stream_id,
                key=feed.key,
                audio_enabled=info.audio_enabled if info else True,
                video_enabled=info.video_enabled if info else True,
            )
        except NotFound as error:
            raise PluginError(ERROR_JOIN_FIRST, str(error), rules.GONE) from error
        except DomainError as error:
            raise PluginError(ERROR_ID_EXISTS, str(error), rules.STREAMS_SPENT) from error
        self._offered = True

    def _withdraw(self, account: Account, feed: FeedEntry) -> None:
        """Take back what a refused offer had begun; the handle stays joined and may offer again."""
        self._offered = False
        account.unpublish(feed.participant_id, feed.stream_id)
        hub = self._session.lobby.enter(self._session)
        hub.feeds[feed.id] = feed

    def _unpublish(self, request: Request) -> None:
        """Stock Janus's; the official SDK detaches instead. The handle stays joined and may offer again."""
        feed = self._feed
        if feed is None or not self._offered:
            raise PluginError(ERROR_NOT_PUBLISHED, "This handle publishes nothing.", rules.JOIN_FIRST)
        self._withdraw(self._account(), feed)
        feed.announced = False
        if self._conference is not None:
            self._conference.close_leg(self._handle_id)
            self._conference = None
        self._session.answer(request, self, {"videoroom": "event", "room": self._session.room_id, "unpublished": "ok"})

    # -- SUB ------------------------------------------------------------------------------------------------------

    def _join_subscriber(self, request: Request, body: dict[str, Any]) -> None:
        number = body.get("feed")
        if not isinstance(number, int) or isinstance(number, bool):
            reason = "videoroom: 'feed' must be the integer id of a publisher."
            raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.ELEMENT)
        layer = self._layer(body)
        viewer = self._session.participant_id
        if viewer is None:
            raise PluginError(ERROR_JOIN_FIRST, "Join the audiobridge register handle first.", rules.REGISTER_FIRST)
        hub = self._session.lobby.enter(self._session)
        feed = hub.feeds.get(number)
        if feed is None or not feed.announced:
            raise PluginError(ERROR_NO_SUCH_FEED, f"No such feed ({number}).", rules.NO_FEED)
        audio, video = (boolean(body, kind, default=True) for kind in ("audio", "video"))
        jsep = None
        if self._session.media:
            jsep = Jsep("offer", self._subscribe(viewer, feed, audio=audio, video=video, layer=layer))
        self._role = "subscriber"
        self._subscribed_to = feed.id
        data = {
            "videoroom": "attached",
            "room": self._session.room_id,
            "id": feed.id,
            "display": feed.display,
        }
        self._session.answer(request, self, data, jsep)

    def _subscribe(self, viewer: str, feed: FeedEntry, *, audio: bool, video: bool, layer: int | None) -> str:
        account = self._account()
        conference = self._conferences.of(account, account.participant(feed.participant_id).session_id)
        try:
            offer = conference.open_subscriber(
                self._handle_id,
                viewer,
                feed.stream_id,
                audio=audio,
                video=video,
                layer=layer,
                on_layer=self._tell_layer,
            )
        except MediaError as error:
            raise PluginError(ERROR_NO_SUCH_FEED, str(error), rules.NO_FEED) from error
        self._conference = conference
        return offer

    def _start(self, request: Request) -> None:
        if request.jsep is None or request.jsep.type != "answer":
            reason = "videoroom: 'start' needs a jsep of the type 'answer'."
            raise JanusError(ErrorCode.JSEP_UNKNOWN_TYPE, reason, rules.ANSWER)
        rejected: tuple[str, ...] = ()
        if self._conference is not None:
            try:
                rejected = self._conference.start_subscriber(self._handle_id, request.jsep.sdp)
            except (SdpError, MediaError) as error:
                rule = rules.CODECS_SEEN if isinstance(error, CodecMismatch) else rules.ANSWER
                raise JanusError(ErrorCode.INVALID_SDP, f"videoroom: {error}", rule) from error
        self._session.answer(request, self, {"videoroom": "event", "room": self._session.room_id, "started": "ok"})
        for kind in rejected:
            reason = f"videoroom: the answer rejects {kind} (port 0 in its m-line): none of it will ever come."
            self._session.tell_problem("accepted", ErrorCode.INVALID_SDP, reason, rules.CODECS_SEEN, request)

    def _configure_subscriber(self, request: Request, body: dict[str, Any]) -> None:
        audio = boolean(body, "audio", default=None)
        video = boolean(body, "video", default=None)
        layer = self._layer(body)
        if self._conference is not None:
            self._conference.set_relay(self._handle_id, audio=audio, video=video)
            if layer is not None:
                self._conference.set_layer(self._handle_id, layer)
        self._session.answer(request, self, {"videoroom": "event", "room": self._session.room_id, "configured": "ok"})

    def _layer(self, body: dict[str, Any]) -> int | None:
        """Stock Janus's `substream`: the best layer of a simulcast that is wanted, 0 the smallest, 2 the best.

        Its `temporal` is looked at and has no effect: all frames of a layer are sent. Raises JanusError.
        """
        _layer_number(body, "temporal")
        return _layer_number(body, "substream")

    def _tell_layer(self, layer: int) -> None:
        """Another layer is on its way, as stock Janus tells it."""
        data = {"videoroom": "event", "room": self._session.room_id, "substream": layer}
        self._session.notify(self._handle_id, self.name, data)

    # -- all ------------------------------------------------------------------------------------------------------

    def _account(self) -> Account:
        account = self._session.account
        if account is None:
            raise RuntimeError("a frame is handled only after its token was checked")
        return account

    def detach(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            self._account().unpublish(feed.participant_id, feed.stream_id)
            if self._session.hub is not None:  # never offered, or refused: the domain did not know of it
                self._session.hub.feeds.pop(feed.id, None)
        if self._conference is not None:
            self._conference.close_leg(self._handle_id)
            self._conference = None


def display_of(body: dict[str, Any]) -> tuple[str, Display]:
    """The display verbatim and decoded. Raises JanusError."""
    text = body.get("display")
    if not isinstance(text, str):
        raise JanusError(ErrorCode.MISSING_ELEMENT, "The element 'display' is missing or no string.", rules.DISPLAY)
    try:
        return text, displays.decode(text)
    except DisplayError as error:
        reason = f"The element 'display' is wrong: {error}"
        raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.DISPLAY) from error


def check_room(body: dict[str, Any], room_id: str, code: int) -> None:
    """The connection's room, which its path names, may be named again. Raises PluginError."""
    room = body.get("room")
    if room is not None and room != room_id:
        raise PluginError(code, f"No such room ({room!r:.80}); this connection's is {room_id}.", rules.SAME_ROOM)


def boolean(body: dict[str, Any], name: str, *, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        reason = f"The element {name!r} must be a boolean, got {value!r:.40}."
        raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.ELEMENT)
    return value


def _bitrate(body: dict[str, Any]) -> int | None:
    value = body.get("bitrate")
    if value is None or value == 0:  # 0 is stock Janus's word for "no limit"
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        reason = f"'bitrate' must be a positive integer, got {value!r:.40}."
        raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.ELEMENT)
    low, high = BITRATE_RANGE
    return max(low, min(high, value))


def _layer_number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_LAYERS:
        reason = f"{name!r} must be an integer from 0 to {MAX_LAYERS - 1}, got {value!r:.40}."
        raise JanusError(ErrorCode.INVALID_ELEMENT_TYPE, reason, rules.ELEMENT)
    return value
