"""The official Python SDK's source distribution, which has its own tests: fetched once, checked, kept, unpacked.

`python -m tests.compat.sdk_source` fetches it ahead of the tests, which would fetch it otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
KEPT_IN = HERE / "fetched"
REQUIREMENT = HERE / "sdk_source.txt"

# What the room tests need of the SDK's tests; the rest of them is about other products.
_WANTED = re.compile(
    r"tests/(__init__|conftest|utils)\.py"
    r"|tests/api_resources/(__init__|test_room\w*)\.py"
    r"|tests/api_resources/rooms/(\w+/)?\w+\.py"
)


class SourceError(Exception):
    """The source distribution cannot be had, or is not the one that was pinned."""


def fetch() -> Path:
    """The archive; from the package index by pip when it is not here yet. Raises SourceError."""
    version, expected = _pinned()
    archive = KEPT_IN / f"telnyx-{version}.tar.gz"
    if not archive.exists():
        _download(archive)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != expected:
        raise SourceError(f"{archive}: expected the SHA-256 {expected}, got {found}. Remove it and try again.")
    return archive


def unpack_tests(into: Path) -> None:
    """Write the room tests, and what they import, as `into`/tests/... Raises SourceError."""
    archive = fetch()
    count = 0
    with tarfile.open(archive) as source:
        for member in source:
            inside = PurePosixPath(member.name)
            name = "/".join(inside.parts[1:])  # all of it lies in one folder, telnyx-<version>
            if not member.isfile() or not _WANTED.fullmatch(name):
                continue
            content = source.extractfile(member)
            if content is None:
                raise SourceError(f"{archive}: {member.name} cannot be read")
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
            count += 1
    if not count:
        raise SourceError(f"{archive}: expected the tests of rooms in it, found none")


def _pinned() -> tuple[str, str]:
    match = re.search(r"^telnyx==(\S+) --hash=sha256:([0-9a-f]{64})$", REQUIREMENT.read_text(), re.MULTILINE)
    if match is None:
        raise SourceError(f"{REQUIREMENT}: expected a line `telnyx==<version> --hash=sha256:<64 hex digits>`")
    return match[1], match[2]


def _download(archive: Path) -> None:
    KEPT_IN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT_IN) as folder:
        options = ["--no-deps", "--no-binary", "telnyx", "--require-hashes", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "-r", str(REQUIREMENT)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        fetched = Path(folder) / archive.name
        if done.returncode or not fetched.exists():
            raise SourceError(f"pip could not fetch {archive.name}:\n{done.stdout}{done.stderr}")
        os.replace(fetched, archive)  # at once: another process may be doing the same


if __name__ == "__main__":
    print(fetch())
