"""One encoding of a publisher's video: the only one there is, or one layer of a simulcast (RFC 8853)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emulator.media.rtp.inbound import InboundTrack, MediaPacket
from emulator.media.rtp.keyframes import KeyframeGroup, KeyframeRequests
from emulator.media.rtp.layer_choice import LayerChoice
from emulator.media.rtp.timing import PublisherClock
from emulator.media.rtp.video_payloads import VideoPayloads


class VideoOutput(Protocol):
    """What takes the packets of a feed's video: a subscriber's track, or a recording's tape."""

    @property
    def paused(self) -> bool: ...

    @property
    def waiting_for_keyframe(self) -> bool: ...

    def start(self, group: Sequence[MediaPacket]) -> None:
        """A keyframe and what has followed it, in order; what comes next follows by `forward`."""

    def forward(self, packet: MediaPacket) -> None: ...

    def interrupt(self) -> None:
        """What comes next does not follow what came."""

    def shift(self, ticks: float) -> None:
        """The timestamps of what comes next lie so much before those of what came."""


class VideoSubscriber(Protocol):
    """What the video of a feed needs to know of a subscription."""

    @property
    def video_track(self) -> VideoOutput: ...

    @property
    def layer_choice(self) -> LayerChoice: ...

    def layer_changed(self, index: int) -> None:
        """From now on this layer of the simulcast is sent, 0 being the smallest."""
        ...


class Viewer:
    """One subscription to a feed's video: the layer it gets, and the one it is to get."""

    __slots__ = ("choice", "current", "output", "subscriber", "target")

    def __init__(self, subscriber: VideoSubscriber, layer: VideoLayer) -> None:
        self.subscriber = subscriber
        self.output = subscriber.video_track
        self.choice = subscriber.layer_choice
        self.current = layer
        self.target = layer


class VideoLayer:
    """What arrives of one encoding, what a newcomer could start with, and who gets it.

    `index` is 0 for the smallest (Janus's `substream`), `rid` None without simulcast. `outputs` are the tracks it is
    forwarded to; `coming` the viewers that change over to it at its next keyframe.
    """

    SILENCE_SECONDS = 0.5
    SILENCE_PACKETS = 20  # of other layers
    RATE_SECONDS = 2.0

    __slots__ = (
        "_bytes",
        "_heard_at",
        "_measured_at",
        "_others",
        "_packets",
        "_silent",
        "coming",
        "group",
        "index",
        "keyframes",
        "media_ssrc",
        "outputs",
        "payloads",
        "rate",
        "repair_ssrc",
        "requests",
        "rid",
        "sources",
        "track",
    )

    def __init__(self, index: int, rid: str | None, clock_rate: int, clock: PublisherClock) -> None:
        self.index = index
        self.rid = rid
        self.media_ssrc: int | None = None  # as its packets named it; these two only of a simulcast
        self.repair_ssrc: int | None = None
        self.track = InboundTrack(clock_rate, clock, nacks=True)
        self.payloads = VideoPayloads()
        self.group = KeyframeGroup()
        self.requests = KeyframeRequests()
        self.outputs: tuple[VideoOutput, ...] = ()
        self.coming: tuple[Viewer, ...] = ()
        self.sources = 0
        self.keyframes = 0
        self.rate = 0.0
        """Bit/s of payload, over the last seconds."""
        self._bytes = 0
        self._packets = 0
        self._others = 0
        self._heard_at = 0.0
        self._measured_at: float | None = None
        self._silent = False

    @property
    def flowing(self) -> bool:
        """Whether the publisher sends it at present. Browsers switch layers off when bandwidth or size do not do."""
        return (self._packets > 0 and not self._silent) or self.track.packets > self._packets

    @property
    def waited_for(self) -> bool:
        """Whether somebody cannot go on without a keyframe of it."""
        return any(output.waiting_for_keyframe for output in self.outputs) or any(
            not viewer.output.paused for viewer in self.coming
        )

    def measure(self, now: float, others: int) -> None:
        """Take note of rate and silence; to be called every 0.1 to 1 s. `others`: packets of all other layers so far.

        A layer is silent when nothing came of it for a while in which others were heard: a camera that is off sends
        one picture per second, and that is no silence.
        """
        track = self.track
        if self._measured_at is not None and now > self._measured_at:
            elapsed = now - self._measured_at
            weight = min(1.0, elapsed / self.RATE_SECONDS)
            self.rate += ((track.bytes - self._bytes) * 8 / elapsed - self.rate) * weight
        self._measured_at = now
        self._bytes = track.bytes
        if track.packets != self._packets:
            self._packets = track.packets
            self._others = others
            self._heard_at = now
            self._silent = False
        elif others - self._others >= self.SILENCE_PACKETS and now - self._heard_at >= self.SILENCE_SECONDS:
            self._silent = True
