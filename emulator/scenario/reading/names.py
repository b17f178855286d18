"""Names as they may stand in a scenario: participants, stream keys, streams."""

from __future__ import annotations

import re

from emulator.scenario.cast import StreamName
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Node, Word
from emulator.scenario.reading.shapes import JsonSchema, Text

_NAME = r"[^\W_][\w-]*"
_WHO = rf"{_NAME}(\[(0|[1-9]\d?)\])?"
_RULE = "letters, digits, _ and -"

NEW_PARTICIPANT = Text("the name of a participant", _NAME, _RULE, 64)
PARTICIPANT = Text("the name of a participant", _WHO, f"{_RULE}; crowd[0] for one of a crowd", 68)
SOMEBODY = Text("a participant", rf"{_WHO}|\$\{{[^{{}}]+\}}", f'{_RULE}; or "${{name.participant_id}}"', 200)
"""A name of the cast, or a participant id from elsewhere."""
STREAM_KEY = Text("a stream key", _NAME, _RULE, 64)
_STREAM = Text("a stream such as alice/self", rf"{_WHO}(/{_NAME})?", _RULE, 133)


class Stream:
    """`alice/self`, or `alice` when she has one stream only; `crowd[0]/self`; `crowd` for everyone in it."""

    def read(self, node: Node, issues: Issues) -> StreamName:
        word = _STREAM.read(node, issues)
        participant, _, key = word.text.partition("/")
        return StreamName(Word(participant, word.mark), key or None)

    def json_schema(self) -> JsonSchema:
        return _STREAM.json_schema()


STREAM = Stream()
MILESTONE = re.compile(rf"(?P<who>{_WHO})(/(?P<key>{_NAME}))?\.(?P<happening>\w+)(\s*\+\s*(?P<plus>\S+))?")
