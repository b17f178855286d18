"""`{impair: {who: alice, direction: up, loss: 0.05, jitter: 30ms, for: 4s}}`, `{impair: clear}`"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from emulator.faults import BadFault
from emulator.media.impairments import MEDIA, document
from emulator.media.impairments import describe as described
from emulator.scenario import draws
from emulator.scenario.cast import Cast
from emulator.scenario.errors import StageError
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Word, describe, listing
from emulator.scenario.reading.shapes import Choice, Duration, Integer, JsonSchema, ListOf, read_all
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import STAGE_STEPS, Step, step
from emulator.scenario.steps.parameters import lone_parameter, refused, schema_of, shown, value_of

_WHO = ListOf("participants", PARTICIPANT, or_one=True)
_FOR = Duration(positive=True)
_DIRECTION = Choice("direction", ("up", "down", "both"))
_SEED = Integer(0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class _Network:
    """`documents` are what `/_emulator/impairments` takes, one for each kind, but for whose network it is."""

    who: tuple[Word, ...]
    documents: tuple[dict[str, Any], ...]
    lasting: float | None


class _Impair:
    """Whose network, and one key for each thing that is wrong with it."""

    def read(self, node: Node, issues: Issues) -> _Network | None:
        if isinstance(node, Scalar) and node.value == "clear":
            return None
        if not isinstance(node, Mapping):
            raise issues.misread(node.mark, f"expected {{who: alice, loss: 0.05}} or the like, got {describe(node)}")
        common: dict[str, Any] = {}
        who: tuple[Word, ...] = ()
        lasting: float | None = None
        kinds: list[tuple[Scalar, Node]] = []
        known = ("who", "direction", "for", "seed", *sorted(MEDIA.kinds))
        for key, value in node.entries:
            match key.text:
                case "who":
                    who = _WHO.read(value, issues)
                case "direction":
                    common["direction"] = _DIRECTION.read(value, issues)
                case "for":
                    lasting = common["for_secs"] = _FOR.read(value, issues)
                case "seed":
                    common["seed"] = _SEED.read(value, issues)
                case word if word in MEDIA.kinds:
                    kinds.append((key, value))
                case _:
                    raise issues.unknown(Word(key.text, key.mark), "key", known, where=" in an impairment")
        if not who:
            raise issues.misread(node.mark, 'an impairment needs the key "who"')
        if not kinds:
            raise issues.misread(node.mark, f"an impairment is one or more of {', '.join(sorted(MEDIA.kinds))}")
        found = read_all([partial(self._document, key, value, common, issues) for key, value in kinds])
        return _Network(who, tuple(found), lasting)

    def _document(self, key: Scalar, node: Node, common: dict[str, Any], issues: Issues) -> dict[str, Any]:
        kind = MEDIA.kinds[key.text]
        if isinstance(node, Mapping):
            parameters = {name.text: value_of(name.text, value, issues) for name, value in node.entries}
        elif isinstance(node, Scalar) and node.value is True:
            parameters = {}
        else:
            name = lone_parameter(kind)
            if name is None:
                raise issues.misread(node.mark, f"expected the parameters of {key.text}, got {describe(node)}")
            parameters = {name: value_of(name, node, issues)}
        found = {"kind": key.text, "parameters": parameters, **common}
        try:
            document.read({**found, "participant_id": "somebody"})
        except BadFault as error:
            pointer = error.pointer.removeprefix("/parameters")
            raise refused(
                BadFault(pointer, error.expected, error.got, suggestion=error.suggestion), node, issues
            ) from None
        return found

    def json_schema(self) -> JsonSchema:
        properties: dict[str, JsonSchema] = {
            "who": {**_WHO.json_schema(), "description": "whose network"},
            "direction": {**_DIRECTION.json_schema(), "description": "up: from them to the emulator; both if left out"},
            "for": {**_FOR.json_schema(), "description": "until it is well again; to the end if left out"},
            "seed": {**_SEED.json_schema(), "description": "of its draws; drawn from the scenario's if left out"},
        }
        summaries = {one["kind"]: one["summary"] for one in described()}
        for word, kind in sorted(MEDIA.kinds.items()):
            parameters = schema_of(kind)
            whole: JsonSchema = {
                "type": "object",
                "properties": parameters,
                "required": sorted(kind.required),
                "additionalProperties": False,
            }
            lone = lone_parameter(kind)
            shapes = [whole, *([parameters[lone]] if lone else []), *([] if kind.required else [{"const": True}])]
            properties[word] = {"anyOf": shapes, "description": summaries[word]}
        return {
            "anyOf": [
                {"const": "clear"},
                {"type": "object", "properties": properties, "required": ["who"], "additionalProperties": False},
            ]
        }


@step("impair", _Impair(), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class Impair(Step):
    """Make somebody's network worse; `clear` takes back what the run has set so far.

    What is still set when the run ends is taken back, too.
    """

    real_time: ClassVar[str] = "is about media"
    network: _Network | None

    def describe(self) -> str:
        if self.network is None:
            return "impair clear"
        wrong = listing(f"{one['kind']}{shown(one['parameters'])}" for one in self.network.documents)
        lasting = "" if self.network.lasting is None else f", {written(self.network.lasting)} long"
        direction = self.network.documents[0].get("direction", "both")
        return f"impair {listing(name.text for name in self.network.who)} {direction}: {wrong}{lasting}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        names = () if self.network is None else self.network.who
        read_all(partial(cast.find, name, issues) for name in names if "${" not in name.text)

    async def perform(self, scene: Scene, who: str) -> None:
        """Raises StageError for what the emulator refuses."""
        if self.network is None:
            await scene.take_back("impairments")
            return
        wanted = []
        for participant_id in scene.ids(name.text for name in self.network.who):
            for one in self.network.documents:
                seed = draws.generator(scene.seed, "impair", participant_id, self.describe(), one["kind"]).getrandbits(
                    31
                )
                wanted.append({"seed": seed, **one, "participant_id": participant_id})
        answer = await scene.rest.call("POST", "/_emulator/impairments", {"impairments": wanted})
        if not isinstance(answer, list):
            raise StageError(f"the emulator set the impairments, and did not say which: {answer!r:.200}")
        for one in answer:
            scene.set_up("impairments", str(one["id"]), lasting=None)
