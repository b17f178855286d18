"""Dataclasses to JSON values and back. Reading is strict: every value must have the type that its field declares."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from emulator.clock import iso_microseconds

T = TypeVar("T")

Read = Callable[[Any, str], Any]
"""(JSON value, where it stands) to the value. Raises CodecError."""


class CodecError(ValueError):
    """A value is not of the type declared; the text says where, what was expected and what came."""


def encode(value: Any) -> Any:
    """Dataclasses by field, times as ISO 8601 in UTC, sets and tuples as lists."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    if isinstance(value, datetime):
        return iso_microseconds(value)
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"no JSON form is known for {type(value).__name__}")


def decode(kind: type[T], value: Any, where: str = "") -> T:
    """The dataclass `kind` from what `encode` made of one. Fields left out take their defaults. Raises CodecError."""
    found: T = _reader(kind)(value, where)  # type: ignore[arg-type]  # classes are hashable
    return found


def read_time(value: Any, where: str) -> datetime:
    """Raises CodecError."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise CodecError(f"{where}: expected a time in UTC such as 2026-09-17T20:00:00.123456Z, got {value!r:.80}")
    return at


@cache
def _reader(kind: Any) -> Read:
    if kind is Any:
        return lambda value, where: value
    if kind is None or kind is types.NoneType:
        return _exactly(types.NoneType)
    if kind is float:
        return _number
    if kind in (str, int, bool):
        return _exactly(kind)
    if kind is datetime:
        return read_time
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of(arguments)
    if origin in (Union, types.UnionType):
        return _either([_reader(argument) for argument in arguments])
    if origin is dict and arguments[0] is str:
        return _dict_of(_reader(arguments[1]))
    if origin in (list, set, frozenset):
        return _items_of(origin, _reader(arguments[0]))
    if origin is tuple and arguments[1:] == (...,):
        return _items_of(tuple, _reader(arguments[0]))
    raise TypeError(f"no way to read a {kind!r} is known")


_NAMES: dict[type, str] = {str: "a string", int: "an integer", bool: "true or false", types.NoneType: "null"}


def _wrong(where: str, expected: str, value: Any) -> CodecError:
    return CodecError(f"{where or 'the whole'}: expected {expected}, got {value!r:.80}")


def _exactly(kind: type) -> Read:
    def read(value: Any, where: str) -> Any:
        if type(value) is not kind:  # True is no number here
            raise _wrong(where, _NAMES[kind], value)
        return value

    return read


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float):
        raise _wrong(where, "a number", value)
    return float(value)


def _one_of(wanted: tuple[Any, ...]) -> Read:
    def read(value: Any, where: str) -> Any:
        if value not in wanted:
            raise _wrong(where, "one of " + ", ".join(map(repr, wanted)), value)
        return value

    return read


def _either(readers: list[Read]) -> Read:
    def read(value: Any, where: str) -> Any:
        refusals = []
        for reader in readers:
            try:
                return reader(value, where)
            except CodecError as error:
                refusals.append(error)
        raise refusals[0]

    return read


def _dict_of(reader: Read) -> Read:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return {key: reader(item, f"{where}/{key}") for key, item in value.items()}

    return read


def _items_of(kind: Callable[[Any], Any], reader: Read) -> Read:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return kind(reader(item, f"{where}/{number}") for number, item in enumerate(value))

    return read


def _dataclass_reader(kind: Any) -> Read:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if _has_no_default(field)]
    late = [field.name for field in fields(kind) if not field.init]

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        for name in needed:
            if name not in value:
                raise CodecError(f"{where}/{name}: is missing")
        found = {}
        for name, item in value.items():
            if name not in readers:
                raise CodecError(f"{where}/{name}: is no field of {kind.__name__}")
            found[name] = readers[name](item, f"{where}/{name}")
        later = {name: found.pop(name) for name in late if name in found}
        made = kind(**found)
        for name, item in later.items():
            setattr(made, name, item)
        return made

    return read


def _has_no_default(field: Field[Any]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING
