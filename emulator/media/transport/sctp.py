"""An SCTP association over somebody's DTLS (RFC 8261), with the data channels in it (RFC 8831, RFC 8832).

The protocol is aiortc's. Importing this module imports all of aiortc, which takes a fifth of a second: only
`data_channels` does so, when the first connection with data channels comes up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from .dtls import DATA_LIMIT
from .parameters import DataLimits, DtlsRole

WINDOW_GRACE = 256 * 1024
"""Bytes by which the other end may overrun our receive window (RFC 9260 section 6.2 lets it probe a closed one)."""
MAX_MISORDERED = 8192
"""Chunks received ahead of a missing one."""
MAX_STREAMS_SEEN = 64
"""Streams on which data has come; a data channel is one."""


class _Dtls:
    """What aiortc's SCTP expects of the DTLS under it. Sending never waits."""

    state = "connected"

    def __init__(self, send: Callable[[bytes], object], role: DtlsRole) -> None:
        self._send = send
        self._role = role.value  # aiortc reads it: the DTLS client's channels have even numbers (RFC 8832 section 6)
        self.oversized = 0

    def _register_data_receiver(self, _receiver: object) -> None:
        """Packets are handed to `SctpAssociation.receive`."""

    def _unregister_data_receiver(self, _receiver: object) -> None:
        """As above."""

    async def _send_data(self, packet: bytes) -> None:
        if len(packet) > DATA_LIMIT:  # a SACK that lists hundreds of gaps; the next one is shorter
            self.oversized += 1
            return
        self._send(packet)


class _Timers:
    """The event loop as aiortc's SCTP uses it. After the end no timer is started any more: a task that aiortc had
    under way would else begin to repeat, for ever, what nobody acknowledges.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self._loop = loop

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        timer = self._loop.call_later(delay, callback, *args)
        if self.ended:
            timer.cancel()
        return timer


class _Transport(RTCSctpTransport):
    """aiortc tells nobody that an association has come to its end, and acknowledges before it delivers."""

    holds_sack = False
    """While it is set, acknowledgements stay due."""

    def __init__(self, dtls: _Dtls, port: int, on_end: Callable[[str], None]) -> None:
        # Structurally the part of RTCDtlsTransport that SCTP uses.
        super().__init__(cast("RTCDtlsTransport", dtls), port)
        self._on_end = on_end
        self._timers = _Timers(asyncio.get_running_loop())
        self._loop = cast("asyncio.AbstractEventLoop", self._timers)  # it only starts timers

    async def _send_sack(self) -> None:
        if not self.holds_sack:
            await super()._send_sack()

    async def acknowledge(self) -> None:
        """Send what was held."""
        if self._sack_needed:
            await self._send_sack()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        before = self._association_state
        super()._set_state(state)
        if state == self.State.CLOSED:
            self._timers.ended = True
        if state == self.State.CLOSED and before != self.State.CLOSED:
            established = before not in (self.State.COOKIE_WAIT, self.State.COOKIE_ECHOED)
            self._on_end(
                "the other end has ended the SCTP association"
                if established
                else "no SCTP association came about: the other end did not answer"
            )


class SctpAssociation:
    """One association; made when DTLS is up, and started at once.

    `on_channel(channel)` is called for each channel the other end opens, in the midst of aiortc's work: it may only
    call `on_event` and `later`. `on_closed(reason)` is called once when the association has ended by itself or by the
    other end, not for `close`. Needs a running event loop.
    """

    def __init__(
        self,
        send: Callable[[bytes], object],
        role: DtlsRole,
        *,
        port: int,
        remote_port: int,
        remote_message_limit: int,
        limits: DataLimits,
        on_channel: Callable[[RTCDataChannel], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._limits = limits
        self._on_closed = on_closed
        self._ended = False
        self._receiving = False
        self._due: deque[Callable[[], None]] = deque()
        """What aiortc has told while it was at work, for when it is done: whoever is told may call back."""
        self._transport = _Transport(_Dtls(send, role), port, self._end)
        self._transport.on("datachannel", on_channel)
        _finish(self._transport.start(RTCSctpCapabilities(maxMessageSize=remote_message_limit), remote_port))

    def receive(self, packet: bytes) -> None:
        """An SCTP packet from the other end."""
        if self._ended or self._receiving:
            return
        self._receiving = self._transport.holds_sack = True
        try:
            self._go_through(self._transport._handle_data(packet))
        finally:
            self._receiving = self._transport.holds_sack = False
        if not self._ended:
            self._check_bounds()
        self._tell_due()
        # Whoever waits for what the message sets off comes first; the other end has 200 ms for this (RFC 9260 6.2).
        if not self._ended:
            self._go_through(self._transport.acknowledge())

    def _go_through(self, work: Coroutine[Any, Any, None]) -> None:
        """What the other end has sent, at work."""
        try:
            _finish(work)
        except Exception as error:  # noqa: BLE001 - aiortc meets nonsense with all kinds of them, assertions included
            self.fail(f"the other end broke the rules of SCTP or data channels: {type(error).__name__}: {error}")

    def open(self, label: str) -> RTCDataChannel:
        """An ordered, reliable channel of ours; opens when the association is up."""
        return RTCDataChannel(self._transport, RTCDataChannelParameters(label=label))

    def on_event(self, channel: RTCDataChannel, name: str, handler: Callable[..., None]) -> None:
        """Call `handler` for an aiortc event of a channel: `open`, `message`, `close`."""
        channel.on(name, lambda *args: self.later(lambda: handler(*args)))

    def later(self, what: Callable[[], None]) -> None:
        """Call it when aiortc is done with what it is at: at once, if it is at nothing."""
        self._due.append(what)
        if not self._receiving:
            self._tell_due()

    def flush(self) -> None:
        """Send now what channels were given. aiortc would do so in the next turn of the loop, which may take long."""
        if not self._ended and not self._receiving:
            _finish(self._transport._data_channel_flush())

    def fail(self, reason: str) -> None:
        """Ends the association, and says why to `on_closed`."""
        if not self._ended:
            self.close()
            self.later(lambda: self._on_closed(reason))

    def close(self) -> None:
        """Sends ABORT. Safe to call again."""
        if not self._ended:
            self._ended = True
            _finish(self._transport.stop())

    def _end(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self.later(lambda: self._on_closed(reason))

    def _check_bounds(self) -> None:
        transport = self._transport
        if transport._advertised_rwnd < -WINDOW_GRACE:
            self.fail("the other end has sent a megabyte without the end of a message, more than our window allows")
        elif len(transport._sack_misordered) > MAX_MISORDERED:
            self.fail(f"the other end has sent more than {MAX_MISORDERED} chunks behind a missing one")
        elif (
            len(transport._inbound_streams) > MAX_STREAMS_SEEN or len(transport._data_channels) > self._limits.channels
        ):
            self.fail(f"the other end uses more than {self._limits.channels} data channels")

    def _tell_due(self) -> None:
        while self._due:
            self._due.popleft()()


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine that never waits, which aiortc's are when sending does not: no task per packet is needed."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("aiortc's SCTP waited for something; it is only told to send, which does not wait")
