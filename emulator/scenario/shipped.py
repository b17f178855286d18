"""The scenarios that come along: small lessons, and something to try at once."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent

PLACES = (_PACKAGE / "_scenarios", _PACKAGE.parent / "scenarios")
"""In an installed wheel, and in a source tree."""


def shipped() -> dict[str, Path]:
    """Files by name, without `.yaml`."""
    for place in PLACES:
        found = {path.stem: path for path in sorted(place.glob("*.yaml"))}
        if found:
            return found
    return {}


def locate(path: Path | str) -> Path:
    """The file itself if there is one; else the shipped scenario of that name; else the path as given."""
    path = Path(path)
    if not path.exists() and path.parent == Path():
        return shipped().get(path.name.removesuffix(".yaml"), path)
    return path
