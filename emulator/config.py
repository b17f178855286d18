"""Everything that can be set about an emulator, with its defaults and bounds."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


class ConfigError(Exception):
    """A setting is wrong; the text names it, what was expected and what came."""


DEFAULT_PORT = 8900
DEFAULT_KEY = "KEY_local"
"""The key that is printed and used when none is configured; any other non-empty key works then, too."""

MIN_IDLE_TIMEOUT_SECS = 0.2


@dataclass(frozen=True, slots=True)
class Config:
    """`udp_port` None means: the same number as `port`; port 0 means: any free one."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    udp_port: int | None = None
    advertise: str | None = None
    api_keys: tuple[str, ...] = ()
    idle_timeout_secs: float = 60.0
    require_key_for_actions: bool = False

    def __post_init__(self) -> None:
        for name, value in (("host", self.host), ("advertise", self.advertise)):
            if value is None:
                continue
            try:
                address = ipaddress.ip_address(value)
            except ValueError as error:
                raise ConfigError(f"{name}: expected an IP address such as 127.0.0.1, got {value!r}") from error
            if address.is_unspecified:
                raise ConfigError(
                    f"{name}: expected one concrete address of this machine (a wildcard breaks media: replies would "
                    f"leave from another address than the one the client checks), got {value}"
                )
        for name, port in (("port", self.port), ("udp_port", self.udp_port)):
            if port is not None and not 0 <= port <= 65535:
                raise ConfigError(f"{name}: expected a number from 0 to 65535, got {port}")
        for key in self.api_keys:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                # Nothing else can stand in an Authorization header as a bearer token.
                raise ConfigError(f"api_key: expected printable ASCII without blanks, got {key!r}")
        if self.idle_timeout_secs < MIN_IDLE_TIMEOUT_SECS:
            raise ConfigError(
                f"idle_timeout: expected at least {MIN_IDLE_TIMEOUT_SECS} s, got {self.idle_timeout_secs} s"
            )
