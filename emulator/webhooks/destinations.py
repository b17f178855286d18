"""Where webhooks may go: to this machine, unless more is allowed. What is checked is the address connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class RefusedDestination(Exception):
    """The emulator does not post there; the text says why, and what to do."""

    def __init__(self, host: str, addresses: list[str]) -> None:
        found = "" if addresses == [host] else f" ({', '.join(addresses[:4])})"
        super().__init__(
            f"{host}{found} is not this machine. Webhooks go to loopback addresses only (127.0.0.0/8, ::1, localhost), "
            "so that a test never posts to strangers; --allow-remote-webhooks permits other destinations."
        )


def is_loopback(address: str) -> bool:
    """Of an IP address; also IPv4 written as IPv6 (`::ffff:127.0.0.1`)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def check_literal(host: str, *, allow_remote: bool) -> None:
    """Hosts that are addresses already: they are resolved nowhere. Raises RefusedDestination."""
    try:
        allowed = allow_remote or is_loopback(host)
    except ValueError:
        return  # a name: the resolver's affair
    if not allowed:
        raise RefusedDestination(host, [host])


class GuardedResolver(AbstractResolver):
    """Gives only addresses that may be posted to. Of a name that has both kinds, the loopback ones."""

    def __init__(self, *, allow_remote: bool) -> None:
        self._allow_remote = allow_remote

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError when there is no such name, RefusedDestination when none of its addresses may be used."""
        name = host.lower().removesuffix(".")
        if name == "localhost" or name.endswith(".localhost"):  # always this machine (RFC 6761, 6.3)
            found = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
        else:
            infos = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            found = [(info[0], str(info[4][0])) for info in infos]
        usable = found if self._allow_remote else [one for one in found if is_loopback(one[1])]
        if not usable:
            raise RefusedDestination(host, [address for _, address in found])
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in usable
        ]

    async def close(self) -> None:
        """Holds nothing."""
