"""A browser's peer connection for messages: the server offers, the channel is ours to open (signaling.md 4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emulator.clients.errors import MediaError
from emulator.clients.peer import MediaSettings, PeerConnection
from emulator.media.transport.answer import make_answer
from emulator.media.transport.data_channels import DataChannel, DataChannels
from emulator.media.transport.errors import DataChannelError, NegotiationError
from emulator.media.transport.negotiation import AnswerPolicy
from emulator.wire.sdp import SdpError
from emulator.wire.textroom import CHANNEL_LABEL

OPEN_SECS = 10.0
TEXT_POLICY = AnswerPolicy(audio=None, video=None)


class TextConnection(PeerConnection):
    """`on_text(message)` is called for each message; `on_ended(reason)` once, when messages cannot pass any more."""

    def __init__(self, name: str, settings: MediaSettings) -> None:
        super().__init__(name, settings)
        self.on_text: Callable[[str | bytes], None] = lambda _message: None
        self.on_ended: Callable[[str], None] = lambda _reason: None
        self._channels: DataChannels | None = None
        self._channel: DataChannel | None = None
        self._ended: str | None = None
        self._settled_channel = asyncio.Event()

    def answer(self, offer: str) -> str:
        """The answer; connecting begins. Raises MediaError for an offer that is none or has no data channels."""
        try:
            text, negotiated = make_answer(offer, self._peer.local, TEXT_POLICY)
        except (SdpError, NegotiationError) as error:
            raise MediaError(f"{self.name}: the offer cannot be answered: {error}") from error
        (media,) = negotiated.of_kind("application")[:1]
        self._channels = DataChannels(self._peer, media, negotiated.dtls_role)
        self._channels.on_closed = self._end
        channel = self._channel = self._channels.open(CHANNEL_LABEL)
        channel.on_open = self._settled_channel.set
        channel.on_message = self._heard
        channel.on_closed = lambda: self._end("the server has closed the data channel")
        self._begin(negotiated)
        return text

    async def wait_open(self, timeout: float = OPEN_SECS) -> None:
        """Until the channel is open. Raises MediaError when it fails, is closed, or is not open in time."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled_channel.wait()
        except TimeoutError:
            raise MediaError(f"{self.name}: no data channel within {timeout:g} s ({self.state.value})") from None
        if self._ended is not None:
            raise MediaError(f"{self.name}: {self._ended}")

    def send(self, text: str) -> None:
        """Raises MediaError."""
        if self._ended is not None or self._channel is None:
            raise MediaError(f"{self.name}: {self._ended or 'there is no data channel yet'}")
        try:
            self._channel.send(text)
        except DataChannelError as error:
            raise MediaError(f"{self.name}: {error}") from error

    def close(self) -> None:
        if self._channels is not None:
            self._channels.close()
        super().close()
        self._end("closed here")

    def _heard(self, message: str | bytes) -> None:
        self.on_text(message)

    def _connected(self) -> None:
        super()._connected()
        if self._channels is not None:
            self._channels.begin()

    def _failed(self, reason: str) -> None:
        super()._failed(reason)
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
            self._settled_channel.set()
            self.on_ended(reason)
