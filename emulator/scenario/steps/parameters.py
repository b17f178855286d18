"""What goes wrong, as a scenario writes it: kinds of the registries of faults and impairments, flat and with units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.faults import BadFault, Kind
from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Node, Scalar
from emulator.scenario.reading.shapes import Json, JsonSchema


def timed(name: str) -> bool:
    return name == "secs" or name.endswith("_secs")


def value_of(name: str, node: Node, issues: Issues) -> Any:
    """Seconds may be written with a unit: `secs: 300ms`."""
    if timed(name) and isinstance(node, Scalar) and isinstance(node.value, str):
        found = durations.seconds(node.value)
        if found is not None:
            return found
    return Json().read(node, issues)


def refused(error: BadFault, mapping: Node, issues: Issues) -> Misread:
    """What the registry says, at the key that it is about."""
    mark = mapping.mark
    for part in error.pointer.split("/")[1:]:
        found = mapping.get(part) if isinstance(mapping, MappingNode) else None
        if found is not None:
            mark, mapping = found[1].mark, found[1]
    hint = "" if error.suggestion is None else f'; did you mean "{error.suggestion}"?'
    return issues.misread(mark, f"expected {error.expected}, got {error.got}{hint}")


def lone_parameter(kind: Kind) -> str | None:
    """The parameter that a bare value stands for: the only one that is needed."""
    return next(iter(kind.required)) if len(kind.required) == 1 else None


def schema_of(kind: Kind) -> dict[str, JsonSchema]:
    """The parameters, with durations where seconds are wanted."""
    found = {}
    for name, schema in kind.schema()["properties"].items():
        text = {"type": "string", "pattern": durations.PATTERN}
        about = {"description": schema["description"]} if "description" in schema else {}
        found[name] = {"anyOf": [schema, text], **about} if timed(name) else schema
    return found


def shown(parameters: Mapping[str, Any]) -> str:
    """` (status 503)`, or nothing."""
    told = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return f" ({told})" if told else ""
