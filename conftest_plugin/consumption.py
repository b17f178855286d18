"""`--rooms-emulator-contract FILE`: what the tests of a run have used of the API, as a consumer contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest_plugin.evidence import whole_wire
from conftest_plugin.server import RoomsServer
from conftest_plugin.tenant import Tenant
from emulator.contract.consumer import Contract
from emulator.contract.usage import Gathering, contract_of

GATHER_SECS = 30.0
WORKER_KEY = "rooms_emulator_contract"
"""What a worker of pytest-xdist hands over."""


class Consumption:
    """One run's. Registered as a plugin, so that it hears of its end; `note` is called for each test's account."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._path = path
        self._config = config
        self._consumer = config.rootpath.name
        self._gathering = Gathering(self._consumer)
        self._told = ""

    def note(self, test: str, server: RoomsServer, tenant: Tenant) -> None:
        """`test` is its name. While the account is still there. Raises AdminError, CallTimeout."""
        if tenant.used:
            entries = server.thread.wait(whole_wire(tenant.admin), patience=GATHER_SECS, what="reading the wire log")
            self._gathering.add(test, contract_of(_of_the_app(entries, tenant), consumer=self._consumer))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker is done."""
        told = getattr(node, "workeroutput", {}).get(WORKER_KEY)
        if told is not None:
            self._gathering.merge(Contract.of_json(told))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[WORKER_KEY] = self._gathering.everything().as_json()
            return
        made = self._gathering.contract()
        try:
            made.write(self._path)
        except OSError as error:
            self._told = f"cannot write {self._path}: {error.strerror}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            empty = "" if made.exchanges else " (empty: no test has asked the REST API for anything)"
            self._told = f"{self._path}: {made.describe()}{empty}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.line(f"consumer contract: {self._told}")


def _of_the_app(entries: Sequence[Mapping[str, Any]], tenant: Tenant) -> list[Mapping[str, Any]]:
    """Without what synthetic participants say over the signaling, and what the fixtures' own receiver accepts."""
    ours = {
        entry["connection"] for entry in entries if entry["kind"] == "frame" and entry["participant_id"] in tenant.known
    }
    inbox = tenant.inbox.url if tenant.has_inbox else None
    return [
        entry
        for entry in entries
        if not (entry["kind"] == "frame" and entry["connection"] in ours)
        and not (entry["kind"] == "webhook" and entry["url"] == inbox)
    ]
