"""When to ask a publisher for a keyframe, and which packets since the last one a newcomer can start from."""

from __future__ import annotations

from emulator.media.rtp.inbound import MediaPacket

REQUEST_INTERVAL = 0.5  # seconds between two PLIs of one feed, at least


class KeyframeRequests:
    """Throttles the wishes of all subscribers of one feed: at most one PLI per interval, repeated until it is answered.

    A wish stays pending until a keyframe arrives.
    """

    __slots__ = ("_interval", "_last", "pending", "sent")

    def __init__(self, interval: float = REQUEST_INTERVAL) -> None:
        self._interval = interval
        self._last: float | None = None
        self.pending = False
        self.sent = 0

    def request(self) -> None:
        """Somebody needs a keyframe."""
        self.pending = True

    def arrived(self) -> None:
        """A keyframe has begun to arrive: all wishes are fulfilled."""
        self.pending = False

    def due(self, now: float) -> bool:
        """Whether a PLI is to be sent now. True counts as sent."""
        if not self.pending or (self._last is not None and now - self._last < self._interval):
            return False
        self._last = now
        self.sent += 1
        return True


class KeyframeGroup:
    """The packets since the start of the last keyframe, bounded in number, bytes and age.

    A newcomer who gets them can show a picture at once instead of waiting for the publisher's answer to a PLI.
    """

    MAX_PACKETS = 300
    MAX_BYTES = 600_000
    MAX_AGE = 3.0  # seconds since the keyframe ...
    FEW_FRAMES = 30  # ... unless there were only so few since: a camera that is off sends one black frame per second
    REORDERED = 64  # packets remembered without a keyframe, in case its first packet arrives after its others

    def __init__(self) -> None:
        self._packets: dict[int, MediaPacket] = {}  # by sequence number, in order of arrival
        self._first: int | None = None  # sequence number of the keyframe's first packet
        self._bytes = 0
        self._frames = 0
        self._started = 0.0
        self._keyframe_timestamp = 0
        self._newest_timestamp = 0

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def bytes(self) -> int:
        return self._bytes

    def reset(self) -> None:
        """Nothing kept can be decoded any more."""
        self._packets.clear()
        self._first = None
        self._bytes = 0

    def lost(self, sequence: int) -> None:
        """This packet will not come any more."""
        if self._first is not None and sequence >= self._first:
            self.reset()

    def add(self, packet: MediaPacket, now: float) -> bool:
        """Keep one packet. True if it is the first of a new keyframe."""
        started = packet.keyframe and (self._first is None or packet.timestamp > self._keyframe_timestamp)
        if started:
            self._start(packet, now)
        packets = self._packets
        packets[packet.sequence] = packet
        self._bytes += len(packet.payload)
        if packet.timestamp > self._newest_timestamp:
            self._newest_timestamp = packet.timestamp
            self._frames += 1
        if self._first is None:
            if len(packets) > self.REORDERED:
                oldest = packets.pop(next(iter(packets)))
                self._bytes -= len(oldest.payload)
        elif len(packets) > self.MAX_PACKETS or self._bytes > self.MAX_BYTES:
            self.reset()
        return started

    def _start(self, packet: MediaPacket, now: float) -> None:
        first = packet.sequence
        kept = {sequence: old for sequence, old in self._packets.items() if sequence > first}
        self._packets = kept
        self._first = first
        self._bytes = sum(len(old.payload) for old in kept.values())
        self._frames = 1 + len({old.timestamp for old in kept.values()} - {packet.timestamp})
        self._started = now
        self._keyframe_timestamp = packet.timestamp
        self._newest_timestamp = max([packet.timestamp, *(old.timestamp for old in kept.values())])

    def usable(self, now: float) -> bool:
        """Whether a newcomer should start from here."""
        return self._first is not None and (now - self._started <= self.MAX_AGE or self._frames <= self.FEW_FRAMES)

    def ordered(self) -> list[MediaPacket]:
        """The packets from the keyframe's first on, by sequence number; empty without a keyframe."""
        first = self._first
        if first is None:
            return []
        return [self._packets[sequence] for sequence in sorted(self._packets) if sequence >= first]
