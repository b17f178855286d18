"""The official Python SDK, pointed at a served instance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import telnyx
from aiohttp.test_utils import TestClient, TestServer

from tests.api.served import KEY, Served, make_app


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    app, world = make_app(keys=(KEY,))
    async with TestClient(TestServer(app)) as client:
        yield Served(client, world)


@pytest.fixture(params=["", "/v2"], ids=["bare", "v2"])
def base_url(api: Served, request: pytest.FixtureRequest) -> str:
    return str(api.client.make_url(request.param or "/")).rstrip("/")


@pytest.fixture
async def sdk(base_url: str) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with telnyx.AsyncTelnyx(api_key=KEY, base_url=base_url) as client:
        yield client


@pytest.fixture
def sync_sdk(base_url: str) -> Iterator[telnyx.Telnyx]:
    """Blocks: call it in a thread, the server runs on the test's loop."""
    with telnyx.Telnyx(api_key=KEY, base_url=base_url) as client:
        yield client
