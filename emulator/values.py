"""Classes of values that nobody changes: dataclasses, frozen for whoever checks types.

At runtime Python would make a frozen one by calling `object.__setattr__` for each field, at three times the price, and
two methods more for each class, at every start. What is never written needs neither: mypy holds it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["value_class"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as value_class
else:

    def value_class(
        *, frozen: bool, slots: bool, eq: bool = True, kw_only: bool = False
    ) -> Callable[[type[T]], type[T]]:
        """As `dataclasses.dataclass`. Equal ones have the same hash, if their fields have any."""
        return dataclasses.dataclass(slots=slots, eq=eq, kw_only=kw_only, unsafe_hash=frozen and eq)
