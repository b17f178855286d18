"""One participant's sound: Opus packets, reordered and lost as they may be, to one line of packets without a gap."""

from __future__ import annotations

from collections.abc import Callable

from emulator.media.audio.opus import SAMPLE_RATE, OpusError, packet_samples
from emulator.media.rtp.feed import Feed, OnAudio
from emulator.recording.ogg import silence
from emulator.recording.placing import Placing

HELD = 3
"""Packets that may overtake one; there is no NACK for audio, so what has not come then is lost."""

TOLERANCE = 30 * SAMPLE_RATE // 1000
"""Samples by which a stream without a gap may drift from our clock before it is corrected."""

SHORTEST = SAMPLE_RATE // 400
"""Of what Opus can be silent for: 2.5 ms."""

CONCEALED = 3
"""Frames in a row that are left to the decoder's own concealment; what is missing longer is silence."""

QUIET_SECS = 1.0
"""After so long without a packet silence is filled in, up to so long ago: what is under way still has its place."""


class AudioTrack:
    """Hears the feeds of one participant's mixer legs (`AudioTap`), and goes on in real time from its first packet.

    Whoever is muted, cut off or has nothing to say is silent meanwhile. `begin(packet)` is called at the first one and
    says whether it is recorded at all; `write(packet)` gets what makes the file, and says whether it is kept.
    """

    def __init__(
        self, *, begin: Callable[[bytes], bool], write: Callable[[bytes], bool], clock: Callable[[], float]
    ) -> None:
        self._begin = begin
        self._write = write
        self._clock = clock
        self._placing: Placing | None = None
        self._over = False
        self._muted = False
        self._feed: Feed | None = None
        self._held: dict[int, tuple[bytes, int]] = {}
        self._next: int | None = None  # sequence number
        self._expected: int | None = None  # timestamp behind the newest packet
        self._toc = b""
        self._samples = 0
        self._heard_at = 0.0

    def listen(self, feed: Feed) -> OnAudio:
        self._feed = feed
        self._start_anew()
        return self._hear

    @property
    def samples(self) -> int:
        """Of the file so far."""
        return self._samples

    def set_muted(self, muted: bool) -> None:
        """A moderator's mute: silence, whatever comes."""
        self._muted = muted

    def _start_anew(self) -> None:
        self._held.clear()
        self._next = self._expected = None

    def _hear(self, payload: bytes, sequence: int, timestamp: int, level: int | None) -> None:
        """The hot path; called in order of arrival. The level is not needed."""
        if self._over:
            return
        now = self._clock()
        if self._placing is None:
            if not self._begin(payload):
                self._over = True
                return
            self._placing = Placing(now)
            self._heard_at = now
        if self._muted:
            self._start_anew()
            return
        self._heard_at = now
        held = self._held
        if self._next is None:
            self._next = sequence
        if sequence < self._next:
            return
        held[sequence] = payload, timestamp
        if len(held) > HELD:
            self._next = min(held)
        while (packet := held.pop(self._next, None)) is not None:
            self._next += 1
            self._place(*packet, self._placing, now)

    def _place(self, payload: bytes, timestamp: int, placing: Placing, now: float) -> None:
        feed = self._feed
        assert feed is not None
        try:
            samples = packet_samples(payload)
        except OpusError:
            return  # the mixer counts it
        at = placing.at(timestamp, feed.audio_timeline, SAMPLE_RATE, now)
        gap = round(at * SAMPLE_RATE) - self._samples
        follows = self._expected == timestamp
        self._expected = timestamp + samples
        if gap < -TOLERANCE:
            return
        if gap >= SHORTEST and (gap > TOLERANCE or not follows):
            self._fill(gap)
        self._toc = bytes((payload[0] & 0xFC,))
        self._put(payload, samples)

    def _put(self, packet: bytes, samples: int) -> bool:
        kept = self._write(packet)
        if kept:
            self._samples += samples
        return kept

    def _fill(self, gap: int) -> None:
        if self._toc:
            # A packet without a frame in it stands for one that was lost (RFC 6716 section 3.2.1).
            frame = packet_samples(self._toc)
            if gap <= CONCEALED * frame:
                while gap >= frame:
                    if not self._put(self._toc, frame):
                        return
                    gap -= frame
        for packet in silence(gap):
            if not self._put(packet, packet_samples(packet)):
                return

    def catch_up(self, now: float) -> None:
        """Call it several times a second: who says nothing is silent, also in a file that is cut off."""
        if self._placing is not None and (self._muted or now - self._heard_at > QUIET_SECS):
            self._silent_until(now - QUIET_SECS)

    def finish(self, now: float) -> None:
        """Nothing is heard any more; the file goes up to `now`."""
        self._over = True
        self._silent_until(now)

    def _silent_until(self, moment: float) -> None:
        if self._placing is not None:
            gap = round((moment - self._placing.began) * SAMPLE_RATE) - self._samples
            if gap >= SHORTEST:
                self._toc = b""
                self._fill(gap)
