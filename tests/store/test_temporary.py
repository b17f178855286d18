"""Temporary folders: gone with their process, or with the next one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from emulator.store.temporary import TemporaryFolder

HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from emulator.store.temporary import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "film.webm").write_text("...")
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_folder_of_a_killed_process_goes_with_the_next_and_that_of_a_living_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert (left / "film.webm").exists()
        first = TemporaryFolder()
        assert left.exists()
        process.kill()
    second = TemporaryFolder()
    assert not left.exists()
    assert first.path.exists()
    first.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_surely_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unlocked = tmp_path / "rooms-emulator-unlocked"
    unlocked.mkdir(mode=0o700)
    shared = tmp_path / "rooms-emulator-shared"
    shared.mkdir()
    shared.chmod(0o755)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "rooms-emulator-link").symlink_to(elsewhere)
    for folder in (shared, elsewhere):
        (folder / "lock").touch()
    pointing = tmp_path / "rooms-emulator-pointing"
    pointing.mkdir(mode=0o700)
    (pointing / "lock").symlink_to(elsewhere / "lock")
    TemporaryFolder().remove()
    assert unlocked.exists()
    assert (shared / "lock").exists()
    assert (elsewhere / "lock").exists()
    assert pointing.exists()
