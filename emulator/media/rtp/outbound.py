"""One kind of media to one subscriber: rewriting, starting at keyframes, sending again, sender reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

from emulator.media.rtp.flow import Flow
from emulator.media.rtp.header import HEADER
from emulator.media.rtp.inbound import RECENT_MASK, MediaPacket
from emulator.media.rtp.nack import KEPT_MASK
from emulator.media.rtp.outlet import Outlet
from emulator.media.rtp.rtcp import ReportBlock, SenderReport
from emulator.media.rtp.rtx import RetransmissionStream
from emulator.media.rtp.sequence import extend_sequence
from emulator.media.rtp.timing import Timeline, ntp_time, round_trip_time
from emulator.media.rtp.vp8 import Vp8Descriptor
from emulator.values import value_class


@value_class(frozen=True, slots=True)
class OutboundStats:
    """What was sent of one kind, and what the receiver last said about it.

    `bytes` are payload bytes, `frames` counts timestamps. `resent` and `not_resent` count packets asked for by NACK.
    `fraction_lost` is 0 to 1, `jitter` in clock ticks, `round_trip` in seconds, each None before the first receiver
    report that tells it.
    """

    ssrc: int
    packets: int
    bytes: int
    frames: int
    resent: int
    not_resent: int
    keyframe_requests: int
    waiting_for_keyframe: bool
    fraction_lost: float | None
    cumulative_lost: int | None
    jitter: int | None
    round_trip: float | None


class OutboundTrack:
    """Rewrites a feed's packets for one subscriber.

    Sequence numbers are continuous over pauses: a restart on a running SRTP session would look like a replay. Video
    starts and resumes at keyframes only. Timestamps follow the feed's timeline at a fixed distance.
    """

    BURST_STEP_SECONDS = 0.001  # between the frames of a cached keyframe group when it is sent at once

    __slots__ = (
        "_extension",
        "_first_byte",
        "_flow",
        "_flows",
        "_highest",
        "_highest_timestamp",
        "_level_blocks",
        "_needs_keyframe",
        "_newest",
        "_outlet",
        "_payload_type",
        "_picture_offset",
        "_recent",
        "_report",
        "_sent",
        "_timestamp_offset",
        "_tl0_offset",
        "bytes",
        "clock_rate",
        "frames",
        "keyframe_requests",
        "not_resent",
        "packets",
        "paused",
        "repair",
        "resent",
        "round_trip",
        "ssrc",
    )

    def __init__(
        self,
        *,
        outlet: Outlet,
        payload_type: int,
        clock_rate: int,
        ssrc: int,
        random: Random,
        needs_keyframe: bool,
        extension: bytes = b"",
    ) -> None:
        if not 0 <= payload_type <= 127:
            raise ValueError(f"payload types go from 0 to 127, got {payload_type}")
        self.ssrc = ssrc
        self.clock_rate = clock_rate
        self.paused = False
        self.packets = 0
        self.bytes = 0
        self.frames = 0
        self.resent = 0
        self.not_resent = 0
        self.keyframe_requests = 0
        self.round_trip: float | None = None
        self.repair: RetransmissionStream | None = None
        """What NACKs are answered on; None: with the very same packet."""
        self._outlet = outlet
        self._payload_type = payload_type
        self._needs_keyframe = needs_keyframe
        self._extension = extension
        self._level_blocks: tuple[bytes, ...] | None = None  # by value, if audio levels are told
        self._first_byte = 0x90 if extension else 0x80
        # A ring of what was sent, to answer NACKs. Not the bytes as they were sent: those would be memory of their own
        # for each subscriber, and to touch that is a twentieth of forwarding.
        self._sent: list[MediaPacket | None] = [None] * (KEPT_MASK + 1)
        self._report: ReportBlock | None = None
        self._flow: Flow | None = None  # None: what comes next does not follow what was sent
        self._flows: deque[Flow] = deque()  # that something is kept of, and the last one
        # Below 2^15, so that losing the first packets cannot confuse the receiver's SRTP index (RFC 3711 3.3.1).
        # One cycle up, so that extended numbers never get negative.
        self._highest = (1 << 16) + random.getrandbits(15)
        self._timestamp_offset = random.getrandbits(32)
        self._highest_timestamp = 0
        self._recent = [-1] * (RECENT_MASK + 1)  # timestamps of the latest frames, in no order
        self._picture_offset = 0
        self._tl0_offset = 0
        self._newest: Vp8Descriptor | None = None  # of what was sent

    @property
    def waiting_for_keyframe(self) -> bool:
        return self._needs_keyframe and self._flow is None and not self.paused

    def tell_levels(self, blocks: tuple[bytes, ...]) -> None:
        """Packets with an audio level get that extension block, by its byte, instead of the one without.

        Before the first packet: what is asked for again is made with the same blocks.

        Raises ValueError if packets have no extension block at all.
        """
        if not self._extension:
            raise ValueError("audio levels need the id and mid of an extension block to stand in")
        self._level_blocks = blocks

    def interrupt(self) -> None:
        """What comes next does not follow what was sent (a pause, a gate, another source)."""
        self._flow = None

    def shift(self, ticks: float) -> None:
        """What comes next is of another timeline: `ticks` make its timestamps go on. Only while interrupted."""
        self._timestamp_offset += round(ticks)

    def forward(self, packet: MediaPacket) -> None:
        """Rewrite and send one packet. The hot path."""
        marker = packet.marker
        sequence = packet.sequence
        flow = self._flow
        if flow is None:
            if self.paused or self._needs_keyframe:
                return
            # RFC 7587 4.2 and RFC 3551 4.1: the first packet after silence is marked.
            flow = self._begin(packet, packet.timestamp, marked=True)
            marker = 0x80
        elif sequence < flow.first:
            return
        extension = self._extension if self._level_blocks is None else self._extension_of(packet)
        if sequence > flow.odd_until:
            timestamp = packet.timestamp + flow.timestamp_offset
            if packet.extension is extension:
                head = packet.led
            else:
                packet.extension = extension
                head = packet.led = extension + packet.head
        else:
            timestamp = flow.timestamp(packet)
            head = extension + flow.head(packet)
        sequence += flow.sequence_offset
        self._sent[sequence & KEPT_MASK] = packet
        self.packets += 1
        self.bytes += packet.size
        if sequence > self._highest:
            if sequence > self._highest + 1:
                self._leave_out(sequence)
            self._highest = sequence
            if timestamp != self._highest_timestamp:
                self.frames += 1
                self._highest_timestamp = timestamp
                self._recent[self.frames & RECENT_MASK] = timestamp
            if packet.vp8 is not None:
                self._newest = packet.vp8
        elif timestamp not in self._recent:  # the first that comes of a frame which was lost as a whole
            self.frames += 1
            self._recent[self.frames & RECENT_MASK] = timestamp
        self._outlet.post_rtp(
            self._first_byte,
            self._payload_type | marker,
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.ssrc,
            head,
            packet.payload,
        )

    def start(self, group: Sequence[MediaPacket]) -> None:
        """Start video with a keyframe and what has followed it; the rest comes through `forward`.

        Frames older than the newest are moved close together in time: they are there to be decoded, not to be watched,
        and the receiver shall not believe that packets take seconds to arrive.
        """
        if self.paused or not group:
            return
        times = sorted({packet.timestamp for packet in group})
        step = max(1, int(self.BURST_STEP_SECONDS * self.clock_rate))
        # Squeeze, never stretch.
        positions = [max(time, times[-1] - step * (len(times) - 1 - index)) for index, time in enumerate(times)]
        flow = self._begin(group[0], positions[0], marked=False)
        if len(times) > 1:
            flow.squeeze(group[-1].sequence, times, positions)
        for packet in group:
            self.forward(packet)

    def _begin(self, packet: MediaPacket, timestamp: int, *, marked: bool) -> Flow:
        """Continue the numbers sent so far with this packet, whose timestamp will be sent as `timestamp`."""
        if self._flows:
            # Time never stands still or goes back, even if a group is sent again after a very short pause.
            behind = self._highest_timestamp + 1 - (timestamp + self._timestamp_offset)
            self._timestamp_offset += max(0, behind)
        if packet.vp8 is not None and self._newest is not None:
            self._begin_pictures(packet.vp8, self._newest)
        flow = self._flow = Flow(
            began=self._highest + 1,
            first=packet.sequence,
            timestamp_offset=self._timestamp_offset,
            marked=marked,
            picture_offset=self._picture_offset,
            tl0_offset=self._tl0_offset,
        )
        flows = self._flows
        flows.append(flow)
        while len(flows) > 1 and flows[1].began <= self._highest - KEPT_MASK:
            flows.popleft()  # nothing of it is kept
        return flow

    def _begin_pictures(self, vp8: Vp8Descriptor, newest: Vp8Descriptor) -> None:
        """Let the picture id and TL0PICIDX follow those sent so far (RFC 7741 4.2: each grows by one)."""
        if vp8.picture_id is not None and newest.picture_id is not None:
            last = newest.picture_id + self._picture_offset
            self._picture_offset = (last + 1 - vp8.picture_id) & 0x7FFF
        if vp8.tl0picidx is not None and newest.tl0picidx is not None:
            last = newest.tl0picidx + self._tl0_offset
            self._tl0_offset = (last + 1 - vp8.tl0picidx) & 0xFF

    def _extension_of(self, packet: MediaPacket) -> bytes:
        if self._level_blocks is None or packet.level is None:
            return self._extension
        return self._level_blocks[packet.level]

    def _leave_out(self, sequence: int) -> None:
        """The numbers up to this one have not come: what was sent 512 numbers before must not be taken for them."""
        for number in range(max(self._highest, sequence - KEPT_MASK - 1) + 1, sequence):
            self._sent[number & KEPT_MASK] = None

    def resend(self, sequence: int) -> bool:
        """Answer one entry of a NACK with what was sent before. False if it is not kept (any more)."""
        data = self._as_sent(extend_sequence(sequence, self._highest))
        if data is None:
            self.not_resent += 1
            return False
        self.resent += 1
        self._outlet.send_rtp(data if self.repair is None else self.repair.wrap(data))
        return True

    def _as_sent(self, sequence: int) -> bytes | None:
        """The very bytes of a packet, from what it was made of: that is less memory than to keep it.

        Of the last 512 numbers the ring holds just these: each has taken its place, or left it empty. Older ones could
        be mistaken, since two layers of a simulcast have numbers that have nothing to do with each other.
        """
        if sequence < self._highest - KEPT_MASK:
            return None
        packet = self._sent[sequence & KEPT_MASK]
        flow = next((flow for flow in reversed(self._flows) if flow.began <= sequence), None)
        if packet is None or flow is None or packet.sequence + flow.sequence_offset != sequence:
            return None
        header = HEADER.pack(
            self._first_byte,
            self._payload_type | flow.marker(packet),
            sequence & 0xFFFF,
            flow.timestamp(packet) & 0xFFFFFFFF,
            self.ssrc,
        )
        return header + self._extension_of(packet) + flow.head(packet) + packet.payload

    def reported(self, block: ReportBlock, now: float) -> None:
        """The subscriber's receiver report on this track."""
        self._report = block
        round_trip = round_trip_time(now, block.last_sr, block.delay)
        if round_trip is not None:
            self.round_trip = round_trip

    def sender_report(self, timeline: Timeline, now: float) -> SenderReport | None:
        """A sender report for `now`, None before anything was sent."""
        timestamp = timeline.timestamp_at(now)
        if not self.packets or timestamp is None:
            return None
        return SenderReport(
            ssrc=self.ssrc,
            ntp=ntp_time(now),
            rtp_timestamp=(timestamp + self._timestamp_offset) & 0xFFFFFFFF,
            packet_count=self.packets,
            octet_count=self.bytes,
        )

    def stats(self) -> OutboundStats:
        report = self._report
        return OutboundStats(
            ssrc=self.ssrc,
            packets=self.packets,
            bytes=self.bytes,
            frames=self.frames,
            resent=self.resent,
            not_resent=self.not_resent,
            keyframe_requests=self.keyframe_requests,
            waiting_for_keyframe=self.waiting_for_keyframe,
            fraction_lost=None if report is None else report.fraction_lost / 256,
            cumulative_lost=None if report is None else report.cumulative_lost,
            jitter=None if report is None else report.jitter,
            round_trip=self.round_trip,
        )
