"""One kind of media from one publisher, made into a single timeline that never jumps."""

from __future__ import annotations

from emulator.media.rtp.nack import MissingPackets
from emulator.media.rtp.rtcp import SenderReport
from emulator.media.rtp.sequence import extend_sequence, timestamp_delta
from emulator.media.rtp.stats import MAX_MISORDER, ReceiveStatistics
from emulator.media.rtp.timing import PublisherClock, Timeline
from emulator.media.rtp.vp8 import Vp8Descriptor
from emulator.values import value_class

RECENT_MASK = 127
"""Of 128 frames the timestamps are known: packets that come late, a second at most, are of one of them or of none."""


class MediaPacket:
    """One accepted packet, ready for all subscriptions.

    `sequence` and `timestamp` are extended and belong to the feed's timeline, not to the publisher's SSRC. `marker` is
    0x80 or 0. `head` is the VP8 payload descriptor (else empty), `payload` the bytes after it, `size` counts both;
    `vp8` is the descriptor, which packets of a frame may share.
    `led` is `head` behind the header extension block `extension`, as the last subscriber had it: most have the same.
    `keyframe`: decoding can start with this packet. `level`: value of its audio level extension (RFC 6464), or None.
    """

    __slots__ = (
        "extension",
        "head",
        "keyframe",
        "led",
        "level",
        "marker",
        "payload",
        "sequence",
        "size",
        "timestamp",
        "vp8",
    )

    def __init__(
        self,
        sequence: int,
        timestamp: int,
        marker: int,
        payload: bytes,
        keyframe: bool = False,
        head: bytes = b"",
        vp8: Vp8Descriptor | None = None,
        level: int | None = None,
    ) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.marker = marker
        self.payload = payload
        self.keyframe = keyframe
        self.head = head
        self.size = len(head) + len(payload)
        self.vp8 = vp8
        self.level = level
        self.extension = b""
        self.led = head


@value_class(frozen=True, slots=True)
class InboundStats:
    """What came from the publisher of one kind, over all of its SSRCs.

    `bytes` are payload bytes, `jitter` is in seconds (RFC 3550 A.8) and, like `lost`, of the SSRC in use. `duplicates`
    were dropped. `sources` counts SSRCs and restarts. `missing` are being asked for. `frames` counts timestamps.
    """

    ssrc: int | None
    packets: int
    bytes: int
    frames: int
    lost: int
    jitter: float
    duplicates: int
    sources: int
    missing: int


class InboundTrack:
    """Follows the publisher's SSRC of one kind through restarts, and maps its numbers to the feed's timeline.

    A new SSRC, a jump in sequence numbers or a jump in timestamps begins a new segment. The first packet of a segment
    gets the sequence number after the highest so far, and a timestamp as far on as time has passed.
    """

    JUMP_SECONDS = 5.0  # timestamps may differ this much from the time between two arrivals
    SILENCE_SECONDS = 1.0  # after this long a former SSRC may come back; before, its packets are stragglers
    MAX_FORMER = 8
    _SEEN = 1024  # a power of two, more than ReceiveStatistics.MAX_MISORDER

    __slots__ = (
        "_arrival",
        "_clock",
        "_first",
        "_former",
        "_highest_timestamp",
        "_recent",
        "_restarts",
        "_seen",
        "_sequence_offset",
        "_source_timestamp",
        "bytes",
        "clock_rate",
        "duplicates",
        "frames",
        "highest",
        "missing",
        "nacks",
        "packets",
        "sources",
        "statistics",
        "timeline",
    )

    def __init__(self, clock_rate: int, clock: PublisherClock, *, nacks: bool) -> None:
        self.clock_rate = clock_rate
        self.nacks = nacks  # whether gaps are to be asked for
        self.missing = MissingPackets()
        self.timeline = Timeline(clock_rate)
        self.statistics: ReceiveStatistics | None = None  # of the SSRC in use
        self.sources = 0  # rises whenever decoding has to begin anew: another SSRC, or sequence numbers restarted
        self.packets = 0
        self.bytes = 0
        self.frames = 0
        self.duplicates = 0  # duplicates and stragglers, dropped
        self.highest = -1  # sequence number in the feed's timeline
        self._clock = clock
        self._former: dict[int, None] = {}  # earlier SSRCs, oldest first
        self._seen = [-1] * self._SEEN
        self._recent = [-1] * (RECENT_MASK + 1)  # timestamps of the latest frames, in no order
        self._restarts = 0
        self._first = 0  # first sequence number of the segment, in the feed's timeline
        self._sequence_offset = 0
        self._highest_timestamp = 0  # in the feed's timeline, of packet `highest`
        self._source_timestamp = 0  # the same as the publisher wrote it
        self._arrival = 0.0  # when packet `highest` came

    @property
    def ssrc(self) -> int | None:
        return None if self.statistics is None else self.statistics.ssrc

    def accept(
        self, ssrc: int, sequence: int, timestamp: int, size: int, now: float, *, repaired: bool = False
    ) -> tuple[int, int] | None:
        """Count a packet. Its sequence number and timestamp on the feed's timeline, None if it is to be dropped.

        `repaired`: it came on the retransmission stream, and so stays out of the loss statistics (RFC 4588 section 6).
        """
        statistics = self.statistics
        if statistics is None or statistics.ssrc != ssrc:
            if statistics is not None and ssrc in self._former and now - self._arrival < self.SILENCE_SECONDS:
                self.duplicates += 1
                return None
            statistics = self._switch(ssrc)
        extended = (
            extend_sequence(sequence, statistics.highest) if repaired else statistics.receive(sequence, timestamp, now)
        )
        if extended is None:
            return None
        begins = statistics.restarts != self._restarts
        if begins:
            self._begin(extended, timestamp, now)
        number = extended + self._sequence_offset
        slot = number & 1023
        if number < self._first or self._seen[slot] >= number or (number <= self.highest and self._is_stray(timestamp)):
            self.duplicates += 1
            return None
        self._seen[slot] = number
        self.packets += 1
        self.bytes += size
        if (
            number == self.highest + 1
            and timestamp == self._source_timestamp
            and now - self._arrival <= self.JUMP_SECONDS
            and not begins
        ):  # the next packet of a frame, as most are: there is nothing to find out
            self.highest = number
            self._arrival = now
            return number, self._highest_timestamp
        if number > self.highest:
            former = self._source_timestamp
            step = 0 if timestamp == former else timestamp_delta(timestamp, former)
            moved = begins or step
            if not begins and abs(step / self.clock_rate - now + self._arrival) > self.JUMP_SECONDS:
                # Stragglers from before the jump would get absurd timestamps: the segment ends here.
                self._first = number
                self._rebase_timestamps(timestamp, now)
                self.missing.reset()
                self.frames += 1
                step, moved = 0, True
            elif self.nacks and number > self.highest + 1:
                self.missing.gap(self.highest + 1, number, now)
            if step:
                self.frames += 1
            self.highest = number
            self._arrival = now
            self._source_timestamp = timestamp
            self._highest_timestamp += step
            mapped = self._highest_timestamp
            if moved:  # of a frame's packets the first one tells
                self._recent[self.frames & RECENT_MASK] = mapped
                self.timeline.packet(mapped, now)
        else:
            mapped = self._highest_timestamp + timestamp_delta(timestamp, self._source_timestamp)
            if mapped not in self._recent:  # the first that comes of a frame which was lost as a whole
                self.frames += 1
                self._recent[self.frames & RECENT_MASK] = mapped
            if self.nacks:
                self.missing.received(number)
        return number, mapped

    def _is_stray(self, timestamp: int) -> bool:
        """Whether a late packet's timestamp cannot be placed: it is from before a jump."""
        return abs(timestamp_delta(timestamp, self._source_timestamp)) > self.JUMP_SECONDS * self.clock_rate

    def source_sequences(self, numbers: list[int]) -> list[int]:
        """The publisher's 16-bit sequence numbers of packets on the feed's timeline."""
        return [(number - self._sequence_offset) & 0xFFFF for number in numbers]

    def _switch(self, ssrc: int) -> ReceiveStatistics:
        if self.statistics is not None:
            self._former[self.statistics.ssrc] = None
            if len(self._former) > self.MAX_FORMER:
                del self._former[next(iter(self._former))]
        self._former.pop(ssrc, None)
        self.statistics = ReceiveStatistics(ssrc, self.clock_rate)
        self._restarts = -1  # makes the first packet begin a segment
        return self.statistics

    def _begin(self, extended: int, timestamp: int, now: float) -> None:
        """A segment begins with this packet of the publisher."""
        assert self.statistics is not None
        self._restarts = self.statistics.restarts
        self.sources += 1
        self.frames += 1
        self.missing.reset()
        if self.highest < 0:
            # Nothing has been sent on yet, so packets from before this one are welcome too.
            self._first = extended - MAX_MISORDER
            self.highest = extended - 1
            self._highest_timestamp = timestamp
            self._source_timestamp = timestamp
        else:
            self._first = self.highest + 1
            self._sequence_offset = self._first - extended
            self._rebase_timestamps(timestamp, now)

    def _rebase_timestamps(self, timestamp: int, now: float) -> None:
        """Let `timestamp` follow the highest one by the time that has passed."""
        passed = round(max(0.0, now - self._arrival) * self.clock_rate)
        self._highest_timestamp += max(1, passed)
        self._source_timestamp = timestamp
        self.timeline.reset()

    def sender_report(self, report: SenderReport, now: float) -> None:
        """The publisher's sender report for the SSRC in use."""
        assert self.statistics is not None
        self.statistics.sender_report(report.ntp, now)
        self._clock.observe(report.ntp, now)
        timestamp = self._highest_timestamp + timestamp_delta(report.rtp_timestamp, self._source_timestamp)
        self.timeline.report(timestamp, self._clock.local_time(report.ntp))

    def stats(self) -> InboundStats:
        statistics = self.statistics
        return InboundStats(
            ssrc=self.ssrc,
            packets=self.packets,
            bytes=self.bytes,
            frames=self.frames,
            lost=0 if statistics is None else statistics.lost,
            jitter=0.0 if statistics is None else statistics.jitter / self.clock_rate,
            duplicates=self.duplicates,
            sources=self.sources,
            missing=len(self.missing),
        )
