"""Bodies whose members are all known: one that is misspelt would else be taken for one that was left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from emulator.admin.operation import Schema, object_schema
from emulator.api.errors import BadBody
from emulator.api.validation import Body
from emulator.faults.errors import below, misspelt


def closed_schema(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """An object with these members and no others."""
    return {**object_schema(properties, required=required), "additionalProperties": False}


def known_only(body: Body, members: Collection[str]) -> Body:
    """The body as it is. Raises BadBody for a member that is none of these, with the one that was probably meant."""
    for name in body:
        if name not in members:
            raise BadBody(below("", name[:80]), str(misspelt(below("", name[:80]), "a member", name, members)))
    return body
