"""The command `rooms-emulator` as its user meets it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from emulator.cli import main
from emulator.clients.room_client import RoomClient
from tests.signaling.raw_client import RawClient, RestRoom

Start = Callable[..., Awaitable[Process]]

PATIENCE_SECS = 30


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    processes: list[Process] = []

    async def run(*arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-m", "emulator", *arguments, stdout=PIPE, stderr=PIPE
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(path: Path, process: Process) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECS):
        while not path.exists():
            assert process.returncode is None, (await process.communicate())[1].decode()
            await asyncio.sleep(0.02)  # a file appears without an event
    found: dict[str, Any] = json.loads(path.read_text())
    return found


async def test_a_room_for_the_impatient_is_printed_with_a_token_that_lets_in(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path), "--room", "lunch")
    told = await ready(path, process)
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECS):
        text = ""
        while "client token" not in text.partition("Room lunch")[2]:
            text += (await process.stdout.readline()).decode()
    found = re.search(r"room id +(\S+)\n +client token +(\S+)", text)
    assert found is not None
    async with RoomClient(ws_url=told["ws_url"], room_id=found[1], token=found[2], name="alice") as alice:
        assert alice.status == "connected"


async def test_ready_file_tells_where_everything_is_once_everything_answers(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path), "--api-key", "KEY_one")
    told = await ready(path, process)
    assert set(told) == {"pid", "rest_url", "ws_url", "admin_url", "udp_port", "api_key", "webhook_public_key"}
    assert told["pid"] == process.pid
    assert told["api_key"] == "KEY_one"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer KEY_one"}) as http:
        async with http.get(f"{told['rest_url']}/rooms") as answer:
            assert answer.status == 200
        async with http.get(f"{told['rest_url'].removesuffix('/v2')}/rooms") as answer:
            assert answer.status == 200
        async with http.get(f"{told['admin_url']}/redirect.js") as answer:
            assert told["ws_url"] in await answer.text()
        async with http.get(f"{told['rest_url']}/rooms", headers={"Authorization": "Bearer KEY_two"}) as answer:
            assert answer.status == 401
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(OSError, match="in use"):
        sock.bind(("127.0.0.1", told["udp_port"]))


async def test_ready_file_of_a_killed_process_does_not_outlive_the_next_start(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text('{"pid": 1}')
    with socket.socket() as taken:  # so that the next one never becomes ready
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await start("serve", "--port", str(taken.getsockname()[1]), "--ready-file", str(path))
        await process.communicate()
    assert process.returncode == 2
    assert not path.exists()


async def test_banner_is_ready_to_copy(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path))
    told = await ready(path, process)
    process.terminate()
    output = (await process.communicate())[0].decode()
    for name in ("rest_url", "ws_url", "api_key", "webhook_public_key"):
        assert str(told[name]) in output
    assert "redirect.js" in output
    assert "base_url=" in output


async def test_admin_token_is_told_where_it_is_needed(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path), "--admin-token", "s3cret/token")
    told = await ready(path, process)
    assert told["admin_token"] == "s3cret/token"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{told['admin_url']}/openapi.json") as answer:
            assert answer.status == 401
        headers = {"x-emulator-token": told["admin_token"]}
        async with http.get(f"{told['admin_url']}/openapi.json", headers=headers) as answer:
            assert answer.status == 200
        process.terminate()
        output = (await process.communicate())[0].decode()
        assert f"{told['admin_url']}/?token=s3cret%2Ftoken" in output
        assert "x-emulator-token" in output


async def test_settings_of_the_command_line_arrive(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start(
        *("serve", "--port", "0", "--ready-file", str(path), "--lenient", "--seed", "5", "--freeze"),
        *("--start-time", "2030-01-02T03:04:05Z", "--rate-limit", "50/60"),
    )
    told = await ready(path, process)
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer x"}) as http:
        async with http.get(f"{told['admin_url']}/clock") as answer:
            assert (await answer.json())["data"] == {"now": "2030-01-02T03:04:05.000000Z", "frozen": True, "rate": 0}
        async with http.get(f"{told['rest_url']}/rooms?page[size]=0") as answer:
            assert (answer.status, answer.headers["x-ratelimit-limit"]) == (200, "50")


def test_every_option_of_serve_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help", "--port"}
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    missing = sorted(option for option in options if f"`{option}" not in readme)
    assert not missing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_closes_sockets_with_1001_and_ends_the_process_within_two_seconds(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path))
    told = await ready(path, process)

    class Told:
        rest_url, ws_url = told["rest_url"], told["ws_url"]

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['api_key']}"}) as http:
        room = await RestRoom.create(Told(), http)  # type: ignore[arg-type]  # the two addresses are all it needs
        client = await (await RawClient.open(room)).enter()
        began = time.monotonic()
        process.send_signal(number)
        assert await client.closed() == 1001
        async with asyncio.timeout(PATIENCE_SECS):
            assert await process.wait() == 0
        assert time.monotonic() - began < 2.0
        await client.close()
    assert (await process.communicate())[1] == b""
    assert not path.exists()


async def test_silent_client_does_not_delay_the_end(start: Start, tmp_path: Path) -> None:
    """A client that neither reads nor answers the Close: the process is gone within two seconds all the same."""
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path))
    told = await ready(path, process)
    host, _, port = told["ws_url"].removeprefix("ws://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /room/janus HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        b"Sec-WebSocket-Protocol: janus-protocol\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    began = time.monotonic()
    process.terminate()
    async with asyncio.timeout(PATIENCE_SECS):
        assert await process.wait() == 0
    assert time.monotonic() - began < 2.0
    writer.close()


async def test_taken_port_is_told_with_the_way_out(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await start("serve", "--port", str(taken.getsockname()[1]))
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"is taken" in errors
    assert b"--port" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("place", ["no/such/folder/ready.json", "a-folder"])
async def test_ready_file_that_cannot_be_written_is_told_in_one_line(start: Start, tmp_path: Path, place: str) -> None:
    (tmp_path / "a-folder").mkdir()
    process = await start("serve", "--port", "0", "--ready-file", str(tmp_path / place))
    output, errors = await process.communicate()
    assert process.returncode == 2
    assert output == b""
    assert errors.count(b"\n") == 1
    assert b"cannot write the ready file" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["a-folder"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--host", "0.0.0.0"], "one concrete address"),
        (["serve", "--host", "localhost"], "IP address"),
        (["serve", "--port", "70000"], "65535"),
        (["serve", "--api-key", ""], "--api-key:"),
        (["serve", "--idle-timeout", "0"], "--idle-timeout:"),
        (["serve", "--max-frame-bytes", "1"], "--max-frame-bytes:"),
        (["serve", "--rate-limit", "100"], "--rate-limit: expected N/SECS"),
        (["serve", "--rate-limit", "0/60"], "--rate-limit:"),
        (["serve", "--signing-key", "no-such-key.pem"], "--signing-key: cannot read no-such-key.pem"),
        (["serve", "--webhook-key", "no-such-key.pem"], "--webhook-key: cannot read no-such-key.pem"),
        (["serve", "--webhook-attempts", "0"], "--webhook-attempts:"),
        (["serve", "--webhook-backoff", "-1"], "--webhook-backoff:"),
        (["serve", "--webhook-timeout", "0"], "--webhook-timeout:"),
        (["serve", "--admin-token", "two words"], "--admin-token:"),
        (["serve", "--allow-host", "http://x"], "--allow-host:"),
        (["serve", "--start-time", "noon"], "--start-time:"),
        (["serve", "--scenario", "no-such-file.yaml"], "no-such-file.yaml"),
        (["run", "no-such-file.yaml"], "no-such-file.yaml"),
    ],
)
def test_wrong_settings_are_named_with_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "usage", "meant"),
    [
        (["serve", "--prot", "5"], "serve", "; did you mean --port?"),
        (["run", "two_people", "--sede=5"], "run", "; did you mean --seed?"),
        (["contract", "record", "file", "--ulr", "x"], "contract record", "; did you mean --url?"),
        (["wait", "xyzzy"], "wait", ""),
        (["--prot", "5"], "", ""),
    ],
)
def test_options_that_a_command_does_not_have_are_told_with_its_usage(
    arguments: list[str], usage: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"usage: rooms-emulator {usage}".rstrip())
    assert errors.splitlines()[-1].endswith(meant)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "serve" in capsys.readouterr().out


async def test_wait_returns_when_the_server_is_ready(start: Start, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    waiter = await start("wait", "--url", f"http://127.0.0.1:{port}", "--timeout", str(PATIENCE_SECS))
    await start("serve", "--port", str(port))
    assert (await waiter.communicate())[1] == b""
    assert waiter.returncode == 0


async def test_wait_gives_up_with_a_reason(start: Start) -> None:
    waiter = await start("wait", "--url", "http://127.0.0.1:9", "--timeout", "0.3")
    _, errors = await waiter.communicate()
    assert waiter.returncode == 1
    assert b"did not become ready within 0.3 s" in errors


def test_help_loads_no_codecs() -> None:
    """`--help` answers at once: the heavy parts are imported by the commands that need them."""
    import subprocess

    code = "import sys, emulator.cli; print(sorted({'aiohttp', 'av', 'numpy', 'aiortc'} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert printed.stdout.strip() == "[]"


async def test_opening_the_port_in_a_browser_leads_to_the_index(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    process = await start("serve", "--port", "0", "--ready-file", str(path))
    told = await ready(path, process)
    origin = told["rest_url"].removesuffix("/v2")
    async with aiohttp.ClientSession() as http:
        for place in ("/", "/_emulator", "/_emulator/"):
            async with http.get(origin + place) as answer:
                assert answer.status == 200
                assert "probe.js" in await answer.text()
