"""A browser's peer connections, each on a UDP socket of its own; that to the mixed audio is in `mix_connection`.

The socket is its own because the server tells its peers apart by address and serves all of them from one port.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from emulator.clients.beat import beat_of
from emulator.clients.client_socket import ClientSocket
from emulator.clients.errors import MediaError
from emulator.clients.sources.base import VideoCodec
from emulator.clients.stream_receiver import StreamReceiver
from emulator.media.rtp.assembler import Frame
from emulator.media.rtp.errors import RtcpError, RtpError
from emulator.media.rtp.rtcp import SenderReport, parse_compound
from emulator.media.rtp.sender import RtpSender
from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.errors import NegotiationError
from emulator.media.transport.negotiation import (
    AUDIO_LEVEL,
    H264,
    MID,
    RID,
    VIEWER_POLICY,
    VP8,
    LocalSource,
    Negotiated,
    NegotiatedMedia,
)
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import PeerRole
from emulator.media.transport.peer import PeerState
from emulator.wire.sdp import Direction, SdpError

log = logging.getLogger("emulator.clients")

CONTROL_SECS = 0.1
CALM_SECS = 0.25
"""Between two looks at a connection that asks for nothing again: only its reports are due, each second."""
CONNECT_SECS = 10.0
CLOSE_NOTIFY = "close_notify"
"""What the reason of an orderly end names."""

OnFrame = Callable[[Frame, float], None]


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What all peer connections of one client share. `host` is the address their sockets are bound to.

    `clock` gives the loop's seconds.
    """

    host: str
    certificate: Certificate
    rng: Random
    cname: str
    clock: Callable[[], float]

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def ssrc(self) -> int:
        return self.rng.randrange(1, 1 << 32)


class PeerConnection:
    """ICE, DTLS, SRTP and RTCP of one connection. Subclasses add what is sent and received.

    `on_connected()` is called once, `on_failed(reason)` if the connection could not be made or broke. That the server
    ends one in good order is no failure: presence and streams follow signaling only (T-35).
    """

    def __init__(self, name: str, settings: MediaSettings) -> None:
        self.name = name
        self.failure: str | None = None
        self.malformed = 0
        """Packets that were not what their standard says."""
        self.on_connected: Callable[[], None] | None = None
        self.on_failed: Callable[[str], None] | None = None
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._socket = ClientSocket.open_for_one(settings.host, loop=self._loop, certificate=settings.certificate)
        self._peer = self._socket.create_peer(PeerRole.CLIENT)
        self._peer.on_connected = self._connected
        self._peer.on_closed = self._failed
        self._peer.on_rtp = self._receive_rtp
        self._peer.on_rtcp = self._receive_rtcp
        self._senders: list[RtpSender] = []
        self._receivers: dict[int, StreamReceiver] = {}  # by payload type
        self._settled = asyncio.Event()
        self._control = beat_of(self._loop, CONTROL_SECS)

    @property
    def state(self) -> PeerState:
        return self._peer.state

    async def wait_connected(self, timeout: float = CONNECT_SECS) -> None:
        """Raises MediaError when it fails, is closed, or is not connected in time."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            raise MediaError(f"{self.name}: not connected within {timeout:g} s, but {self.state.value}") from None
        if self.failure is not None:
            raise MediaError(f"{self.name}: {self.failure}")

    def cut(self) -> None:
        """From now on nothing reaches the other end, no goodbye either. Call `close` all the same."""
        self._socket.cut()

    def close(self) -> None:
        """Safe to call again."""
        self._control.remove(self._tick)
        for sender in self._senders:
            sender.close()
        self._peer.close()
        if not self._settled.is_set():
            self.failure = "closed before it was connected"
            self._settled.set()

    # -- setting up -----------------------------------------------------------------------------------------------

    def _begin(self, negotiated: Negotiated) -> None:
        self._peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)

    def _make_sender(self, media: NegotiatedMedia, ssrc: int, rid: str | None = None) -> RtpSender:
        named = ((media.extensions.get(MID), media.mid), (media.extensions.get(RID), rid))
        sender = RtpSender(
            send_rtp=self._peer.send_rtp,
            send_rtcp=self._peer.send_rtcp,
            clock=self._loop.time,
            random=self._settings.rng,
            payload_type=media.codec.payload_type,
            clock_rate=media.codec.clock_rate,
            cname=self._settings.cname,
            ssrc=ssrc,
            audio_level_id=media.extensions.get(AUDIO_LEVEL),
            extensions={number: name.encode() for number, name in named if number is not None and name is not None},
        )
        self._senders.append(sender)
        return sender

    def _make_receiver(self, media: NegotiatedMedia, on_frame: OnFrame) -> StreamReceiver:
        codec = media.codec
        receiver = StreamReceiver(
            codec=codec.name,
            clock_rate=codec.clock_rate,
            nacks="nack" in codec.rtcp_fb,
            own_ssrc=self._settings.ssrc(),
            cname=self._settings.cname,
            send_rtcp=self._peer.send_rtcp,
            on_frame=on_frame,
        )
        self._receivers[codec.payload_type] = receiver
        return receiver

    def _local_source(self, ssrc: int, stream_id: str) -> LocalSource:
        return LocalSource(ssrc, self._settings.cname, stream_id, self._settings.uuid())

    # -- what the peer calls --------------------------------------------------------------------------------------

    def _connected(self) -> None:
        self._settled.set()
        if not any(receiver.nacks for receiver in self._receivers.values()):
            self._control = beat_of(self._loop, CALM_SECS)
        self._control.add(self._tick)
        if self.on_connected is not None:
            self.on_connected()

    def _failed(self, reason: str) -> None:
        orderly = self._peer.state is PeerState.CLOSED and CLOSE_NOTIFY in reason
        self.failure = reason
        self._settled.set()
        self._control.remove(self._tick)
        if self.on_failed is not None and not orderly:
            self.on_failed(reason)

    def _tick(self) -> None:
        now = self._loop.time()
        for sender in self._senders:
            sender.tick(now)
        for receiver in self._receivers.values():
            receiver.tick(now)

    def _receive_rtp(self, data: bytes) -> None:
        receiver = self._receivers.get(data[1] & 0x7F)
        if receiver is None:
            self.malformed += 1
            return
        try:
            receiver.receive_data(data, self._loop.time())
        except RtpError as error:
            self.malformed += 1
            log.debug("%s: %s", self.name, error)

    def _receive_rtcp(self, data: bytes) -> None:
        for sender in self._senders:
            sender.receive_rtcp(data)
        if not self._receivers:
            return
        try:
            packets = parse_compound(data)
        except RtcpError as error:
            self.malformed += 1
            log.debug("%s: %s", self.name, error)
            return
        now = self._loop.time()
        for packet in packets:
            if isinstance(packet, SenderReport):
                for receiver in self._receivers.values():
                    receiver.sender_report(packet, now)


class PublisherConnection(PeerConnection):
    """PUB: audio and video, both `sendonly`, in one BUNDLE. `audio` and `videos` are there once `accept` was called.

    `rids` are the simulcast layers that are offered, best first. `videos` has a sender for each one that was accepted,
    or a single one if there is no simulcast, or the answer leaves it out.
    """

    def __init__(
        self, name: str, settings: MediaSettings, *, codec: VideoCodec, stream_id: str, rids: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, settings)
        self.audio: RtpSender | None = None
        self.videos: tuple[RtpSender, ...] = ()
        self._ssrcs = settings.ssrc(), settings.ssrc()
        self._layer_ssrcs = self._ssrcs[1], *(settings.ssrc() for _ in rids[1:])
        audio, video = (self._local_source(ssrc, stream_id) for ssrc in self._ssrcs)
        codecs = (VP8 if codec == "VP8" else H264,)
        self._offered = (
            OfferedMedia.audio("0", Direction.SENDONLY, source=audio),
            OfferedMedia.video("1", Direction.SENDONLY, codecs=codecs, source=video, rids=rids),
        )

    def offer(self) -> str:
        return make_offer(self._offered, self._peer.local)

    def accept(self, answer: str) -> None:
        """Raises MediaError for an answer that is none, or does not take both kinds (S-72)."""
        negotiated = accepted(self.name, answer, self._offered)
        audio, video = (sending(self.name, negotiated, mid, "S-72") for mid in ("0", "1"))
        self.audio = self._make_sender(audio, self._ssrcs[0])
        layers = zip(self._layer_ssrcs, video.rids or (None,), strict=False)  # without rids one is left
        self.videos = tuple(self._make_sender(video, ssrc, rid) for ssrc, rid in layers)
        self._begin(negotiated)


class SubscriberConnection(PeerConnection):
    """SUB: what the server offers, received. `audio` and `video` are None for kinds it does not offer."""

    def __init__(self, name: str, settings: MediaSettings, *, on_audio: OnFrame, on_video: OnFrame) -> None:
        super().__init__(name, settings)
        self.audio: StreamReceiver | None = None
        self.video: StreamReceiver | None = None
        self.video_codec: str | None = None
        self._on_audio = on_audio
        self._on_video = on_video

    def answer(self, offer: str) -> str:
        """The answer; connecting begins. Raises MediaError for an offer that is none or offers nothing usable."""
        try:
            text, negotiated = make_answer(offer, self._peer.local, VIEWER_POLICY)
        except (SdpError, NegotiationError) as error:
            raise MediaError(f"{self.name}: the offer cannot be answered: {error}") from error
        for media in negotiated.of_kind("audio")[:1]:
            self.audio = self._make_receiver(media, self._on_audio)
        for media in negotiated.of_kind("video")[:1]:
            self.video = self._make_receiver(media, self._on_video)
            self.video_codec = media.codec.name
        self._begin(negotiated)
        return text


def accepted(name: str, answer: str, offered: tuple[OfferedMedia, ...]) -> Negotiated:
    """What an answer comes to. Raises MediaError."""
    try:
        return accept_answer(answer, offered)
    except (SdpError, NegotiationError) as error:
        raise MediaError(f"{name}: the answer does not fit: {error}") from error


def sending(name: str, negotiated: Negotiated, mid: str, rule: str) -> NegotiatedMedia:
    """The m-line that receives what is sent. Raises MediaError, with the `rule` that wants it."""
    media = negotiated.by_mid(mid)
    if not media.accepted or not media.direction.sends:
        raise MediaError(f"{name}: expected the answer to receive our {media.kind} ({rule}), got {theirs(media)}")
    return media


def theirs(media: NegotiatedMedia) -> str:
    """The direction that the answer has, in words."""
    return media.direction.reversed.value if media.accepted else "a rejected m-line"
