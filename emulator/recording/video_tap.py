"""A stream's video: from packets, reordered and lost as they may be, to whole frames in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.media.rtp import h264
from emulator.media.rtp.errors import PayloadError
from emulator.media.rtp.inbound import MediaPacket

PATIENCE_SECS = 0.5
"""How long a missing packet is waited for, which a NACK may still bring."""
MAX_HELD = 512
MAX_PARTS = 4096
"""Packets of one frame: 4 MB, more than any frame has."""

OnFrame = Callable[[bytes, int, bool, str], object]
"""(frame, timestamp on the feed's timeline, whether it is a keyframe, "vp8" or "h264"); H.264 in Annex B form."""


class VideoTap:
    """The output (`VideoOutput`) of a tape that watches a feed.

    Only what can be decoded comes out: after a loss nothing until the next keyframe.
    """

    paused = False
    """It is taken off the feed instead."""

    __slots__ = (
        "_clock",
        "_codec",
        "_flowing",
        "_held",
        "_keyframe",
        "_next",
        "_on_frame",
        "_parts",
        "_timestamp",
        "_waiting_since",
        "losses",
    )

    def __init__(self, on_frame: OnFrame, clock: Callable[[], float]) -> None:
        self._on_frame = on_frame
        self._clock = clock
        self._flowing = False
        self._next = 0
        self._parts: list[bytes] = []
        self._timestamp = 0
        self._keyframe = False
        self._codec = ""
        self._held: dict[int, MediaPacket] = {}
        self._waiting_since: float | None = None
        self.losses = 0
        """How often frames had to be left out up to the next keyframe."""

    @property
    def waiting_for_keyframe(self) -> bool:
        return not self._flowing

    def interrupt(self) -> None:
        self._flowing = False
        self._parts.clear()
        self._held.clear()
        self._waiting_since = None

    def shift(self, ticks: float) -> None:
        """Timestamps stay those of their layer: whoever places frames asks for its timeline."""

    def start(self, group: Sequence[MediaPacket]) -> None:
        if not group:
            return
        self.interrupt()
        self._flowing = True
        self._next = group[0].sequence
        for packet in group:
            self.forward(packet)

    def forward(self, packet: MediaPacket) -> None:
        """The hot path."""
        if not self._flowing:
            return
        if packet.sequence == self._next and not self._held:
            self._take(packet)
        else:
            self._reorder(packet)

    def _take(self, packet: MediaPacket) -> None:
        self._next += 1
        if not packet.payload:  # a padding probe
            return
        parts = self._parts
        if packet.timestamp != self._timestamp or not parts:
            if parts:
                self._join()  # a frame whose last packet had no marker
            if packet.vp8 is not None and not packet.vp8.starts_frame:
                self._lose()
                return
            self._timestamp, self._keyframe = packet.timestamp, False
            self._codec = "h264" if packet.vp8 is None else "vp8"
        parts.append(packet.payload)
        self._keyframe = self._keyframe or packet.keyframe
        if packet.marker:
            self._join()
        elif len(parts) > MAX_PARTS:
            self._lose()

    def _join(self) -> None:
        parts = self._parts
        if self._codec == "vp8":
            frame = parts[0] if len(parts) == 1 else b"".join(parts)
        else:
            try:
                frame = h264.depacketise(parts)
            except PayloadError:
                self._lose()
                return
        parts.clear()
        if frame:
            self._on_frame(frame, self._timestamp, self._keyframe, self._codec)

    def _reorder(self, packet: MediaPacket) -> None:
        held = self._held
        if packet.sequence < self._next:
            return
        held[packet.sequence] = packet
        before = self._next
        while self._flowing and (following := held.pop(self._next, None)) is not None:
            self._take(following)
        if not held or not self._flowing:
            self._waiting_since = None
            return
        now = self._clock()
        if self._waiting_since is None or self._next != before:
            self._waiting_since = now
        elif now - self._waiting_since > PATIENCE_SECS or len(held) > MAX_HELD:
            self._give_up()

    def _give_up(self) -> None:
        """What is missing will not come: go on from the next keyframe, if that has come already."""
        held = self._held
        keyframes = [number for number, packet in held.items() if packet.keyframe]
        if not keyframes:
            self._lose()
            return
        self.losses += 1
        first = min(keyframes)
        self.start([held[number] for number in sorted(held) if number >= first])

    def _lose(self) -> None:
        self.losses += 1
        self.interrupt()
