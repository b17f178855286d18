"""A surface of the tests' own: deliveries by pigeon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from emulator.faults import (
    Catalogue,
    Choice,
    Delay,
    Duration,
    Facts,
    Fault,
    FaultBook,
    Faults,
    Flag,
    Integer,
    Members,
    Number,
    Surface,
    Text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PigeonFault(Fault):
    pass


PIGEONS = Surface("pigeons", PigeonFault, facts={"colour": "of the bird", "town": "where to", "attempt": "1, 2, ..."})
RAVENS = Surface("ravens", PigeonFault, facts={"town": "where to"})


@PIGEONS.kind("rest")
@dataclass(frozen=True, slots=True, kw_only=True)
class RestOnTheWay(PigeonFault):
    """Sit down
    for a while.

    Not in the summary.
    """

    secs: Annotated[Delay, Duration("how long")]
    breaks: Annotated[int, Integer(1, 9, "how often")] = 1
    weight: Annotated[float | None, Number(0, 2.5)] = None
    asleep: Annotated[bool, Flag()] = False
    perch: Annotated[str, Choice(("roof", "tree"))] = "roof"
    thought: Annotated[str, Text("of the bird", 20, 1, r"[a-z ]+", "small letters")] = "corn"
    marks: Annotated[dict[str, int] | None, Members(Text(longest=5), Integer(0, 3), most=2)] = None

    def __post_init__(self) -> None:
        if self.asleep and self.breaks > 5:
            raise ValueError("a sleeping bird takes at most 5 breaks")


@PIGEONS.kind("get_lost")
@RAVENS.kind("get_lost")
@dataclass(frozen=True, slots=True, kw_only=True)
class GetLost(PigeonFault):
    """Never arrive."""

    final: ClassVar[bool] = True


@PIGEONS.kind("sing")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sing(PigeonFault):
    """Be heard."""


@PIGEONS.kind("moult")
@dataclass(frozen=True, slots=True, kw_only=True)
class Moult(PigeonFault):
    """Lose feathers."""

    def applies(self, facts: Facts) -> bool:
        return facts.get("colour") != "bald"


def book() -> FaultBook:
    return FaultBook(Catalogue([PIGEONS, RAVENS]))


def faults() -> Faults:
    return book().of("an account")


def rule(kind: str = "sing", **more: Any) -> dict[str, Any]:
    return {"surface": "pigeons", "kind": kind, **more}


def pattern(faults: Faults, times: int, **facts: str) -> list[bool]:
    """At which of so many draws anything happened."""
    return [bool(faults.draw(PIGEONS, facts)) for _ in range(times)]
