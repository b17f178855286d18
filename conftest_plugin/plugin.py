"""The fixtures. Every pytest run loads this file, so whatever is heavy is imported by the fixture that needs it.

rooms_emulator_config   overridable: the emulator's settings
rooms_emulator_server   one emulator for the whole run (with pytest-xdist: for each worker), started by its first user
rooms_emulator          a fresh account on it, for tests without a loop: its methods block
rooms_emulator_async    the same account for `async def` tests: the same methods, to be awaited
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest_plugin.rooms_emulator import AsyncRoomsEmulator, RoomsEmulator
    from conftest_plugin.server import EmulatorServer
    from conftest_plugin.tenant import Tenant
    from emulator.config import Config


@pytest.fixture(scope="session")
def rooms_emulator_config() -> Config:
    """Settings of `rooms_emulator_server`. Override it in a conftest.py; `api_keys` must stay empty."""
    from emulator.config import Config

    return Config(port=0)


@pytest.fixture(scope="session")
def rooms_emulator_server(rooms_emulator_config: Config) -> Iterator[EmulatorServer]:
    """A running emulator on free ports, in a thread and an event loop of its own."""
    from conftest_plugin.server import EmulatorServer

    with EmulatorServer(rooms_emulator_config) as server:
        yield server


@pytest.fixture
def _rooms_emulator_tenant(rooms_emulator_server: EmulatorServer) -> Iterator[Tenant]:
    tenant = rooms_emulator_server.open_account()
    yield tenant
    rooms_emulator_server.close_account(tenant)


@pytest.fixture
def rooms_emulator(rooms_emulator_server: EmulatorServer, _rooms_emulator_tenant: Tenant) -> RoomsEmulator:
    """A fresh account on the running emulator. Every method blocks until it is done, or raises after a while.

    When the test is over everybody leaves, sessions end, and the account is gone. It costs nothing until it is used.
    """
    from conftest_plugin.rooms_emulator import RoomsEmulator

    return RoomsEmulator(rooms_emulator_server, _rooms_emulator_tenant)


@pytest.fixture
def rooms_emulator_async(rooms_emulator_server: EmulatorServer, _rooms_emulator_tenant: Tenant) -> AsyncRoomsEmulator:
    """`rooms_emulator` for `async def` tests: the methods are awaited, in any event loop. One test may use both."""
    from conftest_plugin.rooms_emulator import AsyncRoomsEmulator

    return AsyncRoomsEmulator(rooms_emulator_server, _rooms_emulator_tenant)
