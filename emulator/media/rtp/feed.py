"""One publisher's audio and video: what arrives on its connection, and who gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from emulator.media.rtp.errors import RtcpError
from emulator.media.rtp.feed_video import FeedVideo, LayerStats, Simulcast
from emulator.media.rtp.formats import Kind, PayloadFormat
from emulator.media.rtp.header import HeaderView, RtpError, find_extension, read_header
from emulator.media.rtp.inbound import InboundStats, InboundTrack, MediaPacket
from emulator.media.rtp.layers import VideoSubscriber
from emulator.media.rtp.levels import AudioLevel
from emulator.media.rtp.outbound import OutboundTrack
from emulator.media.rtp.rtcp import (
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpPacket,
    Sdes,
    SenderReport,
    parse_compound,
    serialise_compound,
)
from emulator.media.rtp.timing import PublisherClock, Timeline
from emulator.media.rtp.video_payloads import VIDEO_CODECS
from emulator.values import value_class

Send = Callable[[bytes], object]
OnAudio = Callable[[bytes, int, int, int | None], object]

REPORT_INTERVAL = 0.5  # seconds between receiver reports with REMB

DEFAULT_CLOCK_RATES: dict[Kind, int] = {"audio": 48000, "video": 90000}


@value_class(frozen=True, slots=True)
class FeedStats:
    """A snapshot of one feed.

    `layers` is the video, by layer of a simulcast, the smallest first; else there is one. `malformed` counts RTP and
    RTCP datagrams dropped as unreadable, `unknown` RTP packets with a payload type that was not negotiated, or of no
    known layer. `nacked` counts packets asked for (repeats included), `abandoned` those that never came. `bitrate` is
    what the publisher was granted, in bit/s.
    """

    audio: InboundStats
    layers: tuple[LayerStats, ...]
    malformed: int
    unknown: int
    nacked: int
    abandoned: int
    bitrate: int
    subscriptions: int

    @property
    def video(self) -> InboundStats:
        """The best layer that flows, or the best."""
        return next((layer for layer in reversed(self.layers) if layer.flowing), self.layers[-1]).video

    @property
    def keyframes(self) -> int:
        return sum(layer.keyframes for layer in self.layers)

    @property
    def plis_sent(self) -> int:
        return sum(layer.plis_sent for layer in self.layers)


class Subscriber(VideoSubscriber, Protocol):
    """What a feed needs to know of a subscription."""

    @property
    def feed(self) -> Feed: ...

    @property
    def audio_track(self) -> OutboundTrack: ...

    @property
    def video_track(self) -> OutboundTrack: ...


class Feed:
    """One publisher's audio and video: what arrives on its connection, and who gets it.

    Nothing raises for bad packets: they are counted and dropped. The callables must not raise.

    send_rtcp       sends one RTCP compound to the publisher
    clock           seconds, monotonic; the same for all feeds and subscriptions
    formats         payload type -> format as negotiated with the publisher, `rtx` included if it was. Audio formats
                    share one clock rate, video formats another. ValueError for video codecs other than VP8 and H264
    bitrate         bit/s, what REMB grants the publisher; ValueError unless positive
    audio_level_id  id of the `ssrc-audio-level` header extension (RFC 6464), None if not negotiated
    simulcast       what was negotiated of it, None for a single encoding
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
        simulcast: Simulcast | None = None,
        on_audio: OnAudio | None = None,
    ) -> None:
        _check_codecs(formats)
        self.on_audio = on_audio
        self._send_rtcp = send_rtcp
        self._clock = clock
        self._audio_level_id = audio_level_id
        self._bitrate = _checked_bitrate(bitrate)
        self._ssrc = random.getrandbits(32)  # as the reporter in RTCP
        self._cname = f"{random.getrandbits(64):016x}"
        clock_of_publisher = PublisherClock()
        self._audio = InboundTrack(_clock_rate(formats, "audio"), clock_of_publisher, nacks=False)
        self.video = FeedVideo(
            own_ssrc=self._ssrc,
            feedback=lambda packet: self._feedback((), packet),
            formats=formats,
            clock_rate=_clock_rate(formats, "video"),
            clock=clock_of_publisher,
            simulcast=simulcast,
        )
        self._kinds: dict[int, Kind] = {number: format_.kind for number, format_ in formats.items()}
        self._audio_sources = 0
        self._subscriptions: dict[Subscriber, None] = {}
        self._audio_outputs: tuple[OutboundTrack, ...] = ()
        self._audio_gate_open = True
        self._last_report: float | None = None
        self._closed = False
        self._malformed = 0
        self._unknown = 0

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
        self.video.add(subscription, self._clock())

    def remove(self, subscription: Subscriber) -> None:
        """Stop the flow; nothing happens if it is not there."""
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._outputs_changed()
            subscription.audio_track.interrupt()
            self.video.remove(subscription)

    def relay_changed(self, subscription: Subscriber) -> None:
        """For subscriptions: video was resumed."""
        self.video.start(subscription, self._clock())

    def choice_changed(self, subscription: Subscriber) -> None:
        """For subscriptions: another layer of a simulcast is wanted, or what can be received has changed."""
        self.video.retarget(subscription, self._clock())

    def _outputs_changed(self) -> None:
        self._audio_outputs = tuple(subscription.audio_track for subscription in self._subscriptions)

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
        kind = self._kinds.get(header.payload_type)
        if kind is None:
            self._unknown += 1
        elif kind == "audio":
            self._receive_audio(data, header)
        else:
            now = self._clock()
            if self.video.receive(data, header, now):
                self._report(now)

    def _receive_audio(self, data: bytes, header: HeaderView) -> None:
        now = self._clock()
        start, end = header.payload_start, header.payload_end
        try:
            extension = self._level_extension(data, header)
            level = None if extension is None else AudioLevel.parse(extension)
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
            if level is not None:
                packet.level = level.as_byte
            for output in self._audio_outputs:
                output.forward(packet)
        if self.on_audio is not None and payload:
            self.on_audio(payload, sequence, timestamp, None if level is None else level.level)
        if track.sources != self._audio_sources:
            self._audio_sources = track.sources
            self._report(now)

    def _level_extension(self, data: bytes, header: HeaderView) -> bytes | None:
        if self._audio_level_id is None or not header.extension_profile:
            return None
        return find_extension(data, header, self._audio_level_id)

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
                if self._audio.ssrc == packet.ssrc:
                    self._audio.sender_report(packet, now)
                else:
                    self.video.sender_report(packet, now)

    # --- what goes back to the publisher ---------------------------------------------------------------------------

    def request_keyframe(self, subscription: Subscriber | None = None) -> None:
        """Ask the publisher for a keyframe, at most every 500 ms, until one arrives.

        Of a simulcast: for the layer that the subscription gets, or for all that flow.
        """
        if self._closed:
            return
        layer = None if subscription is None else self.video.current(subscription)
        for each in self.video.layers if layer is None else (layer,):
            self.video.request_keyframe(each, self._clock())

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
        self.video.tick(now)

    def close(self) -> None:
        """Nothing more is received or forwarded; all subscriptions are removed."""
        for subscription in self.subscriptions:
            self.remove(subscription)
        self.video.close()
        self._closed = True

    def _sources(self) -> tuple[int, ...]:
        audio = self._audio.ssrc
        return (*(() if audio is None else (audio,)), *self.video.ssrcs)

    def _feedback(self, reports: Sequence[ReportBlock], *packets: RtcpPacket) -> None:
        """A compound as RFC 3550 6.1 wants it: a report, who we are, then the feedback itself."""
        sdes = Sdes(((self._ssrc, self._cname),))
        self._send_rtcp(serialise_compound((ReceiverReport(self._ssrc, tuple(reports)), sdes, *packets)))

    def _report(self, now: float) -> None:
        sources = self._sources()
        if not sources or self._closed:
            return
        self._last_report = now
        audio = self._audio.statistics
        blocks = [*(() if audio is None else (audio.report(now),)), *self.video.reports(now)]
        self._feedback(blocks, Remb(self._ssrc, self._bitrate, sources))

    def stats(self) -> FeedStats:
        return FeedStats(
            audio=self._audio.stats(),
            layers=self.video.stats(),
            malformed=self._malformed + self.video.malformed,
            unknown=self._unknown + self.video.unknown,
            nacked=self.video.nacked,
            abandoned=self.video.abandoned,
            bitrate=self._bitrate,
            subscriptions=len(self._subscriptions),
        )

    @property
    def audio_bytes(self) -> int:
        """Of payload, so far; as in `stats`."""
        return self._audio.bytes

    @property
    def video_bytes(self) -> int:
        return sum(layer.track.bytes for layer in self.video.layers)

    # --- for subscriptions -----------------------------------------------------------------------------------------

    def clock_rate(self, kind: Kind) -> int:
        """Ticks per second of one kind."""
        return (self._audio if kind == "audio" else self.video).clock_rate

    def sender_reports(self, subscription: Subscriber, now: float) -> list[SenderReport]:
        """What the subscription's sender reports say now; one for each kind of which something was sent."""
        layer = self.video.current(subscription)
        reports = (
            subscription.audio_track.sender_report(self._audio.timeline, now),
            None if layer is None else subscription.video_track.sender_report(layer.track.timeline, now),
        )
        return [report for report in reports if report is not None]

    @property
    def audio_timeline(self) -> Timeline:
        """Which moment of the clock an audio timestamp belongs to."""
        return self._audio.timeline

    def now(self) -> float:
        return self._clock()


def _checked_bitrate(bitrate: int) -> int:
    if bitrate <= 0:
        raise ValueError(f"bitrate must be positive, got {bitrate}")
    return bitrate


def _check_codecs(formats: Mapping[int, PayloadFormat]) -> None:
    for format_ in formats.values():
        if format_.kind == "video" and format_.codec.lower() not in (*VIDEO_CODECS, "rtx"):
            raise ValueError(f"video codec must be VP8 or H264, got {format_.codec}")


def _clock_rate(formats: Mapping[int, PayloadFormat], kind: Kind) -> int:
    rates = {format_.clock_rate for format_ in formats.values() if format_.kind == kind}
    if len(rates) > 1:
        raise ValueError(f"all {kind} formats of a feed share one clock rate, got {sorted(rates)}")
    return rates.pop() if rates else DEFAULT_CLOCK_RATES[kind]
