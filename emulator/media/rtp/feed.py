"""One publisher's audio and video: what arrives on its connection, and who gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from emulator.media.rtp.errors import RtcpError, RtpPlaneError
from emulator.media.rtp.formats import Kind, PayloadFormat
from emulator.media.rtp.header import HeaderView, RtpError, find_extension, read_header
from emulator.media.rtp.inbound import InboundStats, InboundTrack, MediaPacket
from emulator.media.rtp.keyframes import KeyframeGroup, KeyframeRequests
from emulator.media.rtp.levels import AudioLevel
from emulator.media.rtp.outbound import OutboundTrack
from emulator.media.rtp.rtcp import (
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpPacket,
    Sdes,
    SenderReport,
    parse_compound,
    serialise_compound,
)
from emulator.media.rtp.timing import PublisherClock
from emulator.media.rtp.video_payloads import VIDEO_CODECS, VideoPayloads

Send = Callable[[bytes], object]
OnAudio = Callable[[bytes, int, int, int | None], object]

REPORT_INTERVAL = 0.5  # seconds between receiver reports with REMB

DEFAULT_CLOCK_RATES: dict[Kind, int] = {"audio": 48000, "video": 90000}


@dataclass(frozen=True, slots=True)
class FeedStats:
    """A snapshot of one feed.

    `malformed` counts RTP and RTCP datagrams dropped as unreadable, `unknown` RTP packets with a payload type that was
    not negotiated. `nacked` counts packets asked for (repeats included), `abandoned` those that never came.
    """

    audio: InboundStats
    video: InboundStats
    malformed: int
    unknown: int
    nacked: int
    abandoned: int
    keyframes: int
    plis_sent: int
    bitrate: int
    subscriptions: int


class Subscriber(Protocol):
    """What a feed needs to know of a subscription."""

    @property
    def feed(self) -> Feed: ...

    @property
    def audio_track(self) -> OutboundTrack: ...

    @property
    def video_track(self) -> OutboundTrack: ...


@dataclass(slots=True)
class _Route:
    """What to do with one payload type."""

    format: PayloadFormat
    codec: str
    track: InboundTrack


class Feed:
    """One publisher's audio and video: what arrives on its connection, and who gets it.

    Nothing raises for bad packets: they are counted and dropped. The callables must not raise.

    send_rtcp       sends one RTCP compound to the publisher
    clock           seconds, monotonic; the same for all feeds and subscriptions
    formats         payload type -> format as negotiated with the publisher, `rtx` included if it was. Audio formats
                    share one clock rate, video formats another. ValueError for video codecs other than VP8 and H264
    bitrate         bit/s, what REMB grants the publisher; ValueError unless positive
    audio_level_id  id of the `ssrc-audio-level` header extension (RFC 6464), None if not negotiated
    on_audio        called as (payload, sequence, timestamp, level) for each new audio packet in order of arrival,
                    whatever the gate says. Sequence and timestamp are extended (they never wrap) and go on when the
                    publisher changes its SSRC; level is in -dBov (0 loudest, 127 silence) or None
    """

    def __init__(
        self,
        *,
        send_rtcp: Send,
        clock: Callable[[], float],
        random: Random,
        formats: Mapping[int, PayloadFormat],
        bitrate: int,
        audio_level_id: int | None = None,
        on_audio: OnAudio | None = None,
    ) -> None:
        self.on_audio = on_audio
        self.keyframe_requests = KeyframeRequests()
        self.keyframe_group = KeyframeGroup()
        self._send_rtcp = send_rtcp
        self._clock = clock
        self._audio_level_id = audio_level_id
        self._bitrate = _checked_bitrate(bitrate)
        self._ssrc = random.getrandbits(32)  # as the reporter in RTCP
        self._cname = f"{random.getrandbits(64):016x}"
        self._publisher_clock = PublisherClock()
        self._audio = InboundTrack(_clock_rate(formats, "audio"), self._publisher_clock, nacks=False)
        self._video = InboundTrack(_clock_rate(formats, "video"), self._publisher_clock, nacks=True)
        self._routes = {number: self._route(format_) for number, format_ in formats.items()}
        self._video_sources = 0
        self._audio_sources = 0
        self._payloads = VideoPayloads()
        self._subscriptions: dict[Subscriber, None] = {}
        self._audio_outputs: tuple[OutboundTrack, ...] = ()
        self._video_outputs: tuple[OutboundTrack, ...] = ()
        self._audio_gate_open = True
        self._last_report: float | None = None
        self._closed = False
        self._malformed = 0
        self._unknown = 0
        self._nacked = 0
        self._abandoned = 0
        self._keyframes = 0

    def _route(self, format_: PayloadFormat) -> _Route:
        codec = format_.codec.lower()
        if format_.kind == "video" and codec not in (*VIDEO_CODECS, "rtx"):
            raise ValueError(f"video codec must be VP8 or H264, got {format_.codec}")
        return _Route(format_, codec, self._audio if format_.kind == "audio" else self._video)

    # --- subscriptions ---------------------------------------------------------------------------------------------

    @property
    def subscriptions(self) -> tuple[Subscriber, ...]:
        return tuple(self._subscriptions)

    def add(self, subscription: Subscriber) -> None:
        """Let media flow to a subscription of this feed whose connection is up. ValueError if it is another feed's."""
        if subscription.feed is not self:
            raise ValueError("a subscription can only be added to the feed it was made for")
        if self._closed or subscription in self._subscriptions:
            return
        self._subscriptions[subscription] = None
        self._outputs_changed()
        self._start_video(subscription.video_track)

    def remove(self, subscription: Subscriber) -> None:
        """Stop the flow; nothing happens if it is not there."""
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._outputs_changed()
            subscription.audio_track.interrupt()
            subscription.video_track.interrupt()

    def relay_changed(self, subscription: Subscriber) -> None:
        """For subscriptions: video was resumed."""
        if subscription in self._subscriptions:
            self._start_video(subscription.video_track)

    def _outputs_changed(self) -> None:
        self._audio_outputs = tuple(subscription.audio_track for subscription in self._subscriptions)
        self._video_outputs = tuple(subscription.video_track for subscription in self._subscriptions)

    def _start_video(self, output: OutboundTrack) -> None:
        if not output.waiting_for_keyframe:
            return
        if self.keyframe_group.usable(self._clock()):
            output.start(self.keyframe_group.ordered())
        else:
            self.request_keyframe()

    @property
    def audio_gate_open(self) -> bool:
        """False: no audio to any subscription (a moderator muted it). May be set at any time."""
        return self._audio_gate_open

    @audio_gate_open.setter
    def audio_gate_open(self, is_open: bool) -> None:
        self._audio_gate_open = is_open
        if not is_open:
            for output in self._audio_outputs:
                output.interrupt()

    # --- packets from the publisher --------------------------------------------------------------------------------

    def receive_rtp(self, data: bytes) -> None:
        """One RTP packet from the publisher, as unprotected by SRTP."""
        if self._closed:
            return
        try:
            header = read_header(data)
        except RtpError:
            self._malformed += 1
            return
        route = self._routes.get(header.payload_type)
        if route is None:
            self._unknown += 1
        elif route.track is self._audio:
            self._receive_audio(data, header)
        else:
            self._receive_video(data, header, route)

    def _receive_audio(self, data: bytes, header: HeaderView) -> None:
        now = self._clock()
        start, end = header.payload_start, header.payload_end
        try:
            level = self._audio_level(data, header)
        except RtpError:
            self._malformed += 1
            return
        track = self._audio
        accepted = track.accept(header.ssrc, header.sequence, header.timestamp, end - start, now)
        if accepted is None:
            return
        payload = data[start:end]
        sequence, timestamp = accepted
        if self._audio_gate_open:
            packet = MediaPacket(sequence, timestamp, header.marker, payload)
            for output in self._audio_outputs:
                output.forward(packet)
        if self.on_audio is not None and payload:
            self.on_audio(payload, sequence, timestamp, level)
        if track.sources != self._audio_sources:
            self._audio_sources = track.sources
            self._report(now)

    def _audio_level(self, data: bytes, header: HeaderView) -> int | None:
        if self._audio_level_id is None or not header.extension_profile:
            return None
        value = find_extension(data, header, self._audio_level_id)
        return None if value is None else AudioLevel.parse(value).level

    def _receive_video(self, data: bytes, header: HeaderView, route: _Route) -> None:
        now = self._clock()
        start, end = header.payload_start, header.payload_end
        track = self._video
        if route.codec == "rtx":
            accepted, route = self._accept_repaired(data, header, route, now)
            start += 2
        else:
            accepted = track.accept(header.ssrc, header.sequence, header.timestamp, end - start, now)
        if accepted is None:
            return
        try:
            packet = self._payloads.read(data[start:end], accepted, header.marker, route.codec)
        except RtpPlaneError:
            self._malformed += 1
            return
        if track.sources != self._video_sources:
            self._video_source_changed()
            self._report(now)
        group = self.keyframe_group
        if group.add(packet, now):
            self._keyframes += 1
        if packet.keyframe:
            self.keyframe_requests.arrived()
            for output in self._video_outputs:
                if output.waiting_for_keyframe:
                    output.start(group.ordered())
                else:
                    output.forward(packet)
        else:
            for output in self._video_outputs:
                output.forward(packet)
        if track.missing:
            self._repair(now)
        if self.keyframe_requests.pending:
            self._ask_for_keyframe(now)

    def _accept_repaired(
        self, data: bytes, header: HeaderView, route: _Route, now: float
    ) -> tuple[tuple[int, int] | None, _Route]:
        """A packet of the retransmission stream (RFC 4588): two bytes of original sequence number come first."""
        start, size = header.payload_start, header.payload_end - header.payload_start
        apt = route.format.apt
        original = None if apt is None else self._routes.get(apt)
        # Without anything after the number it is a padding probe.
        if size <= 2 or original is None or self._video.ssrc is None:
            return None, route
        sequence = int.from_bytes(data[start : start + 2], "big")
        return (
            self._video.accept(self._video.ssrc, sequence, header.timestamp, size - 2, now, repaired=True),
            original,
        )

    def _video_source_changed(self) -> None:
        self._video_sources = self._video.sources
        self.keyframe_group.reset()
        for output in self._video_outputs:
            output.interrupt()
        # If the first packet belongs to a keyframe, this is fulfilled before it is sent.
        self._request_for_waiting()

    def receive_rtcp(self, data: bytes) -> None:
        """One RTCP compound from the publisher. Packets about other streams of the connection are ignored."""
        if self._closed:
            return
        try:
            packets = parse_compound(data)
        except RtcpError:
            self._malformed += 1
            return
        now = self._clock()
        for packet in packets:
            if isinstance(packet, SenderReport):
                for track in (self._audio, self._video):
                    if track.ssrc == packet.ssrc:
                        track.sender_report(packet, now)

    # --- what goes back to the publisher ---------------------------------------------------------------------------

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe, at most every 500 ms, until one arrives."""
        self.keyframe_requests.request()
        self._ask_for_keyframe(self._clock())

    def set_bitrate(self, bitrate: int) -> None:
        """Grant another bitrate (bit/s), and say so at once. ValueError unless positive."""
        changed = _checked_bitrate(bitrate) != self._bitrate
        self._bitrate = bitrate
        if changed:
            self._report(self._clock())

    def tick(self, now: float) -> None:
        """Everything periodic; to be called every 0.1 to 1 s with the clock's time. Does not tick the subscriptions."""
        if self._closed:
            return
        if self._last_report is None or now - self._last_report >= REPORT_INTERVAL:
            self._report(now)
        if self._video.missing:
            self._repair(now)
        self._request_for_waiting()
        self._ask_for_keyframe(now)

    def close(self) -> None:
        """Nothing more is received or forwarded; all subscriptions are removed."""
        for subscription in self.subscriptions:
            self.remove(subscription)
        self.keyframe_group.reset()
        self._closed = True

    def _sources(self) -> tuple[int, ...]:
        return tuple(track.ssrc for track in (self._audio, self._video) if track.ssrc is not None)

    def _feedback(self, reports: Sequence[ReportBlock], *packets: RtcpPacket) -> None:
        """A compound as RFC 3550 6.1 wants it: a report, who we are, then the feedback itself."""
        sdes = Sdes(((self._ssrc, self._cname),))
        self._send_rtcp(serialise_compound((ReceiverReport(self._ssrc, tuple(reports)), sdes, *packets)))

    def _report(self, now: float) -> None:
        sources = self._sources()
        if not sources or self._closed:
            return
        self._last_report = now
        statistics = [track.statistics for track in (self._audio, self._video)]
        blocks = [source.report(now) for source in statistics if source is not None]
        self._feedback(blocks, Remb(self._ssrc, self._bitrate, sources))

    def _ask_for_keyframe(self, now: float) -> None:
        ssrc = self._video.ssrc
        # Before the first packet there is nobody to ask, and the first frame will be a keyframe anyway.
        if ssrc is not None and not self._closed and self.keyframe_requests.due(now):
            self._feedback((), Pli(self._ssrc, ssrc))

    def _request_for_waiting(self) -> None:
        if any(output.waiting_for_keyframe for output in self._video_outputs):
            self.keyframe_requests.request()

    def _repair(self, now: float) -> None:
        track = self._video
        wanted = track.missing.due(now, track.highest)
        if wanted and track.ssrc is not None:
            self._nacked += len(wanted)
            self._feedback((), Nack(self._ssrc, track.ssrc, tuple(track.source_sequences(wanted))))
        abandoned = track.missing.abandoned()
        if abandoned:
            self._abandoned += len(abandoned)
            for sequence in abandoned:
                self.keyframe_group.lost(sequence)
            self.keyframe_requests.request()

    def stats(self) -> FeedStats:
        return FeedStats(
            audio=self._audio.stats(),
            video=self._video.stats(),
            malformed=self._malformed,
            unknown=self._unknown,
            nacked=self._nacked,
            abandoned=self._abandoned,
            keyframes=self._keyframes,
            plis_sent=self.keyframe_requests.sent,
            bitrate=self._bitrate,
            subscriptions=len(self._subscriptions),
        )

    # --- for subscriptions -----------------------------------------------------------------------------------------

    def clock_rate(self, kind: Kind) -> int:
        """Ticks per second of one kind."""
        return (self._audio if kind == "audio" else self._video).clock_rate

    def sender_reports(self, subscription: Subscriber, now: float) -> list[SenderReport]:
        """What the subscription's sender reports say now; one for each kind of which something was sent."""
        reports = (
            subscription.audio_track.sender_report(self._audio.timeline, now),
            subscription.video_track.sender_report(self._video.timeline, now),
        )
        return [report for report in reports if report is not None]

    def now(self) -> float:
        return self._clock()


def _checked_bitrate(bitrate: int) -> int:
    if bitrate <= 0:
        raise ValueError(f"bitrate must be positive, got {bitrate}")
    return bitrate


def _clock_rate(formats: Mapping[int, PayloadFormat], kind: Kind) -> int:
    rates = {format_.clock_rate for format_ in formats.values() if format_.kind == kind}
    if len(rates) > 1:
        raise ValueError(f"all {kind} formats of a feed share one clock rate, got {sorted(rates)}")
    return rates.pop() if rates else DEFAULT_CLOCK_RATES[kind]
