"""What every test may use: a running emulator, and the rule that nothing fails in silence."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.server import Emulator
from tests.contract import exercised
from tests.contract.exercised import pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary"]  # hooks: pytest finds them here


def pytest_configure(config: pytest.Config) -> None:
    exercised.pytest_configure(config)
    if config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workeroutput"):
        config.pluginmanager.register(exercised.Collector())


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A running emulator on free ports, of this test alone, on the test's own loop."""
    async with Emulator(Config(port=0)) as running:
        yield running


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def no_errors_logged(*, expected: bool = False) -> Iterator[None]:
    """An exception that a part isolated and logged (a subscriber's, a handler's) still fails the test."""
    handler = _Errors()
    watched = [logging.getLogger(name) for name in ("emulator", "asyncio", "aiohttp")]
    for logger in watched:
        logger.addHandler(handler)
    yield
    for logger in watched:
        logger.removeHandler(handler)
    if handler.lines and not expected:
        pytest.fail("errors in the log:\n" + "\n".join(handler.lines), pytrace=False)


@pytest.fixture(autouse=True)
def no_error_in_the_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that provoke one on purpose carry the marker `errors_expected`."""
    with no_errors_logged(expected=request.node.get_closest_marker("errors_expected") is not None):
        yield


class Synthetic:
    """A joined `RoomClient` under the three names that tests of other clients need."""

    def __init__(self, client: RoomClient) -> None:
        self.client = client
        self.participant_id = client.participant_id

    async def publish(self, key: str) -> None:
        await self.client.publish(key)

    async def set_video(self, key: str, enabled: bool) -> None:
        await self.client.update_stream(key, video=enabled)


@pytest.fixture
async def synthetic(emulator: Emulator) -> AsyncIterator[Callable[[str, str, str], Awaitable[Synthetic]]]:
    """`await synthetic(room_id, client_token, username)`: a participant of the emulator's own, joined."""
    clients: list[RoomClient] = []

    async def join(room_id: str, client_token: str, username: str) -> Synthetic:
        client = RoomClient(
            ws_url=emulator.ws_url, room_id=room_id, token=client_token, name=username, tone=len(clients)
        )
        clients.append(client)
        await client.connect()
        return Synthetic(client)

    yield join
    for client in clients:
        await client.leave()
