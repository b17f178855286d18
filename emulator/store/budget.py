"""How much of the disk media may take."""

from __future__ import annotations

from emulator.store.errors import StoreError

MEGABYTE = 1_000_000


class BudgetSpent(StoreError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the media budget of {limit / MEGABYTE:g} MB is spent: delete recordings, or raise --media-budget"
        )


class Budget:
    """In bytes. What is taken is given back when its file is removed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def check(self) -> None:
        """Raises BudgetSpent when nothing is left."""
        if self.used >= self.limit:
            raise BudgetSpent(self.limit)

    def take(self, size: int) -> None:
        """Raises BudgetSpent, and then nothing is taken."""
        if self.used + size > self.limit:
            raise BudgetSpent(self.limit)
        self.used += size

    def give_back(self, size: int) -> None:
        """Also less than nothing: a file has become a little larger than was asked for."""
        self.used -= size
