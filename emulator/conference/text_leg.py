"""A client's connection for text messages: one data channel, which the client opens (signaling.md 4.4).

It belongs to a Janus handle and to no session of the room: the official SDK opens it before its participant is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from emulator.media.transport.answer import accept_answer
from emulator.media.transport.data_channels import DataChannel, DataChannels
from emulator.media.transport.errors import DataChannelError
from emulator.media.transport.line import Line
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import DataLimits, PeerRole
from emulator.media.transport.udp import MediaSocket
from emulator.wire.textroom import CHANNEL_LABEL

log = logging.getLogger("emulator.conference")

OFFERED = (OfferedMedia.data("0"),)


class TextLeg:
    """`on_text(message)` is called for each message of the client; `on_closed(reason)` once, when the connection has
    ended by itself, by the client, or because the client does not read; not for `close`.
    """

    def __init__(self, socket: MediaSocket, *, limits: DataLimits, forget: Callable[[TextLeg], None]) -> None:
        """Raises TransportStateError."""
        self.on_text: Callable[[str | bytes], None] = lambda _message: None
        self.on_closed: Callable[[str], None] = lambda _reason: None
        self.overrun = False
        """The client has not read what it was sent: that is why the connection ended."""
        self.owner: tuple[str, str] | None = None
        """Account and participant, once they are known (`Conferences.own_text`)."""
        self._limits = limits
        self._forget = forget
        self._peer = socket.create_peer(PeerRole.SERVER)
        self._peer.on_closed = self._over
        self._channels: DataChannels | None = None
        self._channel: DataChannel | None = None
        self._closed = False

    def offer(self) -> str:
        """One m-line: `application`, with all candidates (S-36)."""
        return make_offer(OFFERED, self._peer.local)

    def accept(self, answer: str) -> None:
        """The client's answer; connecting begins. Raises SdpError, NegotiationError, TransportStateError."""
        negotiated = accept_answer(answer, OFFERED)
        # The state first: an answer that comes too late must not touch what there is.
        self._peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        channels = DataChannels(self._peer, negotiated.media[0], negotiated.dtls_role, limits=self._limits)
        channels.on_channel = self._opened
        channels.on_closed = self._over
        self._peer.on_connected = channels.begin
        self._channels = channels

    def through(self, line: Line | None) -> None:
        """Its owner's network has changed (impairments); None: nothing is wrong with it."""
        self._peer.through(line)

    def send(self, text: str) -> bool:
        """False when the client is not to be reached. One that does not read is disconnected (`on_closed`)."""
        if self._channel is None:
            return False
        try:
            self._channel.send(text)
        except DataChannelError as error:
            if self._channel.overrun:
                self.overrun = True
                self._over(str(error))
            else:
                log.info("a text message was not sent: %s", error)
            return False
        return True

    def close(self) -> None:
        """Safe to call again."""
        if self._closed:
            return
        self._closed = True
        self._forget(self)
        if self._channels is not None:
            self._channels.close()
        self._peer.close()

    def _opened(self, channel: DataChannel) -> None:
        """All traffic goes over the channel with the SDK's label (S-38); another client's only one will do, too."""
        if self._channel is None or channel.label == CHANNEL_LABEL != self._channel.label:
            self._channel = channel
        channel.on_message = self._heard
        channel.on_closed = lambda: self._channel_closed(channel)

    def _heard(self, message: str | bytes) -> None:
        if not self._closed:
            self.on_text(message)

    def _channel_closed(self, channel: DataChannel) -> None:
        if channel is self._channel:
            self._over("the client has closed its data channel")

    def _over(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self.on_closed(reason)
