"""Puts faults between a client and the machine that answers it, frame by frame."""

from __future__ import annotations

import logging
from collections import deque
from typing import Protocol

from emulator.faults import Facts, FaultBook, Fired
from emulator.signaling.faults import facts
from emulator.signaling.faults.base import SIGNALING, Connection, Passage, Proceed, SignalingFault
from emulator.signaling.faults.lane import Lane, LaneFull
from emulator.signaling.surroundings import Scheduler
from emulator.wire.janus import Frame, Request

log = logging.getLogger("emulator.signaling")

MAX_REMEMBERED = 256
"""Requests whose answers can still be told from one another, or are to be withheld."""


class FaultyClient(facts.Client, Connection, Protocol):
    """One client's connection, as faults see it."""


class FaultLayer:
    """Of one connection. Without rules in its account's book frames go straight on."""

    def __init__(self, book: FaultBook, client: FaultyClient, scheduler: Scheduler) -> None:
        self._book = book
        self._client = client
        self._in = Lane(scheduler)
        self._out = Lane(scheduler)
        self._asked: dict[str, str] = {}
        """Transaction -> the request in the body."""
        self._unanswered: deque[str] = deque(maxlen=MAX_REMEMBERED)

    def incoming(self, request: Request, proceed: Proceed) -> None:
        """A request whose token is good. Raises the SignalingError that a fault makes of it."""
        fired: list[Fired[SignalingFault]] = []
        if self._active:
            found = facts.of_request(self._client, request)
            self._remember(request.transaction, found)
            fired = self._draw(found)
        self._go(self._in, fired, proceed, request)

    def outgoing(self, frame: Frame | None, proceed: Proceed) -> None:
        """A frame for the client; None stands for a Close, which no fault changes."""
        transaction = None if frame is None else frame.get("transaction")
        if transaction in self._unanswered:
            return
        fired: list[Fired[SignalingFault]] = []
        if frame is not None and self._active:
            fired = self._draw(facts.of_frame(self._client, frame, self._asked.get(transaction or "")))
        self._go(self._out, fired, proceed, None)

    def leave_unanswered(self, transaction: str) -> None:
        self._unanswered.append(transaction)

    def end(self) -> None:
        """The session is over: what waits for the client comes now, what waits from it is lost."""
        self._in.drop()
        self._out.flush()

    @property
    def _active(self) -> bool:
        account = self._client.account
        return account is not None and self._book.active(account.id, SIGNALING)

    def _draw(self, found: Facts) -> list[Fired[SignalingFault]]:
        account = self._client.account
        return [] if account is None else self._book.draw(account.id, SIGNALING, found)

    def _remember(self, transaction: str, found: Facts) -> None:
        request = found.get("request")
        if isinstance(request, str):
            if len(self._asked) >= MAX_REMEMBERED:
                del self._asked[next(iter(self._asked))]
            self._asked[transaction] = request

    def _go(self, lane: Lane, fired: list[Fired[SignalingFault]], proceed: Proceed, request: Request | None) -> None:
        """The first rule is the outermost. Whatever waits in the lane goes before a frame that no rule holds back."""

        def go() -> None:
            lane.follow(proceed)

        for happening in reversed(fired):
            go = _wrapped(Passage(self._client, lane, happening.rng, request), happening.fault, go)
        if fired:
            ids = ", ".join(happening.rule_id for happening in fired)
            log.info("%s: fault %s", self._client.participant_id or self._client.connection, ids)
        try:
            go()
        except LaneFull:
            self._client.break_off(None)


def _wrapped(passage: Passage, fault: SignalingFault, proceed: Proceed) -> Proceed:
    return lambda: fault.happen(passage, proceed)
