"""The latest flight of a DTLS handshake, sent again until it is answered (RFC 6347 section 4.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .parameters import Scheduler, TimerHandle

RESEND_AFTER = 0.15
"""Seconds after which an unanswered flight is sent once more; the time doubles from then on. OpenSSL's own first
retransmission comes after a whole second, its fifth after half a minute."""
RESEND_LIMIT = 0.6
"""Longest time between two of them: a handshake over a path that loses a third is still one of seconds."""


class Flight:
    """Keeps a flight and its timer; `due` decides what happens when its time has come.

    Repeated datagrams are the very same ones. That does no harm at the other end, which drops records it has seen
    (section 4.1.2.6); nor does it make the other end repeat its answer, if it was that which got lost.
    """

    def __init__(self, *, send: Callable[[bytes], object], scheduler: Scheduler, due: Callable[[], None]) -> None:
        self.repeats = 0
        """How often the timer has struck for this flight."""
        self._send = send
        self._scheduler = scheduler
        self._due = due
        self._datagrams: Sequence[bytes] = ()
        self._timer: TimerHandle | None = None

    def begin(self, datagrams: Sequence[bytes]) -> None:
        """A new flight, just sent. It takes the place of the one before it, which was answered thereby."""
        self.stop()
        self._datagrams = datagrams
        self.repeats = 0
        self._arm()

    def renew(self, datagrams: Sequence[bytes]) -> None:
        """The same flight in records with new numbers, just sent."""
        self._datagrams = datagrams

    def repeat(self) -> None:
        """Sends it again now; nothing happens if there is none."""
        for datagram in self._datagrams:
            self._send(datagram)

    def stop(self) -> None:
        """It has been answered, or there is no use in repeating it."""
        self._datagrams = ()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        delay = min(RESEND_AFTER * 2 ** min(self.repeats, 8), RESEND_LIMIT)
        self._timer = self._scheduler.call_later(delay, self._strike)

    def _strike(self) -> None:
        self.repeats += 1
        self._arm()
        self._due()
