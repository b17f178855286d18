"""pytest compiles all modules of an installed plugin anew, for the sake of their `assert` statements. Ours have none.

There are hundreds of them, the emulator's included: without this, the first run of a fresh installation waits seconds
for it, and every later one pays for it, too.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

OURS = ("conftest_plugin", "emulator")


class AsWritten:
    """A finder of modules (importlib.abc.MetaPathFinder) that finds ours before pytest's does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, path, target) if name.partition(".")[0] in OURS else None


def import_as_written(config: pytest.Config) -> None:
    """Until the end of the run."""
    finder = AsWritten()
    sys.meta_path.insert(0, finder)

    def remove() -> None:
        with contextlib.suppress(ValueError):  # whoever runs pytest in pytest may have put back what was there before
            sys.meta_path.remove(finder)

    config.add_cleanup(remove)
