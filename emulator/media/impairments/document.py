"""Impairments as JSON documents: read, and described for those who write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emulator.faults import BadFault, Choice, Integer, Kind, Number, Shape, Text
from emulator.faults.errors import below, shown
from emulator.faults.surface import read_members
from emulator.faults.values import Json
from emulator.media.impairments.base import MEDIA, Impairment

Direction = Literal["up", "down"]

MAX_FOR_SECS = 86_400.0
MAX_SEED = 2**63 - 1

_DIRECTIONS: Mapping[str, tuple[Direction, ...]] = {"up": ("up",), "down": ("down",), "both": ("up", "down")}
_REQUIRED = frozenset({"participant_id", "kind"})


@dataclass(frozen=True, slots=True)
class _Anything(Shape):
    """Read later, when the kind is known; or never: counters, so that what was listed can be sent back as it is."""

    of: Json

    def read(self, pointer: str, value: Any) -> Any:
        return value

    def schema(self) -> Json:
        return self.of


_COUNTERS: Json = {
    "type": "object",
    "readOnly": True,
    "description": "What has been done in this direction; ignored when sent.",
    "properties": {
        "datagrams": {"type": "integer", "description": "all that came here"},
        "dropped": {"type": "integer"},
        "duplicated": {"type": "integer"},
        "held": {"type": "integer", "description": "held back at this moment"},
    },
}
_MEMBERS: Mapping[str, Shape] = {
    "id": Text(
        "a name to remove it by; made up if left out",
        100,
        1,
        r"[A-Za-z0-9][A-Za-z0-9._:-]*",
        "letters, digits, . _ : -",
    ),
    "participant_id": Text("whose network it is; they need not have come yet", 100, 1),
    "direction": Choice(tuple(_DIRECTIONS), "up: from the participant to the emulator; both if left out"),
    "kind": _Anything({"type": "string"}),
    "parameters": _Anything({"type": "object"}),
    "for_secs": Number(0.001, MAX_FOR_SECS, "it ends by itself after so many real seconds; never if left out"),
    "seed": Integer(-MAX_SEED, MAX_SEED, "of its draws; 0 if left out"),
    "remaining_secs": _Anything({"type": "number", "readOnly": True, "description": "ignored when sent"}),
    "up": _Anything(_COUNTERS),
    "down": _Anything(_COUNTERS),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An impairment as a document tells it; `id` None means that one is to be made up."""

    id: str | None
    participant_id: str
    direction: str
    kind: Kind
    impairment: Impairment
    for_secs: float | None
    seed: int

    @property
    def directions(self) -> tuple[Direction, ...]:
        return _DIRECTIONS[self.direction]


def read(document: Any, pointer: str = "") -> Draft:
    """Raises BadFault; `pointer` is where the document stands in a larger one."""
    if not isinstance(document, Mapping):
        raise BadFault(pointer, "an object", shown(document))
    members = read_members(pointer, document, _MEMBERS, _REQUIRED, "a field of an impairment")
    word = Choice(tuple(sorted(MEDIA.kinds))).read(below(pointer, "kind"), members["kind"])
    kind = MEDIA.kinds[word]
    impairment = kind.read(below(pointer, "parameters"), members.get("parameters", {}))
    if not isinstance(impairment, Impairment):
        raise TypeError(f"{word} is registered as an impairment and is none")
    return Draft(
        id=members.get("id"),
        participant_id=members["participant_id"],
        direction=members.get("direction", "both"),
        kind=kind,
        impairment=impairment,
        for_secs=members.get("for_secs"),
        seed=members.get("seed", 0),
    )


def describe() -> list[Json]:
    """Every kind: what it does, and its parameters as a JSON schema."""
    return [
        {"kind": kind.word, "summary": kind.summary, "parameters": kind.schema()}
        for kind in sorted(MEDIA.kinds.values(), key=lambda kind: kind.word)
    ]


def schema() -> Json:
    """The JSON schema of one impairment's document."""
    return {"oneOf": [_of_kind(kind) for kind in MEDIA.kinds.values()]}


def _of_kind(kind: Kind) -> Json:
    properties = {name: shape.schema() for name, shape in _MEMBERS.items()}
    properties["kind"] = {"const": kind.word}
    properties["parameters"] = {**kind.schema(), "description": kind.summary}
    return {
        "title": kind.word,
        "description": kind.summary,
        "type": "object",
        "properties": properties,
        "required": sorted(_REQUIRED | ({"parameters"} if kind.required else set())),
        "additionalProperties": False,
    }
