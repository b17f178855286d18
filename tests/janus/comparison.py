"""Two conversations beside each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from tests.janus.conversation import Conversation, gist

ABSENT = "(absent)"
PRESENT = "(present)"
ANY = "(any)"
"""In a row: whatever it is."""
HEARD = ("REG", "LST", "text")
"""Where the SDK listens (signaling.md 5). What comes on other handles is compared as a whole: it comes, or not."""


@dataclass(frozen=True, slots=True)
class Difference:
    place: str
    """`A PUB join: plugindata.data.publishers[].talking`: the step or event, then the path in its frame."""
    ours: str
    """JSON."""
    janus: str


@dataclass(frozen=True, slots=True)
class Row:
    """A difference that is allowed. In `place`, `*` stands for anything; alternatives are written `(this|that)`."""

    place: str
    ours: Any
    janus: Any
    why: str
    """The statement or section of the reference that allows it."""

    def covers(self, found: Difference) -> bool:
        return (
            re.fullmatch(_pattern(self.place), found.place) is not None
            and _allows(self.ours, found.ours)
            and _allows(self.janus, found.janus)
        )


def _pattern(place: str) -> str:
    parts = re.split(r"([*()|])", place)
    return "".join({"*": ".*"}.get(part, part) if part in "*()|" else re.escape(part) for part in parts)


def _allows(value: Any, shown: str) -> bool:
    return value in (ANY, shown) if value in (ANY, ABSENT, PRESENT) else _shown(value) == shown


def compare(ours: Conversation, janus: Conversation) -> list[Difference]:
    return list(dict.fromkeys([*_replies(ours, janus), *_events(ours, janus), *_notices(ours, janus)]))


def _replies(ours: Conversation, janus: Conversation) -> Iterator[Difference]:
    left, right = ours.replies(), janus.replies()
    assert left.keys() == right.keys()
    for step in left:
        yield from _deep(f"{step}: ", left[step], right[step])


def _events(ours: Conversation, janus: Conversation) -> Iterator[Difference]:
    left, right = ours.channels(), janus.channels()
    for channel in sorted(left.keys() | right.keys()):
        a, b = left.get(channel, []), right.get(channel, [])
        if channel.partition(".")[2] not in HEARD:
            if bool(a) != bool(b):
                yield Difference(f"events on {channel}", PRESENT if a else ABSENT, PRESENT if b else ABSENT)
            continue
        gists_a, gists_b = [gist(each) for each in a], [gist(each) for each in b]
        for _, a1, a2, b1, b2 in SequenceMatcher(None, gists_a, gists_b, autojunk=False).get_opcodes():
            if gists_a[a1:a2] == gists_b[b1:b2]:
                for one, other in zip(a[a1:a2], b[b1:b2], strict=True):
                    yield from _deep(f"{channel} {gist(one)}: ", one, other)
                continue
            for missing in gists_b[b1:b2]:
                yield Difference(f"{channel} {missing}", ABSENT, PRESENT)
            for more in gists_a[a1:a2]:
                yield Difference(f"{channel} {more}", PRESENT, ABSENT)


def _notices(ours: Conversation, janus: Conversation) -> Iterator[Difference]:
    for kind in sorted(ours.notices.keys() ^ janus.notices.keys()):
        here = kind in ours.notices
        yield Difference(f"frames of the kind {kind}", PRESENT if here else ABSENT, ABSENT if here else PRESENT)


def _deep(path: str, a: Any, b: Any) -> Iterator[Difference]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            dot = "" if path.endswith(": ") else "."
            if key in a and key in b:
                yield from _deep(f"{path}{dot}{key}", a[key], b[key])
            else:
                yield Difference(
                    f"{path}{dot}{key}",
                    _shown(a[key]) if key in a else ABSENT,
                    _shown(b[key]) if key in b else ABSENT,
                )
    elif isinstance(a, list) and isinstance(b, list) and all(isinstance(each, dict) and "id" in each for each in a + b):
        left, right = ({each["id"]: each for each in side} for side in (a, b))
        for number in dict.fromkeys([*left, *right]):  # entries of the same participant or publisher
            if number in left and number in right:
                yield from _deep(f"{path}[]", left[number], right[number])
            else:
                yield Difference(
                    f"{path}[{number}]",
                    PRESENT if number in left else ABSENT,
                    PRESENT if number in right else ABSENT,
                )
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and _has_objects([*a, *b]):
        for one, other in zip(a, b, strict=True):
            yield from _deep(f"{path}[]", one, other)
    elif a != b or type(a) is not type(b):
        yield Difference(path, _shown(a), _shown(b))


def _has_objects(values: Iterable[Any]) -> bool:
    return any(isinstance(value, dict) for value in values)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
