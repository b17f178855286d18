"""The vendor's SDK, unmodified, bundled into one script that sets window.TelnyxVideo.

Installed by `npm ci` from the lock file, bundled by esbuild into dist/, both only when out of date.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
BUNDLE = HERE / "dist" / "telnyx-video.js"
_LOCK = HERE / "package-lock.json"
_MANIFEST = HERE / "package.json"
_ENTRY = HERE / "app" / "sdk.entry.js"
# npm writes this file last: its age is the age of the installation.
_INSTALLED = HERE / "node_modules" / ".package-lock.json"
_TIMEOUT_SECONDS = 300


class BundleError(Exception):
    """The SDK could not be installed or bundled; the message has the tool's own words."""


def ensure_bundle() -> Path:
    """The bundle's path, made first if missing or older than what it is made of. Raises BundleError."""
    ensure_installed()
    if not is_newer(BUNDLE, [_INSTALLED, _MANIFEST, _ENTRY]):
        _npm("run", "build")
    return BUNDLE


def ensure_installed() -> Path:
    """The folder whose `node_modules` has the vendor's SDKs, as the lock file says. Raises BundleError."""
    if not is_newer(_INSTALLED, [_LOCK, _MANIFEST]):
        _npm("ci")
    return HERE


def is_newer(product: Path, ingredients: Sequence[Path]) -> bool:
    """Whether `product` exists and none of its (existing) ingredients changed since it was made."""
    if not product.exists():
        return False
    made = product.stat().st_mtime
    return all(ingredient.stat().st_mtime <= made for ingredient in ingredients)


def _npm(*arguments: str) -> None:
    command = ["npm", *arguments]
    if shutil.which("npm") is None:
        raise BundleError(
            "The browser tests need Node.js with npm to bundle the vendor's SDK. "
            "Install it (Debian: apt-get install nodejs npm). "
            "To run everything else: pytest -m 'not browser and not long'."
        )
    try:
        done = subprocess.run(
            command,
            cwd=HERE,
            env={**os.environ, "CI": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"{' '.join(command)} in {HERE} took over {_TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        raise BundleError(f"{' '.join(command)} in {HERE} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
