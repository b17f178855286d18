"""Lips and voice: what sender reports tell a subscriber puts sound and picture at the moment they were made."""

from __future__ import annotations

from random import Random

import pytest

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import SenderReport, parse_compound, serialise_compound
from emulator.media.rtp.sequence import timestamp_delta
from emulator.media.rtp.timing import ntp_seconds, ntp_time
from tests.media.rtp_kit import House, Publisher

SECONDS = 60


class DriftingPublisher:
    """Its sound card and its camera each have a clock of their own; only its sender reports know of both."""

    def __init__(self, house: House, *, audio_ppm: float, video_ppm: float, ntp_offset: float) -> None:
        self.house = house
        self.began = house.clock()
        self.rates = {"audio": 48_000 * (1 + audio_ppm / 1e6), "video": 90_000 * (1 + video_ppm / 1e6)}
        self.bases = {"audio": 0xFFFF_0000, "video": 0x1234_5678}
        self.ssrcs = {"audio": house.publisher.audio_ssrc, "video": house.publisher.video_ssrc}
        self.ntp_offset = ntp_offset
        self._publisher: Publisher = house.publisher

    def timestamp(self, kind: str, moment: float) -> int:
        return (self.bases[kind] + round((moment - self.began) * self.rates[kind])) & 0xFFFFFFFF

    def send(self, kind: str, moment: float) -> None:
        """The packets of what was made at this moment; they arrive now."""
        publisher = self._publisher
        made = [publisher.make_audio()]
        if kind == "video":
            made = publisher.make_frame(keyframe=self.house.feed.stats().keyframes == 0)
        for data in made:
            packet = RtpPacket.parse(data)
            packet.timestamp = self.timestamp(kind, moment)
            self.house.feed.receive_rtp(packet.serialise())

    def report(self) -> None:
        now = self.house.clock()
        for kind, ssrc in self.ssrcs.items():
            report = SenderReport(ssrc, ntp_time(now + self.ntp_offset), self.timestamp(kind, now), 1, 1)
            self.house.feed.receive_rtcp(serialise_compound([report]))


@pytest.mark.parametrize(
    ("audio_ppm", "video_ppm"), [(0, 0), (200, 0), (0, -200), (200, -200)], ids=["true", "audio", "video", "both"]
)
def test_sound_and_picture_stay_together_for_a_minute_whatever_their_clocks_do(
    audio_ppm: float, video_ppm: float
) -> None:
    """The subscriber computes the moments from its own sender reports, as a browser does (RFC 3550 6.4.1)."""
    house = House()
    bob = house.subscribe()
    random = Random(3)
    alice = DriftingPublisher(house, audio_ppm=audio_ppm, video_ppm=video_ppm, ntp_offset=-12_345.678)
    reports: dict[int, SenderReport] = {}
    made: dict[str, float] = {}
    last: dict[str, RtpPacket] = {}
    worst = 0.0
    for tick in range(SECONDS * 100):
        now = house.clock()
        for kind, every in (("audio", 2), ("video", 4)):
            if tick % every == (kind == "video"):
                made[kind] = now
                alice.send(kind, now)
        if tick % 100 == 50:
            house.clock.advance(random.random() * 0.004)  # the network is not even
            alice.report()
        if tick % 10 == 9:
            house.feed.tick(now)
            bob.subscription.tick(now)
        for data in bob.rtp[-1:]:  # of one kind: the other's came in a tick before
            packet = RtpPacket.parse(data)
            last["audio" if packet.ssrc == bob.subscription.audio_ssrc else "video"] = packet
        bob.rtp.clear()
        while bob.rtcp:
            for packet in parse_compound(bob.rtcp.pop(0)):
                if isinstance(packet, SenderReport):
                    reports[packet.ssrc] = packet
        if tick > 300 and tick % 100 == 1:
            late = {kind: moment_of(last[kind], reports) - made[kind] for kind in ("audio", "video")}
            worst = max(worst, abs(late["audio"] - late["video"]))
        house.clock.now = alice.began + (tick + 1) / 100
    assert worst < 0.008


def moment_of(packet: RtpPacket, reports: dict[int, SenderReport]) -> float:
    """When a packet was made, on the clock that both of the subscription's reports share."""
    report = reports[packet.ssrc]
    rate = 48_000 if packet.payload_type == 63 else 90_000
    return ntp_seconds(report.ntp) + timestamp_delta(packet.timestamp, report.rtp_timestamp) / rate
