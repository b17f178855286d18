"""One emulator for many tests: in a thread and an event loop of its own, on free ports; or a running one."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Self

import aiohttp

from conftest_plugin.errors import RoomsEmulatorWarning
from conftest_plugin.hosts import AccountSettings, AttachedHost, Host, LocalHost
from conftest_plugin.loop_thread import LoopThread
from conftest_plugin.tenant import Tenant
from emulator.clients.admin_client import AdminClient
from emulator.config import Config, ConfigError
from emulator.server import Emulator

START_SECS = 30.0
STOP_SECS = 15.0
CLOSE_SECS = 15.0
OPEN_SECS = 30.0
REQUEST_SECS = 20.0


class RoomsServer:
    """What tests need of an emulator, wherever it runs; also a context manager."""

    def __init__(self) -> None:
        self.thread = LoopThread("rooms-emulator")
        self._http: aiohttp.ClientSession | None = None

    @property
    def host(self) -> Host:
        raise NotImplementedError

    @property
    def rest_url(self) -> str:
        """With `/v2`."""
        return self.host.addresses.rest_url

    @property
    def ws_url(self) -> str:
        """Without the `/{room_id}/janus` that a client appends."""
        return self.host.addresses.ws_url

    @property
    def admin_url(self) -> str:
        """E.g. `{admin_url}/redirect.js` points the browser SDK here."""
        return self.host.addresses.admin_url

    @property
    def udp_port(self) -> int:
        return self.host.addresses.udp_port

    @property
    def webhook_public_key(self) -> str:
        return self.host.addresses.webhook_public_key

    # -- starting and stopping ------------------------------------------------------------------------------------

    def start(self) -> None:
        self.thread.start()
        try:
            self.thread.wait(self._start(), patience=START_SECS, what="starting the emulator")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Safe to call again."""
        try:
            if self.thread.running:
                self.thread.wait(self._stop(), patience=STOP_SECS, what="stopping the emulator")
        finally:
            self.thread.stop()

    async def _start(self) -> None:
        raise NotImplementedError

    async def _stop(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- accounts -------------------------------------------------------------------------------------------------

    def open_account(self, settings: AccountSettings | None = None) -> Tenant:
        """A fresh account. Without settings of its own it costs nothing until it is used. Raises AdminError."""
        tenant = Tenant(self.host, self._session, settings or AccountSettings())
        if not tenant.settings.plain:
            self.thread.wait(tenant.open(), patience=OPEN_SECS, what="making the test's account")
        return tenant

    def close_account(self, tenant: Tenant) -> None:
        """Everybody leaves, and the account with all its records is dropped. Without effect if it was not used.

        What then goes wrong is raised, several things as an ExceptionGroup; what participants noticed is warned of.
        """
        if not tenant.used:
            return
        errors, faults = self.thread.wait(tenant.close(), patience=CLOSE_SECS, what="ending the test's account")
        for fault in faults:
            warnings.warn(fault, RoomsEmulatorWarning, stacklevel=2)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("the test's account could not be ended properly", errors)

    def _session(self) -> aiohttp.ClientSession:
        """One for all accounts, made on the emulator's loop when first needed."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECS))
        return self._http


class EmulatorServer(RoomsServer):
    """An emulator in this process. Raises ConfigError, and StartError when it cannot be started."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        config = config or Config(port=0)
        if config.api_keys:
            raise ConfigError(f"api_keys: expected none, since each test has a random key; got {len(config.api_keys)}")
        self._emulator = Emulator(config)
        self._host = LocalHost(self._emulator)

    @property
    def host(self) -> Host:
        return self._host

    async def _start(self) -> None:
        await self._emulator.start()

    async def _stop(self) -> None:
        try:
            await super()._stop()
        finally:
            await self._emulator.stop()


class AttachedServer(RoomsServer):
    """A running emulator at `url`, which goes on when this has stopped. `token`: of its admin API, if it asks for one.

    Participants still live in this process. `start` raises AdminError when no emulator is there.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        super().__init__()
        self._url = url
        self._token = token
        self._host: AttachedHost | None = None

    @property
    def host(self) -> Host:
        if self._host is None:
            raise RuntimeError("the addresses of an attached emulator are known once `start` has asked for them")
        return self._host

    async def _start(self) -> None:
        admin = AdminClient(self._url, "", token=self._token, http=self._session)
        self._host = AttachedHost(await admin.addresses(), self._token, self._session)
