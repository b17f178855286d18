"""What forwarding costs: microseconds of CPU per outgoing packet at 1, 5 and 20 subscribers.

    python -m tests.benchmarks.forwarding

Covers everything between SRTP in and SRTP out: parse, statistics, keyframe cache, rewrite, retransmission ring; not the
putting together of the packet, which is done where it is encrypted. The
packets are VP8 of 1,100 bytes in frames of four, a keyframe every 300 frames. Encryption and sockets are not in it
(reference/media.md, section 2, has those).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from random import Random

from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.vp8 import packetise

PACKETS = 20_000
PACKETS_PER_FRAME = 4
GROUP_OF_FRAMES = 300
ROUNDS = 5


def make_packets(count: int) -> list[bytes]:
    packets: list[bytes] = []
    frame = 0
    while len(packets) < count:
        first = 0x00 if frame % GROUP_OF_FRAMES == 0 else 0x01
        data = bytes((first,)) + bytes(PACKETS_PER_FRAME * 1096 - 1)
        for index, payload in enumerate(packetise(data, frame)):
            packets.append(
                RtpPacket(
                    96,
                    len(packets) & 0xFFFF,
                    frame * 3000 & 0xFFFFFFFF,
                    1,
                    payload,
                    marker=index == PACKETS_PER_FRAME - 1,
                    extensions={4: b"0"},
                ).serialise()
            )
        frame += 1
    return packets


def drop(data: bytes) -> None:
    """Stands for the transport."""


class Nowhere:
    """Stands for a connection."""

    def send_rtp(self, packet: bytes) -> None:
        pass

    def post_rtp(self, *parts: object) -> None:
        pass


def run(packets: list[bytes], subscribers: int, *, resumed: bool = False) -> float:
    """Seconds of CPU for all packets. `resumed`: picture ids have to be rewritten, as after a pause."""
    elapsed = 0.0
    clock: Callable[[], float] = lambda: elapsed  # noqa: E731 - reads the loop's variable
    feed = Feed(
        send_rtcp=drop, clock=clock, random=Random(1), formats={96: PayloadFormat("video", "VP8", 90000)}, bitrate=10**6
    )
    subscriptions = [
        Subscription(
            feed,
            outlet=Nowhere(),
            send_rtcp=drop,
            payload_types={"audio": 111, "video": 96},
            cname="c",
            random=Random(number),
            mids={"video": (3, "1")},
        )
        for number in range(subscribers)
    ]
    for subscription in subscriptions:
        feed.add(subscription)
    half = len(packets) // 20 if resumed else 0
    for data in packets[:half]:
        elapsed += 1 / 120
        feed.receive_rtp(data)
    if resumed:
        for relay in (False, True):
            for subscription in subscriptions:
                subscription.set_relay(video=relay)
        feed.receive_rtp(packets[half])
    gc.disable()
    begun = time.process_time()
    for data in packets[half + resumed :]:
        elapsed += 1 / 120
        feed.receive_rtp(data)
    used = time.process_time() - begun
    gc.enable()
    return used / (len(packets) - half - resumed)


def main() -> None:
    packets = make_packets(PACKETS)
    print(f"{'subscribers':>11}  {'us per packet out':>17}  {'after a pause':>13}  {'us per packet in':>16}")
    for subscribers in (1, 5, 20):
        plain = min(run(packets, subscribers) for _ in range(ROUNDS))
        resumed = min(run(packets, subscribers, resumed=True) for _ in range(ROUNDS))
        print(
            f"{subscribers:>11}  {plain / subscribers * 1e6:>17.2f}  {resumed / subscribers * 1e6:>13.2f}  "
            f"{plain * 1e6:>16.2f}"
        )


if __name__ == "__main__":
    main()
