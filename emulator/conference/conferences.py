"""All live sessions' conferences, their common ticker, and the events that concern media."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from functools import partial

from emulator.conference.captures import Captures, Connection
from emulator.conference.conference import Conference
from emulator.conference.observers import Observer
from emulator.conference.statistics import Json
from emulator.conference.text_leg import TextLeg
from emulator.events import Record
from emulator.media.audio.activity import TalkSettings
from emulator.media.impairments import ImpairmentBook
from emulator.media.transport.errors import MediaError
from emulator.media.transport.line import Line
from emulator.media.transport.parameters import DataLimits
from emulator.media.transport.udp import MediaSocket
from emulator.rooms import happenings as h
from emulator.rooms.account import Account

MAX_OBSERVERS = 64
"""Of one account."""
CONTROL_INTERVAL_SECS = 0.1
"""How often reports, keyframe retries and the like are looked at."""


class TooManyObservers(MediaError):
    """The account has as many as it may have."""


class Conferences:
    """Makes a conference when a session needs one and ends it with the session."""

    def __init__(
        self,
        socket: MediaSocket,
        *,
        loop: asyncio.AbstractEventLoop,
        rng: random.Random,
        talk: TalkSettings | None = None,
        impairments: ImpairmentBook | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.captures = Captures(
            scheduler=loop, wall_ns=wall_ns, local=lambda: socket.local_address, connections=self._connections
        )
        """Decrypted captures of participants' connections."""
        self._impairments = impairments or ImpairmentBook(loop)
        self._impairments.on_line = self._set_line
        self._socket = socket
        self._loop = loop
        self._rng = rng
        self._talk = talk
        self._by_session: dict[tuple[str, str], Conference] = {}
        self._texts: set[TextLeg] = set()
        self._observers: dict[int, tuple[str, str, Observer]] = {}  # number -> account, session
        self._observer_numbers = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None

    def of(self, account: Account, session_id: str) -> Conference:
        """The conference of an active session."""
        key = (account.id, session_id)
        conference = self._by_session.get(key)
        if conference is None:
            conference = Conference(
                account,
                socket=self._socket,
                loop=self._loop,
                rng=self._rng,
                talk=self._talk,
                line_of=partial(self._impairments.line, account.id),
                on_connection=self.captures.opened,
                on_observer_ended=lambda number: self._observers.pop(number, None),
            )
            self._by_session[key] = conference
            if self._timer is None:
                self._tick()
        return conference

    def statistics(self, account: Account) -> list[Json]:
        """Each live session's connections and what flows through them (`Conference.statistics`)."""
        now = self._loop.time()
        return [
            {
                "room_id": account.records.sessions[session_id].room_id,
                "session_id": session_id,
                **conference.statistics(now),
            }
            for (account_id, session_id), conference in self._by_session.items()
            if account_id == account.id
        ]

    # -- hidden observers -----------------------------------------------------------------------------------------

    def open_observer(
        self, account: Account, session_id: str, offer: str, stream_id: str | None, *, mixed: bool
    ) -> tuple[Observer, str]:
        """A hidden receiver of an active session's media, and the answer to its offer (see `Observers.open`).

        Raises SdpError, NegotiationError, TransportStateError, UnknownFeed, TooManyObservers.
        """
        if len(self.observers(account)) >= MAX_OBSERVERS:
            raise TooManyObservers(f"An account has at most {MAX_OBSERVERS} observers; end some first.")
        conference = self.of(account, session_id)
        number = next(self._observer_numbers)
        observer, answer = conference.open_observer(number, offer, stream_id, mixed=mixed)
        self._observers[number] = (account.id, session_id, observer)
        return observer, answer

    def observers(self, account: Account) -> list[tuple[str, Observer]]:
        """Those of the account that have not ended, each with its session."""
        return [
            (session_id, observer)
            for account_id, session_id, observer in self._observers.values()
            if account_id == account.id
        ]

    def close_observer(self, account: Account, number: int) -> bool:
        """False if the account has no such observer (any more)."""
        account_id, session_id, _ = self._observers.get(number, ("", "", None))
        if account_id != account.id:
            return False
        del self._observers[number]
        self._by_session[account_id, session_id].close_observer(number)
        return True

    def counts(self) -> dict[str, int]:
        """How many connections of each kind there are, of all accounts."""
        found = {
            "publisher": 0,
            "subscriber": 0,
            "mixer": 0,
            "text": len(self._texts),
            "observer": len(self._observers),
        }
        for conference in self._by_session.values():
            for kind, count in conference.counts().items():
                found[kind] += count
        return found

    def find(self, account: Account, session_id: str) -> Conference | None:
        """The conference of a session, if anybody has needed one."""
        return self._by_session.get((account.id, session_id))

    def open_text(self, limits: DataLimits | None = None) -> TextLeg:
        """A connection for text messages; it ends when its owner closes it. Raises TransportStateError."""
        leg = TextLeg(self._socket, limits=limits or DataLimits(), forget=self._texts.discard)
        self._texts.add(leg)
        return leg

    def own_text(self, leg: TextLeg, account: Account, participant_id: str) -> None:
        """Tell whose connection it is: from now on it goes over their network."""
        leg.owner = account.id, participant_id
        leg.through(self._impairments.line(account.id, participant_id))

    def _connections(self, account_id: str) -> list[Connection]:
        return [
            connection
            for (owner_id, _), conference in self._by_session.items()
            if owner_id == account_id
            for connection in conference.connections()
        ]

    def _set_line(self, account_id: str, participant_id: str, line: Line | None) -> None:
        for (owner_id, _), conference in self._by_session.items():
            if owner_id == account_id:
                conference.set_line(participant_id, line)
        for leg in self._texts:
            if leg.owner == (account_id, participant_id):
                leg.through(line)

    def watch(self, account: Account) -> None:
        """Follow this account's events from now on."""
        account.log.subscribe(partial(self._on_record, account.id), h.SessionEvent)

    def _on_record(self, account_id: str, record: Record) -> None:
        event = record.event
        if not isinstance(event, h.SessionEvent):
            return
        conference = self._by_session.get((account_id, event.session_id))
        if conference is None:
            return
        match event:
            case h.StreamUnpublished(stream_id=stream_id):
                conference.close_feed(stream_id)
            case h.ParticipantMuted(participant_id=participant_id):
                conference.set_muted(participant_id, muted=True)
            case h.ParticipantUnmuted(participant_id=participant_id):
                conference.set_muted(participant_id, muted=False)
            case h.ParticipantLeft(participant_id=participant_id, connection=connection):
                conference.drop_participant(participant_id, connection)
            case h.SessionEnded():
                del self._by_session[(account_id, event.session_id)]
                conference.close()

    def _tick(self) -> None:
        self._timer = None
        if not self._by_session:
            return
        now = self._loop.time()
        with self._socket.outbox:  # reports of hundreds of connections
            for conference in self._by_session.values():
                conference.control(now)
        self._timer = self._loop.call_later(CONTROL_INTERVAL_SECS, self._tick)

    def close(self) -> None:
        """The emulator stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.captures.close()
        for conference in self._by_session.values():
            conference.close()
        self._by_session.clear()
        for leg in tuple(self._texts):
            leg.close()
