"""Media files: names, what is found again, what is counted, what is removed, and nothing outside of the folder."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from emulator.store.budget import Budget, BudgetSpent
from emulator.store.errors import Unusable
from emulator.store.files import MediaFile, MediaFiles, word

ACCOUNT = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
OTHER = "7b61ed71-58cf-45aa-9d1f-0bb4ea32ce0e"
RECORD = "5c027fa9-012f-4d06-bef4-b148ffe4300a"


def files(path: Path | None, limit: int = 1_000_000) -> MediaFiles:
    made = MediaFiles(path, Budget(limit))
    made.open()
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace's desk", "Ada-Lovelace-s-desk"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\x00b\nc", "a-b-c"),
        ("日本語", ""),
        ("x" * 100, "x" * 40),
        ("-._ ", ""),
    ],
)
def test_only_plain_words_get_into_a_name(text: str, expected: str) -> None:
    assert word(text) == expected


def test_file_is_private_and_found_again_by_the_next_start(tmp_path: Path) -> None:
    made = files(tmp_path / "media")
    file = made.create(ACCOUNT, RECORD, "2026_lunch_Alice_audio", "ogg")
    made.grow(file.path, 5)
    file.write([(0, b"abc"), (3, b"de"), (1, b"X")])
    file.close()
    assert file.path.read_bytes() == b"aXcde"
    assert file.path == tmp_path / "media" / ACCOUNT / f"2026_lunch_Alice_audio_{RECORD}.ogg"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    again = files(tmp_path / "media")
    assert again.find(ACCOUNT, RECORD) == file.path
    assert again.find(OTHER, RECORD) is None
    assert (again.ids(ACCOUNT), again.accounts(), again.budget.used) == ([RECORD], {ACCOUNT}, 5)


def test_what_is_not_ours_is_neither_found_nor_removed(tmp_path: Path) -> None:
    folder = tmp_path / ACCOUNT
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "my-film.webm").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{RECORD}.ogg").write_text("mine")
    target = tmp_path / "target.ogg"
    target.write_text("mine")
    (folder / f"{RECORD}.ogg").symlink_to(target)
    (tmp_path / OTHER).symlink_to(tmp_path / "elsewhere")
    assert files(tmp_path).accounts() == set()


@pytest.mark.parametrize(
    ("account", "record", "name"),
    [
        ("..", RECORD, "x"),
        (ACCOUNT, "../x", "x"),
        (ACCOUNT, RECORD, "a/b"),
        (ACCOUNT, RECORD, "a\0b"),
        ("", RECORD, ""),
    ],
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, account: str, record: str, name: str) -> None:
    with pytest.raises(Unusable, match="plain name"):
        files(tmp_path).create(account, record, name, "ogg")
    assert not list(tmp_path.iterdir())


def test_budget_counts_what_grows_and_gets_back_what_is_removed(tmp_path: Path) -> None:
    made = files(tmp_path, 100)
    file = made.create(ACCOUNT, RECORD, "", "ogg")
    made.grow(file.path, 60)
    made.grow(file.path, 90)
    with pytest.raises(BudgetSpent, match=r"budget of 0.0001 MB is spent: delete recordings, or raise --media-budget"):
        made.grow(file.path, 101)
    assert made.budget.used == 90
    made.settle(file.path, 104)
    with pytest.raises(BudgetSpent):
        made.create(ACCOUNT, OTHER, "", "ogg")
    remove = made.drop(ACCOUNT, RECORD)
    assert remove is not None
    assert file.path.exists()
    remove()
    assert not file.path.exists()
    assert made.budget.used == 0
    assert made.drop(ACCOUNT, RECORD) is None


def test_temporary_folder_is_made_when_it_is_needed_and_goes_with_its_files() -> None:
    made = files(None)
    assert made.directory is None
    file = made.create(ACCOUNT, RECORD, "", "webm")
    file.close()
    folder = made.directory
    assert folder is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made.close()
    assert not folder.exists()
    assert made.find(ACCOUNT, RECORD) is None


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file")
    with pytest.raises(Unusable, match=r"media cannot be written: File exists"):
        files(tmp_path / "media").create(ACCOUNT, RECORD, "", "ogg")


def test_file_that_cannot_be_written_ends_behind_its_last_whole_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = MediaFile(tmp_path / "a.ogg")
    file.write([(0, b"whole")])
    really = os.pwrite

    def full(descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if offset >= 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(descriptor, bytes(data)[:3], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.write([(5, b"torn piece")])
    assert (tmp_path / "a.ogg").read_bytes() == b"whole"
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space left"):  # nothing is written behind a hole
        file.write([(15, b"later")])
    file.close()
    file.close()
