"""`${name}` in a text: where it stands, and what takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from emulator.scenario.reading.nodes import Mapping, Node, Scalar, ScalarValue, Sequence

REFERENCE = re.compile(r"\$\{([^{}]*)\}")


def names_in(text: str) -> Iterator[str]:
    """The names between `${` and `}`."""
    return (match[1].strip() for match in REFERENCE.finditer(text))


def whole(text: str) -> str | None:
    """The name, if the text is one reference and nothing else."""
    match = REFERENCE.fullmatch(text)
    return None if match is None else match[1].strip()


def filled(text: str, value_of: Callable[[str], str | None]) -> str:
    """The text with each reference replaced; one whose value is None stays as it is."""

    def one(match: re.Match[str]) -> str:
        found = value_of(match[1].strip())
        return match[0] if found is None else found

    return REFERENCE.sub(one, text)


def fill_nodes(node: Node, values: dict[str, Scalar]) -> Node:
    """The tree with references to these names replaced in its values; keys stay.

    A scalar that is one reference becomes the value with its type; inside a text, the value's text takes the place.
    """
    match node:
        case Mapping():
            return Mapping(node.mark, tuple((key, fill_nodes(value, values)) for key, value in node.entries))
        case Sequence():
            return Sequence(node.mark, tuple(fill_nodes(item, values) for item in node.items))
        case Scalar(value=str()) if "${" in node.text:
            name = whole(node.text)
            if name in values:
                return Scalar(node.mark, values[name].text, values[name].value)
            text = filled(node.text, lambda name: values[name].text if name in values else None)
            return Scalar(node.mark, text, text)
    return node


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar of the tree that is a value, in order."""
    match node:
        case Mapping():
            for _, value in node.entries:
                yield from scalars(value)
        case Sequence():
            for item in node.items:
                yield from scalars(item)
        case Scalar():
            yield node


def written(value: ScalarValue) -> str:
    """How YAML writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
