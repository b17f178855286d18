"""What can go wrong with a data directory. Each text names the file, what is the matter, and what to do.

StoreError          (emulator/events.py, so that the domain knows it, too)
├── Unusable        the directory or a file in it cannot be made, opened or locked
│   └── InUse       another emulator has it
├── Damaged         what is in it cannot be read back
└── WriteFailed     a command's events could not be written: disk full, read-only, locked
"""

from __future__ import annotations

from pathlib import Path

from emulator.events import StoreError


class Unusable(StoreError):
    pass


class InUse(Unusable):
    pass


class Damaged(StoreError):
    pass


class WriteFailed(StoreError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The state could not be written to {path}: {why}. Make room on its disk, or free the file, and try again."
        )


__all__ = ["Damaged", "InUse", "StoreError", "Unusable", "WriteFailed"]
