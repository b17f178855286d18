"""Put beside the official SDK's tests as `conftest.py`, since they are run as they are, in a process of their own.

It takes away the marks by which they are skipped where the vendor has no mock server, and before each test it loads the
state that the ids in the tests need. Nothing here may import from the emulator: this runs in the SDK's world, where
`tests` is the SDK's package.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SKIPPED_BECAUSE = "Mock server tests are disabled"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.own_markers[:] = [
            mark
            for mark in item.own_markers
            if not (mark.name == "skip" and mark.kwargs.get("reason") == SKIPPED_BECAUSE)
        ]


class _State:
    """One connection for all tests: a reset costs about a millisecond."""

    def __init__(self, url: str, key: str, document: bytes) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        self._path = parts.path
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._document = document

    def load(self) -> None:
        self._connection.request("POST", self._path, self._document, self._headers)
        with self._connection.getresponse() as answer:
            body = answer.read()
            if not 200 <= answer.status < 300:
                raise RuntimeError(f"POST {self._path}: {answer.status} {body.decode()}")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def _state() -> Iterator[_State]:
    from tests.conftest import api_key  # the SDK's: each of its clients calls with this key

    state = _State(os.environ["STATE_URL"], api_key, Path(os.environ["STATE_FILE"]).read_bytes())
    yield state
    state.close()


@pytest.fixture(autouse=True)
def _fresh_state(_state: _State) -> None:
    _state.load()
