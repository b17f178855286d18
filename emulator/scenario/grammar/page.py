"""The grammar as a page for people: `scenarios/README.md`, a text with examples, and tables of the grammar itself.

The tables are read from the schema for editors, which the loader's own shapes make: what they say is what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emulator.clients.behaviours.registry import BEHAVIOURS
from emulator.clients.sources.registry import AUDIO_SOURCES, VIDEO_SOURCES
from emulator.rooms.happenings import EVENT_TYPES
from emulator.scenario.expectations.base import EXPECTATIONS
from emulator.scenario.grammar.document import strict_schema
from emulator.scenario.grammar.doing import BLOCKS
from emulator.scenario.grammar.options import shape
from emulator.scenario.milestones import HAPPENINGS
from emulator.scenario.reading import durations
from emulator.scenario.reading.shapes import JsonSchema
from emulator.scenario.steps.fault import SURFACES
from emulator.scenario.variation import VARIATIONS
from emulator.webhooks.envelope import EVENT_TYPES as WEBHOOK_TYPES

TEXT = Path(__file__).with_name("page.md")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MANY_WORDS = 6
_FEW_KEYS = 4
"""An enumeration or a mapping of more is told in the text, not in a cell."""


def page() -> str:
    """Markdown, as it stands in the tree. Raises KeyError for a place in the text that nothing fills."""
    places = _places(strict_schema())
    return _PLACE.sub(lambda match: places[match[1]], TEXT.read_text(encoding="utf-8"))


def _places(schema: JsonSchema) -> Mapping[str, str]:
    whole, defs = schema["properties"], schema["$defs"]
    acts = defs["acts"]["properties"]
    expected = {word: kind.argument.json_schema() for word, kind in EXPECTATIONS.items()}
    stage = {word: defs[word] for word in acts if word in defs and word not in ("expect", "do")}
    blocks = {word: acts[word] for word in acts if word not in stage}
    person = _record(whole["participants"]["additionalProperties"])
    included = _record(whole["include"]["anyOf"][0])
    return {
        "document": _keys(schema),
        "room": _keys(whole["room"]),
        "participant": _keys(person),
        "of_participant": _parameters({word: person["properties"][word] for word in ("subscribe", "join")}),
        "variations": _words(VARIATIONS),
        "video": _sources(VIDEO_SOURCES),
        "audio": _sources(AUDIO_SOURCES),
        "behaviours": _table(
            ("behaviour", "options", "what it does"),
            ((f"`{word}`", _options(kind), _cell(kind.summary)) for word, kind in BEHAVIOURS.items()),
        ),
        "entry": _keys(whole["timeline"]["items"]),
        "happenings": ", ".join(f"`.{word}`" for word in HAPPENINGS),
        "when": _keys(whole["timeline"]["items"]["properties"]["when"]),
        "events": _words(sorted(EVENT_TYPES)),
        "webhooks": _words(WEBHOOK_TYPES),
        "acts": _keys({"properties": blocks}),
        "blocks": _parameters({word: blocks[word] for word in BLOCKS}),
        "steps": _steps(defs["step"]),
        "moderation": _steps(defs["moderation"]),
        "stage": _keys({"properties": stage}, "step"),
        "wait_for": _keys(_merged(defs["wait_for"])),
        "impair": _keys(_record(defs["impair"])),
        "impairments": _parameters(_record(defs["impair"])["properties"]),
        "facts": _table(
            ("of", "fact", "what it is"),
            (
                (f"`{name}`", f"`{fact}`", _cell(about))
                for name, surface in SURFACES.items()
                for fact, about in surface.facts.items()
            ),
        ),
        "fault": _faults(defs["fault"]),
        "clock": f"`freeze`, `resume`, or a mapping:\n\n{_keys(_record(defs['clock']))}",
        "expectation": _table(
            ("expectation", "what stands there", "what it means"),
            ((f"`{word}`", _value(shape), _cell(EXPECTATIONS[word].summary)) for word, shape in expected.items()),
        ),
        "of_expectation": _parameters(expected),
        "wanted": _wanted(defs["wanted"]["properties"]),
        "input": _keys(whole["inputs"]["additionalProperties"]),
        "inclusion": _keys(included),
        "finally": _keys(whole["finally"]),
    }


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("|  |", "| |")


def _keys(schema: JsonSchema, head: str = "key") -> str:
    """The keys of a mapping, those that must be there marked."""
    needed = schema.get("required", ())
    return _table(
        (head, "what stands there", "what it means"),
        (
            (f"`{name}`{' (needed)' if name in needed else ''}", _value(inner), _cell(inner.get("description", "")))
            for name, inner in schema["properties"].items()
        ),
    )


def _steps(schema: JsonSchema) -> str:
    _, mapping = schema["anyOf"]
    return f"{_keys(mapping, 'step')}\n\nThe keys of their mappings:\n\n{_parameters(mapping['properties'])}"


def _wanted(words: Mapping[str, JsonSchema]) -> str:
    """One table for each word, with its keys."""
    parts = []
    for word, several in words.items():
        one = several["anyOf"][0]
        parts.append(f"#### `{word}`\n\n{one['description']}\n\n{_keys(_merged(one))}")
    return "\n\n".join(parts)


def _sources(kinds: Mapping[str, Any]) -> str:
    def told(kind: Any) -> str:
        return "yes" if kind.tells else "no"

    return _table(
        ("source", "says whose it is", "options", "what it is"),
        ((f"`{word}`", told(kind), _options(kind), _cell(kind.summary)) for word, kind in kinds.items()),
    )


def _options(kind: Any) -> str:
    return ", ".join(
        f"`{name}`{' (needed)' if name in kind.required else ''}: {_value(shape(option).json_schema())}"
        for name, option in kind.options.items()
    )


def _parameters(words: Mapping[str, JsonSchema]) -> str:
    """What a mapping under each of these words may say."""
    found: list[tuple[str, str, str]] = []
    for word, schema in words.items():
        whole = _merged(schema)
        for name, inner in whole["properties"].items():
            needed = " (needed)" if name in whole.get("required", ()) else ""
            found.append((f"`{word}: {name}`{needed}", _value(inner), _cell(inner.get("description", ""))))
    return _table(("key", "what stands there", "what it means"), found)


def _faults(schema: JsonSchema) -> str:
    """What all kinds have in common, and the kinds of each surface."""
    kinds = [one for one in schema["anyOf"] if "properties" in one]
    common = {
        name: inner for name, inner in kinds[0]["properties"].items() if all(name in k["properties"] for k in kinds)
    }
    surfaces = [next(name for name, inner in kind["properties"].items() if "const" in inner) for kind in kinds]
    whom = {"who": next(kind["properties"]["who"] for kind in kinds if "who" in kind["properties"])}
    rows = []
    for surface, kind in zip(surfaces, kinds, strict=True):
        own = {name: inner for name, inner in kind["properties"].items() if name not in {*common, *whom, surface}}
        keys = ", ".join(
            f"`{name}`{' (needed)' if name in kind['required'] else ''}: {_value(inner)}" for name, inner in own.items()
        )
        rows.append((f"`{surface}: {kind['properties'][surface]['const']}`", keys, _cell(kind["description"])))
    rule = _keys({"properties": {**common, **whom}})
    return f"For every kind:\n\n{rule}\n\nThe kinds:\n\n{_table(('fault', 'keys', 'what it does'), rows)}"


def _record(schema: JsonSchema) -> JsonSchema:
    """The mapping with known keys among what may stand somewhere."""
    if "properties" in schema:
        return schema
    return next(found for one in schema["anyOf"] if (found := _record(one))) if "anyOf" in schema else {}


def _merged(schema: JsonSchema) -> JsonSchema:
    """All keys of the mappings that may stand somewhere; none, if no mapping may."""
    if "properties" in schema:
        return schema
    found: dict[str, JsonSchema] = {}
    needed: list[set[str]] = []
    for one in (one for one in schema.get("anyOf", ()) if "properties" in one):
        found |= {name: inner for name, inner in one["properties"].items() if name not in found}
        needed.append(set(one.get("required", ())))
    return {"properties": found, "required": sorted(set.intersection(*needed)) if needed else []}


def _value(schema: JsonSchema) -> str:
    """What may stand there, in few words."""
    match schema:
        case {"$ref": str(place)}:
            return _OF_DEFS.get(place.rpartition("/")[2], "see [below](#of-the-stage)")
        case {"const": True}:
            return "`true`"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": list(words)}:
            return _enumeration(words)
        case {"properties": dict(known)}:
            return f"a mapping with {_words(known)}" if len(known) <= _FEW_KEYS else "a mapping"
        case {"anyOf": list(several)} | {"oneOf": list(several)}:
            return " or ".join(dict.fromkeys(map(_value, several)))
        case {"type": list()}:
            return "a text or a mapping" if "object" in schema["type"] else "a value"
        case {"title": str(what)}:
            return what
    return _plain(schema)


_OF_DEFS = {
    "do": "what to do",
    "expect": "expectations",
    "video": "a video source",
    "audio": "an audio source",
    "acts": "what to do",
    "step": "steps",
    "moderation": "steps of the moderator",
}


def _plain(schema: JsonSchema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    limits = (
        f", {_number(low)} to {_number(high)}" if low is not None and high is not None and abs(high) < 2**53 else ""
    )
    match schema.get("type"):
        case "string" if schema.get("pattern") == durations.PATTERN:
            return "a duration"
        case "string":
            return "a text"
        case "integer":
            return f"an integer{limits}"
        case "number":
            return f"a number{limits}"
        case "boolean":
            return "true or false"
        case "object":
            return "a mapping"
        case "array":
            return "a list"
    return "anything"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _enumeration(words: list[Any]) -> str:
    if words == [None, True]:
        return "nothing: a bare word"
    return _words(words) if len(words) <= _MANY_WORDS else "a word"


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
