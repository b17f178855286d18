"""The full ICE agent (RFC 8445) that clients use: checks, nomination, consent (RFC 7675), one local candidate."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from emulator.wire.sdp import Candidate

from .ice import IceAgent, IceCredentials, IceHost
from .parameters import Address, PeerTimeouts, Scheduler, TimerHandle
from .stun import Attribute, StunClass, StunMessage, build

MAX_PAIRS = 16
MAX_CHECKS = 32
# RFC 8445 section 5.1.2.1 with type preference 110 (peer-reflexive), local preference 65535, component 1
_PEER_REFLEXIVE_PRIORITY = (110 << 24) + (65535 << 8) + 255


class PairState(enum.Enum):
    """States of a candidate pair (RFC 8445 section 6.1.2.6), without the frozen one: there is one foundation."""

    WAITING = "waiting"
    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"


@dataclass(slots=True, eq=False)
class Pair:
    """Our one candidate and one of theirs."""

    address: Address
    priority: int
    state: PairState = PairState.WAITING
    nominated_by_remote: bool = False


@dataclass(slots=True, eq=False)
class Check:
    """A Binding request on its way; retransmitted with the same transaction id until answered."""

    transaction_id: bytes
    pair: Pair
    datagram: bytes
    nominates: bool
    is_consent: bool
    retry: float
    timer: TimerHandle | None = None


class FullAgent(IceAgent):
    """A full agent, controlling or controlled.

    It nominates the first pair that works: on a local network nothing is gained by waiting for a better one.
    """

    def __init__(
        self,
        local: IceCredentials,
        *,
        scheduler: Scheduler,
        timeouts: PeerTimeouts,
        host: IceHost,
        ip_version: int,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(local, scheduler=scheduler, timeouts=timeouts, host=host)
        self.controlling = True
        self._ip_version = ip_version
        self._random_bytes = random_bytes
        self._tie_breaker = random_bytes(8)
        self._pairs: dict[Address, Pair] = {}
        self._checks: dict[bytes, Check] = {}
        self._early: dict[Address, StunMessage] = {}  # valid checks that came before the description
        self._nominating = False
        self._pacer: TimerHandle | None = None
        self._consent_sender: TimerHandle | None = None

    def set_remote(self, remote: IceCredentials, candidates: tuple[Candidate, ...], controlling: bool) -> None:
        super().set_remote(remote, candidates, controlling)
        self.controlling = controlling
        for candidate in candidates:
            address = self._usable(candidate)
            if address is not None:
                self._add_pair(address, candidate.priority)
        early, self._early = self._early, {}
        for address, request in early.items():
            self._checked(request, address)
        self._next_pair()

    def close(self) -> None:
        super().close()
        for timer in (self._pacer, self._consent_sender, *(check.timer for check in self._checks.values())):
            if timer is not None:
                timer.cancel()
        self._checks.clear()

    # -- pairs -------------------------------------------------------------------------------------------

    def _usable(self, candidate: Candidate) -> Address | None:
        """Where a candidate is, None for names, TCP, RTCP components, and the other address family."""
        if candidate.transport != "udp" or candidate.component != 1 or candidate.port == 0:
            return None
        try:
            address = ipaddress.ip_address(candidate.address)
        except ValueError:
            return None
        if address.version != self._ip_version:
            return None
        if address.version == 6:
            return (str(address), candidate.port, 0, 0)
        return (str(address), candidate.port)

    def _add_pair(self, address: Address, priority: int) -> Pair | None:
        pair = self._pairs.get(address)
        if pair is None and len(self._pairs) < MAX_PAIRS:
            pair = self._pairs[address] = Pair(address, priority)
            self._host.address_learned(address)
        return pair

    def _next_pair(self) -> None:
        """Begins to check the best pair that waits, and so on at the pace of Ta (RFC 8445 section 6.1.4.2)."""
        self._pacer = None
        waiting = [pair for pair in self._pairs.values() if pair.state is PairState.WAITING]
        if not waiting or self.nominated or self._closed:
            return
        self._check(max(waiting, key=lambda pair: pair.priority))
        self._pacer = self._scheduler.call_later(self._timeouts.check_pacing, self._next_pair)

    # -- sending checks ----------------------------------------------------------------------------------

    def _check(self, pair: Pair, *, nominates: bool = False, is_consent: bool = False) -> None:
        if self.remote is None:
            return
        transaction_id = self._random_bytes(12)
        role = Attribute.ICE_CONTROLLING if self.controlling else Attribute.ICE_CONTROLLED
        attributes = [
            (int(Attribute.USERNAME), f"{self.remote.ufrag}:{self.local.ufrag}".encode()),
            (int(Attribute.PRIORITY), _PEER_REFLEXIVE_PRIORITY.to_bytes(4, "big")),
            (int(role), self._tie_breaker),
        ]
        if nominates:
            attributes.append((int(Attribute.USE_CANDIDATE), b""))
        datagram = build(StunClass.REQUEST, transaction_id, tuple(attributes), password=self.remote.pwd)
        check = Check(transaction_id, pair, datagram, nominates, is_consent, retry=self._timeouts.check_retry)
        if len(self._checks) >= MAX_CHECKS:
            self._drop(next(iter(self._checks.values())))
        self._checks[transaction_id] = check
        if pair.state is PairState.WAITING:
            pair.state = PairState.IN_PROGRESS
        self._transmit(check)

    def _transmit(self, check: Check) -> None:
        check.timer = None
        if not check.is_consent:  # the next consent check takes the place of a retransmission
            check.timer = self._scheduler.call_later(check.retry, lambda: self._transmit(check))
            check.retry = min(check.retry * 2, self._timeouts.check_retry_limit)
        self._host.send_stun(check.datagram, check.pair.address)

    def _drop(self, check: Check) -> None:
        if check.timer is not None:
            check.timer.cancel()
        self._checks.pop(check.transaction_id, None)

    # -- answers -----------------------------------------------------------------------------------------

    def _response(self, message: StunMessage, source: Address) -> None:
        check = self._checks.get(message.transaction_id)
        if (
            check is None
            or self.remote is None
            or source != check.pair.address  # must be symmetric (RFC 8445 section 7.2.5.2.1)
            or not message.verify_integrity(self.remote.pwd)
        ):
            self.stats.ignored += 1
            return
        self._drop(check)
        self.stats.responses += 1
        if message.message_class is StunClass.SUCCESS:
            self._succeeded(check)
        elif message.error_code == 487:  # section 7.2.5.1
            self.controlling = not self.controlling
            self._check(check.pair, nominates=check.nominates and self.controlling)
        elif not check.is_consent:
            # An authentic refusal, e.g. while the other end is not ready: asked again later, until time is up.
            check.timer = None
            self._checks[check.transaction_id] = check
            check.timer = self._scheduler.call_later(check.retry, lambda: self._transmit(check))

    def _succeeded(self, check: Check) -> None:
        pair = check.pair
        pair.state = PairState.SUCCEEDED
        if self.selected in (None, pair.address):
            self._consent_given()
        if self.selected is None:
            self._select(pair.address)
        if self._closed:
            return
        if self._consent_sender is None or check.is_consent:
            self._arm_consent_sender(self._timeouts.consent_interval)
        if check.nominates or (not self.controlling and pair.nominated_by_remote):
            self._nominate(pair)
        elif self.controlling and not self._nominating:
            self._nominating = True
            self._check(pair, nominates=True)

    def _nominate(self, pair: Pair) -> None:
        self.nominated = True
        for check in [each for each in self._checks.values() if not each.is_consent]:
            self._drop(check)
        self._consent_given()
        self._select(pair.address)

    # -- checks from the other end -----------------------------------------------------------------------

    def _checked(self, request: StunMessage, source: Address) -> None:
        if self.remote is None:
            if source in self._early or len(self._early) < MAX_PAIRS:
                self._early[source] = request
            return
        priority = request.attribute(Attribute.PRIORITY) or b""
        pair = self._add_pair(source, int.from_bytes(priority[:4], "big"))
        if pair is None:
            return
        if not self.controlling and request.attribute(Attribute.USE_CANDIDATE) is not None:
            pair.nominated_by_remote = True
            if pair.state is PairState.SUCCEEDED:
                self._nominate(pair)
        if pair.state is PairState.WAITING:
            self._check(pair)  # a triggered check (section 7.3.1.4)

    def _role_conflict(self, request: StunMessage) -> bool:
        kind = Attribute.ICE_CONTROLLING if self.controlling else Attribute.ICE_CONTROLLED
        theirs = request.attribute(kind)
        if theirs is None:
            return False
        larger = self._tie_breaker >= theirs
        if larger == self.controlling:
            return True
        self.controlling = not self.controlling
        return False

    # -- consent -----------------------------------------------------------------------------------------

    def _arm_consent_sender(self, mean: float) -> None:
        if self._consent_sender is not None:
            self._consent_sender.cancel()
        share = 0.8 + 0.4 * self._random_bytes(1)[0] / 255  # RFC 7675 section 5.1
        self._consent_sender = self._scheduler.call_later(mean * share, self._ask_consent)

    def _ask_consent(self) -> None:
        pair = self._pairs.get(self.selected) if self.selected is not None else None
        if pair is not None:
            self._check(pair, is_consent=True)
        # The answer will put it off. At 20 % loss each way, five or six checks are all lost every 20 minutes.
        self._arm_consent_sender(min(self._timeouts.consent_retry, self._timeouts.consent_interval))
