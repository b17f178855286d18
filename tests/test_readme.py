"""Every snippet of the README does what it says.

A fenced block preceded by an HTML comment `<!-- test: NAME -->` is run by the test of that name; a block without one
must be of a kind that cannot be run (`text`), or the README fails here.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest_plugin.expect import AudioExpectation, TileExpectation
from emulator.server import Emulator
from tests.browser.chromium import DEFAULT_EXECUTABLE, find_chromium

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- test: (?P<name>[\w-]+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    name: str | None
    language: str
    code: str


SNIPPETS = [Snippet(m["name"], m["language"], m["code"]) for m in BLOCK.finditer(README)]
BY_NAME = {snippet.name: snippet for snippet in SNIPPETS if snippet.name}


async def run(arguments: list[str], environment: dict[str, str], *, cwd: Path = ROOT, seconds: float = 100) -> str:
    process = await asyncio.create_subprocess_exec(*arguments, env=environment, cwd=cwd, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.timeout(seconds):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output
    return output


def environment(emulator: Emulator) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "TELNYX_BASE_URL": emulator.rest_url,
        "TELNYX_API_KEY": emulator.api_key,
        "TELNYX_PUBLIC_KEY": emulator.webhook_public_key,
    }


def test_every_snippet_is_tested_or_cannot_be() -> None:
    untested = [s.code for s in SNIPPETS if s.name is None and s.language != "text"]
    assert untested == []
    tested = {name for name in globals() if name.startswith("test_snippet_")}
    for name in BY_NAME:
        assert f"test_snippet_{name.replace('-', '_')}" in tested, f"no test runs the snippet {name}"


async def test_snippet_python_sdk(emulator: Emulator) -> None:
    output = await run([sys.executable, "-W", "error", "-c", BY_NAME["python-sdk"].code], environment(emulator))
    assert "standup" in output


async def test_snippet_curl(emulator: Emulator) -> None:
    code = BY_NAME["curl"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert '"record_type":"room"' in output.replace(" ", "")


async def test_snippet_curl_token(emulator: Emulator) -> None:
    code = BY_NAME["curl"].code + BY_NAME["curl-token"].code.replace(".venv/bin/", "")
    code = code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    code = code.replace("token lunch", f"token lunch --url {emulator.rest_url} --api-key KEY_local")
    output = await run(["bash", "-euc", code], environment(emulator))
    assert output.replace(" ", "").count('"refresh_token":"') == 1  # from curl; the last line is the command's
    assert re.search(r"}[\w-]+\.[\w-]+\.[\w-]+$", output.strip())


async def test_snippet_time_travel(emulator: Emulator, tmp_path: Path) -> None:
    code = BY_NAME["time-travel"].code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator), cwd=tmp_path)
    assert '"frozen": true' in output
    assert '"frozen": false' in output
    assert output.count('{"result": "ok"}') == 2
    assert "errors" not in output


async def test_snippet_webhooks(emulator: Emulator) -> None:
    code = BY_NAME["webhooks"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    code = code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert output.count("video.room.session.ended") >= 2
    assert '"signature": {"valid": true}' in output
    assert '"delivered"' in output


async def test_snippet_people_over_http(emulator: Emulator) -> None:
    code = BY_NAME["people-over-http"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    code = code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert '"state": "running"' in output
    assert '"status": "connected"' in output
    assert "errors" not in output


async def test_snippet_timeline(emulator: Emulator, tmp_path: Path) -> None:
    code = BY_NAME["timeline"].code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    await run(["bash", "-euc", code], environment(emulator), cwd=tmp_path)
    assert (tmp_path / "timeline.html").read_text().startswith("<!doctype html>")


async def test_snippet_compositions(emulator: Emulator) -> None:
    code = BY_NAME["compositions"].code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert '{"data": {"mode": "after", "secs": 60.0}}' in output
    assert '{"data": {"pace": {"mode": "immediate"}, "compositions": []}}' in output


async def test_snippet_recordings(emulator: Emulator) -> None:
    code = BY_NAME["recordings"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert '"enable_recording":true' in output.replace(" ", "")
    assert '"total_results":0' in output.replace(" ", "")
    assert '"room_recordings":0' in output.replace(" ", "")


async def test_snippet_faults(emulator: Emulator) -> None:
    code = BY_NAME["faults"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url)
    code = code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert "\n503\n201\n" in output
    assert '"matched": 2, "fired": 1' in output


async def test_snippet_impairments(emulator: Emulator) -> None:
    code = BY_NAME["impairments"].code.replace("http://127.0.0.1:8900/_emulator", emulator.admin_url)
    output = await run(["bash", "-euc", code], environment(emulator))
    assert output.count('"id": "loss-1"') == 2
    assert "errors" not in output


async def test_snippet_keeping_state(tmp_path: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    code = BY_NAME["keeping-state"].code.replace(".venv/bin/", "").replace("127.0.0.1:8900", f"127.0.0.1:{port}")
    code = code.replace("serve", f"serve --port {port} --udp-port 0")
    code = code.replace("emulator wait", f"emulator wait --url http://127.0.0.1:{port}")
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    output = await run(["bash", "-euc", code], path, cwd=tmp_path)
    assert '"unique_name":"lunch"' in output.replace(" ", "")
    assert (tmp_path / "rooms-data" / "rooms.sqlite").exists()


async def test_snippet_tls(tmp_path: Path) -> None:
    ports = []
    for _ in range(2):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            ports.append(found.getsockname()[1])
    code = BY_NAME["tls"].code.replace(".venv/bin/", "").replace("127.0.0.1:8900", f"127.0.0.1:{ports[0]}")
    code = code.replace("127.0.0.1:8943", f"127.0.0.1:{ports[1]}")
    code = code.replace("serve", f"serve --port {ports[0]} --udp-port 0 --tls-port {ports[1]}")
    code = code.replace("emulator wait", f"emulator wait --url http://127.0.0.1:{ports[0]}")
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    assert '"data":[]' in (await run(["bash", "-euc", code], path, cwd=tmp_path)).replace(" ", "")


async def test_snippet_run_scenario(emulator: Emulator) -> None:
    output = await run(["bash", "-euc", BY_NAME["run-scenario"].code.replace(".venv/bin/", "")], environment(emulator))
    assert "everything as expected" in output


async def test_snippet_scenario_commands(emulator: Emulator, tmp_path: Path) -> None:
    code = BY_NAME["scenario-commands"].code.replace(".venv/bin/", "").replace("scenarios/", f"{ROOT}/scenarios/")
    output = await run(["bash", "-euc", code], environment(emulator), cwd=tmp_path)
    assert "  3s: alice stop_video self" in output
    assert output.strip().endswith("checked, all well")
    assert json.loads((tmp_path / "scenario.schema.json").read_text())["type"] == "object"


async def test_snippet_contract(emulator: Emulator, tmp_path: Path) -> None:
    code = BY_NAME["contract"].code.replace("http://127.0.0.1:8900/v2", emulator.rest_url).replace(".venv/bin/", "")
    output = await run(["bash", "-euc", code], environment(emulator), cwd=tmp_path)
    assert output.strip().endswith(" hold, 0 differ, 0 not reachable")
    assert (tmp_path / "there.jsonl").exists()


async def test_snippet_async_client(emulator: Emulator, tmp_path: Path) -> None:
    output = await run([sys.executable, "-W", "error", "-c", BY_NAME["async-client"].code], environment(emulator))
    assert "bob sees alice" in output


async def run_pytest(code: str, folder: Path, *options: str, settings: str = "[pytest]\n") -> str:
    (folder / "test_snippet.py").write_text(code)
    (folder / "pytest.ini").write_text(settings)
    arguments = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options, str(folder)]
    return await run(arguments, {"PATH": os.environ["PATH"]}, cwd=folder)


async def test_snippet_pytest_sync(tmp_path: Path) -> None:
    code = BY_NAME["pytest-sync"].code
    assert code.count("\n") < 15
    assert "1 passed" in await run_pytest(code, tmp_path, "-p", "no:asyncio")


async def test_snippet_pytest_async(tmp_path: Path) -> None:
    """With pytest-asyncio, as the settings beside it have it."""
    code = BY_NAME["pytest-async"].code
    assert code.count("\n") < 15
    assert "1 passed" in await run_pytest(code, tmp_path, settings=BY_NAME["pytest-ini"].code)


async def test_snippet_pytest_ini(tmp_path: Path) -> None:
    """Without it the same test is not run, as its reader would find."""
    code = BY_NAME["pytest-async"].code
    with pytest.raises(AssertionError, match="async def functions are not natively supported"):
        await run_pytest(code, tmp_path, "-W", "default")
    assert "1 passed" in await run_pytest(code, tmp_path, settings=BY_NAME["pytest-ini"].code)


async def test_snippet_pytest_stage(tmp_path: Path) -> None:
    assert "1 passed" in await run_pytest(BY_NAME["pytest-stage"].code, tmp_path, "-p", "no:asyncio")


async def test_snippet_pytest_fixtures(tmp_path: Path) -> None:
    assert "1 passed" in await run_pytest(BY_NAME["pytest-fixtures"].code, tmp_path, "-p", "no:asyncio")


def test_snippet_playwright_test() -> None:
    """The real runner makes these very calls in tests/browser/test_playwright_runner.py."""
    code = BY_NAME["playwright-test"].code
    spec = (ROOT / "tests/browser/runner/meeting.spec.mjs").read_text()
    for line in ("new Rooms({ tones: {", "await rooms.initScript()", '.toShow("alice")', '.toHear("alice")'):
        assert line in code
        assert line in spec


async def test_snippet_page_fixture(tmp_path: Path) -> None:
    code = BY_NAME["page-fixture"].code
    assert code.count(DEFAULT_EXECUTABLE) == 1
    code = code.replace(DEFAULT_EXECUTABLE, str(find_chromium()))
    code += """

def test_page_is_sent_to_the_emulator(page, rooms_emulator):
    page.goto("data:text/html,<p>")
    assert page.evaluate("__ROOMS_EMULATOR_WS__") == rooms_emulator.ws_url
"""
    assert "1 passed" in await run_pytest(code, tmp_path, "-p", "no:asyncio")


def test_snippet_page_assertions() -> None:
    """These very calls are made on a page of the official SDK in tests/browser/test_expectations.py."""
    compile(BY_NAME["page-assertions"].code, "README.md", "exec")
    names = set(re.findall(r"\.((?:not_)?to_\w+)\(", BY_NAME["page-assertions"].code))
    assert names == {"to_show", "not_to_be_frozen", "to_hear", "to_be_black"}
    assert names <= set(dir(TileExpectation)) | set(dir(AudioExpectation))


def test_snippet_command_1() -> None:
    """Run for real by whoever follows it; here: it installs from this folder and names files that exist."""
    code = BY_NAME["command-1"].code
    scenario = re.search(r"--scenario (\S+)", code)
    assert scenario is not None
    assert (ROOT / scenario[1]).is_file()


def test_snippet_command_2() -> None:
    """The command that is running these very tests."""
    script = BY_NAME["command-2"].code.split()[-1]
    assert (ROOT / script).is_file()
    assert script in (ROOT / ".ci/run").read_text()


def test_snippet_serve_help() -> None:
    printed = subprocess.run(
        ["bash", "-euc", BY_NAME["serve-help"].code.replace(".venv/bin/", f"{Path(sys.executable).parent}/")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for option in ("--host", "--advertise", "--port", "--udp-port", "--api-key", "--scenario", "--ready-file"):
        assert option in printed
        assert option in README


@pytest.mark.browser
def test_snippet_browser() -> None:
    """tests/browser/app loads the SDK exactly so, and the browser tests use it."""
    page = (ROOT / "tests/browser/app/boot.js").read_text() + (ROOT / "tests/browser/app/index.html").read_text()
    assert "/_emulator/redirect.js" in page
    assert "/_emulator/redirect.js" in BY_NAME["browser"].code
