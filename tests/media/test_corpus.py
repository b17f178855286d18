"""Kept inputs of the parsers lead to what they have led to before (found by `python -m tests.long.corpus`)."""

from __future__ import annotations

import pytest

from tests.long.corpus import decoded, load, outcome
from tests.long.parsers import PARSERS


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_kept_inputs_are_read_as_before(name: str) -> None:
    kept, parser = load(name), PARSERS[name]
    assert len(kept) >= 5
    for expected, given in kept.items():
        made = outcome(parser.reader(), parser.allowed, decoded(name, given))
        assert _kind(name, made) == _kind(name, expected), given


def _kind(name: str, made: str) -> str:
    """Texts of errors may change, and which descriptions suit us; what is refused as what is kept."""
    error = made.partition(":")[0]
    if error.endswith("Error"):
        return error
    return "read" if name == "sdp" else made
