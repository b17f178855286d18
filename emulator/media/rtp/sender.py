"""One outgoing RTP stream of our own: synthetic publishers and mixer legs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from emulator.media.rtp.errors import RtcpError, RtpError
from emulator.media.rtp.header import HEADER, serialise_extensions
from emulator.media.rtp.levels import SILENCE, AudioLevel
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.rtcp import (
    Bye,
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    Sdes,
    SenderReport,
    parse_compound,
    serialise_compound,
)
from emulator.media.rtp.timing import ntp_time, round_trip_time
from emulator.values import value_class

REPORT_INTERVAL = 1.0  # seconds between sender reports
RESENDS = 256
"""Packets that may be sent again at once; one more with each packet that is sent. Who has lost packets because there
were too many, asks for all of them again and again: unbounded, the answers keep the path full for ever."""


@value_class(frozen=True, slots=True)
class SenderStats:
    """`bytes` are payload bytes; `fraction_lost` is 0 to 1 and `round_trip` in seconds, None before a report tells."""

    ssrc: int
    packets: int
    bytes: int
    resent: int
    not_resent: int
    keyframe_requests: int
    fraction_lost: float | None
    round_trip: float | None
    malformed: int


class RtpSender:
    """Numbers, times and remembers the packets of one stream, and answers what RTCP says about it.

    send_rtp, send_rtcp   send one packet; must not raise
    clock                 seconds, monotonic; shared by the streams of one publisher, so that sender reports keep them
                          in sync
    ssrc                  None: random
    audio_level_id        id of `ssrc-audio-level` (RFC 6464), needed for `send_frame(audio_level=...)`
    extensions            extension id -> value (mid, rid) on every packet
    on_keyframe_request   called when a PLI or FIR for this stream comes
    on_remb               called with bit/s when a REMB naming this stream comes
    """

    def __init__(
        self,
        *,
        send_rtp: Callable[[bytes], object],
        send_rtcp: Callable[[bytes], object],
        clock: Callable[[], float],
        random: Random,
        payload_type: int,
        clock_rate: int,
        cname: str,
        ssrc: int | None = None,
        audio_level_id: int | None = None,
        extensions: Mapping[int, bytes] | None = None,
        on_keyframe_request: Callable[[], object] | None = None,
        on_remb: Callable[[int], object] | None = None,
    ) -> None:
        if not 0 <= payload_type <= 127:
            raise ValueError(f"payload types go from 0 to 127, got {payload_type}")
        self.ssrc = random.randrange(1, 1 << 32) if ssrc is None else ssrc
        self.cname = cname
        self.on_keyframe_request = on_keyframe_request
        self.on_remb = on_remb
        self._send_rtp = send_rtp
        self._send_rtcp = send_rtcp
        self._clock = clock
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._audio_level_id = audio_level_id
        self._extensions = dict(extensions or {})
        # One block per audio level that occurs (128 at most), and one under None for packets without a level.
        self._blocks: dict[int | None, bytes] = {}
        self._extension_block(SILENCE if audio_level_id is not None else None)  # fails early
        # Below 2^15, so that losing the first packets cannot confuse the receiver's SRTP index (RFC 3711 3.3.1).
        self._sequence = random.getrandbits(15)
        self._timestamp_base = random.getrandbits(32)
        self._reference: tuple[float, int] | None = None  # which moment a timestamp (as sent) is of
        self._sent = SentPackets()
        self._last_sender_report: float | None = None
        self._report: ReportBlock | None = None
        self._round_trip: float | None = None
        self._closed = False
        self._packets = 0
        self._bytes = 0
        self._resent = 0
        self._resends = RESENDS  # how many are allowed now
        self._not_resent = 0
        self._keyframe_requests = 0
        self._malformed = 0

    def _extension_block(self, level: int | None) -> bytes:
        extensions = dict(self._extensions)
        if level is not None:
            if self._audio_level_id is None:
                raise RtpError("an audio level needs the id of its header extension, none was given")
            extensions[self._audio_level_id] = AudioLevel(level).serialise()
        block = self._blocks[level] = serialise_extensions(extensions)
        return block

    def send_frame(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        marker: bool = True,
        audio_level: int | None = None,
        at: float | None = None,
    ) -> None:
        """Send the packets of one frame; `marker` is set on the last.

        `timestamp` is media time in ticks, from anywhere and of any size: a random base is added. `audio_level` in
        -dBov, 0 (loudest) to 127 (silence). `at` is the moment that the frame is of, by the clock; None: now. Sender
        reports go by it: a frame that leaves late must not make its stream look late (RFC 3550, section 6.4.1).
        Raises RtpError for a level out of range, or without an extension id.
        """
        if self._closed or not payloads:
            return
        extension = self._blocks.get(audio_level)
        if extension is None:
            extension = self._extension_block(audio_level)
        first_byte = 0x90 if extension else 0x80
        timestamp = (timestamp + self._timestamp_base) & 0xFFFFFFFF
        self._reference = (self._clock() if at is None else at, timestamp)
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            second = self._payload_type | (0x80 if marker and index == last else 0)
            sequence = self._sequence
            self._sequence = (sequence + 1) & 0xFFFF
            head = HEADER.pack(first_byte, second, sequence, timestamp, self.ssrc) + extension
            self._sent.put(sequence, head, payload)
            self._packets += 1
            self._bytes += len(payload)
            self._send_rtp(head + payload)
        self._resends = min(self._resends + last + 1, RESENDS)

    def receive_rtcp(self, data: bytes) -> None:
        """One RTCP compound from the other side; what concerns other streams is ignored, what is broken is counted."""
        if self._closed:
            return
        try:
            packets = parse_compound(data)
        except RtcpError:
            self._malformed += 1
            return
        for packet in packets:
            match packet:
                case Nack() if packet.media_ssrc == self.ssrc:
                    self._resend(packet.lost)
                case Pli() if packet.media_ssrc == self.ssrc:
                    self._keyframe_wanted()
                case Fir() if any(ssrc == self.ssrc for ssrc, _ in packet.requests):
                    self._keyframe_wanted()
                case Remb() if self.ssrc in packet.ssrcs:
                    if self.on_remb is not None:
                        self.on_remb(packet.bitrate)
                case ReceiverReport() | SenderReport():
                    for block in packet.reports:
                        if block.ssrc == self.ssrc:
                            self._reported(block)

    def _resend(self, lost: Sequence[int]) -> None:
        for sequence in lost:
            data = self._sent.get(sequence) if self._resends else None
            if data is None:
                self._not_resent += 1
            else:
                self._resent += 1
                self._resends -= 1
                self._send_rtp(data)

    def _keyframe_wanted(self) -> None:
        self._keyframe_requests += 1
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    def _reported(self, block: ReportBlock) -> None:
        self._report = block
        round_trip = round_trip_time(self._clock(), block.last_sr, block.delay)
        if round_trip is not None:
            self._round_trip = round_trip

    def tick(self, now: float) -> None:
        """A sender report every second once something was sent; to be called every 0.1 to 1 s."""
        if self._closed or self._reference is None:
            return
        if self._last_sender_report is not None and now - self._last_sender_report < REPORT_INTERVAL:
            return
        self._last_sender_report = now
        self._send_rtcp(serialise_compound((self._sender_report(now, self._reference), self._sdes())))

    def _sender_report(self, now: float, reference: tuple[float, int]) -> SenderReport:
        moment, timestamp = reference
        return SenderReport(
            ssrc=self.ssrc,
            ntp=ntp_time(now),
            rtp_timestamp=(timestamp + round((now - moment) * self._clock_rate)) & 0xFFFFFFFF,
            packet_count=self._packets,
            octet_count=self._bytes,
        )

    def _sdes(self) -> Sdes:
        return Sdes(((self.ssrc, self.cname),))

    def close(self) -> None:
        """Say goodbye (RFC 3550 6.6) if anything was ever sent. Later calls do nothing."""
        if self._closed:
            return
        self._closed = True
        if self._reference is not None:
            report = self._sender_report(self._clock(), self._reference)
            self._send_rtcp(serialise_compound((report, self._sdes(), Bye((self.ssrc,)))))

    def stats(self) -> SenderStats:
        report = self._report
        return SenderStats(
            ssrc=self.ssrc,
            packets=self._packets,
            bytes=self._bytes,
            resent=self._resent,
            not_resent=self._not_resent,
            keyframe_requests=self._keyframe_requests,
            fraction_lost=None if report is None else report.fraction_lost / 256,
            round_trip=self._round_trip,
            malformed=self._malformed,
        )
