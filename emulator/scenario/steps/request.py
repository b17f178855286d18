"""`{moderator: {request: {method: POST, path: /rooms, body: {...}, as: other}}}`: any REST call, and the named ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from emulator.scenario.cast import Cast
from emulator.scenario.errors import StepFailed
from emulator.scenario.reading.durations import written
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import SOMEBODY
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Node, Scalar, Word
from emulator.scenario.reading.shapes import Choice, Duration, Field, Integer, Json, JsonSchema, Record, Text
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import MODERATOR_STEPS, Step, step
from emulator.scenario.steps.wait_for import VARIABLE

_AS = Field(VARIABLE, about="what the answer's `data` is called from then on: `${name.id}` and so on")
_ID = Text("an id", longest=200)


async def _call(scene: Scene, method: str, path: str, body: Any, status: int | None, name: str | None) -> None:
    answer = await scene.rest.call(method, path, body, status=status)
    if name is not None:
        scene.remember(name, answer)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    body: Any
    status: int | None
    name: str | None


class _JsonObject:
    """A mapping, as JSON."""

    def read(self, node: Node, issues: Issues) -> dict[str, Any]:
        if not isinstance(node, MappingNode):
            raise issues.misread(node.mark, "expected a mapping, as the API takes it")
        read: dict[str, Any] = Json().read(node, issues)
        return read

    def json_schema(self) -> JsonSchema:
        return {"type": "object"}


def _request(mark: object, method: str, path: Word, **given: Any) -> _Call:
    name = given.get("as")
    return _Call(method, path.text, given.get("body"), given.get("status"), None if name is None else name.text)


REQUEST = Record(
    "a request",
    {
        "method": Field(Choice("method", ("GET", "POST", "PATCH", "PUT", "DELETE")), required=True, about="of HTTP"),
        "path": Field(
            Text("a path such as /rooms", r"/\S*", "it begins with /", 1000),
            required=True,
            about="behind /v2; what begins with /_emulator is the admin API's",
        ),
        "body": Field(Json(), about="sent as JSON"),
        "status": Field(Integer(100, 599), about="what must be answered; if left out, no refusal"),
        "as": _AS,
    },
    _request,
)


@step("request", REQUEST, kinds=MODERATOR_STEPS)
@dataclass(frozen=True, slots=True)
class Request(Step):
    """Any REST call."""

    call: _Call

    def describe(self) -> str:
        wanted = "" if self.call.status is None else f", answered {self.call.status}"
        return f"request {self.call.method} {self.call.path}{wanted}"

    def saves(self) -> tuple[str, ...]:
        return () if self.call.name is None else (self.call.name,)

    async def perform(self, scene: Scene, who: str) -> None:
        call = self.call
        await _call(scene, call.method, call.path, call.body, call.status, call.name)


class _Options:
    """A mapping whose keys `as` and `room` are ours; the others are the API's, which checks them."""

    def __init__(self, about: Mapping[str, Field], *, bare: bool = False) -> None:
        self._fields = about
        self._bare = bare

    def read(self, node: Node, issues: Issues) -> dict[str, Any]:
        if self._bare and isinstance(node, Scalar) and node.value in (None, True):
            return {}
        if not isinstance(node, MappingNode):
            raise issues.misread(node.mark, "expected a mapping, as the API takes it")
        read: dict[str, Any] = {}
        for key, value in node.entries:
            shape = self._fields[key.text].shape if key.text in self._fields else Json()
            found = shape.read(value, issues)
            read[key.text] = found.text if isinstance(found, Word) else found
        return read

    def json_schema(self) -> JsonSchema:
        schema = {
            "type": "object",
            "properties": {name: field.json_schema() for name, field in self._fields.items()},
        }
        return {"anyOf": [schema, {"enum": [None, True]}]} if self._bare else schema


_OWN = Field(_ID, about="the room's id; the scenario's own room if left out")
_LIFE = Duration(positive=True)


@dataclass(frozen=True, slots=True)
class _Named(Step):
    """A call with a word of its own."""

    options: dict[str, Any]

    def saves(self) -> tuple[str, ...]:
        return (self.options["as"],) if "as" in self.options else ()

    def rest(self, *but: str) -> dict[str, Any]:
        """What is the API's own."""
        return {key: value for key, value in self.options.items() if key not in (*but, "as")}

    async def ask(self, scene: Scene, method: str, path: str, body: Any = None) -> None:
        await _call(scene, method, path, body, None, self.options.get("as"))


@step("create_room", _Options({"as": _AS}), kinds=MODERATOR_STEPS)
class CreateRoom(_Named):
    """Another room, with settings as the API takes them."""

    def describe(self) -> str:
        return f"create_room {self.options.get('unique_name', '')}".rstrip()

    async def perform(self, scene: Scene, who: str) -> None:
        await self.ask(scene, "POST", "/rooms", self.rest())


@step("update_room", _Options({"room": _OWN}), kinds=MODERATOR_STEPS)
class UpdateRoom(_Named):
    """Change settings of a room."""

    def describe(self) -> str:
        return f"update_room {', '.join(self.rest('room'))}"

    async def perform(self, scene: Scene, who: str) -> None:
        await self.ask(scene, "PATCH", f"/rooms/{self.options.get('room', scene.room_id)}", self.rest("room"))


@step("delete_room", _Options({"room": _OWN}, bare=True), kinds=MODERATOR_STEPS)
class DeleteRoom(_Named):
    """A room goes, and whoever is in it."""

    def describe(self) -> str:
        return f"delete_room {self.options.get('room', '')}".rstrip()

    async def perform(self, scene: Scene, who: str) -> None:
        await self.ask(scene, "DELETE", f"/rooms/{self.options.get('room', scene.room_id)}")


@step(
    "create_token",
    _Options(
        {
            "room": _OWN,
            "ttl": Field(_LIFE, about="how long the token is good"),
            "refresh_ttl": Field(_LIFE, about="how long its refresh token is"),
            "as": _AS,
        },
        bare=True,
    ),
    kinds=MODERATOR_STEPS,
)
class CreateToken(_Named):
    """A join token, and one to refresh it with."""

    def describe(self) -> str:
        ttl = self.options.get("ttl")
        return "create_token" if ttl is None else f"create_token for {written(ttl)}"

    async def perform(self, scene: Scene, who: str) -> None:
        body = self.rest("room", "ttl", "refresh_ttl")
        for key, field in (("ttl", "token_ttl_secs"), ("refresh_ttl", "refresh_token_ttl_secs")):
            if key in self.options:
                body[field] = round(self.options[key])
        room = self.options.get("room", scene.room_id)
        await self.ask(scene, "POST", f"/rooms/{room}/actions/generate_join_client_token", body)


@step(
    "refresh_token",
    _Options(
        {"room": _OWN, "token": Field(Text("a refresh token", longest=5000), about="the refresh token"), "as": _AS}
    ),
    kinds=MODERATOR_STEPS,
)
class RefreshToken(_Named):
    """A new join token for a refresh token."""

    def describe(self) -> str:
        return "refresh_token"

    async def perform(self, scene: Scene, who: str) -> None:
        body = {**self.rest("room", "token"), "refresh_token": self.options.get("token")}
        room = self.options.get("room", scene.room_id)
        await self.ask(scene, "POST", f"/rooms/{room}/actions/refresh_client_token", body)


def _filters(scene: Scene, options: Mapping[str, Any]) -> str:
    """Of recordings: those of the scenario's room, and of one participant or session of it."""
    found = {"filter[room_id]": scene.room_id}
    if "participant" in options:
        found["filter[participant_id]"] = scene.ids([str(options["participant"])])[0]
    if "session" in options:
        found["filter[session_id]"] = str(options["session"])
    return urlencode(found)


@step(
    "delete_recordings",
    _Options({"participant": Field(SOMEBODY, about="only theirs"), "session": Field(_ID, about="only its")}, bare=True),
    kinds=MODERATOR_STEPS,
)
class DeleteRecordings(_Named):
    """All recordings of the room, or of one participant or session."""

    def describe(self) -> str:
        return f"delete_recordings {' '.join(str(value) for value in self.options.values())}".rstrip()

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        name = self.options.get("participant")
        if name is not None and "${" not in name:
            cast.find(Word(name, self.mark), issues)

    async def perform(self, scene: Scene, who: str) -> None:
        await self.ask(scene, "DELETE", f"/room_recordings?{_filters(scene, self.options)}")


@step("create_composition", _Options({"as": _AS}), kinds=MODERATOR_STEPS)
class CreateComposition(_Named):
    """A film of the session that is going on, unless `session_id` says another; options as the API takes them."""

    def describe(self) -> str:
        return "create_composition"

    async def perform(self, scene: Scene, who: str) -> None:
        body = self.rest()
        if "session_id" not in body:
            session = await scene.rest.active_session(scene.room_id)
            if session is None:
                raise StepFailed("create_composition: no session is going on in the room; say session_id")
            body["session_id"] = session
        await self.ask(scene, "POST", "/room_compositions", body)


@dataclass(frozen=True, slots=True)
class _DeleteOne(Step):
    id: Word

    async def remove(self, scene: Scene, path: str) -> None:
        await scene.rest.call("DELETE", f"{path}/{quote(self.id.text, safe='')}")


@step("delete_recording", Text("the id of a recording"), kinds=MODERATOR_STEPS)
class DeleteRecording(_DeleteOne):
    """One recording, by its id."""

    def describe(self) -> str:
        return f"delete_recording {self.id}"

    async def perform(self, scene: Scene, who: str) -> None:
        await self.remove(scene, "/room_recordings")


@step("delete_composition", Text("the id of a composition"), kinds=MODERATOR_STEPS)
class DeleteComposition(_DeleteOne):
    """One composition, by its id."""

    def describe(self) -> str:
        return f"delete_composition {self.id}"

    async def perform(self, scene: Scene, who: str) -> None:
        await self.remove(scene, "/room_compositions")
