"""A feed's video: its layers, who watches which of them, and what the publisher is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from emulator.media.rtp.errors import RtpPlaneError
from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.header import HeaderView, RtpError, find_extension
from emulator.media.rtp.inbound import InboundStats
from emulator.media.rtp.layers import VideoLayer, VideoSubscriber, Viewer
from emulator.media.rtp.rtcp import Nack, Pli, ReportBlock, RtcpPacket, SenderReport
from emulator.media.rtp.timing import PublisherClock
from emulator.values import value_class


@value_class(frozen=True, slots=True)
class Simulcast:
    """What was negotiated: the layers' rids, best first, and the ids of the header extensions that tell them apart
    (RFC 8852)."""

    rids: tuple[str, ...]
    rid_id: int
    repaired_rid_id: int | None


@value_class(frozen=True, slots=True)
class LayerStats:
    """One layer; `rid` is None without simulcast, `bitrate` in bit/s of payload. `viewers` get it at present."""

    rid: str | None
    video: InboundStats
    bitrate: int
    flowing: bool
    keyframes: int
    plis_sent: int
    viewers: int


class FeedVideo:
    """Receives one publisher's video packets and forwards them. Nothing raises for bad packets: they are counted.

    own_ssrc   who reports in RTCP
    feedback   sends a compound with these packets, behind a report without blocks
    formats    payload type -> format, of all kinds
    """

    def __init__(
        self,
        *,
        own_ssrc: int,
        feedback: Callable[[RtcpPacket], object],
        formats: Mapping[int, PayloadFormat],
        clock_rate: int,
        clock: PublisherClock,
        simulcast: Simulcast | None,
    ) -> None:
        self.clock_rate = clock_rate
        self.malformed = 0
        self.unknown = 0
        self.nacked = 0
        self.abandoned = 0
        self._own_ssrc = own_ssrc
        self._feedback = feedback
        self._formats = {number: (each, each.codec.lower()) for number, each in formats.items() if each.kind == "video"}
        self._simulcast = simulcast
        rids: Sequence[str | None] = (None,) if simulcast is None else simulcast.rids[::-1]
        self.layers = tuple(VideoLayer(index, rid, clock_rate, clock) for index, rid in enumerate(rids))
        """Smallest first, as Janus counts substreams."""
        self._only = self.layers[0] if simulcast is None else None
        self._by_ssrc: dict[int, VideoLayer] = {}  # of a simulcast: media and retransmissions of each layer, once seen
        self._viewers: dict[VideoSubscriber, Viewer] = {}

    # --- packets from the publisher --------------------------------------------------------------------------------

    def receive(self, data: bytes, header: HeaderView, now: float) -> bool:
        """One packet with a payload type of ours. True: it is the first of a source, which is to be told at once."""
        marker, payload_type, sequence, timestamp, ssrc, start, end, _, _, _ = header
        layer = self._only or self._by_ssrc.get(ssrc) or self._recognise(data, header)
        if layer is None:
            self.unknown += 1
            return False
        track = layer.track
        format_, codec = self._formats[payload_type]
        if codec == "rtx":
            accepted, codec = self._accept_repaired(layer, data, header, format_, now)
            start += 2
        else:
            accepted = track.accept(ssrc, sequence, timestamp, end - start, now)
        if accepted is None:
            return False
        try:
            packet = layer.payloads.read(data, start, end, accepted, marker, codec)
        except RtpPlaneError:
            self.malformed += 1
            return False
        begins = track.sources != layer.sources
        if begins:
            self._source_changed(layer)
        group = layer.group
        if group.add(packet, now):
            layer.keyframes += 1
        if packet.keyframe:
            layer.requests.arrived()
            if layer.coming:
                self._change_over(layer)
            for output in layer.outputs:
                if output.waiting_for_keyframe:
                    output.start(group.ordered())
                else:
                    output.forward(packet)
        else:
            for output in layer.outputs:
                output.forward(packet)
        if track.missing:
            self._repair(layer, now)
        if layer.requests.pending:
            self._ask_for_keyframe(layer, now)
        return begins

    def _recognise(self, data: bytes, header: HeaderView) -> VideoLayer | None:
        """The layer of an SSRC seen for the first time: its packets name it, until the publisher has heard of us."""
        simulcast = self._simulcast
        assert simulcast is not None
        repairs = self._formats[header.payload_type][1] == "rtx"
        extension = simulcast.repaired_rid_id if repairs else simulcast.rid_id
        if extension is None or not header.extension_profile:
            return None
        try:
            rid = find_extension(data, header, extension)
        except RtpError:
            return None
        layer = next(
            (each for each in self.layers if rid is not None and each.rid == rid.decode("ascii", "replace")), None
        )
        if layer is not None:
            former = layer.repair_ssrc if repairs else layer.media_ssrc
            if former is not None:
                self._by_ssrc.pop(former, None)
            if repairs:
                layer.repair_ssrc = header.ssrc
            else:
                layer.media_ssrc = header.ssrc
            self._by_ssrc[header.ssrc] = layer
        return layer

    def _accept_repaired(
        self, layer: VideoLayer, data: bytes, header: HeaderView, format_: PayloadFormat, now: float
    ) -> tuple[tuple[int, int] | None, str]:
        """A packet of the retransmission stream (RFC 4588): two bytes of original sequence number come first."""
        start, size = header.payload_start, header.payload_end - header.payload_start
        original = None if format_.apt is None else self._formats.get(format_.apt)
        track = layer.track
        # Without anything after the number it is a padding probe.
        if size <= 2 or original is None or track.ssrc is None:
            return None, ""
        sequence = int.from_bytes(data[start : start + 2], "big")
        return track.accept(track.ssrc, sequence, header.timestamp, size - 2, now, repaired=True), original[1]

    def _source_changed(self, layer: VideoLayer) -> None:
        layer.sources = layer.track.sources
        layer.group.reset()
        for output in layer.outputs:
            output.interrupt()
        # If the first packet belongs to a keyframe, this is fulfilled before it is sent.
        if layer.waited_for:
            layer.requests.request()

    def sender_report(self, report: SenderReport, now: float) -> None:
        for layer in self.layers:
            if layer.track.ssrc == report.ssrc:
                layer.track.sender_report(report, now)

    # --- who watches -----------------------------------------------------------------------------------------------

    def add(self, subscriber: VideoSubscriber, now: float) -> None:
        """Start with the layer it is to get, or at once with a lower one that has a keyframe to start from."""
        viewer = Viewer(subscriber, self.layers[-1])
        self._viewers[subscriber] = viewer
        viewer.target = self._chosen(viewer, now)
        ready = [layer for layer in self.layers[: viewer.target.index + 1] if layer.flowing and layer.group.usable(now)]
        self._move(viewer, ready[-1] if ready else viewer.target)
        if viewer.current is not viewer.target:
            viewer.target.coming += (viewer,)
        self.start(subscriber, now)

    def remove(self, subscriber: VideoSubscriber) -> None:
        viewer = self._viewers.pop(subscriber, None)
        if viewer is not None:
            self._leave(viewer, viewer.current)
            self._stop_coming(viewer)
            viewer.output.interrupt()

    def start(self, subscriber: VideoSubscriber, now: float) -> None:
        """Let a viewer that waits for a keyframe have one, if it is kept; else the publisher is asked."""
        viewer = self._viewers.get(subscriber)
        if viewer is None:
            return
        layer = viewer.current
        if viewer.output.waiting_for_keyframe and layer.group.usable(now):
            viewer.output.start(layer.group.ordered())
        for each in {layer, viewer.target}:
            if each.waited_for:
                self.request_keyframe(each, now)

    def retarget(self, subscriber: VideoSubscriber, now: float) -> None:
        """What a viewer wants, or can get, has changed."""
        viewer = self._viewers.get(subscriber)
        if viewer is None or self._only is not None:
            return
        target = self._chosen(viewer, now)
        if target is viewer.target:
            return
        self._stop_coming(viewer)
        viewer.target = target
        if target is viewer.current:
            return
        if viewer.output.waiting_for_keyframe and target.group.usable(now):
            self._move(viewer, target)
            self.start(subscriber, now)
        else:  # what is on the screen goes on until the next keyframe of the other layer
            target.coming += (viewer,)
            if target.waited_for:
                self.request_keyframe(target, now)

    def current(self, subscriber: VideoSubscriber) -> VideoLayer | None:
        """The layer that a subscriber gets at present."""
        viewer = self._viewers.get(subscriber)
        return None if viewer is None else viewer.current

    def _chosen(self, viewer: Viewer, now: float) -> VideoLayer:
        if self._only is not None:
            return self._only
        rates = [layer.rate if layer.flowing else None for layer in self.layers]
        return self.layers[viewer.choice.choose(rates, viewer.current.index, now)]

    def _change_over(self, layer: VideoLayer) -> None:
        """A keyframe of this layer has begun: who waits for it gets nothing more of the layer before."""
        coming, layer.coming = layer.coming, ()
        for viewer in coming:
            self._move(viewer, layer)

    def _move(self, viewer: Viewer, layer: VideoLayer) -> None:
        """Put a viewer's output behind another layer, where it waits for a keyframe; its timestamps go on."""
        former = viewer.current
        self._leave(viewer, former)
        viewer.current = layer
        layer.outputs += (viewer.output,)
        viewer.output.interrupt()
        if self._only is None:
            before, after = former.track.timeline.lag, layer.track.timeline.lag
            if layer is not former and before is not None and after is not None:
                viewer.output.shift((after - before) * self.clock_rate)
            viewer.subscriber.layer_changed(layer.index)

    def _leave(self, viewer: Viewer, layer: VideoLayer) -> None:
        layer.outputs = tuple(output for output in layer.outputs if output is not viewer.output)

    def _stop_coming(self, viewer: Viewer) -> None:
        target = viewer.target
        target.coming = tuple(each for each in target.coming if each is not viewer)

    # --- what the publisher is asked for ---------------------------------------------------------------------------

    def request_keyframe(self, layer: VideoLayer, now: float) -> None:
        """At most every 500 ms for each layer, until one arrives."""
        layer.requests.request()
        self._ask_for_keyframe(layer, now)

    def _ask_for_keyframe(self, layer: VideoLayer, now: float) -> None:
        ssrc = layer.track.ssrc
        # Before the first packet there is nobody to ask, and the first frame will be a keyframe anyway.
        if ssrc is not None and layer.requests.due(now):
            self._feedback(Pli(self._own_ssrc, ssrc))

    def _repair(self, layer: VideoLayer, now: float) -> None:
        track = layer.track
        wanted = track.missing.due(now, track.highest)
        if wanted and track.ssrc is not None:
            self.nacked += len(wanted)
            self._feedback(Nack(self._own_ssrc, track.ssrc, tuple(track.source_sequences(wanted))))
        abandoned = track.missing.abandoned()
        if abandoned:
            self.abandoned += len(abandoned)
            for sequence in abandoned:
                layer.group.lost(sequence)
            if layer.outputs or layer is self._only:
                layer.requests.request()

    def tick(self, now: float) -> None:
        """Everything periodic; to be called every 0.1 to 1 s."""
        packets = sum(layer.track.packets for layer in self.layers)
        for layer in self.layers:
            layer.measure(now, packets - layer.track.packets)
        if self._only is None:
            for subscriber in self._viewers:
                self.retarget(subscriber, now)
        for layer in self.layers:
            if layer.track.missing:
                self._repair(layer, now)
            if layer.waited_for:
                layer.requests.request()
            if layer.requests.pending:
                self._ask_for_keyframe(layer, now)

    def reports(self, now: float) -> list[ReportBlock]:
        return [layer.track.statistics.report(now) for layer in self.layers if layer.track.statistics is not None]

    @property
    def ssrcs(self) -> list[int]:
        return [layer.track.ssrc for layer in self.layers if layer.track.ssrc is not None]

    def close(self) -> None:
        for layer in self.layers:
            layer.group.reset()

    def stats(self) -> tuple[LayerStats, ...]:
        """Of each layer, the smallest first."""
        return tuple(
            LayerStats(
                rid=layer.rid,
                video=layer.track.stats(),
                bitrate=round(layer.rate),
                flowing=layer.flowing,
                keyframes=layer.keyframes,
                plis_sent=layer.requests.sent,
                viewers=len(layer.outputs),
            )
            for layer in self.layers
        )
