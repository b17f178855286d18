"""From packets, reordered and lost as they may be, back to whole frames."""

from __future__ import annotations

from typing import NamedTuple

from emulator.media.rtp import h264, vp8
from emulator.media.rtp.errors import PayloadError
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.sequence import extend_sequence


class Frame(NamedTuple):
    """One frame as a decoder takes it: VP8 data, H.264 in Annex B form, one Opus packet.

    `timestamp` is the packets' (32 bit). `damaged`: parts of it are missing, decoding it will fail or show garbage.
    `lost_before` counts packets that never came between the frame before and this one: a video decoder has to wait for
    the next keyframe, an audio decoder conceals.
    """

    timestamp: int
    data: bytes
    keyframe: bool
    damaged: bool = False
    lost_before: int = 0


class FrameAssembler:
    """Puts the packets of one SSRC in order and joins them to frames.

    Waits for missing packets (which a NACK may still bring) until `max_wait` seconds have passed or `capacity` packets
    are held; then goes on without them. Only the packets of one codec and SSRC may be given.

    codec     "VP8", "H264" or "opus", without regard to case; ValueError for others
    """

    def __init__(self, codec: str, *, capacity: int = 512, max_wait: float = 0.5) -> None:
        self._codec = codec.lower()
        if self._codec not in ("vp8", "h264", "opus"):
            raise ValueError(f"codec must be VP8, H264 or opus, got {codec}")
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._capacity = capacity
        self._max_wait = max_wait
        self._held: dict[int, RtpPacket] = {}  # extended sequence number -> packet, not yet joined
        self._next: int | None = None  # the first number not yet joined or given up
        self._cursor = 0  # the first number not yet looked at; all from _next to here are held
        self._newest = 0
        self._waiting_since: float | None = None
        self._lost = 0
        self._emitted = False
        self.late = 0  # packets that came twice, or too late

    def __len__(self) -> int:
        return len(self._held)

    def receive(self, packet: RtpPacket, now: float) -> list[Frame]:
        """Take one packet that arrived at `now` (seconds); the frames that are complete by it, in order."""
        if self._next is None:
            self._next = self._cursor = self._newest = (1 << 16) + packet.sequence
        number = extend_sequence(packet.sequence, self._newest)
        if number < self._next and not self._emitted and self._newest - number < self._capacity:
            self._next = self._cursor = number  # the first packets came in another order
        if number < self._next or number in self._held:
            self.late += 1
            return []
        if number - self._next > 0x4000:  # a restart, or ages without a packet: nothing held will be completed
            frames = self.flush()
            self._next = self._cursor = number
        else:
            frames = []
        self._held[number] = packet
        self._newest = max(self._newest, number)
        return frames + self.poll(now)

    def step_over(self, sequence: int) -> bool:
        """Whether a packet is the next, with nothing held or lost before it; if so, it is counted as joined.

        For a codec whose frames are one packet each, that is the usual case, and its caller has the frame already.
        """
        number = self._next
        if number is None or self._held or self._lost or sequence != number & 0xFFFF:
            return False
        self._newest = number
        self._next = self._cursor = number + 1
        self._emitted = True
        return True

    def poll(self, now: float) -> list[Frame]:
        """Frames that are due because something missing has been waited for long enough."""
        frames = self._complete_frames()
        while self._held:
            if self._cursor > self._newest:
                self._waiting_since = None  # nothing is missing; the frame goes on
                if len(self._held) <= self._capacity:
                    break
                frames.append(self._join(self._cursor, damaged=True))  # a frame without an end
                continue
            if self._waiting_since is None:
                self._waiting_since = now
            if len(self._held) <= self._capacity and now - self._waiting_since < self._max_wait:
                break
            self._waiting_since = None
            frames += self._skip_gap()
            frames += self._complete_frames()
        return frames

    def flush(self) -> list[Frame]:
        """Everything that is held, waiting for nothing."""
        frames = self._complete_frames()
        while self._held:
            if self._cursor > self._newest:
                frames.append(self._join(self._cursor, damaged=True))
            else:
                frames += self._skip_gap()
            frames += self._complete_frames()
        return frames

    def _complete_frames(self) -> list[Frame]:
        """Look at packets from the cursor on; join the frames whose end is there."""
        frames: list[Frame] = []
        assert self._next is not None or not self._held
        while (packet := self._held.get(self._cursor)) is not None:
            self._waiting_since = None
            first = self._held[self._next] if self._next is not None else packet
            if packet.timestamp != first.timestamp:
                frames.append(self._join(self._cursor))
                continue
            self._cursor += 1
            if packet.marker or self._codec == "opus":
                frames.append(self._join(self._cursor))
        return [frame for frame in frames if frame.data or frame.damaged]

    def _skip_gap(self) -> list[Frame]:
        """Give up what is missing at the cursor: the frame it belongs to is damaged."""
        assert self._next is not None
        following = min(number for number in self._held if number > self._cursor)
        before = self._held.get(self._next)
        frames: list[Frame] = []
        gap = following - self._cursor
        if before is not None and before.timestamp != self._held[following].timestamp:
            # The rest of the old frame is lost, the new one may be whole: what it starts with will tell.
            frames.append(self._join(self._cursor, damaged=True))
            before = None
        if before is None:
            self._lost += gap
            self._next = self._cursor = following
            return frames
        # The hole is within one frame. Find what else belongs to it.
        timestamp = before.timestamp
        end = following
        lost = gap
        while end <= self._newest:
            packet = self._held.get(end)
            if packet is None:
                later = min(number for number in self._held if number > end)
                if self._held[later].timestamp != timestamp:
                    break
                lost += later - end
                end = later
                continue
            if packet.timestamp != timestamp:
                break
            end += 1
            if packet.marker:
                break
        frames.append(self._join(end, damaged=True))
        self._lost += lost
        return frames

    def _join(self, end: int, *, damaged: bool = False) -> Frame:
        """Make a frame of the packets held from `_next` to `end - 1`."""
        assert self._next is not None
        packets = [self._held.pop(number) for number in range(self._next, end) if number in self._held]
        self._next = self._cursor = end
        self._emitted = True
        payloads = [packet.payload for packet in packets if packet.payload]  # padding probes are empty
        data = b""
        keyframe = self._codec == "opus"
        if payloads and self._codec == "opus":
            data = payloads[0]
        elif payloads and self._codec == "vp8":
            data, keyframe, damaged = self._join_vp8(payloads, damaged)
        elif payloads:
            data, keyframe, damaged = self._join_h264(payloads, damaged)
        lost = 0
        if data or damaged:  # else it was padding only, and the next frame tells what is missing before it
            lost, self._lost = self._lost, 0
        return Frame(packets[0].timestamp, data, keyframe, damaged, lost)

    @staticmethod
    def _join_vp8(payloads: list[bytes], damaged: bool) -> tuple[bytes, bool, bool]:
        try:
            data = vp8.depacketise(payloads)
            whole_start = vp8.Vp8Descriptor.parse(payloads[0]).starts_frame
        except PayloadError:
            return b"", False, True
        return data, whole_start and vp8.is_keyframe(data), damaged or not whole_start

    @staticmethod
    def _join_h264(payloads: list[bytes], damaged: bool) -> tuple[bytes, bool, bool]:
        try:
            data = h264.depacketise(payloads)
        except PayloadError:
            damaged = True
            data = h264.depacketise(payloads, strict=False)
        return data, h264.is_keyframe(data), damaged
