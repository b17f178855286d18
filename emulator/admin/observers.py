"""Hidden observers over HTTP: an offer to receive is answered, and media of a room flows to who made it.

A page does it like this:

    const pc = new RTCPeerConnection();
    pc.addTransceiver("audio", {direction: "recvonly"});
    pc.addTransceiver("video", {direction: "recvonly"});
    await pc.setLocalDescription();
    const {data} = await (await fetch("/_emulator/observers", {method: "POST", headers, body: JSON.stringify({
      room_id, participant_id, key: "self", offer: pc.localDescription.sdp})})).json();
    await pc.setRemoteDescription({type: "answer", sdp: data.answer});
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Answer, Operation, Schema, data_schema, json_answer, list_schema, object_schema
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import Body, read_body
from emulator.conference.conferences import Conferences
from emulator.conference.observers import Observer
from emulator.conference.statistics import written
from emulator.media.transport.errors import MediaError
from emulator.rooms.account import Account
from emulator.wire import rest
from emulator.wire.sdp import SdpError

_PATH = "/_emulator/observers"
_MAX_ID = 200

_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_BODY: Schema = closed_schema(
    {
        "room_id": {"type": "string", "description": "It needs an active session."},
        "participant_id": {"type": "string", "description": "Whose stream; left out: only the mixed audio."},
        "key": {"type": "string", "description": "Of the stream; self if left out."},
        "audio": {
            "enum": ["stream", "mix"],
            "description": "The stream's own sound (if left out) or that of the whole room.",
        },
        "offer": {"type": "string", "description": "An SDP offer to receive audio, video or both."},
    },
    required=["room_id", "offer"],
)
_OBSERVER_MEMBERS: dict[str, Schema] = {
    "id": {"type": "integer"},
    "room_id": {"type": "string"},
    "session_id": {"type": "string"},
    "stream_id": _NULLABLE_TEXT,
    "audio": {"enum": ["stream", "mix"]},
    "state": {"enum": ["new", "connecting", "connected", "failed", "closed"]},
    "selected_address": _NULLABLE_TEXT,
}
_OBSERVER = object_schema(_OBSERVER_MEMBERS, required=list(_OBSERVER_MEMBERS))
_MADE = object_schema(
    {**_OBSERVER_MEMBERS, "answer": {"type": "string", "description": "The SDP answer, with all candidates."}},
    required=[*_OBSERVER_MEMBERS, "answer"],
)


class ObserverRoutes:
    def __init__(self, access: AccountAccess, conferences: Conferences) -> None:
        self._access = access
        self._conferences = conferences

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "POST",
                _PATH,
                "Watch a stream or hear the mix of a room, without anybody there knowing.",
                self.open,
                body=_BODY,
                answers=[json_answer(data_schema(_MADE), status=201, description="It flows once you are connected.")],
                errors={404: "No such room, session, participant or stream at present."},
            ),
            Operation(
                "GET",
                _PATH,
                "Those who observe.",
                self.list_all,
                answers=[json_answer(data_schema(list_schema(_OBSERVER)))],
            ),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "End one of them.",
                self.close,
                answers=[Answer(204)],
                errors={404: "No observer has this id (any more)."},
            ),
        )

    async def open(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = known_only(await read_body(request), _BODY["properties"])
        room_id, offer = _text(body, "room_id", _MAX_ID), _text(body, "offer")
        audio = body.get("audio", "stream" if "participant_id" in body else "mix")
        if audio not in ("stream", "mix"):
            raise BadBody("/audio", "Expected stream or mix.")
        session_id = _session(account, room_id)
        stream_id = None
        if "participant_id" in body:
            stream_id = _stream(account, session_id, body)
        elif "key" in body:
            raise BadBody("/participant_id", "A key is of a participant's stream: say whose.")
        elif audio == "stream":
            raise BadBody("/audio", "Without a participant there is only the mix.")
        try:
            observer, answer = self._conferences.open_observer(
                account, session_id, offer, stream_id, mixed=audio == "mix"
            )
        except (SdpError, MediaError) as error:
            raise BadBody("/offer", str(error)) from error
        told = {**_as_json(account, session_id, observer), "answer": answer}
        return web.json_response({"data": told}, status=201, headers={"Cache-Control": "no-store"})

    async def list_all(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        observers = [_as_json(account, *found) for found in self._conferences.observers(account)]
        return web.json_response({"data": observers}, headers={"Cache-Control": "no-store"})

    async def close(self, request: web.Request) -> web.Response:
        text = request.match_info["id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        if not self._conferences.close_observer(self._access.of(request), number):
            raise ApiError(404, rest.NOT_FOUND, f"There is no observer with the id {text[:80]!r}; it may have ended.")
        return web.Response(status=204)


def _as_json(account: Account, session_id: str, observer: Observer) -> dict[str, Any]:
    address = observer.peer.selected_address
    return {
        "id": observer.number,
        "room_id": account.records.sessions[session_id].room_id,
        "session_id": session_id,
        "stream_id": observer.stream_id,
        "audio": "mix" if observer.mixed else "stream",
        "state": observer.peer.state.value,
        "selected_address": None if address is None else written(address[0], address[1]),
    }


def _text(body: Body, name: str, longest: int | None = None) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadBody(f"/{name}", "Expected a string that is not empty.")
    if longest is not None and len(value) > longest:
        raise BadBody(f"/{name}", f"Expected at most {longest} characters, got {len(value)}.")
    return value


def _session(account: Account, room_id: str) -> str:
    room = account.records.rooms.get(room_id.lower())
    if room is None:
        raise ApiError(404, rest.NOT_FOUND, f"There is no room {room_id!r}.")
    if room.active_session_id is None:
        raise ApiError(404, rest.NOT_FOUND, f"The room {room_id!r} has no active session: nobody is there.")
    return room.active_session_id


def _stream(account: Account, session_id: str, body: Body) -> str:
    participant_id = _text(body, "participant_id", _MAX_ID)
    key = _text(body, "key", _MAX_ID) if "key" in body else "self"
    participant = account.records.participants.get(participant_id)
    if participant is None or participant.session_id != session_id or not participant.present:
        raise ApiError(404, rest.NOT_FOUND, f"There is no participant {participant_id!r} in this room now.")
    for stream in participant.streams.values():
        if stream.key == key:
            return stream.id
    keys = ", ".join(sorted(stream.key for stream in participant.streams.values())) or "nothing"
    raise ApiError(404, rest.NOT_FOUND, f"The participant publishes no stream {key!r}; they publish: {keys}.")
