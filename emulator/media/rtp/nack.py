"""Lost packets: which to ask for (RFC 4585 6.2.1), and which to send again."""

from __future__ import annotations

from struct import Struct


class MissingPackets:
    """Gaps in one incoming stream, and when to ask for them. Sequence numbers are extended.

    A gap is asked for as soon as two later packets have come, or after 10 ms: packets that only changed places are
    not. Asking is repeated every 100 ms, ten times at most; then the packet is given up.
    """

    MAX_MISSING = 256
    REORDER_SECONDS = 0.01
    RETRY_SECONDS = 0.1
    MAX_TRIES = 10

    __slots__ = ("_abandoned", "_entries", "_fresh", "_next")

    def __init__(self) -> None:
        self._entries: dict[int, list[float]] = {}  # sequence -> [due, tries, end of its gap]
        self._abandoned: list[int] = []
        self._fresh = 0  # how many have not been asked for yet
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return bool(self._entries or self._abandoned)

    def gap(self, first: int, end: int, now: float) -> None:
        """Packets `first` to `end - 1` have not come, `end` has."""
        due = now + self.REORDER_SECONDS
        if end - first > self.MAX_MISSING:
            self._abandoned.append(first)  # one is enough to tell that decoding is broken
            first = end - self.MAX_MISSING
        for sequence in range(first, end):
            self._entries[sequence] = [due, 0, end]
            self._fresh += 1
        while len(self._entries) > self.MAX_MISSING:
            self._give_up(next(iter(self._entries)))
        self._next = min(self._next, due)

    def received(self, sequence: int) -> bool:
        """A packet from a gap came after all. False if it was in none."""
        entry = self._entries.pop(sequence, None)
        if entry is None:
            return False
        if entry[1] == 0:
            self._fresh -= 1
        return True

    def _give_up(self, sequence: int) -> None:
        self.received(sequence)
        self._abandoned.append(sequence)

    def due(self, now: float, highest: int) -> list[int]:
        """What to ask for now, ascending. `highest` is the newest packet that came."""
        if not self._fresh and now < self._next:
            return []
        wanted: list[int] = []
        following = now + self.RETRY_SECONDS
        for sequence, entry in list(self._entries.items()):
            due, tries, end = entry
            if now < due and (tries or highest <= end):
                following = min(following, due)
            elif tries >= self.MAX_TRIES:
                self._give_up(sequence)
            else:
                if not tries:
                    self._fresh -= 1
                entry[0] = now + self.RETRY_SECONDS
                entry[1] = tries + 1
                wanted.append(sequence)
        self._next = following
        return sorted(wanted)

    def abandoned(self) -> list[int]:
        """What has been given up since the last call."""
        abandoned, self._abandoned = self._abandoned, []
        return abandoned

    def reset(self) -> None:
        """The source changed: nothing old will come."""
        self._entries.clear()
        self._abandoned.clear()
        self._fresh = 0


_SEQUENCE = Struct("!H")
KEPT_MASK = 511
"""Of a sequence number: its place in the ring of packets sent."""


class SentPackets:
    """A ring of the last packets that a sender of its own media has sent, to answer NACKs with the very same bytes.

    Kept in two pieces: the tail is the payload, which whoever made it may keep, too. The head begins with the RTP
    header, and so tells the number.
    """

    CAPACITY = KEPT_MASK + 1

    __slots__ = ("heads", "tails")

    def __init__(self) -> None:
        # Not one list of pairs: those are memory of their own, and to touch it is a twentieth of forwarding.
        self.heads: list[bytes | None] = [None] * self.CAPACITY
        self.tails: list[bytes] = [b""] * self.CAPACITY

    def put(self, sequence: int, head: bytes, tail: bytes) -> None:
        """`sequence` is that of the header, extended or not."""
        slot = sequence & KEPT_MASK
        self.heads[slot] = head
        self.tails[slot] = tail

    def get(self, sequence: int) -> bytes | None:
        """The packet with this 16-bit sequence number, None if it was never sent or is too long ago."""
        slot = sequence & KEPT_MASK
        head = self.heads[slot]
        if head is None or _SEQUENCE.unpack_from(head, 2)[0] != sequence:
            return None
        return head + self.tails[slot]

    def __len__(self) -> int:
        return sum(head is not None for head in self.heads)
