"""One emulator for many tests: in a thread and an event loop of its own, on free ports."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Self

import aiohttp

from conftest_plugin.errors import RoomsEmulatorWarning
from conftest_plugin.loop_thread import LoopThread
from conftest_plugin.tenant import Tenant
from emulator.config import Config, ConfigError
from emulator.server import Emulator

START_SECS = 30.0
STOP_SECS = 15.0
CLOSE_SECS = 15.0
REQUEST_SECS = 20.0


class EmulatorServer:
    """Also a context manager. Raises ConfigError, and StartError when it cannot be started."""

    def __init__(self, config: Config | None = None) -> None:
        config = config or Config(port=0)
        if config.api_keys:
            raise ConfigError(f"api_keys: expected none, since each test has a random key; got {len(config.api_keys)}")
        self.thread = LoopThread("rooms-emulator")
        self._emulator = Emulator(config)
        self._http: aiohttp.ClientSession | None = None

    @property
    def rest_url(self) -> str:
        """With `/v2`."""
        return self._emulator.rest_url

    @property
    def ws_url(self) -> str:
        """Without the `/{room_id}/janus` that a client appends."""
        return self._emulator.ws_url

    @property
    def admin_url(self) -> str:
        """E.g. `{admin_url}/redirect.js` points the browser SDK here."""
        return self._emulator.admin_url

    @property
    def udp_port(self) -> int:
        return self._emulator.udp_port

    @property
    def webhook_public_key(self) -> str:
        return self._emulator.webhook_public_key

    # -- starting and stopping ------------------------------------------------------------------------------------

    def start(self) -> None:
        self.thread.start()
        try:
            self.thread.wait(self._emulator.start(), patience=START_SECS, what="starting the emulator")
        except BaseException:
            self.thread.stop()
            raise

    def stop(self) -> None:
        """Safe to call again."""
        try:
            if self.thread.running:
                self.thread.wait(self._stop(), patience=STOP_SECS, what="stopping the emulator")
        finally:
            self.thread.stop()

    async def _stop(self) -> None:
        try:
            if self._http is not None:
                await self._http.close()
        finally:
            await self._emulator.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- accounts -------------------------------------------------------------------------------------------------

    def open_account(self) -> Tenant:
        """A fresh account. It costs nothing until it is used."""
        return Tenant(self._emulator, self._session)

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
