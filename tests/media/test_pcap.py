"""pcapng files, read by tshark: the packets come out as they went in, as RTP and RTCP."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.pcap import Address, PcapWriter
from emulator.media.rtp.rtcp import Pli, ReceiverReport, Sdes, serialise_compound

AT = 1_764_500_000_123_456_789
ADA: Address = ("127.0.0.1", 40_000)
HERE: Address = ("127.0.0.1", 8900)


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    """Fields of each packet that fits. Warnings about running as root go to stderr."""
    command = ["tshark", "-n", "-r", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def fields(*names: str) -> list[str]:
    return ["-T", "fields", *(part for name in names for part in ("-e", name))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.pcapng"


def test_rtp_and_rtcp_are_read_with_addresses_times_and_connections(path: Path) -> None:
    with path.open("wb") as file:
        writer = PcapWriter(file.write, application="Rooms emulator")
        publisher = writer.add_interface("ada publisher self", "room lunch")
        viewer = writer.add_interface("ben subscriber of ada self", "room lunch")
        rtp = RtpPacket(111, 7, 960, 0xABCD, b"opus", marker=True, extensions={1: b"\x85"}).serialise()
        writer.add_packet(publisher, AT, "rtp", rtp, source=ADA, destination=HERE, sent=False)
        compound = serialise_compound((ReceiverReport(1, ()), Sdes(((1, "cname"),)), Pli(1, 0xABCD)))
        writer.add_packet(viewer, AT + 5, "rtcp", compound, source=HERE, destination=("127.0.0.1", 9), sent=True)
    read = tshark(
        path,
        *fields(
            "frame.protocols",
            "frame.time_epoch",
            "frame.interface_name",
            "ip.src",
            "rtp.seq",
            "rtp.ssrc",
            "rtp.p_type",
            "rtp.marker",
            "rtp.payload",
        ),
    )
    assert read[0][0].endswith("rtp")
    assert read[0][1:3] == ["1764500000.123456789", "ada publisher self"]
    assert read[0][4:] == ["7", "0x0000abcd", "111", "1", b"opus".hex()]
    assert read[1][0].endswith("rtcp")
    assert read[1][1:3] == ["1764500000.123456794", "ben subscriber of ada self"]
    assert tshark(path, "-Y", "rtcp", *fields("rtcp.pt")) == [["201,202,206"]]
    assert tshark(path, "-Y", "_ws.malformed") == []


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 1187])
def test_packets_of_any_length_keep_their_bytes(path: Path, size: int) -> None:
    payload = bytes(index % 251 + 1 for index in range(size))
    with path.open("wb") as file:
        writer = PcapWriter(file.write, application="x")
        interface = writer.add_interface("odd lengths: é", "")
        for number in range(3):
            rtp = RtpPacket(96, number, 1, 2, payload).serialise()
            writer.add_packet(interface, AT + number, "rtp", rtp, source=ADA, destination=HERE, sent=True)
    found = tshark(path, *fields("rtp.seq", "rtp.payload"))
    assert found == [[str(number), payload.hex()] if payload else [str(number), ""] for number in range(3)]


def test_ipv6_addresses_are_told(path: Path) -> None:
    with path.open("wb") as file:
        writer = PcapWriter(file.write, application="x")
        interface = writer.add_interface("six", "")
        rtp = RtpPacket(96, 1, 1, 2, b"x").serialise()
        writer.add_packet(interface, AT, "rtp", rtp, source=("::1", 5), destination=("2001:db8::7", 6), sent=False)
    assert tshark(path, *fields("_ws.col.Source", "_ws.col.Destination")) == [["::1", "2001:db8::7"]]
