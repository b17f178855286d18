"""Shapes: what a parameter of a fault may be. Each reads a JSON value and can say the same as a JSON schema."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.faults.errors import BadFault, below, misspelt, shown

Json = dict[str, Any]


class Shape(ABC):
    """Stands in the annotation of a parameter: `status: Annotated[int, Integer(400, 599, "the HTTP status")]`."""

    @abstractmethod
    def read(self, pointer: str, value: Any) -> Any:
        """The value of the parameter. Raises BadFault."""

    @abstractmethod
    def schema(self) -> Json:
        """What `read` takes, as a JSON schema (draft 2020-12)."""

    def write(self, value: Any) -> Any:
        """What `read` would take for this value."""
        return value


def _described(schema: Json, about: str) -> Json:
    return {**schema, "description": about} if about else schema


@dataclass(frozen=True, slots=True)
class Integer(Shape):
    """From `low` to `high`, both included."""

    low: int
    high: int
    about: str = ""

    def read(self, pointer: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise BadFault(pointer, f"an integer from {self.low} to {self.high}", shown(value))
        return value

    def schema(self) -> Json:
        return _described({"type": "integer", "minimum": self.low, "maximum": self.high}, self.about)


@dataclass(frozen=True, slots=True)
class Number(Shape):
    """From `low` to `high`, both included."""

    low: float
    high: float
    about: str = ""

    def read(self, pointer: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise BadFault(pointer, f"a number from {self.low:g} to {self.high:g}", shown(value))
        return value

    def schema(self) -> Json:
        return _described({"type": "number", "minimum": self.low, "maximum": self.high}, self.about)


@dataclass(frozen=True, slots=True)
class Flag(Shape):
    about: str = ""

    def read(self, pointer: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise BadFault(pointer, "true or false", shown(value))
        return value

    def schema(self) -> Json:
        return _described({"type": "boolean"}, self.about)


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """`pattern` must match all of it; `rule` says the same in words."""

    about: str = ""
    longest: int = 500
    shortest: int = 0
    pattern: str | None = None
    rule: str = ""

    def read(self, pointer: str, value: Any) -> str:
        if not isinstance(value, str):
            raise BadFault(pointer, "a string", shown(value))
        if not self.shortest <= len(value) <= self.longest:
            raise BadFault(pointer, f"{self.shortest} to {self.longest} characters", f"{len(value)}")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise BadFault(pointer, self.rule or f"what matches {self.pattern}", shown(value))
        return value

    def schema(self) -> Json:
        schema: Json = {"type": "string", "minLength": self.shortest, "maxLength": self.longest}
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern})$"
        return _described(schema, self.about)


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One of these words."""

    words: tuple[str, ...]
    about: str = ""

    def read(self, pointer: str, value: Any) -> str:
        if not isinstance(value, str):
            raise BadFault(pointer, f"one of {', '.join(self.words)}", shown(value))
        if value not in self.words:
            raise misspelt(pointer, "one of these", value, self.words)
        return value

    def schema(self) -> Json:
        return _described({"enum": list(self.words)}, self.about)


@dataclass(frozen=True, slots=True)
class Members(Shape):
    """An object of at most `most` members: names of one shape, values of another."""

    name: Text
    value: Shape
    about: str = ""
    most: int = 20

    def read(self, pointer: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise BadFault(pointer, "an object", shown(value))
        if len(value) > self.most:
            raise BadFault(pointer, f"at most {self.most} members", f"{len(value)}")
        return {
            self.name.read(below(pointer, str(name)), name): self.value.read(below(pointer, str(name)), item)
            for name, item in value.items()
        }

    def write(self, value: Any) -> Json:
        return {name: self.value.write(item) for name, item in value.items()}

    def schema(self) -> Json:
        schema: Json = {
            "type": "object",
            "propertyNames": self.name.schema(),
            "additionalProperties": self.value.schema(),
            "maxProperties": self.most,
        }
        return _described(schema, self.about)
