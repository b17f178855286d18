"""All surfaces with all their kinds: reads the documents of rules, and describes what they may say."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from emulator.faults.errors import BadFault, below, misspelt, shown
from emulator.faults.rule import Match, Terms
from emulator.faults.surface import Fault, Kind, Surface, read_members
from emulator.faults.values import Choice, Integer, Json, Number, Shape, Text

T = TypeVar("T")

MAX_COUNT = 1_000_000_000
MAX_SEED = 2**63 - 1
DEFAULT_SEED = 0
"""Also without a seed the same rules draw the same in every run."""

_ID = Text(
    "a name for the rule; made up if left out", 100, 1, r"[A-Za-z0-9][A-Za-z0-9._:-]*", "letters, digits, . _ : -"
)
_GLOB = Text(longest=500)
_MAX_GLOBS = 50


@dataclass(frozen=True, slots=True)
class _Globs(Shape):
    """One glob or a list of them; an integer is taken as its digits. Reads to a tuple.

    With `words`, each glob fits at least one of them.
    """

    about: str
    words: tuple[str, ...] = ()

    def read(self, pointer: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            return (self._one(pointer, value),)
        if not 1 <= len(value) <= _MAX_GLOBS:
            raise BadFault(pointer, f"1 to {_MAX_GLOBS} globs", f"a list of {len(value)}")
        return tuple(self._one(below(pointer, index), item) for index, item in enumerate(value))

    def _one(self, pointer: str, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SEED:
            return str(value)
        if not isinstance(value, str):
            raise BadFault(pointer, "a glob or a list of globs", shown(value))
        glob = _GLOB.read(pointer, value)
        if self.words and not fnmatch.filter(self.words, glob):
            raise misspelt(pointer, "one of these, or a glob that fits some", glob, self.words)
        return glob

    def schema(self) -> Json:
        one = {"type": ["string", "integer"], "maxLength": _GLOB.longest, "minimum": -MAX_SEED, "maximum": MAX_SEED}
        several = {"type": "array", "items": one, "minItems": 1, "maxItems": _MAX_GLOBS}
        known: Json = {"examples": list(self.words)} if self.words else {}
        return {"anyOf": [one, several], "description": self.about, **known}


@dataclass(frozen=True, slots=True)
class _Parameters(Shape):
    kind: Kind

    def read(self, pointer: str, value: Any) -> Fault:
        return self.kind.read(pointer, value)

    def schema(self) -> Json:
        return {**self.kind.schema(), "description": self.kind.summary}


@dataclass(frozen=True, slots=True)
class _Match(Shape):
    facts: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]

    def read(self, pointer: str, value: Any) -> Match:
        shapes = {name: _Globs(about, self.words.get(name, ())) for name, about in self.facts.items()}
        return Match(read_members(pointer, value, shapes, frozenset(), "a fact"))

    def schema(self) -> Json:
        return {
            "type": "object",
            "properties": {
                name: _Globs(about, self.words.get(name, ())).schema() for name, about in self.facts.items()
            },
            "additionalProperties": False,
            "description": "what must fit, fact by fact; everything does if left out",
        }


@dataclass(frozen=True, slots=True)
class _Ignored(Shape):
    """Counters, so that what was listed can be sent back as it is."""

    def read(self, pointer: str, value: Any) -> None:
        return None

    def schema(self) -> Json:
        return {"type": "integer", "readOnly": True, "description": "a counter; ignored when sent"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as a document tells it; `id` None means that one is to be made up."""

    id: str | None
    surface: str
    kind: Kind
    fault: Fault
    terms: Terms


class Catalogue:
    """The surfaces of one emulator."""

    def __init__(self, surfaces: Iterable[Surface[Any]]) -> None:
        self.surfaces: dict[str, Surface[Any]] = {surface.name: surface for surface in surfaces}

    def read(self, document: Any, pointer: str = "") -> Draft:
        """Raises BadFault; `pointer` is where the document stands in a larger one."""
        if not isinstance(document, Mapping):
            raise BadFault(pointer, "an object", shown(document))
        surface = _named(document, pointer, "surface", "a surface", self.surfaces)
        kind = _named(document, pointer, "kind", f"a kind of {surface.name} fault", surface.kinds)
        shapes = _members(surface, kind)
        given = {"parameters": {}, **{name: value for name, value in document.items() if value is not None}}
        read = read_members(pointer, given, shapes, _REQUIRED, "a field of a fault")
        terms = Terms(
            match=read.get("match", Match({})),
            probability=read.get("probability", 1),
            count=read.get("count"),
            after=read.get("after", 0),
            seed=read.get("seed", DEFAULT_SEED),
        )
        return Draft(read.get("id"), surface.name, kind, read["parameters"], terms)

    def describe(self) -> list[Json]:
        """Every kind of every surface: what it does, its parameters as a JSON schema, the facts a rule can match."""
        return [
            {
                "surface": surface.name,
                "kind": kind.word,
                "summary": kind.summary,
                "parameters": kind.schema(),
                "facts": dict(surface.facts),
            }
            for surface in self.surfaces.values()
            for kind in sorted(surface.kinds.values(), key=lambda kind: kind.word)
        ]

    def schema(self) -> Json:
        """The JSON schema of one rule's document."""
        return {
            "oneOf": [
                {
                    "title": f"{surface.name} {kind.word}",
                    "description": kind.summary,
                    "type": "object",
                    "properties": {name: shape.schema() for name, shape in _members(surface, kind).items()},
                    "required": sorted(_REQUIRED | ({"parameters"} if kind.required else set())),
                    "additionalProperties": False,
                }
                for surface in self.surfaces.values()
                for kind in surface.kinds.values()
            ]
        }


_REQUIRED = frozenset({"surface", "kind"})
_FIELDS = ("id", "surface", "kind", "parameters", "match", "probability", "count", "after", "seed", "matched", "fired")


def _members(surface: Surface[Any], kind: Kind) -> dict[str, Shape]:
    return {
        "id": _ID,
        "surface": Choice((surface.name,), "where it happens"),
        "kind": Choice((kind.word,), "what happens"),
        "parameters": _Parameters(kind),
        "match": _Match(surface.facts, surface.words),
        "probability": Number(0, 1, "of firing at a match; 1 if left out"),
        "count": Integer(1, MAX_COUNT, "how often it fires at most; without end if left out"),
        "after": Integer(0, MAX_COUNT, "how many matches are spared first; 0 if left out"),
        "seed": Integer(-MAX_SEED, MAX_SEED, f"of the rule's draws; {DEFAULT_SEED} if left out"),
        "matched": _Ignored(),
        "fired": _Ignored(),
    }


def _named(document: Mapping[str, Any], pointer: str, member: str, what: str, known: Mapping[str, T]) -> T:
    """What the word at this member names. Raises BadFault."""
    at = below(pointer, member)
    word = document.get(member)
    if isinstance(word, str):
        if word in known:
            return known[word]
        raise misspelt(at, what, word, known)
    for name in () if word is not None else document:  # probably there, under another name
        wrong = misspelt(below(pointer, str(name)), "a field of a fault", str(name), _FIELDS)
        if wrong.suggestion == member and name not in _FIELDS:
            raise wrong
    raise BadFault(at, f"{what} ({', '.join(sorted(known))})", "nothing" if word is None else shown(word))
