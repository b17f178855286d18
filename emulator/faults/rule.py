"""A rule: a fault, and when it fires. Facts go in, a decision comes out; what happens then is the surface's affair."""

from __future__ import annotations

import fnmatch
import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from emulator.faults.surface import Facts, Fault, FaultT, Kind
from emulator.faults.values import Json


class Match:
    """Every name's fact fits one of its globs (`*`, `?`, `[abc]`; letter case counts, `*` also runs over slashes)."""

    def __init__(self, globs: Mapping[str, Sequence[str]]) -> None:
        self.globs = {name: tuple(patterns) for name, patterns in globs.items()}
        self._fits = {
            name: re.compile("|".join(map(fnmatch.translate, patterns))).match for name, patterns in self.globs.items()
        }

    def __call__(self, facts: Facts) -> bool:
        for name, fits in self._fits.items():
            fact = facts.get(name)
            if fact is None:
                return False
            if not any(map(fits, (fact,) if isinstance(fact, str) else fact)):
                return False
        return True

    def as_json(self) -> Json:
        """One glob stands for itself, several as a list."""
        return {name: globs[0] if len(globs) == 1 else list(globs) for name, globs in self.globs.items()}


@dataclass(frozen=True, slots=True)
class Terms:
    """When a rule fires: not on the first `after` matches, then with `probability` (0 to 1), at most `count` times.

    `count` None means without end.
    """

    match: Match
    probability: float
    count: int | None
    after: int
    seed: int


@dataclass(frozen=True, slots=True)
class Fired(Generic[FaultT]):
    """A fault that happens now. `rng` is of this one happening alone: whatever else it has to draw comes from there."""

    rule_id: str
    fault: FaultT
    rng: random.Random


class Rule:
    """Counts what it has seen: `matched` all that matched, `fired` those of them where the fault happened."""

    def __init__(self, rule_id: str, surface: str, kind: Kind, fault: Fault, terms: Terms) -> None:
        self.id = rule_id
        self.surface = surface
        self.kind = kind
        self.fault = fault
        self.terms = terms
        self.matched = 0
        self.fired = 0

    def draw(self, facts: Facts) -> random.Random | None:
        """The generator of this happening if the fault happens now, else None."""
        terms = self.terms
        if not (self.fault.applies(facts) and terms.match(facts)):
            return None
        self.matched += 1
        if self.matched <= terms.after or (terms.count is not None and self.fired >= terms.count):
            return None
        # Keyed by rule and match: neither other rules nor what an earlier happening drew changes this draw.
        rng = generator(terms.seed, self.id, self.matched)
        if rng.random() >= terms.probability:
            return None
        self.fired += 1
        return rng

    def as_json(self) -> Json:
        """The document that makes the same rule again, and the two counters."""
        terms = self.terms
        document: Json = {
            "id": self.id,
            "surface": self.surface,
            "kind": self.kind.word,
            "parameters": self.kind.write(self.fault),
            "match": terms.match.as_json(),
            "probability": terms.probability,
            "after": terms.after,
            "seed": terms.seed,
            "matched": self.matched,
            "fired": self.fired,
        }
        if terms.count is not None:
            document["count"] = terms.count
        return document


def generator(seed: int, *key: str | int) -> random.Random:
    """Keys that differ give independent generators, whatever characters they contain."""
    return random.Random(hashlib.sha256(repr((seed, *key)).encode()).digest())
