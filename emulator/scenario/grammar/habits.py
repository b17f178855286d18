"""`behaviours`: what somebody does unasked."""

from __future__ import annotations

import emulator.clients.behaviours  # noqa: F401 - importing the package fills the registry
from emulator.clients.behaviours.registry import BEHAVIOURS, BehaviourKind
from emulator.scenario.cast import Behaviour
from emulator.scenario.grammar.options import shape
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mapping, Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import Field, JsonSchema, Record


class _Behaviour:
    """A word, or `{word: {options}}`."""

    def __init__(self) -> None:
        self._records = {word: self._record(kind) for word, kind in BEHAVIOURS.items()}

    def _record(self, kind: BehaviourKind) -> Record[Behaviour]:
        def build(mark: Mark, **given: object) -> Behaviour:
            return Behaviour(kind.word, given)

        fields = {name: Field(shape(option), name in kind.required) for name, option in kind.options.items()}
        return Record(f"the behaviour {kind.word}", fields, build)

    def read(self, node: Node, issues: Issues) -> Behaviour:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self._known(node, issues).read(Mapping(node.mark, ()), issues)
        if isinstance(node, Mapping) and len(node.entries) == 1:
            ((key, options),) = node.entries
            return self._known(key, issues).read(options, issues)
        expected = "expected a behaviour, or one with its options such as {greet: {text: Hello}}"
        raise issues.misread(node.mark, f"{expected}, got {describe(node)}")

    def _known(self, word: Scalar, issues: Issues) -> Record[Behaviour]:
        if word.text not in self._records:
            raise issues.unknown(Word(word.text, word.mark), "behaviour", self._records)
        return self._records[word.text]

    def json_schema(self) -> JsonSchema:
        bare = [word for word, kind in BEHAVIOURS.items() if not kind.required]
        records = {word: record.json_schema() for word, record in self._records.items()}
        given = {
            "type": "object",
            "properties": records,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"anyOf": [{"enum": bare}, given]}


BEHAVIOUR = _Behaviour()
