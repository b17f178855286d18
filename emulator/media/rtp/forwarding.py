"""Selective forwarding: a publisher's feed, and its subscriptions.

No task, no queue, no timer of its own: packets come in by `receive_rtp` and leave in the same call through the
subscriptions' `send_rtp`; everything periodic happens in `tick`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from emulator.media.rtp import h264
from emulator.media.rtp.errors import RtcpError, RtpPlaneError
from emulator.media.rtp.formats import Kind, PayloadFormat
from emulator.media.rtp.header import HeaderView, RtpError, find_extension, read_header, serialise_extensions
from emulator.media.rtp.inbound import InboundStats, InboundTrack, MediaPacket
from emulator.media.rtp.keyframes import KeyframeGroup, KeyframeRequests
from emulator.media.rtp.levels import AudioLevel
from emulator.media.rtp.outbound import OutboundStats, OutboundTrack
from emulator.media.rtp.rtcp import (
    Fir,
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
from emulator.media.rtp.vp8 import Vp8Descriptor

__all__ = ["Feed", "FeedStats", "Subscription", "SubscriptionStats"]

Send = Callable[[bytes], object]
OnAudio = Callable[[bytes, int, int, int | None], object]

REPORT_INTERVAL = 0.5  # seconds between receiver reports with REMB
SENDER_REPORT_INTERVAL = 1.0  # seconds between sender reports of one subscription

DEFAULT_CLOCK_RATES: dict[Kind, int] = {"audio": 48000, "video": 90000}
_VIDEO_CODECS = ("vp8", "h264")


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


@dataclass(frozen=True, slots=True)
class SubscriptionStats:
    """A snapshot of one subscription. `malformed` counts RTCP datagrams dropped as unreadable."""

    audio: OutboundStats
    video: OutboundStats
    malformed: int


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
        self._last_picture_id = 0  # extended from 7 bits, for publishers that send those
        self._subscriptions: dict[Subscription, None] = {}
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
        if format_.kind == "video" and codec not in (*_VIDEO_CODECS, "rtx"):
            raise ValueError(f"video codec must be VP8 or H264, got {format_.codec}")
        return _Route(format_, codec, self._audio if format_.kind == "audio" else self._video)

    # --- subscriptions ---------------------------------------------------------------------------------------------

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self._subscriptions)

    def add(self, subscription: Subscription) -> None:
        """Let media flow to a subscription of this feed whose connection is up. ValueError if it is another feed's."""
        if subscription.feed is not self:
            raise ValueError("a subscription can only be added to the feed it was made for")
        if self._closed or subscription in self._subscriptions:
            return
        self._subscriptions[subscription] = None
        self._outputs_changed()
        self._start_video(subscription.video_track)

    def remove(self, subscription: Subscription) -> None:
        """Stop the flow; nothing happens if it is not there."""
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._outputs_changed()
            subscription.audio_track.interrupt()
            subscription.video_track.interrupt()

    def relay_changed(self, subscription: Subscription) -> None:
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
            packet = self._video_packet(data[start:end], accepted, header.marker, route.codec)
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

    def _video_packet(self, payload: bytes, accepted: tuple[int, int], marker: int, codec: str) -> MediaPacket:
        """Raises PayloadError."""
        sequence, timestamp = accepted
        if not payload:
            # A padding probe takes a sequence number. It is sent on, empty, so that nobody misses it.
            return MediaPacket(sequence, timestamp, marker, b"")
        if codec == "h264":
            return MediaPacket(sequence, timestamp, marker, payload, h264.starts_keyframe(payload))
        vp8 = Vp8Descriptor.parse(payload)
        length = vp8.length
        head, tail = payload[:length], payload[length:]
        if vp8.picture_id_bits == 7:
            head = self._widen_picture_id(vp8)
        keyframe = vp8.first & 0x17 == 0x10 and tail != b"" and not tail[0] & 1
        return MediaPacket(sequence, timestamp, marker, tail, keyframe, head, vp8)

    def _widen_picture_id(self, vp8: Vp8Descriptor) -> bytes:
        """Give the descriptor a 15-bit picture id, so that all that is sent on has one width. Returns its new bytes."""
        assert vp8.picture_id is not None
        step = ((vp8.picture_id - self._last_picture_id + 64) & 0x7F) - 64
        extended = (self._last_picture_id + step) & 0x7FFF
        if step > 0:
            self._last_picture_id = extended
        vp8.picture_id = extended
        vp8.picture_id_bits = 15
        return vp8.serialise()

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

    def sender_reports(self, subscription: Subscription, now: float) -> list[SenderReport]:
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


class Subscription:
    """One subscriber's copy of a feed: its own SSRCs and numbers, on its own connection.

    Make it before the offer (its SSRCs and cname go into the SDP), `feed.add(subscription)` once the connection is up.

    send_rtp, send_rtcp  send one packet to the subscriber; must not raise
    payload_types        kind -> payload type in our offer; ValueError if a kind is missing
    cname                the same for both kinds, so that the browser plays them in sync
    audio, video         whether to relay at first; see `set_relay`
    mids                 kind -> (extension id, mid), written on every packet; None or a kind left out: no extension
    """

    def __init__(
        self,
        feed: Feed,
        *,
        send_rtp: Send,
        send_rtcp: Send,
        payload_types: Mapping[Kind, int],
        cname: str,
        random: Random,
        audio: bool = True,
        video: bool = True,
        mids: Mapping[Kind, tuple[int, str]] | None = None,
    ) -> None:
        self.feed = feed
        self.cname = cname
        self._send_rtcp = send_rtcp
        self._last_report: float | None = None
        self._malformed = 0
        self._closed = False
        ssrcs: list[int] = []
        while len(ssrcs) < 2:
            ssrc = random.getrandbits(32)
            if ssrc and ssrc not in ssrcs:
                ssrcs.append(ssrc)

        def track(kind: Kind, ssrc: int, relay: bool) -> OutboundTrack:
            if kind not in payload_types:
                raise ValueError(f"payload type for {kind} expected, got {dict(payload_types)}")
            extension = b""
            if mids is not None and kind in mids:
                identifier, mid = mids[kind]
                extension = serialise_extensions({identifier: mid.encode()})
            output = OutboundTrack(
                send=send_rtp,
                payload_type=payload_types[kind],
                clock_rate=feed.clock_rate(kind),
                ssrc=ssrc,
                random=random,
                needs_keyframe=kind == "video",
                extension=extension,
            )
            output.paused = not relay
            return output

        self.audio_track = track("audio", ssrcs[0], audio)
        self.video_track = track("video", ssrcs[1], video)

    @property
    def audio_ssrc(self) -> int:
        return self.audio_track.ssrc

    @property
    def video_ssrc(self) -> int:
        return self.video_track.ssrc

    def set_relay(self, *, audio: bool | None = None, video: bool | None = None) -> None:
        """Pause (False) or resume (True) one kind; None leaves it as it is. Video resumes at a keyframe."""
        for relay, output in ((audio, self.audio_track), (video, self.video_track)):
            if relay is None or relay is not output.paused:
                continue
            output.paused = not relay
            output.interrupt()
        self.feed.relay_changed(self)

    def receive_rtcp(self, data: bytes) -> None:
        """One RTCP compound from the subscriber: keyframe requests, NACKs and receiver reports on our SSRCs."""
        if self._closed:
            return
        try:
            packets = parse_compound(data)
        except RtcpError:
            self._malformed += 1
            return
        outputs = {output.ssrc: output for output in (self.audio_track, self.video_track)}
        for packet in packets:
            match packet:
                case Nack() if packet.media_ssrc in outputs:
                    for sequence in packet.lost:
                        outputs[packet.media_ssrc].resend(sequence)
                case Pli() if packet.media_ssrc == self.video_ssrc:
                    self._keyframe_wanted()
                case Fir() if any(ssrc == self.video_ssrc for ssrc, _ in packet.requests):
                    self._keyframe_wanted()
                case ReceiverReport() | SenderReport():
                    for block in packet.reports:
                        if block.ssrc in outputs:
                            outputs[block.ssrc].reported(block, self.feed.now())

    def _keyframe_wanted(self) -> None:
        self.video_track.keyframe_requests += 1
        if not self.video_track.paused:
            self.feed.request_keyframe()

    def tick(self, now: float) -> None:
        """Send sender reports once a second; to be called every 0.1 to 1 s with the clock's time."""
        if self._closed or (self._last_report is not None and now - self._last_report < SENDER_REPORT_INTERVAL):
            return
        for report in self.feed.sender_reports(self, now):
            self._last_report = now
            self._send_rtcp(serialise_compound((report, Sdes(((report.ssrc, self.cname),)))))

    def close(self) -> None:
        """Stop for good, and leave the feed."""
        self._closed = True
        self.feed.remove(self)

    def stats(self) -> SubscriptionStats:
        return SubscriptionStats(self.audio_track.stats(), self.video_track.stats(), self._malformed)
