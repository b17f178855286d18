"""Where connections come in: tokens are checked, rooms found, plugins made."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from emulator.clock import RealClock
from emulator.conference.conferences import Conferences
from emulator.events import Record
from emulator.faults import Catalogue, FaultBook
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.errors import TokenExpired, TokenRefused
from emulator.rooms.tokens import Grant, TokenMint, check_room, check_time
from emulator.signaling import rules
from emulator.signaling.audiobridge import AudioBridge
from emulator.signaling.errors import JanusError
from emulator.signaling.faults import SIGNALING
from emulator.signaling.hub import Hub
from emulator.signaling.ids import Ids
from emulator.signaling.problems import Problems
from emulator.signaling.session import SignalingSession
from emulator.signaling.surroundings import Plugin, Scheduler
from emulator.signaling.textroom import TextRoom
from emulator.signaling.videoroom import VideoRoom
from emulator.wire import janus
from emulator.wire.janus import ErrorCode
from emulator.wirelog import WireLogs

PLUGINS: dict[str, Callable[[SignalingSession, int, Conferences], Plugin]] = {
    AudioBridge.name: AudioBridge,
    VideoRoom.name: VideoRoom,
    TextRoom.name: TextRoom,
}

MAX_CACHED_GRANTS = 4096


class Lobby:
    """All signaling of one emulator."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        mint: TokenMint,
        conferences: Conferences,
        scheduler: Scheduler,
        rng: random.Random,
        faults: FaultBook | None = None,
        wire: WireLogs | None = None,
        max_frame_bytes: int = janus.MAX_FRAME_BYTES,
    ) -> None:
        self.accounts = accounts
        self.conferences = conferences
        self.ids = Ids(rng)
        self.max_frame_bytes = max_frame_bytes
        self.problems = Problems(RealClock())
        self.wire = wire or WireLogs(RealClock())
        self.faults = faults or FaultBook(Catalogue([SIGNALING]))
        self.sessions: set[SignalingSession] = set()
        self.opened = 0
        """How many connections there have been."""
        self._mint = mint
        self._scheduler = scheduler
        self._hubs: dict[tuple[str, str], Hub] = {}
        self._grants: dict[str, Grant] = {}
        self._expired: dict[str, None] = {}
        """Tokens that a fault has let expire, oldest first."""

    def open(self, room_id: str, wake: Callable[[], None], *, media: bool = True) -> SignalingSession:
        """A new connection to `/{room_id}/janus`."""
        session = SignalingSession(room_id, lobby=self, scheduler=self._scheduler, wake=wake, media=media)
        self.sessions.add(session)
        self.opened += 1
        return session

    def closed(self, session: SignalingSession, *, lost: bool) -> None:
        """The socket is gone; `lost` when there was no Close frame."""
        session.end("lost" if lost else "left")
        self.sessions.discard(session)

    def sweep(self, idle_timeout: float) -> None:
        """End every session that has been silent for longer than `idle_timeout` seconds (S-21)."""
        limit = self._scheduler.time() - idle_timeout
        for session in tuple(self.sessions):
            if session.media and session.open and session.last_heard < limit:
                session.time_out()

    def admit(self, token: str, room_id: str) -> Account:
        """The account a token opens this room of. Raises TokenRefused and its kin."""
        grant = self._grants.get(token)
        if grant is None:
            grant = self._mint.read(token, token_type="access")  # noqa: S106 - the kind of token, not a secret
            if len(self._grants) >= MAX_CACHED_GRANTS:  # every frame carries a token: verify each text once
                self._grants.clear()
            self._grants[token] = grant
        if token in self._expired:
            raise TokenExpired("The token has expired.")
        account = self.accounts.by_id(grant.account_id)
        if account is None:
            raise TokenRefused("The token's account is not known to this emulator.")
        check_time(grant, account.now())
        check_room(grant, room_id)
        return account

    def expire(self, token: str) -> None:
        """Before its time, on every connection."""
        if len(self._expired) >= MAX_CACHED_GRANTS:
            del self._expired[next(iter(self._expired))]
        self._expired[token] = None

    def owner(self, room_id: str) -> Account | None:
        """The one account that has this room, for those who come without a good token."""
        found = [account for account in self.accounts.all() if room_id in account.records.rooms]
        return found[0] if len(found) == 1 else None

    def make_plugin(self, name: str, session: SignalingSession, handle_id: int) -> Plugin:
        make = PLUGINS.get(name)
        if make is None:
            known = ", ".join(sorted(PLUGINS))
            reason = f"No such plugin {name!r:.80}; this emulator has: {known}."
            raise JanusError(ErrorCode.PLUGIN_NOT_FOUND, reason, rules.PLUGIN_UNKNOWN)
        return make(session, handle_id, self.conferences)

    # -- hubs -----------------------------------------------------------------------------------------------------

    def enter(self, session: SignalingSession) -> Hub:
        """The hub of the session's room, with the session in it."""
        account = session.account
        if account is None:
            raise RuntimeError("a session enters a room only after its token was checked")
        if session.hub is None:
            key = (account.id, session.room_id)
            hub = self._hubs.get(key)
            if hub is None:
                hub = self._hubs[key] = Hub(session.room_id)
            session.hub = hub
            hub.sessions.add(session)
        return session.hub

    def forget(self, session: SignalingSession, hub: Hub) -> None:
        for entry in [entry for entry in hub.audio.values() if entry.session is session]:
            hub.drop_entry(entry)
        hub.sessions.discard(session)
        if hub.empty and session.account is not None:
            key = (session.account.id, session.room_id)
            # Who was put out of a hub may be gone later than the hub: by now the room may have another one.
            if self._hubs.get(key) is hub:
                del self._hubs[key]

    def watch(self, account: Account) -> None:
        """Turn this account's events into frames from now on."""
        account.log.subscribe(partial(self._on_record, account.id), h.RoomEvent)

    def _on_record(self, account_id: str, record: Record) -> None:
        event = record.event
        hub = self._hubs.get((account_id, event.room_id)) if isinstance(event, h.RoomEvent) else None
        if hub is not None:
            hub.on_record(record)
