"""Every answer of every emulator that runs inside the test processes is held against our own OpenAPI document.

A violation is logged as an error, so the test in which it came fails (tests/conftest.py). Which operations answered
with which status is collected over all workers; the summary lists what the document declares and nobody produced.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web

from emulator.api.routes import RestApi
from emulator.contract.document import rooms_document

log = logging.getLogger("emulator.contract")

FAULT_HEADER = "x-emulator-fault"
OF_THE_EMULATOR = {507}
"""Of its disk, not of the service: said by no description."""

MOST_LISTED = 20
"""A run of a few tests exercises little, and need not say so at length."""

_WORKER_OUTPUT = "exercised"
_seen: Counter[str] = Counter()


async def _hold_against_the_document(request: web.Request, response: web.StreamResponse) -> None:
    operation = rooms_document().find(request.method, request.path)
    if operation is None or not isinstance(response, web.Response) or response.status in OF_THE_EMULATOR:
        return
    if FAULT_HEADER in response.headers:
        return  # wrong on purpose
    _seen[f"{operation.id} {response.status}"] += 1
    body = response.body if isinstance(response.body, bytes) else b""
    for violation in rooms_document().check_answer(operation, response.status, response.content_type, body):
        log.error("an answer breaks our own description: %s", violation)


def pytest_configure(config: pytest.Config) -> None:
    add_routes = RestApi.add_routes

    def add_routes_and_watch(self: RestApi, app: web.Application, **options: Any) -> None:
        add_routes(self, app, **options)
        app.on_response_prepare.append(_hold_against_the_document)

    RestApi.add_routes = add_routes_and_watch  # type: ignore[method-assign]  # of this test process only


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_WORKER_OUTPUT] = dict(_seen)


class Collector:
    """In the process that hands out the tests, with pytest-xdist."""

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        _seen.update(getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT, {}))


def never_exercised(seen: Iterable[str]) -> list[str]:
    """Declared single statuses that no answer had, and operations that were never refused."""
    answers = set(seen)
    missing = []
    for operation in rooms_document().operations:
        for status in operation.responses:
            if status.endswith("XX"):
                wanted = any(each.startswith(f"{operation.id} {status[0]}") for each in answers)
            else:
                wanted = f"{operation.id} {status}" in answers
            if not wanted:
                missing.append(f"{operation.method} {operation.template}: {status}")
    return missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _seen or hasattr(terminalreporter.config, "workeroutput"):
        return
    missing = never_exercised(_seen)
    listed = "; ".join(missing) if len(missing) <= MOST_LISTED else f"{len(missing)} declared statuses"
    terminalreporter.write_line(
        f"REST answers held against our own description: {sum(_seen.values())}, {len(_seen)} kinds; "
        + (f"never exercised: {listed}" if missing else "every declared status was produced")
    )
