"""Whole numbers in a query or header."""

from __future__ import annotations

from emulator.api.errors import BadQuery


def whole(name: str, text: str, low: int, high: int) -> int:
    """Raises BadQuery, which names the parameter and its bounds."""
    if len(text) <= 16 and text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise BadQuery(name, f"{name} must be an integer from {low} to {high}, got {text[:80]!r}.")
