"""One uninterrupted stretch of what a subscriber is sent: how the feed's numbers become theirs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from emulator.media.rtp.inbound import MediaPacket

_ALWAYS = 1 << 62


class Flow:
    """The distances between the feed's numbers and those sent, from one interruption to the next.

    `began` is the first sequence number sent, `first` the same one in the feed's numbers: what comes before it was not
    meant for this subscriber. `marked`: the first packet is marked, whatever the publisher said.
    `odd_until`: packets up to this number of the feed's need `timestamp` and `head`, later ones only
    `timestamp_offset`.
    """

    __slots__ = (
        "_burst_end",
        "_burst_positions",
        "_burst_times",
        "_picture_offset",
        "_tl0_offset",
        "began",
        "first",
        "marked",
        "odd_until",
        "sequence_offset",
        "timestamp_offset",
    )

    def __init__(
        self,
        *,
        began: int,
        first: int,
        timestamp_offset: int,
        marked: bool,
        picture_offset: int = 0,
        tl0_offset: int = 0,
    ) -> None:
        self.began = began
        self.first = first
        self.marked = marked
        self.sequence_offset = began - first
        self.timestamp_offset = timestamp_offset
        self._picture_offset = picture_offset
        self._tl0_offset = tl0_offset
        self._burst_end = -1
        self._burst_times: Sequence[int] = ()
        self._burst_positions: Sequence[int] = ()
        self.odd_until = _ALWAYS if picture_offset or tl0_offset else -1

    def squeeze(self, end: int, times: Sequence[int], positions: Sequence[int]) -> None:
        """Packets up to `end`, a number of the feed's, have other times: `positions` instead of `times`, ascending."""
        self._burst_end = end
        self._burst_times = times
        self._burst_positions = [position + self.timestamp_offset for position in positions]
        self.odd_until = max(self.odd_until, end)

    def timestamp(self, packet: MediaPacket) -> int:
        """As sent, but for the bits above the 32nd."""
        if packet.sequence <= self._burst_end:
            return self._burst_timestamp(packet.timestamp)
        return packet.timestamp + self.timestamp_offset

    def head(self, packet: MediaPacket) -> bytes:
        """The payload descriptor as sent."""
        vp8 = packet.vp8
        if vp8 is None or not (self._picture_offset or self._tl0_offset):
            return packet.head
        return vp8.renumbered(
            None if vp8.picture_id is None else vp8.picture_id + self._picture_offset,
            None if vp8.tl0picidx is None else vp8.tl0picidx + self._tl0_offset,
        )

    def marker(self, packet: MediaPacket) -> int:
        """0x80 or 0, as sent."""
        return 0x80 if self.marked and packet.sequence == self.first else packet.marker

    def _burst_timestamp(self, timestamp: int) -> int:
        """What is sent for a timestamp of the burst; in between for a frame that was missing and comes late."""
        times, positions = self._burst_times, self._burst_positions
        after = bisect_right(times, timestamp)
        if after == 0:
            return positions[0]
        if after == len(times):
            return timestamp + self.timestamp_offset
        before = after - 1
        part, whole = timestamp - times[before], times[after] - times[before]
        return positions[before] + (positions[after] - positions[before]) * part // whole
