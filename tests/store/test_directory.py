"""The data directory: its lock, its private files, and clear words for what cannot be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from emulator.rooms.room import RoomSettings
from emulator.store.directory import DataDir
from emulator.store.errors import Damaged, InUse, Unusable
from emulator.store.keys import lasting_key
from tests.store.kit import Keeping


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_is_made_for_its_owner_alone(keeping: Keeping) -> None:
    old = os.umask(0)
    try:
        with keeping.open() as opened:
            opened.directory.secret("secret")
            opened.account.create_room(RoomSettings())
            assert mode(keeping.path) == 0o700
            assert {mode(file) for file in keeping.path.iterdir()} == {0o600}
    finally:
        os.umask(old)


def test_a_second_one_on_the_same_directory_is_told_who_has_it(tmp_path: Path) -> None:
    first = DataDir.open(tmp_path)
    with pytest.raises(InUse, match=rf"{tmp_path} is in use by another emulator \(process {os.getpid()}\)\. Stop"):
        DataDir.open(tmp_path)
    first.close()
    first.close()
    DataDir.open(tmp_path).close()


def test_the_lock_ends_with_the_process_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from emulator.store.directory import DataDir\n"
        "kept = DataDir.open(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert (tmp_path / "lock").exists()
    DataDir.open(tmp_path).close()


def test_what_is_no_directory_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match=r"file is a file\. Name a directory"):
        DataDir.open(tmp_path / "file")
    with pytest.raises(Unusable, match=f"cannot be made: {tmp_path}/missing does not exist"):
        DataDir.open(tmp_path / "missing" / "data")
    with pytest.raises(Unusable, match="Not a directory"):
        DataDir.open(tmp_path / "file" / "data")
    with pytest.raises(Unusable, match=r"cannot be used: No such file or directory\."):
        DataDir.open(Path("/proc/self/data"))  # nobody can make anything there, not even root


def test_secrets_and_keys_stay_the_same(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path)
    secret, key = directory.secret("download-secret"), lasting_key(directory, "key.pem")
    assert len(secret) == 32
    assert directory.secret("other") != secret
    directory.close()
    again = DataDir.open(tmp_path)
    assert again.secret("download-secret") == secret
    assert lasting_key(again, "key.pem").private_bytes_raw() == key.private_bytes_raw()
    assert mode(tmp_path / "key.pem") == 0o600
    again.close()


def test_a_file_half_written_by_one_who_was_killed_is_not_taken_for_a_key(tmp_path: Path) -> None:
    (tmp_path / "key.pem.new").write_text("-----BEGIN")
    directory = DataDir.open(tmp_path)
    lasting_key(directory, "key.pem")
    assert not (tmp_path / "key.pem.new").exists()
    directory.close()


def test_a_damaged_key_is_named_with_what_to_do(tmp_path: Path) -> None:
    directory = DataDir.open(tmp_path)
    other = Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"garbage", other):
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(
            Damaged, match=r"key.pem: expected an unencrypted Ed25519 private key.* Put the key back, or"
        ):
            lasting_key(directory, "key.pem")
    (tmp_path / "key.pem").unlink()
    (tmp_path / "key.pem").mkdir()
    with pytest.raises(Unusable, match=r"key\.pem cannot be read or made: Is a directory"):
        lasting_key(directory, "key.pem")
    directory.close()
