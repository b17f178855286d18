"""The connection to the mixed audio, which costs next to nothing as long as nobody listens."""

from __future__ import annotations

from emulator.clients.audio_reception import AudioReception
from emulator.clients.beat import beat_of
from emulator.clients.errors import MediaError
from emulator.clients.peer import MediaSettings, PeerConnection, accepted, sending, theirs
from emulator.clients.unheard_mix import UnheardMix
from emulator.media.rtp.sender import RtpSender
from emulator.media.transport.negotiation import LocalSource, NegotiatedMedia
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.wire.sdp import Direction

REST_SECS = 0.1
"""Between two looks at a mix that nobody listens to."""
ATTENTION_SECS = 5.0
"""So long after somebody took samples of a mix it is still listened to."""


class MixConnection(PeerConnection):
    """MIX: one audio m-line, `sendrecv`. Nothing is sent until somebody does so through `audio`.

    What comes is given to `heard`. As long as nobody listens there, it is only counted and kept (`unheard_mix.py`).
    Without `listens` it is `sendonly`, and nothing comes.
    """

    def __init__(self, name: str, settings: MediaSettings, *, heard: AudioReception, listens: bool = True) -> None:
        super().__init__(name, settings)
        self.audio: RtpSender | None = None
        self._heard = heard
        self._listens = listens
        self._unheard: UnheardMix | None = None
        self._listened_at: float | None = None
        self._asleep = False
        self._sealed: list[bytes] = []
        self._rest = beat_of(self._loop, REST_SECS)
        self._ssrc = settings.ssrc()
        source = LocalSource(self._ssrc, settings.cname, "-", settings.uuid())  # a sender without a track (S-61)
        direction = Direction.SENDRECV if listens else Direction.SENDONLY
        self._offered = (OfferedMedia.audio("0", direction, source=source),)

    def offer(self) -> str:
        return make_offer(self._offered, self._peer.local)

    def accept(self, answer: str) -> None:
        """Raises MediaError for an answer that is none, or does not send: the SDK would time out (S-58, T-24)."""
        negotiated = accepted(self.name, answer, self._offered)
        media = sending(self.name, negotiated, "0", "S-58")
        self.audio = self._make_sender(media, self._ssrc)
        if self._listens:
            self._receive_mix(media)
        self._begin(negotiated)

    def _receive_mix(self, media: NegotiatedMedia) -> None:
        if not media.direction.receives:
            raise MediaError(f"{self.name}: expected the answer's audio to be sendrecv (S-58), got {theirs(media)}")
        self._unheard = UnheardMix(
            self._make_receiver(media, self._heard.receive),
            unseal=self._peer.unseal,
            on_malformed=self._malformed,
        )
        self._heard.on_listen = self._listen

    def close(self) -> None:
        self._rest.remove(self._look)
        super().close()

    def _connected(self) -> None:
        super()._connected()
        if self._unheard is None:
            return
        self._rest.add(self._look)
        if self._listened_at is None:
            self._fall_asleep()

    def _look(self) -> None:
        """Ten times a second: read what has come, or see whether anybody still listens."""
        if self._asleep:
            self._read()
        elif self._listened_at is not None and self._loop.time() - self._listened_at > ATTENTION_SECS:
            self._fall_asleep()

    def _fall_asleep(self) -> None:
        self._asleep = True
        self._peer.seal(self._sealed.append)
        self._socket.rest()

    def _malformed(self) -> None:
        self.malformed += 1

    def _receive_rtcp(self, data: bytes) -> None:
        if not self._asleep:
            super()._receive_rtcp(data)
            return
        # A report that is read late would make the way look longer; the one before it still says how long it is.
        for sender in self._senders:
            sender.receive_rtcp(data)

    def _read(self) -> None:
        """What has come since the last time."""
        self._socket.drain()
        if self._sealed and self._unheard is not None:
            self._heard.count(*self._unheard.receive(self._sealed, self._loop.time()))
        self._sealed.clear()

    def _listen(self) -> None:
        """Somebody is about to take samples."""
        self._listened_at = self._loop.time()
        if not self._asleep:
            return
        assert self._unheard is not None  # made before the connection was begun
        self._read()
        self._asleep = False
        for frame, at in self._unheard.open():
            self._heard.keep(frame, at)
        self._peer.seal(None)
        self._socket.wake()
