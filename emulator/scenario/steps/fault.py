"""`{fault: {rest: status, status: 503, match: {operation: CreateRoom}, count: 1}}`, `{fault: clear}`"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from emulator.api.faults import REST
from emulator.faults import BadFault, Catalogue, Surface
from emulator.scenario import draws
from emulator.scenario.cast import Cast
from emulator.scenario.errors import StageError
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Word, describe, listing
from emulator.scenario.reading.shapes import Duration, JsonSchema, ListOf, read_all
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import STAGE_STEPS, Step, step
from emulator.scenario.steps.parameters import refused, schema_of, shown, value_of
from emulator.signaling.faults import SIGNALING
from emulator.webhooks.faults import WEBHOOKS

SURFACES: dict[str, Surface[Any]] = {"rest": REST, "signaling": SIGNALING, "webhooks": WEBHOOKS}
_RULE = ("match", "probability", "count", "after", "seed", "id")
_WHO = ListOf("participants", PARTICIPANT, or_one=True)
_FOR = Duration(positive=True)


@dataclass(frozen=True, slots=True)
class _Rule:
    """`document` is what `/_emulator/faults` takes, but for those who are meant."""

    document: dict[str, Any]
    who: tuple[Word, ...]
    lasting: float | None


class _Fault:
    """A surface with the kind of fault there; its parameters and the rest of the rule beside it."""

    def read(self, node: Node, issues: Issues) -> _Rule | None:
        if isinstance(node, Scalar) and node.value == "clear":
            return None
        if not isinstance(node, Mapping):
            raise issues.misread(node.mark, f"expected {{rest: status, status: 503}} or the like, got {describe(node)}")
        named = [(key, value) for key, value in node.entries if key.text in SURFACES]
        if len(named) != 1:
            got = listing([key.text for key, _ in named]) if named else "none of them"
            raise issues.misread(node.mark, f"a fault is of one of {', '.join(SURFACES)}; got {got}")
        (surface, kind) = named[0]
        word = kind.text if isinstance(kind, Scalar) else ""
        kinds = SURFACES[surface.text].kinds
        if word not in kinds:
            raise issues.unknown(Word(word or describe(kind), kind.mark), f"{surface.text} fault", sorted(kinds))
        return self._rule(surface.text, word, node, issues)

    def _rule(self, surface: str, kind: str, node: Mapping, issues: Issues) -> _Rule:
        parameters: dict[str, Any] = {}
        rule: dict[str, Any] = {"surface": surface, "kind": kind, "parameters": parameters}
        who: tuple[Word, ...] = ()
        lasting: float | None = None
        known = (*SURFACES[surface].kinds[kind].shapes, *_RULE, "who", "for")
        for key, value in node.entries:
            if key.text == surface:
                continue
            if key.text not in known:
                raise issues.unknown(Word(key.text, key.mark), "key", known, where=f" in the {surface} fault {kind}")
            if key.text == "who":
                who = _WHO.read(value, issues)
            elif key.text == "for":
                lasting = _FOR.read(value, issues)
            else:
                place = rule if key.text in _RULE else parameters
                place[key.text] = value_of(key.text, value, issues)
        if who and "participant_id" not in SURFACES[surface].facts:
            raise issues.misread(who[0].mark, f"{surface} faults do not know whom they are about; use match")
        try:
            Catalogue(SURFACES.values()).read({**rule, "match": _as_far_as_known(rule.get("match", {}))})
        except BadFault as error:
            flat = error.pointer.replace("/parameters/", "/").replace("/kind", f"/{surface}")
            told = BadFault(flat, error.expected, error.got, suggestion=error.suggestion)
            raise refused(told, node, issues) from None
        return _Rule(rule, who, lasting)

    def json_schema(self) -> JsonSchema:
        rule = {
            "match": {"type": "object", "description": "fact -> glob or list of globs"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "of firing at a match"},
            "count": {"type": "integer", "minimum": 1, "description": "how often at most"},
            "after": {"type": "integer", "minimum": 0, "description": "how many matches are spared first"},
            "seed": {"type": "integer", "description": "of its draws; drawn from the scenario's if left out"},
            "id": {"type": "string", "description": "a name for it"},
            "for": {**_FOR.json_schema(), "description": "until it is taken back"},
        }
        kinds: list[JsonSchema] = [{"const": "clear", "description": "take back all that this run has set"}]
        for surface in SURFACES.values():
            whom = {"who": {**_WHO.json_schema(), "description": "whose connection"}}
            for kind in surface.kinds.values():
                kinds.append(
                    {
                        "type": "object",
                        "description": kind.summary,
                        "properties": {
                            surface.name: {"const": kind.word},
                            **schema_of(kind),
                            **rule,
                            **(whom if "participant_id" in surface.facts else {}),
                        },
                        "required": [surface.name, *sorted(kind.required)],
                        "additionalProperties": False,
                    }
                )
        return {"anyOf": kinds}


def _as_far_as_known(match: Any) -> Any:
    """What is filled in when the step is taken may be anything until then."""
    if not isinstance(match, dict):
        return match
    return {name: "*" if "${" in json.dumps(glob) else glob for name, glob in match.items()}


@step("fault", _Fault(), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class Fault(Step):
    """Make something go wrong on purpose, on any surface; `clear` takes back what the run has set so far.

    What is still set when the run ends is taken back, too.
    """

    real_time: ClassVar[str] = "may hold things back in real time"
    rule: _Rule | None

    def describe(self) -> str:
        if self.rule is None:
            return "fault clear"
        document = self.rule.document
        whom = f" for {listing(name.text for name in self.rule.who)}" if self.rule.who else ""
        lasting = "" if self.rule.lasting is None else f", {written(self.rule.lasting)} long"
        return f"fault {document['surface']} {document['kind']}{shown(document['parameters'])}{whom}{lasting}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        names = () if self.rule is None else self.rule.who
        with suppress(Misread):
            read_all(partial(cast.find, name, issues) for name in names if "${" not in name.text)

    async def perform(self, scene: Scene, who: str) -> None:
        """Raises StageError for what the emulator refuses."""
        if self.rule is None:
            await scene.take_back("faults")
            return
        document = dict(self.rule.document)
        document.setdefault("seed", draws.generator(scene.seed, "fault", self.describe()).getrandbits(31))
        if self.rule.who:
            match = {**document.get("match", {}), "participant_id": scene.ids(name.text for name in self.rule.who)}
            document["match"] = match
        answer = await scene.rest.call("POST", "/_emulator/faults", document)
        rule_id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(rule_id, str):
            raise StageError(f"the emulator set the fault, and did not say what it is called: {answer!r:.200}")
        scene.set_up("faults", rule_id, lasting=self.rule.lasting)
