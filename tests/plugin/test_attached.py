"""--rooms-emulator-url: the fixtures on an emulator that runs already, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import emulator.scenario.room_client  # noqa: F401 - not once more by the inner run: numpy cannot be loaded twice
from conftest_plugin.hosts import AccountSettings
from conftest_plugin.rooms_emulator import RoomsEmulator
from conftest_plugin.server import AttachedServer
from emulator.clients.admin_client import AdminUnreachable

pytest_plugins = "pytester"

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:schemathesis -p no:timeout
"""
TESTS = """
    import urllib.request

    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_sync(rooms_emulator, rooms_webhooks, number):
        room = rooms_emulator.create_room(unique_name="lunch")
        alice = rooms_emulator.participant(room, "alice", publish="self")
        bob = rooms_emulator.participant(room, "bob", subscribe="all")
        bob.sees(alice)
        rooms_webhooks.wait_for("participant.joined", {"participant_id": bob})

    @pytest.mark.asyncio
    @pytest.mark.rooms(seed=5, time="2030-01-01T00:00:00Z")
    async def test_async(rooms_emulator_async, rooms_clock_async, rooms_room):
        assert (await rooms_clock_async.now()).year == 2030
        alice = await rooms_emulator_async.participant(rooms_room, "alice")
        assert alice.status == "connected"

    def test_script(rooms_init_script, rooms_emulator):
        assert rooms_emulator.ws_url in rooms_init_script
"""


@dataclass(frozen=True)
class Served:
    """A `rooms-emulator serve` in a process of its own, as its ready file describes it."""

    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.ready["rest_url"]).removesuffix("/v2")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ready = tmp_path_factory.mktemp("served") / "ready.json"
    command = [sys.executable, "-m", "emulator"]
    serve = [*command, "serve", "--port", "0", "--ready-file", str(ready), "--admin-token", "sesame"]
    process = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
    try:
        subprocess.run([*command, "wait", "--ready-file", str(ready), "--timeout", "60"], check=True, timeout=90)
        yield Served(json.loads(ready.read_text()))
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile(textwrap.dedent(TESTS))
    return pytester


def test_tests_run_on_it_and_leave_nothing_behind(project: pytest.Pytester, served: Served) -> None:
    project.runpytest_inprocess(
        f"--rooms-emulator-url={served.url}", "--rooms-emulator-admin-token=sesame", "-pno:xdist"
    ).assert_outcomes(passed=6)


def test_workers_share_it(project: pytest.Pytester, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by the environment, which workers inherit."""
    monkeypatch.setenv("ROOMS_EMULATOR_URL", served.ready["rest_url"])
    monkeypatch.setenv("ROOMS_EMULATOR_ADMIN_TOKEN", "sesame")
    project.runpytest_subprocess("-n2").assert_outcomes(passed=6)


def test_ini_file_may_name_it(project: pytest.Pytester, served: Served) -> None:
    settings = f"rooms_emulator_url = {served.url}\nrooms_emulator_admin_token = sesame\n"
    project.makefile(".ini", pytest=INI + settings)
    project.runpytest_inprocess("-pno:xdist", "-k", "test_script").assert_outcomes(passed=1)


def test_missing_token_is_told_with_what_to_do(project: pytest.Pytester, served: Served) -> None:
    result = project.runpytest_inprocess(f"--rooms-emulator-url={served.url}", "-pno:xdist", "-k", "test_async")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*AdminRefused: POST */_emulator/account: 401 *needs its token*"])


def test_nobody_there_is_an_error_of_each_test_that_says_so(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--rooms-emulator-url=http://127.0.0.1:1", "-pno:xdist", "-k", "test_script")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--rooms-emulator-url: GET http://127.0.0.1:1/_emulator/info: *"])
    result.stdout.no_fnmatch_line("*conftest_plugin/*.py:*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_account_is_forgotten_when_its_test_is_over(served: Served) -> None:
    """Its key is as good as new: making its account again is no conflict."""
    with AttachedServer(served.url, token="sesame") as server:
        tenant = server.open_account(AccountSettings(seed=3))
        RoomsEmulator(server, tenant).create_room(unique_name="lunch")
        server.close_account(tenant)
        server.thread.wait(tenant.open(), patience=10, what="opening it again")
        RoomsEmulator(server, tenant).create_room(unique_name="lunch")
        server.close_account(tenant)


def test_server_that_is_not_there_leaves_no_thread_behind() -> None:
    server = AttachedServer("http://127.0.0.1:1")
    with pytest.raises(AdminUnreachable):
        server.start()
    assert not server.thread.running


def test_ready_file_is_waited_for(tmp_path: Path) -> None:
    wait = [sys.executable, "-m", "emulator", "wait", "--ready-file", str(tmp_path / "none"), "--timeout", "0.2"]
    late = subprocess.run(wait, capture_output=True, text=True, check=False, timeout=60)
    assert late.returncode == 1
    assert f"{tmp_path / 'none'} was not written within 0.2 s" in late.stderr
