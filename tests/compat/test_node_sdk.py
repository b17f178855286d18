"""The command for the Node SDK's own tests: what it runs, and what it says when it cannot (R-116)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.compat import node_sdk

FILES = [
    "tests/api-resources/room-recordings.test.ts",
    "tests/api-resources/rooms/rooms.test.ts",
    "tests/api-resources/rooms/sessions/actions.test.ts",
]


def make_checkout(folder: Path, *, name: str = "telnyx", files: list[str] = FILES, jest: str | None) -> Path:
    (folder / "package.json").write_text(json.dumps({"name": name}))
    for file in [*files, "tests/api-resources/messages.test.ts"]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    if jest is not None:
        path = node_sdk.jest(folder)
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{jest}\n")
        path.chmod(0o755)
    return folder


@pytest.mark.parametrize("strict", [False, True])
def test_jest_runs_the_room_tests_beside_an_emulator_with_their_state(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], strict: bool
) -> None:
    told = tmp_path / "told"
    script = f"""
        printf '%s\\n' "$@" > {told}
        cp "$STATE_FILE" {told}.json
        curl -sf -X POST "$STATE_URL" -H 'Authorization: Bearer My API Key' -H 'Content-Type: application/json' \\
            --data @"$STATE_FILE" -o /dev/null || exit 91
        curl -sf "$TEST_API_BASE_URL/rooms?page%5Bnumber%5D=0" -H 'Authorization: Bearer My API Key' || exit 92
        exit 7"""
    checkout = make_checkout(tmp_path, jest=script)
    assert node_sdk.main([str(checkout), *(["--strict"] if strict else [])]) == (92 if strict else 7)
    arguments = told.read_text().split()
    assert arguments[-3:] == FILES
    (setup,) = (argument.partition("=")[2] for argument in arguments if argument.startswith("--setupFilesAfterEnv="))
    assert "test.skip = test" in Path(setup).read_text()
    assert ("refresh_tokens" in json.loads(told.with_suffix(".json").read_text())) is not strict
    assert ("my_video_room" in capfd.readouterr().out) is not strict


def test_what_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert node_sdk.main([str(tmp_path)]) == 2
    assert "expected a checkout" in capsys.readouterr().err
    make_checkout(tmp_path, name="something-else", jest=None)
    assert node_sdk.main([str(tmp_path)]) == 2
    assert "'something-else'" in capsys.readouterr().err


def test_the_npm_package_is_refused_since_it_has_no_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert node_sdk.main([str(make_checkout(tmp_path, files=[], jest="exit 0"))]) == 2
    assert "git clone" in capsys.readouterr().err


def test_without_jest_it_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert node_sdk.main([str(make_checkout(tmp_path, jest=None))]) == 2
    assert "pnpm install" in capsys.readouterr().err
