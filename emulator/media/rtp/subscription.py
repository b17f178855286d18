"""One subscriber's copy of a feed: its own SSRCs and numbers, on its own connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random

from emulator.media.rtp.errors import RtcpError
from emulator.media.rtp.feed import Feed, Send
from emulator.media.rtp.formats import Kind
from emulator.media.rtp.header import serialise_extensions
from emulator.media.rtp.layer_choice import LayerChoice
from emulator.media.rtp.outbound import OutboundStats, OutboundTrack
from emulator.media.rtp.outlet import Outlet
from emulator.media.rtp.rtcp import (
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    Sdes,
    SenderReport,
    parse_compound,
    serialise_compound,
)
from emulator.media.rtp.rtx import RetransmissionStream
from emulator.values import value_class

SENDER_REPORT_INTERVAL = 1.0  # seconds between sender reports of one subscription ...
EARLY_INTERVAL = 0.2  # ... and of the first ones: a browser syncs sound and picture from the second report of each on
EARLY_REPORTS = 5


@value_class(frozen=True, slots=True)
class SubscriptionStats:
    """A snapshot of one subscription. `malformed` counts RTCP datagrams dropped as unreadable.

    `layer` is that of a simulcast, 0 for the smallest; None before media flows. `estimate` is the REMB in bit/s.
    """

    audio: OutboundStats
    video: OutboundStats
    malformed: int
    layer: int | None
    estimate: int | None


class Subscription:
    """Sends a feed's media to one subscriber, and hears what it says about them.

    Make it before the offer (its SSRCs and cname go into the SDP), `feed.add(subscription)` once the connection is up.

    outlet               the connection to the subscriber: where RTP leaves
    send_rtcp            sends one packet to the subscriber; must not raise
    payload_types        kind -> payload type in our offer; ValueError if a kind is missing
    cname                the same for both kinds, so that the browser plays them in sync
    audio, video         whether to relay at first; see `set_relay`
    layer                the best layer of a simulcast that is wanted, 0 being the smallest; None: no bound
    mids                 kind -> (extension id, mid), written on every packet; None or a kind left out: no extension
    """

    def __init__(
        self,
        feed: Feed,
        *,
        outlet: Outlet,
        send_rtcp: Send,
        payload_types: Mapping[Kind, int],
        cname: str,
        random: Random,
        audio: bool = True,
        video: bool = True,
        layer: int | None = None,
        mids: Mapping[Kind, tuple[int, str]] | None = None,
    ) -> None:
        self.feed = feed
        self.cname = cname
        self.layer_choice = LayerChoice()
        self.layer_choice.wanted = layer
        self.on_layer: Callable[[int], object] | None = None
        """Called with the layer whenever another one of a simulcast begins to be sent."""
        self._send_rtcp = send_rtcp
        self._last_report: float | None = None
        self._reports = 0
        self._malformed = 0
        self._closed = False
        self._random = random
        ssrcs: list[int] = []
        while len(ssrcs) < 3:
            ssrc = random.getrandbits(32)
            if ssrc and ssrc not in ssrcs:
                ssrcs.append(ssrc)

        self._mids = dict(mids or {})
        self._extensions = {kind: _mid_block(number, mid) for kind, (number, mid) in self._mids.items()}

        def track(kind: Kind, ssrc: int, relay: bool) -> OutboundTrack:
            if kind not in payload_types:
                raise ValueError(f"payload type for {kind} expected, got {dict(payload_types)}")
            output = OutboundTrack(
                outlet=outlet,
                payload_type=payload_types[kind],
                clock_rate=feed.clock_rate(kind),
                ssrc=ssrc,
                random=random,
                needs_keyframe=kind == "video",
                extension=self._extensions.get(kind, b""),
            )
            output.paused = not relay
            return output

        self.audio_track = track("audio", ssrcs[0], audio)
        self.video_track = track("video", ssrcs[1], video)
        self.repair_ssrc = ssrcs[2]
        """Of the retransmission stream of the video, if there is to be one."""

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

    def tell_levels(self, extension_id: int) -> None:
        """Pass the publisher's audio levels on (RFC 6464). Raises ValueError if audio has no mid."""
        if "audio" not in self._mids:
            raise ValueError("audio levels are told beside the mid, and there is none for audio")
        self.audio_track.tell_levels(_level_blocks(*self._mids["audio"], extension_id))

    def repair_with(self, payload_type: int) -> None:
        """Answer NACKs for video on a stream of their own from now on (RFC 4588), with `repair_ssrc`."""
        self.video_track.repair = RetransmissionStream(
            ssrc=self.repair_ssrc,
            payload_type=payload_type,
            random=self._random,
            extension=self._extensions.get("video", b""),
        )

    def set_layer(self, layer: int | None) -> None:
        """The best layer of a simulcast that is wanted from now on; it comes at its next keyframe."""
        self.layer_choice.wanted = layer
        self.feed.choice_changed(self)

    def layer_changed(self, index: int) -> None:
        if self.on_layer is not None:
            self.on_layer(index)

    def receive_rtcp(self, data: bytes) -> None:
        """One RTCP compound from the subscriber: keyframe requests, NACKs, receiver reports, REMB."""
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
                case Remb() if self.video_ssrc in packet.ssrcs:
                    self.layer_choice.estimated(packet.bitrate, self.feed.now())
                    self.feed.choice_changed(self)
                case ReceiverReport() | SenderReport():
                    for block in packet.reports:
                        if block.ssrc in outputs:
                            outputs[block.ssrc].reported(block, self.feed.now())

    def _keyframe_wanted(self) -> None:
        self.video_track.keyframe_requests += 1
        if not self.video_track.paused:
            self.feed.request_keyframe(self)

    def tick(self, now: float) -> None:
        """Send sender reports once a second; to be called every 0.1 to 1 s with the clock's time."""
        interval = EARLY_INTERVAL if self._reports < EARLY_REPORTS else SENDER_REPORT_INTERVAL
        # A hair early is on time: the ticks themselves come every 0.1 s, more or less.
        if self._closed or (self._last_report is not None and now - self._last_report < interval - 0.01):
            return
        for report in self.feed.sender_reports(self, now):
            self._reports += self._last_report != now
            self._last_report = now
            self._send_rtcp(serialise_compound((report, Sdes(((report.ssrc, self.cname),)))))

    def close(self) -> None:
        """Stop for good, and leave the feed."""
        self._closed = True
        self.feed.remove(self)

    def stats(self) -> SubscriptionStats:
        layer = self.feed.video.current(self)
        return SubscriptionStats(
            self.audio_track.stats(),
            self.video_track.stats(),
            self._malformed,
            None if layer is None else layer.index,
            self.layer_choice.estimate,
        )


@lru_cache(maxsize=64)
def _mid_block(mid_id: int, mid: str) -> bytes:
    """An extension block with a mid: the very same object for all subscribers who have the same, see `MediaPacket`."""
    return serialise_extensions({mid_id: mid.encode()})


@lru_cache(maxsize=8)
def _level_blocks(mid_id: int, mid: str, level_id: int) -> tuple[bytes, ...]:
    """Extension blocks with a mid and each value that an audio level can have."""
    return tuple(serialise_extensions({mid_id: mid.encode(), level_id: bytes((value,))}) for value in range(256))
