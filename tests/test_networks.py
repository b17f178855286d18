"""Where the emulator runs: on a machine with nothing but loopback, on IPv6, on an address of the machine's own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import sys
from asyncio.subprocess import PIPE
from random import Random

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.clients.media_host import media_host_for
from emulator.config import Config
from emulator.server import Emulator
from tests.signaling.raw_client import RestRoom

SET_FLAGS, UP = 0x8914, 0x1  # Linux: SIOCSIFFLAGS, IFF_UP


async def two_people_meet(host: str) -> tuple[str, str]:
    """On an emulator that is bound to this address; where the publisher's and the viewer's packets come from."""
    async with (
        Emulator(Config(host=host, port=0)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http,
    ):
        if emulator.admin_token is not None:
            http.headers["x-emulator-token"] = emulator.admin_token
        room = await RestRoom.create(emulator, http)

        def client(name: str, tone: int, token: str) -> RoomClient:
            return RoomClient(
                ws_url=emulator.ws_url, room_id=room.id, token=token, name=name, tone=tone, rng=Random(name)
            )

        async with client("Ada", 1, await room.token()) as ada, client("Ben", 2, await room.token()) as ben:
            await asyncio.gather(ada.publish(), ben.publish())
            await asyncio.gather(ada.subscribe(ben), ben.subscribe(ada))
            await asyncio.gather(ada.sees(ben), ben.sees(ada), ada.hears(ben), ben.hears(ada))
            async with http.get(f"{emulator.admin_url}/stats") as answer:
                (session,) = (await answer.json())["data"]
    return (
        session["feeds"][0]["connection"]["selected_address"],
        session["subscriptions"][0]["connection"]["selected_address"],
    )


async def test_two_people_meet_over_ipv6() -> None:
    addresses = await two_people_meet("::1")
    assert all(address.startswith("[::1]:") for address in addresses)


def own_address() -> str | None:
    """One that is not loopback; none on a machine without any network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody's; nothing is sent
        return str(probe.getsockname()[0])
    return None


@pytest.mark.skipif(own_address() is None, reason="this machine has no address but loopback")
async def test_two_people_meet_over_the_machines_own_address() -> None:
    own = own_address()
    assert own is not None
    addresses = await two_people_meet(own)
    assert all(address.startswith(f"{own}:") for address in addresses)


def test_media_goes_by_the_address_that_the_url_is_reached_by() -> None:
    assert media_host_for("ws://[::1]:8900") == "::1"
    for url in ("ws://127.0.0.1:8900", "ws://127.5.5.5:8900", "ws://localhost:8900", "wss://rooms.test"):
        assert media_host_for(url) == "127.0.0.1"


LONELY = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), sys.executable]


async def lonely(*arguments: str) -> tuple[int, str]:
    """Run Python where there is no network interface but loopback."""
    process = await asyncio.create_subprocess_exec(*LONELY, *arguments, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(100):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, (output + errors).decode()


async def test_two_people_meet_on_a_machine_without_any_network() -> None:
    code, output = await lonely("-c", "pass")
    if code:
        pytest.skip(f"this system gives no network namespaces: {output.strip()}")
    code, output = await lonely("-W", "error", "-m", "tests.test_networks")
    assert code == 0, output
    assert output.splitlines() == ["lo", "127.0.0.1", "::1"]


def main() -> None:
    """In a namespace of its own, where loopback is there, but down."""
    with socket.socket() as control:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))
    print(*(name for _, name in socket.if_nameindex()))
    for host in ("127.0.0.1", "::1"):
        asyncio.run(two_people_meet(host))
        print(host)


if __name__ == "__main__":
    main()
