"""Registering a kind: mistakes of who writes one are found when it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from emulator.faults import Fault, Flag, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Base(Fault):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Good(Base):
    """One line."""

    loud: Annotated[bool, Flag()] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutShape(Base):
    loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FromElsewhere(Fault):
    pass


def test_a_kind_registers_once_and_belongs_to_its_surface() -> None:
    surface = Surface("here", Base, facts={})
    assert surface.kind("good")(Good) is Good
    assert surface.kinds["good"].summary == "One line."
    with pytest.raises(ValueError, match="two kinds of here faults are called 'good'"):
        surface.kind("good")(Good)
    with pytest.raises(TypeError, match="FromElsewhere must derive from Base"):
        surface.kind("other")(FromElsewhere)
    with pytest.raises(TypeError, match=r"WithoutShape.loud: expected Annotated"):
        surface.kind("other")(WithoutShape)
    assert set(surface.kinds) == {"good"}
