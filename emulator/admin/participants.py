"""Single participants of the emulator's own, over HTTP: they come, act as told, and leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Answer, Operation, data_schema, json_answer, list_schema, object_schema
from emulator.admin.people import People, TooManyPeople, UnknownPerson
from emulator.api.errors import ApiError, BadBody
from emulator.api.tokens import TTL_FIELDS
from emulator.api.validation import Body, read_body, read_optional_body
from emulator.wire import rest

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient

_PATH = "/_emulator/participants"
NOBODY = "00000000-0000-4000-8000-000000000000"
"""Whom a source is made for that is only looked at."""
ACTIONS = ("publish", "unpublish", "update_stream", "subscribe", "unsubscribe", "say", "vanish")

_STRING = {"type": "string"}
_TTL = {"type": "integer", "minimum": 10, "maximum": 3600}
_SOURCE = {"description": 'A source and its options: "test_card", {"source": "tone"}, or null for none.'}
_STREAM = object_schema({"video": _SOURCE, "audio": _SOURCE})
_WISH = closed_schema(
    {
        "room": {**_STRING, "description": "Its id or unique name."},
        "name": {**_STRING, "description": "Also the `username` of the context, if there is none."},
        "context": {"description": "A text, or JSON that is sent as one."},
        "kind": {"enum": ["web", "telephone"]},
        "messages": {"type": "boolean", "description": "Whether it sends and reads messages."},
        "listens": {"type": "boolean", "description": "False: it is not sent the mixed audio; most of a crowd's cost."},
        "token_ttl_secs": {
            **_TTL,
            "description": "How long its client token lasts; if left out, it does not run out.",
        },
        "streams": {"type": "object", "additionalProperties": _STREAM, "description": "What it publishes, by key."},
        "behaviours": {"type": "array", "description": 'Habits: "watch", {"greet": {"text": "Hello"}}, ...'},
    },
    required=["room"],
)
_PERSON = object_schema(
    {
        "id": {**_STRING, "description": "The participant id."},
        "name": _STRING,
        "room_id": _STRING,
        "kind": {"enum": ["web", "telephone"]},
        "status": _STRING,
        "left": {"type": ["string", "null"], "description": "How it ended, if it has."},
        "publishes": list_schema(_STRING),
        "watches": {**list_schema(_STRING), "description": "participant id/stream key"},
        "complaints": {**list_schema(_STRING), "description": "What the emulator did against the protocol."},
    },
    required=["id", "name", "room_id", "kind", "status", "publishes", "watches", "complaints"],
)
_ACTION = closed_schema(
    {
        "key": {**_STRING, "description": "Of a stream; `self` if left out."},
        "video": {"description": "publish: a source; update_stream, subscribe: whether it is on, or wanted."},
        "audio": {"description": "The same."},
        "participant_id": {**_STRING, "description": "subscribe, unsubscribe: whose stream."},
        "text": {**_STRING, "description": "say"},
        "to": {**list_schema(_STRING), "description": "say: to these participant ids; to everyone if left out."},
    }
)


class ParticipantRoutes:
    def __init__(self, access: AccountAccess, people: People) -> None:
        self._access = access
        self._people = people

    def operations(self) -> Sequence[Operation]:
        unknown = {404: "No participant of the emulator's own has this id."}
        person = data_schema(_PERSON)
        return (
            Operation(
                "POST",
                _PATH,
                "Let somebody join a room, publish, and behave.",
                self.add,
                body=_WISH,
                answers=(json_answer(person, status=201, description="It is in the room."),),
                errors={404: "There is no such room.", 409: "It could not come in.", 429: "Too many."},
            ),
            Operation(
                "GET",
                _PATH,
                "The account's participants that are of the emulator's own.",
                self.list_all,
                answers=(json_answer(data_schema(list_schema(_PERSON))),),
            ),
            Operation(
                "GET", f"{_PATH}/{{id}}", "One of them.", self.get, answers=(json_answer(person),), errors=unknown
            ),
            Operation(
                "POST",
                f"{_PATH}/{{id}}/actions/{{action}}",
                f"Let it act: {', '.join(ACTIONS)}.",
                self.act,
                body=_ACTION,
                body_required=False,
                answers=(json_answer(person),),
                errors={404: "No such participant or action.", 409: "It could not be done."},
            ),
            Operation(
                "DELETE", f"{_PATH}/{{id}}", "It leaves politely.", self.remove, answers=(Answer(204),), errors=unknown
            ),
        )

    async def add(self, request: web.Request) -> web.Response:
        from emulator.clients.errors import BehaviourError, ClientError, SourceError
        from emulator.scenario.errors import StageError

        account = self._access.of(request)
        wish = _wish(await read_body(request))
        _check_kinds(wish)
        key = request.headers[hdrs.AUTHORIZATION].partition(" ")[2].strip()
        try:
            client = await self._people.add(account, key, wish)
        except TooManyPeople as error:
            raise ApiError(429, rest.TOO_MANY_REQUESTS, str(error)) from error
        except StageError as error:
            raise ApiError(404, rest.NOT_FOUND, str(error)) from error
        except (SourceError, BehaviourError) as error:
            raise BadBody("", str(error)) from error
        except (ClientError, UnknownPerson) as error:
            raise ApiError(409, rest.BAD_REQUEST, str(error)) from error
        return _answer(_told(client), status=201)

    async def list_all(self, request: web.Request) -> web.Response:
        return _answer([_told(client) for client in self._people.all(self._access.of(request))])

    async def get(self, request: web.Request) -> web.Response:
        return _answer(_told(self._find(request)))

    async def act(self, request: web.Request) -> web.Response:
        from emulator.clients.errors import ClientError, SourceError

        client, action = self._find(request), request.match_info["action"]
        if action not in ACTIONS:
            detail = f"There is no action {action!r:.60}; there are {', '.join(ACTIONS)}."
            raise ApiError(404, rest.NOT_FOUND, detail)
        asked = known_only(await read_optional_body(request) or {}, _ACTION["properties"])
        try:
            await _do(client, action, asked)
        except SourceError as error:
            raise BadBody("", str(error)) from error
        except ClientError as error:
            raise ApiError(409, rest.BAD_REQUEST, str(error)) from error
        return _answer(_told(client))

    async def remove(self, request: web.Request) -> web.Response:
        try:
            await self._people.remove(self._access.of(request), request.match_info["id"])
        except UnknownPerson as error:
            raise ApiError(404, rest.NOT_FOUND, str(error)) from error
        return web.Response(status=204)

    def _find(self, request: web.Request) -> RoomClient:
        try:
            return self._people.get(self._access.of(request), request.match_info["id"])
        except UnknownPerson as error:
            raise ApiError(404, rest.NOT_FOUND, str(error)) from error


async def _do(client: RoomClient, action: str, asked: Mapping[str, Any]) -> None:
    """Raises BadBody, ClientError."""
    key = _text(asked, "key", default="self")
    match action:
        case "publish":
            video, audio = asked.get("video", "test_card"), asked.get("audio", "tone")
            await client.publish(key, video=_source(video, "/video"), audio=_source(audio, "/audio"))
        case "unpublish":
            await client.unpublish(key)
        case "update_stream":
            await client.update_stream(key, video=_flag(asked, "video"), audio=_flag(asked, "audio"))
        case "subscribe":
            video, audio = _flag(asked, "video"), _flag(asked, "audio")
            whose = _text(asked, "participant_id")
            await client.subscribe(whose, key, audio=audio is not False, video=video is not False)
        case "unsubscribe":
            await client.unsubscribe(_text(asked, "participant_id"), key)
        case "say":
            to = asked.get("to", [])
            if not isinstance(to, list) or not all(isinstance(each, str) for each in to):
                raise BadBody("/to", "to: expected a list of participant ids.")
            await client.send_message(_text(asked, "text"), to)
        case "vanish":
            await client.vanish()


def _wish(body: Body) -> Mapping[str, Any]:
    """Raises BadBody for what is no wish; sources and behaviours are checked by their registries."""
    known_only(body, _WISH["properties"])
    _text(body, "room")
    if "name" in body:
        _text(body, "name")
    _flag(body, "messages")
    if body.get("token_ttl_secs") is not None:
        TTL_FIELDS["token_ttl_secs"]("/token_ttl_secs", body["token_ttl_secs"])
    if body.get("kind", "web") not in ("web", "telephone"):
        raise BadBody("/kind", "kind: expected web or telephone.")
    streams = body.get("streams", {})
    if not isinstance(streams, dict):
        raise BadBody("/streams", "streams: expected an object with a stream for each key.")
    for key, media in streams.items():
        if not isinstance(media, dict) or not set(media) <= {"video", "audio"}:
            raise BadBody(f"/streams/{key[:80]}", "expected an object with video, audio or both.")
        for medium, source in media.items():
            _source(source, f"/streams/{key[:80]}/{medium}")
    if not isinstance(body.get("behaviours", []), list):
        raise BadBody("/behaviours", "behaviours: expected a list.")
    for index, habit in enumerate(body.get("behaviours", [])):
        if not _is_habit(habit):
            raise BadBody(f"/behaviours/{index}", "expected a word, or an object with one word and its options.")
    return body


def _check_kinds(wish: Mapping[str, Any]) -> None:
    """Before anybody comes in, since all are told of it: every source and habit is one. Raises BadBody."""
    from emulator.clients.behaviours.registry import make
    from emulator.clients.errors import BehaviourError, SourceError
    from emulator.clients.sources.base import Identity
    from emulator.clients.sources.registry import audio_source, video_source

    for key, media in wish.get("streams", {}).items():
        identity = Identity(NOBODY, "", key, 0)
        for medium, source in (("video", video_source), ("audio", audio_source)):
            try:
                source(media.get(medium), identity)
            except SourceError as error:
                raise BadBody(f"/streams/{key[:80]}/{medium}", str(error)) from error
    for index, habit in enumerate(wish.get("behaviours", ())):
        try:
            make(habit, Random(0))
        except BehaviourError as error:
            raise BadBody(f"/behaviours/{index}", str(error)) from error


def _is_habit(value: Any) -> bool:
    options = value.values() if isinstance(value, dict) else [None]
    return isinstance(value, str) or all(isinstance(each, dict) for each in options)


def _text(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise BadBody(f"/{name}", f"{name}: expected a text that is not empty.")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadBody(f"/{name}", f"{name}: expected true or false.")
    return value


def _source(value: Any, pointer: str) -> Any:
    if value is None or isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("source"), str)):
        return value
    raise BadBody(pointer, 'expected a source such as "test_card", an object with `source` and its options, or null.')


def _told(client: RoomClient) -> dict[str, Any]:
    return {
        "id": client.participant_id,
        "name": client.name,
        "room_id": client.room_id,
        "kind": client.kind,
        "status": client.status,
        "left": client.end_reason,
        "publishes": sorted(client.published),
        "watches": sorted(f"{whose}/{key}" for whose, key in client.subscriptions),
        "complaints": client.faults,
    }


def _answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers={hdrs.CACHE_CONTROL: "no-store"})
