"""`rooms-emulator serve --data-dir`: what cannot start says why in one line, with exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.cli import main


def a_file(path: Path) -> None:
    path.write_text("")


def nothing_above(path: Path) -> None:
    path.parent.rmdir()


def garbage(path: Path) -> None:
    path.mkdir()
    (path / "rooms.sqlite").write_bytes(b"garbage " * 1000)


def a_bad_key(path: Path) -> None:
    path.mkdir()
    (path / "token-key.pem").write_text("no key")


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (a_file, "is a file. Name a directory."),
        (nothing_above, "cannot be made: "),
        (garbage, "cannot be read: file is not a database. Put a copy of it back"),
        (a_bad_key, "expected an unencrypted Ed25519 private key"),
    ],
)
def test_a_directory_that_cannot_be_used_is_told_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], None], complaint: str
) -> None:
    path = tmp_path / "above" / "data"
    path.parent.mkdir()
    prepare(path)
    assert main(["serve", "--port", "0", "--data-dir", str(path)]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("rooms-emulator: ")
    assert str(path) in output.err
    assert complaint in output.err
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.err


def test_a_directory_in_which_nothing_can_be_made_is_told_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", "--data-dir", "/proc/self/data"]) == 2
    assert "The data directory /proc/self/data cannot be used" in capsys.readouterr().err
