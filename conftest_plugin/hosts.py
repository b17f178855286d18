"""The emulator that tests run on: in this process, or a running one that is attached to over its admin API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import aiohttp

from emulator.clients.admin_client import Addresses, AdminClient
from emulator.server import Emulator


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What a test's account begins with; None: as the emulator has it."""

    seed: int | None = None
    start_time: datetime | None = None
    freeze: bool | None = None

    @property
    def plain(self) -> bool:
        """Nothing is asked for: the account can be made by its first use."""
        return self == AccountSettings()


class Host(Protocol):
    """Coroutines run in the emulator's thread."""

    @property
    def addresses(self) -> Addresses: ...

    @property
    def admin_token(self) -> str | None: ...

    def knows(self, key: str) -> bool:
        """Whether there may be an account of this key; asked in any thread."""
        ...

    async def open(self, key: str, settings: AccountSettings) -> None: ...

    async def forget(self, key: str) -> None: ...


class LocalHost:
    """An emulator in this process, which is asked directly."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    @property
    def addresses(self) -> Addresses:
        emulator = self._emulator
        return Addresses(
            emulator.rest_url, emulator.ws_url, emulator.admin_url, emulator.udp_port, emulator.webhook_public_key
        )

    @property
    def admin_token(self) -> str | None:
        return self._emulator.admin_token

    def knows(self, key: str) -> bool:
        return key in self._emulator.accounts

    async def open(self, key: str, settings: AccountSettings) -> None:
        self._emulator.open_account(key, seed=settings.seed, start_time=settings.start_time, freeze=settings.freeze)

    async def forget(self, key: str) -> None:
        self._emulator.forget_account(key)


class AttachedHost:
    """A running emulator, elsewhere; `addresses` as it told them."""

    def __init__(
        self, addresses: Addresses, admin_token: str | None, http: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self.addresses = addresses
        self.admin_token = admin_token
        self._http = http

    def knows(self, key: str) -> bool:
        return True  # the app may have used it, which only the emulator knows

    async def open(self, key: str, settings: AccountSettings) -> None:
        await self._admin(key).open_account(seed=settings.seed, start_time=settings.start_time, freeze=settings.freeze)

    async def forget(self, key: str) -> None:
        await self._admin(key).close_account()

    def _admin(self, key: str) -> AdminClient:
        return AdminClient(self.addresses.admin_url, key, token=self.admin_token, http=self._http)
