"""The behaviours by name, as scenarios and tests write them: `"watch"` or `{"greet": {"text": "Hello, {username}"}}`.

A kind is one small file beside this one: a class under a line that gives its word and its options.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.errors import BehaviourError, OptionError
from emulator.clients.options import Option

BehaviourSpec = str | Mapping[str, Mapping[str, Any]]
"""A word, or a mapping with one word and its options."""

B = TypeVar("B", bound=Callable[..., Behaviour])


@dataclass(frozen=True, slots=True)
class BehaviourKind:
    """`build` takes a source of chance, and the options that were given by name."""

    word: str
    options: Mapping[str, Option]
    build: Callable[..., Behaviour]
    required: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What its file says of it behind the word, if it is alone there, and the first paragraph of its docstring."""
        word, _, rest = (sys.modules[self.build.__module__].__doc__ or "").partition(": ")
        told = [rest] if word == f"`{self.word}`" else []
        told.append(inspect.cleandoc(self.build.__doc__ or ""))
        return " ".join(" ".join(text.strip().partition("\n\n")[0] for text in told).split())


BEHAVIOURS: dict[str, BehaviourKind] = {}


def behaviour(
    word: str, options: Mapping[str, Option] | None = None, *, required: tuple[str, ...] = ()
) -> Callable[[B], B]:
    """Class decorator: make this class the behaviour written with this word."""

    def register(build: B) -> B:
        if word in BEHAVIOURS:
            raise ValueError(f"two behaviours are called {word!r}")
        BEHAVIOURS[word] = BehaviourKind(word, options or {}, build, required)
        return build

    return register


def make(spec: BehaviourSpec, rng: Random) -> Behaviour:
    """The behaviour a spec means. Raises BehaviourError."""
    entries = {spec: {}} if isinstance(spec, str) else dict(spec)
    if len(entries) != 1:
        raise BehaviourError(f"expected a behaviour, or a mapping with one and its options, got {spec!r:.80}")
    ((word, options),) = entries.items()
    if word not in BEHAVIOURS:
        raise BehaviourError(f"expected a behaviour ({', '.join(BEHAVIOURS)}), got {word!r:.60}")
    kind = BEHAVIOURS[word]
    unknown = [name for name in options if name not in kind.options]
    if unknown:
        takes = ", ".join(kind.options) or "none"
        raise BehaviourError(f"behaviour {word!r} has no option {', '.join(map(repr, unknown))}; it takes: {takes}")
    missing = [name for name in kind.required if name not in options]
    if missing:
        raise BehaviourError(f"behaviour {word!r} needs the option {missing[0]!r}")
    try:
        return kind.build(rng, **{name: kind.options[name].read(name, value) for name, value in options.items()})
    except OptionError as error:
        raise BehaviourError(f"behaviour {word!r}: {error}") from error
