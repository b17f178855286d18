"""The commands `contract` and `proxy` as somebody types them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp

from emulator.contract.consumer import Contract
from emulator.server import Emulator
from tests.contract.wrong_server import wrong_server


async def _command(*arguments: object) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", *map(str, arguments), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _list_rooms(emulator: Emulator, api_key: str) -> None:
    headers = {"Authorization": f"Bearer {api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{emulator.rest_url}/rooms") as answer:
        assert answer.status == 200


async def test_contract_against_another_server_tells_what_differs(emulator: Emulator, tmp_path: Path) -> None:
    cassette, report = tmp_path / "there.jsonl", tmp_path / "report.json"
    async with wrong_server(emulator.rest_url, "KEY_app", "patch_resets") as base_url:
        code, out, err = await _command(
            "contract", "--base-url", base_url, "--api-key", "KEY_app", "--cassette", cassette, "--report", report,
            "--check", "patch_changes_what_is_sent", "--check", "no_key_is_401", "--log-level", "error",
        )  # fmt: skip
    assert (code, err) == (1, "")
    assert "there: differs       here: holds         patch_changes_what_is_sent [R-34, inferred]" in out
    assert "max_participants after a PATCH of webhook_timeout_secs: expected 7, got 10" in out
    assert f"{base_url}: 1 hold, 1 differ, 0 not reachable" in out
    assert cassette.read_text().startswith('{"cassette": 1')
    found = {check["id"]: (check["there"], check["here"]) for check in json.loads(report.read_text())["checks"]}
    assert found == {"patch_changes_what_is_sent": ("differs", "holds"), "no_key_is_401": ("holds", "holds")}
    code, out, _ = await _command("contract", "diff", cassette, cassette)
    assert (code, out) == (0, "no difference\n")


async def test_unknown_checks_and_silent_servers_are_exit_code_2() -> None:
    code, _, err = await _command("contract", "--check", "nothing")
    assert (code, err) == (2, "rooms-emulator: no such check: nothing (contract --list tells all)\n")
    code, out, err = await _command("contract", "--base-url", "http://127.0.0.1:9/v2")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("rooms-emulator: there is no API to ask at http://127.0.0.1:9/v2: GET /rooms: ")


async def test_what_is_no_base_url_is_said_at_once() -> None:
    for arguments in (("contract", "--base-url", "garbage"), ("proxy", "--upstream", "ftp://x")):
        code, _, err = await _command(*arguments)
        assert code == 2
        assert "is no base URL; expected http://... or https://..." in err


async def test_files_that_cannot_be_read_or_written_are_named(emulator: Emulator, tmp_path: Path) -> None:
    binary, missing = tmp_path / "binary", tmp_path / "missing"
    binary.write_bytes(b"\x7fELF\xff\xfe")
    told = f"rooms-emulator: cannot read {missing}: No such file or directory\n"
    assert await _command("contract", "diff", missing, binary) == (2, "", told)
    code, _, err = await _command("contract", "diff", binary, missing)
    assert (code, err) == (2, f"rooms-emulator: {binary}: no cassette, which is text in UTF-8: invalid start byte\n")
    for file, said in ((missing, told), (binary, f"rooms-emulator: {binary}: no consumer contract, which is text")):
        code, _, err = await _command("contract", "verify", file, "--base-url", emulator.rest_url)
        assert code == 2
        assert err.startswith(said)
    await _list_rooms(emulator, "KEY_app")
    code, _, err = await _command(
        "contract", "record", missing / "file", "--url", emulator.rest_url, "--api-key", "KEY_app"
    )
    assert (code, err) == (2, f"rooms-emulator: cannot write {missing / 'file'}: No such file or directory\n")
    code, _, err = await _command("contract", "record", missing, "--url", "http://127.0.0.1:9")
    assert code == 2
    assert err.startswith("rooms-emulator: there is no emulator to ask at http://127.0.0.1:9: ")
    assert not missing.exists()


async def test_proxy_runs_until_it_is_told_to_stop(emulator: Emulator) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", "proxy", "--upstream", emulator.rest_url, "--port", "0",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(60):
        line = (await process.stdout.readline()).decode()
        assert line.startswith("proxy: http://127.0.0.1:"), line
        process.send_signal(signal.SIGTERM)
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    assert rest == "0 exchanges, 0 violations of 0 kinds, 0 requests for what is not described\n"


async def test_what_has_nothing_in_it_is_neither_recorded_nor_verified(emulator: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "app.json"
    code, out, err = await _command("contract", "record", file, "--url", emulator.rest_url, "--api-key", "KEY_idle")
    assert (code, out) == (2, "")
    assert err.startswith("rooms-emulator: nothing to record: the account of this key has not asked")
    assert not file.exists()
    Contract("idle").write(file)
    told = f"rooms-emulator: {file}: an empty contract: there is nothing to verify\n"
    assert await _command("contract", "verify", file, "--base-url", emulator.rest_url) == (2, "", told)


async def test_one_of_a_thing_is_not_called_several(emulator: Emulator, tmp_path: Path) -> None:
    await _list_rooms(emulator, "KEY_small")
    file = tmp_path / "app.json"
    code, out, _ = await _command("contract", "record", file, "--url", emulator.rest_url, "--api-key", "KEY_small")
    assert (code, out) == (0, f"{file}: 1 operation in 1 exchange, 0 webhook types\n")
