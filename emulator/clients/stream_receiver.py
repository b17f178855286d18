"""One incoming RTP stream: packets in, whole frames out, and the feedback a browser would give (NACK, PLI, reports)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from emulator.media.rtp.assembler import Frame, FrameAssembler
from emulator.media.rtp.header import RtpPacket, read_header
from emulator.media.rtp.nack import MissingPackets
from emulator.media.rtp.rtcp import Nack, Pli, ReceiverReport, RtcpPacket, Sdes, SenderReport, serialise_compound
from emulator.media.rtp.stats import ReceiveStatistics

log = logging.getLogger("emulator.clients")

REPORT_SECS = 1.0
PLI_SECS = 0.5
"""Between two requests for a keyframe, until one comes."""


class StreamReceiver:
    """The packets of one m-line. A new SSRC begins a new stream, as in a browser.

    `on_frame(frame, now)` gets the frames in order, `keyframe_wanted` stands until a keyframe has come.
    """

    def __init__(
        self,
        *,
        codec: str,
        clock_rate: int,
        nacks: bool,
        own_ssrc: int,
        cname: str,
        send_rtcp: Callable[[bytes], object],
        on_frame: Callable[[Frame, float], None],
    ) -> None:
        self.codec = codec
        self.ssrc: int | None = None
        self.packets = 0
        self.bytes = 0
        self.keyframe_requests = 0
        self._clock_rate = clock_rate
        self._nacks = nacks
        self._own_ssrc = own_ssrc
        self._cname = cname
        self._send_rtcp = send_rtcp
        self._on_frame = on_frame
        self._sound = codec.lower() == "opus" and not nacks
        self._statistics = ReceiveStatistics(0, clock_rate)
        self._assembler = FrameAssembler(codec)
        self._missing = MissingPackets()
        self._highest = -1
        self._keyframe_wanted = False
        self._last_pli: float | None = None
        self._last_report: float | None = None

    @property
    def nacks(self) -> bool:
        """Whether lost packets are asked for, which cannot wait long."""
        return self._nacks

    @property
    def lost(self) -> int:
        return self._statistics.lost

    @property
    def jitter(self) -> float:
        """Seconds (RFC 3550 A.8)."""
        return self._statistics.jitter / self._clock_rate

    def receive_data(self, data: bytes, now: float) -> None:
        """One packet as it came. Raises RtpError."""
        header = read_header(data)
        start, end = header.payload_start, header.payload_end
        # Sound in its order, which is most of what a crowd hears: no need to take the packet apart.
        if self._sound and header.ssrc == self.ssrc and start < end and self._assembler.step_over(header.sequence):
            number = self._statistics.receive(header.sequence, header.timestamp, now)
            if number is not None:
                self.packets += 1
                self.bytes += end - start
                self._highest = max(self._highest, number)
                self._on_frame(Frame(header.timestamp, data[start:end], keyframe=True), now)
            return
        self.receive(RtpPacket.parse(data), now)

    def count(self, ssrc: int, sequence: int, timestamp: int, size: int, now: float) -> int | None:
        """One packet whose content nobody wants: its extended number. None: it is not one of this stream."""
        if ssrc != self.ssrc:
            self._begin(ssrc)
        number = self._statistics.receive(sequence, timestamp, now)
        if number is not None:
            self.packets += 1
            self.bytes += size
            self._highest = max(self._highest, number)
        return number

    def resume(self) -> None:
        """After packets that were only counted: the next one is the beginning."""
        self._assembler = FrameAssembler(self.codec)

    def receive(self, packet: RtpPacket, now: float) -> None:
        if packet.ssrc != self.ssrc:
            self._begin(packet.ssrc)
        number = self._statistics.receive(packet.sequence, packet.timestamp, now)
        if number is None:
            return
        self.packets += 1
        self.bytes += len(packet.payload)
        if self._nacks:
            if number <= self._highest:
                self._missing.received(number)
            elif 0 <= self._highest < number - 1:
                self._missing.gap(self._highest + 1, number, now)
        self._highest = max(self._highest, number)
        if packet.payload:  # padding alone is no media
            self._deliver(self._assembler.receive(packet, now), now)
        if self._missing:
            self._ask(now)

    def _begin(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._statistics = ReceiveStatistics(ssrc, self._clock_rate)
        self._assembler = FrameAssembler(self.codec)
        self._missing.reset()
        self._highest = -1

    def _deliver(self, frames: list[Frame], now: float) -> None:
        for frame in frames:
            if frame.keyframe and not frame.damaged:
                self._keyframe_wanted = False
            self._on_frame(frame, now)

    def sender_report(self, report: SenderReport, now: float) -> None:
        if report.ssrc == self.ssrc:
            self._statistics.sender_report(report.ntp, now)

    def request_keyframe(self, now: float) -> None:
        """Ask for a keyframe, again and again until one comes."""
        self._keyframe_wanted = True
        self._plead(now)

    def tick(self, now: float) -> None:
        """To be called every 0.1 s or so."""
        if self.ssrc is None:
            return
        self._deliver(self._assembler.poll(now), now)
        if self._missing:
            self._ask(now)
        if self._keyframe_wanted:
            self._plead(now)
        if self._last_report is None or now - self._last_report >= REPORT_SECS:
            self._last_report = now
            self._send(ReceiverReport(self._own_ssrc, (self._statistics.report(now),)))

    def _ask(self, now: float) -> None:
        wanted = self._missing.due(now, self._highest)
        if wanted and self.ssrc is not None:
            self._send(Nack(self._own_ssrc, self.ssrc, tuple(number & 0xFFFF for number in wanted)))
        self._missing.abandoned()  # the assembler notices by itself what never came

    def _plead(self, now: float) -> None:
        if self.ssrc is None or (self._last_pli is not None and now - self._last_pli < PLI_SECS):
            return
        self._last_pli = now
        self.keyframe_requests += 1
        self._send(Pli(self._own_ssrc, self.ssrc))

    def _send(self, packet: RtcpPacket) -> None:
        """Feedback travels behind a report and our name (RFC 3550 section 6.1)."""
        head: list[RtcpPacket] = [] if isinstance(packet, ReceiverReport) else [ReceiverReport(self._own_ssrc)]
        cname = Sdes(((self._own_ssrc, self._cname),))
        packets = [packet, cname] if not head else [*head, cname, packet]
        self._send_rtcp(serialise_compound(packets))
