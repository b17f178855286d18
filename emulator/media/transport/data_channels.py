"""The data channels of one peer (RFC 8831): messages in, messages out, within bounds.

Made with the peer, told to `begin` when it is connected. SCTP itself is in `sctp`, which is loaded by a worker thread
when it is first needed: until then nobody pays for it, and the event loop does not stand still meanwhile.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import DataChannelError
from .negotiation import NegotiatedMedia
from .offer import SCTP_PORT
from .parameters import DataLimits, DtlsRole
from .peer import Peer

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

    from .sctp import SctpAssociation

_SCTP = f"{__package__}.sctp"
EARLY_PACKETS = 32
"""Packets kept while SCTP is being loaded; the other end repeats what is lost, after a second or three."""
DEFAULT_MESSAGE_LIMIT = 65536
"""What another end takes that does not say (RFC 8841 section 6)."""


def _ignore(*_args: object) -> None:
    """The callback of a channel that nobody listens to."""


class DataChannel:
    """One channel. Callbacks are plain attributes: `on_open()`, `on_message(message)` with text or bytes,
    `on_closed()` once, when it had been open or opening and is no more.
    """

    def __init__(self, label: str, limits: DataLimits) -> None:
        self.label = label
        self.on_open: Callable[[], None] = _ignore
        self.on_message: Callable[[str | bytes], None] = _ignore
        self.on_closed: Callable[[], None] = _ignore
        self._limits = limits
        self._inner: RTCDataChannel | None = None
        self._closed = False

    @property
    def open(self) -> bool:
        return self._inner is not None and self._inner.readyState == "open"

    @property
    def unsent(self) -> int:
        """Bytes that wait for the other end to take them."""
        return 0 if self._inner is None else self._inner.bufferedAmount

    @property
    def overrun(self) -> bool:
        """Whether more waits than may: the other end does not read, or not as fast as is sent."""
        return self.unsent > self._limits.unsent

    @property
    def id(self) -> int | None:
        """The stream's number, once there is one (RFC 8832 section 6)."""
        return None if self._inner is None else self._inner.id

    def send(self, message: str | bytes) -> None:
        """Raises DataChannelError: the channel is not open, the message is larger than the other end takes, or too
        much is waiting to be sent already.
        """
        inner = self._inner
        if inner is None or not self.open:
            raise DataChannelError(f"expected the data channel {self.label!r} to be open, it is {self._state}")
        if self.overrun:
            raise DataChannelError(
                f"the other end of the data channel {self.label!r} does not read: {self.unsent} bytes wait for it, "
                f"and {self._limits.unsent} may"
            )
        try:
            inner.send(message)
        except (ValueError, UnicodeEncodeError) as error:
            raise DataChannelError(f"data channel {self.label!r}: {error}") from error

    @property
    def _state(self) -> str:
        if self._closed:
            return "closed"
        return "connecting" if self._inner is None else self._inner.readyState

    def _attach(self, association: SctpAssociation, inner: RTCDataChannel) -> None:
        self._inner = inner
        association.on_event(inner, "open", self._opened)
        association.on_event(inner, "message", self._heard)
        association.on_event(inner, "close", self._close)

    def _opened(self) -> None:
        self.on_open()

    def _heard(self, message: str | bytes) -> None:
        self.on_message(message)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self.on_closed()


class DataChannels:
    """All channels of one peer. `media` is what was negotiated about them, `role` our part in DTLS.

    `on_channel(channel)` is called for each channel the other end opens; it is open then. `on_closed(reason)` once,
    when SCTP ended by itself or by the other end; the peer may live on, and is not closed from here.
    """

    def __init__(self, peer: Peer, media: NegotiatedMedia, role: DtlsRole, *, limits: DataLimits | None = None) -> None:
        self.on_channel: Callable[[DataChannel], None] = _ignore
        self.on_closed: Callable[[str], None] = _ignore
        self._peer = peer
        self._media = media
        self._role = role
        self._limits = limits or DataLimits()
        self._association: SctpAssociation | None = None
        self._begun = False
        self._ended = False
        self._early: list[bytes] = []
        self._opening: list[DataChannel] = []
        peer.on_data = self._receive

    def begin(self) -> None:
        """The peer is connected. Without effect when called again, or after `close`."""
        if self._begun or self._ended:
            return
        self._begun = True
        if hasattr(sys.modules.get(_SCTP), "SctpAssociation"):
            self._establish()
            return
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, importlib.import_module, _SCTP).add_done_callback(self._loaded)

    def open(self, label: str) -> DataChannel:
        """A channel of ours, reliable and in order; it opens when the other end can be reached."""
        channel = DataChannel(label, self._limits)
        if self._association is None:
            self._opening.append(channel)
        else:
            channel._attach(self._association, self._association.open(label))
        return channel

    def close(self) -> None:
        """Ends SCTP with an ABORT; the peer is the caller's to close. Safe to call again."""
        if self._ended:
            return
        self._ended = True
        self._early.clear()
        if self._association is not None:
            self._association.close()

    # -- SCTP -------------------------------------------------------------------------------------------------

    def _loaded(self, loading: asyncio.Future[Any]) -> None:
        if self._ended or loading.cancelled():
            return
        error = loading.exception()
        if error is not None:
            self._over(f"SCTP cannot be loaded: {error}")
        else:
            self._establish()

    def _establish(self) -> None:
        from .sctp import SctpAssociation  # loaded by now

        media = self._media
        limit = media.max_message_size
        self._association = association = SctpAssociation(
            self._peer.send_data,
            self._role,
            port=SCTP_PORT,
            remote_port=media.sctp_port or SCTP_PORT,
            remote_message_limit=DEFAULT_MESSAGE_LIMIT if limit is None else limit,
            limits=self._limits,
            on_channel=self._opened_by_them,
            on_closed=self._over,
        )
        for channel in self._opening:
            channel._attach(association, association.open(channel.label))
        self._opening.clear()
        early, self._early = self._early, []
        for packet in early:
            association.receive(packet)

    def _receive(self, packet: bytes) -> None:
        if self._association is not None:
            self._association.receive(packet)
        elif not self._ended and len(self._early) < EARLY_PACKETS:
            self._early.append(packet)

    def _opened_by_them(self, inner: RTCDataChannel) -> None:
        association = self._association
        if association is None or self._ended:
            return
        channel = DataChannel(inner.label, self._limits)
        channel._attach(association, inner)  # now: a message may come in the very same packet
        association.later(lambda: self.on_channel(channel))

    def _over(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self.on_closed(reason)
