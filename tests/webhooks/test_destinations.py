"""Where webhooks may go: this machine only, unless more is allowed."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from emulator.webhooks.destinations import GuardedResolver, RefusedDestination, check_literal, is_loopback
from tests.webhooks.conftest import MakeWorld
from tests.webhooks.receiver import Receiver
from tests.webhooks.world import World

REMOTE = "http://192.0.2.1:9/hook"
"""TEST-NET-1 (RFC 5737): nobody's address."""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses_are_allowed(address: str) -> None:
    assert is_loopback(address)
    check_literal(address, allow_remote=False)


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "::", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%eth0"]
)
def test_other_addresses_are_refused_unless_allowed(address: str) -> None:
    with pytest.raises(RefusedDestination, match="is not this machine"):
        check_literal(address, allow_remote=False)
    check_literal(address, allow_remote=True)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost.", "app.localhost"])
async def test_localhost_and_names_below_it_are_this_machine(name: str) -> None:
    """RFC 6761, section 6.3: whatever a resolver would say."""
    found = await GuardedResolver(allow_remote=False).resolve(name, 80)
    assert [one["host"] for one in found] == ["127.0.0.1", "::1"]


class Names:
    """Stands for the system's resolver."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names

    async def __call__(self, host: str, port: int, **more: Any) -> list[Any]:
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in self.names[host]]
        return [(kind, 1, 6, "", (address, port)) for kind, address in zip(kinds, self.names[host], strict=True)]


async def test_name_with_both_kinds_of_addresses_leads_to_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(both=["192.0.2.1", "127.0.0.5", "2001:db8::1", "::1"], remote=["192.0.2.1", "2001:db8::1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    guarded = GuardedResolver(allow_remote=False)
    assert [one["host"] for one in await guarded.resolve("both", 80)] == ["127.0.0.5", "::1"]
    with pytest.raises(RefusedDestination, match=r"remote \(192.0.2.1, 2001:db8::1\) is not this machine"):
        await guarded.resolve("remote", 80)
    assert len(await GuardedResolver(allow_remote=True).resolve("both", 80)) == 4


async def test_remote_destination_is_refused_once_aloud_and_always_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent, nothing is retried."""
    world.join(world.room(REMOTE))
    await world.drained()
    assert world.states == ["refused", "refused"]
    for delivery in world.deliveries:
        [attempt] = delivery.attempts
        assert attempt.status is None
        assert "192.0.2.1 is not this machine" in (attempt.error or "")
        assert delivery.reason == attempt.error
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"webhooks to {REMOTE} are not sent: 192.0.2.1 is not this machine.")
    assert "--allow-remote-webhooks" in warning


async def test_remote_name_is_refused_at_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", Names(**{"hooks.test": ["192.0.2.1"]}))
    world.join(world.room("http://hooks.test:9/hook"))
    world.join(world.room("http://nowhere.test:9/hook"))
    await world.drained()
    assert world.states == ["refused", "refused", "failed", "failed"]
    assert "hooks.test (192.0.2.1) is not this machine" in (world.deliveries[0].reason or "")
    assert "Name or service not known" in (world.deliveries[2].reason or "")


async def test_name_of_this_machine_is_delivered_to(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(**{"both.test": ["192.0.2.1", "127.0.0.1"]})
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    for host in ("both.test", "localhost"):
        world.join(world.room(receiver.at(host)))
        await world.drained()
    assert [posted.headers["Host"].partition(":")[0] for posted in receiver.posted] == ["both.test"] * 2 + [
        "localhost"
    ] * 2
    assert set(world.states) == {"delivered"}


async def test_failover_is_tried_when_the_primary_is_refused(world: World, receiver: Receiver) -> None:
    world.join(world.room(REMOTE, receiver.url))
    await world.drained()
    assert world.states == ["delivered", "delivered"]


@pytest.mark.parametrize("url", ["http://127.1:9/hook", "http://2130706433:9/hook", "http://0x7f.1:9/hook"])
async def test_other_spellings_of_an_address_reach_nobody(make_world: MakeWorld, url: str) -> None:
    """They fail or are refused; none is taken for a name that was checked."""
    world = make_world(attempts=1)
    world.join(world.room(url))
    await world.drained()
    assert set(world.states) <= {"failed", "refused"}


async def test_url_that_nobody_can_connect_to_is_a_failure_like_others(make_world: MakeWorld) -> None:
    world = make_world(attempts=1)
    world.join(world.room("http://[::1%25eth0]:9/hook"))
    world.join(world.room(f"http://{'x' * 300}.test/hook"))
    world.join(world.room("https://127.0.0.1:9/hook"))
    await world.drained()
    assert set(world.states) <= {"failed", "refused"}
