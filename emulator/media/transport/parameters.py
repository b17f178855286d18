"""What each end tells the other about its transport: ICE credentials, fingerprint, candidates, DTLS role."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from emulator.values import value_class
from emulator.wire.sdp import Candidate, Fingerprint, Setup

Address = tuple[str, int] | tuple[str, int, int, int]
"""A socket address as `recvfrom` gives it: (host, port), for IPv6 (host, port, flow info, scope id)."""


class DtlsRole(enum.Enum):
    """Who sends the ClientHello (RFC 5763 section 5)."""

    CLIENT = "client"
    SERVER = "server"


class PeerRole(enum.Enum):
    """Which side of a connection a peer plays."""

    SERVER = "server"  # ICE-lite (RFC 8445 section 2.5): answers checks, never sends any
    CLIENT = "client"  # full ICE: sends checks, nominates


@value_class(frozen=True, slots=True)
class TransportParameters:
    """One end's half of a connection, as carried in a session description.

    `setup` is what this end says (or prefers to say) in `a=setup`; `ice_lite` whether it only answers checks.
    """

    ufrag: str
    pwd: str
    fingerprint: Fingerprint
    candidates: tuple[Candidate, ...] = ()
    setup: Setup = Setup.ACTPASS
    ice_lite: bool = False


@value_class(frozen=True, slots=True)
class PeerTimeouts:
    """Timers of one peer, in seconds.

    `connect`: from `set_remote` to connected. `consent`: silence of valid STUN after which the other end counts as
    gone (RFC 7675 section 5.1: 30 s). `consent_interval`: mean distance of a client's consent checks, each drawn
    from 0.8 to 1.2 times it; `consent_retry`: the same while the last one is unanswered (sooner than the RFC's 4 s,
    as Chromium does: a path that loses much must not end connections). `check_pacing` and `check_retry`: distance
    between first checks of different pairs, and first retransmission time of one check, doubling up to
    `check_retry_limit` (RFC 8445 section 14, shortened for local networks).
    """

    connect: float = 30.0
    consent: float = 30.0
    consent_interval: float = 5.0
    consent_retry: float = 1.0
    check_pacing: float = 0.02
    check_retry: float = 0.1
    check_retry_limit: float = 0.4


@value_class(frozen=True, slots=True)
class DataLimits:
    """Bounds of one peer's data channels: `unsent`, in bytes, what may wait in one channel for an other end that does
    not read; `channels`, how many there may be.
    """

    unsent: int = 16 * 1024 * 1024
    channels: int = 16


class TimerHandle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None: ...


class Scheduler(Protocol):
    """The part of an event loop that timers need; `asyncio` loops fit, tests pass one of their own."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> TimerHandle: ...
