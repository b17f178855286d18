"""How long something is held back: a fixed time, or one drawn anew each time the fault fires."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.faults.errors import BadFault, below, misspelt, shown
from emulator.faults.values import Json, Number, Shape

MAX_DELAY_SECS = 60.0
"""No draw is longer, whatever the distribution: the official SDKs' own limit is 60 s."""


class Delay(ABC):
    @abstractmethod
    def draw(self, rng: random.Random) -> float:
        """Seconds, from 0 to MAX_DELAY_SECS."""

    @abstractmethod
    def as_json(self) -> float | Json: ...


@dataclass(frozen=True, slots=True)
class Fixed(Delay):
    secs: float

    def draw(self, rng: random.Random) -> float:
        return self.secs

    def as_json(self) -> float:
        return self.secs


@dataclass(frozen=True, slots=True)
class Uniform(Delay):
    low: float
    high: float

    def draw(self, rng: random.Random) -> float:
        return rng.uniform(self.low, self.high)

    def as_json(self) -> Json:
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True, slots=True)
class Lognormal(Delay):
    """The form of network latencies: half of the draws are below `median`, few are far above; `sigma` spreads them."""

    median: float
    sigma: float

    def draw(self, rng: random.Random) -> float:
        exponent = rng.gauss(math.log(self.median), self.sigma)
        # Cut before the power as well: a long tail must not overflow.
        return min(MAX_DELAY_SECS, math.exp(min(exponent, math.log(2 * MAX_DELAY_SECS))))

    def as_json(self) -> Json:
        return {"lognormal": {"median": self.median, "sigma": self.sigma}}


_SECS = Number(0, MAX_DELAY_SECS)
_MEDIAN = Number(0.000_001, MAX_DELAY_SECS)
_SIGMA = Number(0, 10)
_FORM = 'seconds, {"uniform": [low, high]} or {"lognormal": {"median": seconds, "sigma": spread}}'


@dataclass(frozen=True, slots=True)
class Duration(Shape):
    """`1.5`, `{"uniform": [0.1, 0.5]}` or `{"lognormal": {"median": 0.2, "sigma": 0.5}}`, in seconds."""

    about: str = ""

    def read(self, pointer: str, value: Any) -> Delay:
        if not isinstance(value, Mapping):
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise BadFault(pointer, _FORM, shown(value))
            return Fixed(_SECS.read(pointer, value))
        if len(value) != 1:
            raise BadFault(pointer, _FORM, f"an object of {len(value)} members")
        [(name, inner)] = value.items()
        at = below(pointer, str(name))
        match name:
            case "uniform":
                return _uniform(at, inner)
            case "lognormal":
                return _lognormal(at, inner)
        raise misspelt(at, "a distribution", str(name), ("uniform", "lognormal"))

    def write(self, value: Any) -> Any:
        return value.as_json()

    def schema(self) -> Json:
        secs = _SECS.schema()
        uniform = {"type": "array", "items": secs, "minItems": 2, "maxItems": 2}
        lognormal = _object({"median": _MEDIAN.schema(), "sigma": _SIGMA.schema()})
        forms = [secs, _object({"uniform": uniform}), _object({"lognormal": lognormal})]
        return {"oneOf": forms, **({"description": self.about} if self.about else {})}


def _uniform(pointer: str, value: Any) -> Uniform:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadFault(pointer, "a list of two numbers, [low, high]", shown(value))
    low, high = (_SECS.read(below(pointer, index), item) for index, item in enumerate(value))
    if low > high:
        raise BadFault(pointer, "the lower number first", f"[{low:g}, {high:g}]")
    return Uniform(low, high)


def _lognormal(pointer: str, value: Any) -> Lognormal:
    if not isinstance(value, Mapping) or set(value) != {"median", "sigma"}:
        got = ", ".join(sorted(map(str, value)))[:80] if isinstance(value, Mapping) else shown(value)
        raise BadFault(pointer, "an object of median and sigma", got or "an empty object")
    return Lognormal(
        _MEDIAN.read(below(pointer, "median"), value["median"]),
        _SIGMA.read(below(pointer, "sigma"), value["sigma"]),
    )


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
