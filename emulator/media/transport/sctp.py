"""An SCTP association over somebody's DTLS (RFC 8261), with the data channels in it (RFC 8831, RFC 8832).

The protocol is aiortc's (`aiortc_sctp`). Importing this module imports all of aiortc, which takes a fifth of a second:
only `data_channels` does so, when the first connection with data channels comes up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities

from .aiortc_sctp import Dtls, Transport, finish
from .parameters import DataLimits, DtlsRole

WINDOW_GRACE = 256 * 1024
"""Bytes by which the other end may overrun our receive window (RFC 9260 section 6.2 lets it probe a closed one)."""
MAX_MISORDERED = 8192
"""Chunks received ahead of a missing one."""
MAX_STREAMS_SEEN = 64
"""Streams on which data has come; a data channel is one."""


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
        self._transport = Transport(Dtls(send, role), port, self._end)
        self._transport.on("datachannel", on_channel)
        finish(self._transport.start(RTCSctpCapabilities(maxMessageSize=remote_message_limit), remote_port))

    def receive(self, packet: bytes) -> None:
        """An SCTP packet from the other end."""
        if self._ended or self._receiving:
            return
        self._receiving = True
        try:
            self._transport.take(packet)
        except Exception as error:  # noqa: BLE001 - see `_broken`
            self._broken(error)
        finally:
            self._receiving = False
        if not self._ended:
            self._check_bounds()
        try:
            self._tell_due()
        finally:
            # What it set off for others has left by now, at once; what it set off for this end goes together.
            self._uncork()

    def _uncork(self) -> None:
        try:
            self._transport.uncork()
        except Exception as error:  # noqa: BLE001 - see `_broken`
            self._broken(error)

    def _broken(self, error: Exception) -> None:
        """aiortc meets nonsense with exceptions of all kinds, assertions included."""
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

    def fail(self, reason: str) -> None:
        """Ends the association, and says why to `on_closed`."""
        if not self._ended:
            self.close()
            self.later(lambda: self._on_closed(reason))

    def close(self) -> None:
        """Sends ABORT. Safe to call again."""
        if not self._ended:
            self._ended = True
            finish(self._transport.stop())

    def _end(self, established: bool) -> None:
        if not self._ended:
            self._ended = True
            reason = "the other end has ended the SCTP association"
            if not established:
                reason = "no SCTP association came about: the other end did not answer"
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
