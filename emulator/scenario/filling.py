"""Steps and expectations in which `${event.participant_id}` and the like are replaced, just before they are due."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from emulator.scenario.errors import StepFailed
from emulator.scenario.reading.conditions import MISSING, at_path
from emulator.scenario.reading.references import filled as text_filled
from emulator.scenario.reading.references import whole, written

T = TypeVar("T")

ValueOf = Callable[[str], Any]


class Values:
    """What names stand for: `event.context.username`, `alice.id`, `room.id`.

    `look_up` gives what the first part of a name means, or MISSING.
    """

    def __init__(self, look_up: ValueOf) -> None:
        self._look_up = look_up

    def __call__(self, name: str) -> Any:
        """Raises StepFailed."""
        root, _, path = name.partition(".")
        value = self._look_up(root)
        if value is MISSING:
            raise StepFailed(f"${{{name}}}: there is no {root} yet")
        found = at_path(value, path) if path else value
        if found is MISSING:
            there = ", ".join(sorted(map(str, value))) if isinstance(value, Mapping) else "nothing"
            raise StepFailed(f"${{{name}}}: {root} has no {path}; it has {there}")
        return found


def filled(thing: T, value_of: ValueOf) -> T:
    """The same with values in place of references. Raises StepFailed.

    In JSON (mappings and lists) a text that is one reference becomes the value itself, elsewhere its text.
    """
    return cast(T, _filled(thing, value_of, raw=False))


def _filled(thing: Any, value_of: ValueOf, *, raw: bool) -> Any:
    if isinstance(thing, str):
        if "${" not in thing:
            return thing
        name = whole(thing)
        if raw and name is not None:
            return value_of(name)
        return text_filled(thing, lambda name: _as_text(value_of(name)))
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        changes = {}
        for field in dataclasses.fields(thing):
            value = getattr(thing, field.name)
            new = _filled(value, value_of, raw=False)
            if new is not value:
                changes[field.name] = new
        return dataclasses.replace(thing, **changes) if changes else thing
    if isinstance(thing, tuple):
        parts = tuple(_filled(part, value_of, raw=False) for part in thing)
        return thing if all(new is old for new, old in zip(parts, thing, strict=True)) else parts
    if isinstance(thing, list):
        return [_filled(part, value_of, raw=True) for part in thing]
    if isinstance(thing, Mapping):
        read = {key: _filled(value, value_of, raw=True) for key, value in thing.items()}
        return thing if all(read[key] is thing[key] for key in read) else read
    return thing


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else written(value) if not isinstance(value, dict | list) else str(value)
