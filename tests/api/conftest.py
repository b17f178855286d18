"""One REST API over fresh accounts, served in process; every success body is held against the public document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.api.served import DOCUMENT, Served, make_app

if not DOCUMENT.exists():  # the public document is no part of the project: without it there is nothing to compare with
    collect_ignore = ["test_public_document.py"]

Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an API made with the given options; several may run in one test."""
    clients: list[TestClient[Any, Any]] = []

    async def start(**options: Any) -> Served:
        app, world = make_app(**options)
        client: TestClient[Any, Any] = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return Served(client, world)

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def api(serve: Serve) -> Served:
    """The API with default settings."""
    return await serve()
