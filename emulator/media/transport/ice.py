"""ICE agents (RFC 8445): what both kinds share, and the lite one that a server plays."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emulator.values import value_class
from emulator.wire.sdp import Candidate

from .parameters import Address, PeerTimeouts, Scheduler, TimerHandle
from .stun import Attribute, StunClass, StunMessage, build_error, build_success

MAX_EARLY_ADDRESSES = 8
"""Addresses remembered of checks that arrive before the other end's description."""


@value_class(frozen=True, slots=True)
class IceCredentials:
    """The short-term credentials of one end (RFC 8445 section 5.3)."""

    ufrag: str
    pwd: str

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes]) -> IceCredentials:
        """48 random bits of ufrag, 144 of password (at least 24 and 128 are required), in ice-chars."""
        return cls(base64.b64encode(random_bytes(6)).decode(), base64.b64encode(random_bytes(18)).decode())


class IceHost(Protocol):
    """Whoever an agent works for."""

    def send_stun(self, datagram: bytes, address: Address) -> None: ...

    def address_learned(self, address: Address) -> None:
        """Packets from this address may be expected."""

    def address_selected(self, address: Address) -> None:
        """This is the path to use: the first valid one, later a nominated or better one."""

    def ice_failed(self, reason: str) -> None:
        """No path, or consent lost. The agent does nothing more."""


@dataclass(slots=True)
class IceStats:
    requests: int = 0  # valid checks received
    refused: int = 0  # checks answered with an error
    responses: int = 0  # valid responses received
    ignored: int = 0  # responses that fit nothing, indications


class IceAgent:
    """What a full and a lite agent have in common: credentials, authentication, the selected address."""

    def __init__(self, local: IceCredentials, *, scheduler: Scheduler, timeouts: PeerTimeouts, host: IceHost) -> None:
        self.local = local
        self.remote: IceCredentials | None = None
        self.selected: Address | None = None
        self.nominated = False
        """Whether `selected` was nominated (RFC 8445 section 8.1.1), or is only the first that worked."""
        self.stats = IceStats()
        self._scheduler = scheduler
        self._timeouts = timeouts
        self._host = host
        self._closed = False
        self._last_consent = 0.0
        self._consent_timer: TimerHandle | None = None

    def set_remote(self, remote: IceCredentials, candidates: tuple[Candidate, ...], controlling: bool) -> None:
        """Who the other end is; where it may be found, and who decides, matters to full agents only."""
        self.remote = remote

    def receive(self, message: StunMessage, source: Address) -> None:
        """Any STUN message for this agent."""
        if self._closed:
            return
        if message.message_class is StunClass.REQUEST:
            refusal = self._refusal(message)
            if refusal is None:
                self.stats.requests += 1
                self._host.send_stun(build_success(message, source, self.local.pwd), source)
                self._host.address_learned(source)
                self._checked(message, source)
            else:
                self.stats.refused += 1
                self._host.send_stun(refusal, source)
        elif message.message_class is StunClass.INDICATION:
            self.stats.ignored += 1
        else:
            self._response(message, source)

    def heard(self, source: Address) -> None:
        """DTLS came from this (known) address: until something is nominated, that is the path to reply on."""
        if not self._closed and not self.nominated and self.selected not in (None, source):
            self._select(source)

    def close(self) -> None:
        """No more timers, packets or calls."""
        self._closed = True
        if self._consent_timer is not None:
            self._consent_timer.cancel()
            self._consent_timer = None

    # -- for the two kinds -------------------------------------------------------------------------------

    def _checked(self, request: StunMessage, source: Address) -> None:
        """A valid check came and was answered."""
        raise NotImplementedError

    def _response(self, message: StunMessage, source: Address) -> None:
        """A response came, valid or not."""
        raise NotImplementedError

    def _role_conflict(self, request: StunMessage) -> bool:
        """Whether the sender of an authentic check has to change its role (RFC 8445 section 7.3.1.1)."""
        raise NotImplementedError

    def _select(self, address: Address) -> None:
        if address != self.selected:
            self.selected = address
            self._host.address_selected(address)

    def _fail(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._host.ice_failed(reason)

    def _refusal(self, request: StunMessage) -> bytes | None:
        """The error response a check deserves, None if it is valid (RFC 8489 section 9.1.3)."""
        username = request.username
        if username is None or not request.has_integrity:
            return build_error(request, 400, "Bad Request")
        local, _, remote = username.partition(":")
        known = self.remote is None or remote == self.remote.ufrag
        if local != self.local.ufrag or not known or not request.verify_integrity(self.local.pwd):
            return build_error(request, 401, "Unauthorized")
        if request.unknown_required:
            return build_error(request, 420, "Unknown Attribute", self.local.pwd)
        if self._role_conflict(request):
            return build_error(request, 487, "Role Conflict", self.local.pwd)
        return None

    def _consent_given(self) -> None:
        """The other end has proved to be there; arms the watch on its silence."""
        self._last_consent = self._scheduler.time()
        if self._consent_timer is None and not self._closed:
            self._arm_consent(self._timeouts.consent)

    def _arm_consent(self, delay: float) -> None:
        self._consent_timer = self._scheduler.call_later(delay, self._consent_due)

    def _consent_due(self) -> None:
        # Re-armed lazily: consent is renewed far more often than this fires.
        self._consent_timer = None
        left = self._last_consent + self._timeouts.consent - self._scheduler.time()
        if left > 0:
            self._arm_consent(left)
        else:
            self._fail(f"no valid connectivity check for {self._timeouts.consent:g} s")


class LiteAgent(IceAgent):
    """ICE-lite (RFC 8445 section 2.5): one host candidate, answers checks, sends none.

    The address of the first valid check is used at once; the latest nominated one from then on. The other end's
    candidates are never needed: its address is learned from its checks.
    """

    def _checked(self, request: StunMessage, source: Address) -> None:
        self._consent_given()
        if request.attribute(Attribute.USE_CANDIDATE) is not None:
            self.nominated = True
            self._select(source)
        elif self.selected is None:
            self._select(source)

    def _response(self, message: StunMessage, source: Address) -> None:
        self.stats.ignored += 1  # a lite agent asks nothing

    def _role_conflict(self, request: StunMessage) -> bool:
        # A lite agent is always controlled by a full one (section 6.1.1).
        return request.attribute(Attribute.ICE_CONTROLLED) is not None
