"""Decrypted captures over HTTP: start one, fetch it as a pcapng file, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Answer, Operation, Schema, data_schema, json_answer, list_schema, object_schema
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import Body, read_optional_body
from emulator.conference.captures import (
    DEFAULT_BYTES,
    DEFAULT_SECS,
    MAX_BYTES,
    MAX_SECS,
    Capture,
    Captures,
    TooManyCaptures,
    Wanted,
)
from emulator.wire import rest

_PATH = "/_emulator/pcap"
_PCAPNG = "application/x-pcapng"
MIN_BYTES = 1024

_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_BODY: Schema = closed_schema(
    {
        "room_id": {"type": "string", "description": "Only of this room."},
        "participant_id": {"type": "string", "description": "Only this participant's connections."},
        "max_bytes": {
            "type": "integer",
            "minimum": MIN_BYTES,
            "maximum": MAX_BYTES,
            "description": f"It ends when the file is as long; {DEFAULT_BYTES} if left out.",
        },
        "for_secs": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_SECS,
            "description": f"It ends after so many real seconds; {DEFAULT_SECS:g} if left out.",
        },
    }
)
_CAPTURE_MEMBERS: dict[str, Schema] = {
    "id": {"type": "integer"},
    "room_id": _NULLABLE_TEXT,
    "participant_id": _NULLABLE_TEXT,
    "max_bytes": {"type": "integer"},
    "for_secs": {"type": "number"},
    "packets": {"type": "integer"},
    "bytes": {"type": "integer", "description": "Of the file."},
    "ended": {**_NULLABLE_TEXT, "description": "Why it takes no more packets; null while it does."},
}
_CAPTURE = object_schema(_CAPTURE_MEMBERS, required=list(_CAPTURE_MEMBERS))


class CaptureRoutes:
    def __init__(self, access: AccountAccess, captures: Captures) -> None:
        self._access = access
        self._captures = captures

    def operations(self) -> Sequence[Operation]:
        missing = {404: "No capture has this id (any more)."}
        return (
            Operation(
                "POST",
                _PATH,
                "Keep the decrypted RTP and RTCP of the account's connections, those to come included.",
                self.start,
                body=_BODY,
                body_required=False,
                answers=[json_answer(data_schema(_CAPTURE), status=201)],
                errors={422: "Something in the body is wrong, or there are too many captures."},
            ),
            Operation(
                "GET", _PATH, "The captures.", self.list_all, answers=[json_answer(data_schema(list_schema(_CAPTURE)))]
            ),
            Operation(
                "GET",
                f"{_PATH}/{{id}}",
                "The capture so far, as a pcapng file that Wireshark and tshark read as RTP and RTCP.",
                self.fetch,
                answers=[Answer(content={_PCAPNG: {"type": "string", "format": "binary"}})],
                errors=missing,
            ),
            Operation(
                "POST",
                f"{_PATH}/{{id}}/stop",
                "Take no more packets.",
                self.stop,
                answers=[json_answer(data_schema(_CAPTURE))],
                errors=missing,
            ),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Stop it, and forget its packets.",
                self.delete,
                answers=[Answer(204)],
                errors=missing,
            ),
        )

    async def start(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        wanted = _wanted(await read_optional_body(request) or {})
        try:
            capture = self._captures.start(account.id, wanted)
        except TooManyCaptures as error:
            raise BadBody("", str(error)) from error
        return _answer(_as_json(capture), status=201)

    async def list_all(self, request: web.Request) -> web.Response:
        return _answer([_as_json(capture) for capture in self._captures.of(self._access.of(request).id)])

    async def fetch(self, request: web.Request) -> web.Response:
        capture = self._capture(request)
        headers = {
            "Content-Disposition": f'attachment; filename="rooms-{capture.number}.pcapng"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=capture.file(), content_type=_PCAPNG, headers=headers)

    async def stop(self, request: web.Request) -> web.Response:
        capture = self._capture(request)
        capture.end("stopped")
        return _answer(_as_json(capture))

    async def delete(self, request: web.Request) -> web.Response:
        self._captures.delete(self._capture(request))
        return web.Response(status=204)

    def _capture(self, request: web.Request) -> Capture:
        text = request.match_info["id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        capture = self._captures.get(self._access.of(request).id, number)
        if capture is None:
            raise ApiError(404, rest.NOT_FOUND, f"There is no capture with the id {text[:80]!r}.")
        return capture


def _wanted(body: Body) -> Wanted:
    """Raises BadBody."""
    known_only(body, _BODY["properties"])
    for name in ("room_id", "participant_id"):
        if name in body and not isinstance(body[name], str):
            raise BadBody(f"/{name}", "Expected a string.")
    max_bytes, for_secs = body.get("max_bytes", DEFAULT_BYTES), body.get("for_secs", DEFAULT_SECS)
    if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or not MIN_BYTES <= max_bytes <= MAX_BYTES:
        raise BadBody("/max_bytes", f"Expected an integer from {MIN_BYTES} to {MAX_BYTES}.")
    if not isinstance(for_secs, int | float) or isinstance(for_secs, bool) or not 0 < for_secs <= MAX_SECS:
        raise BadBody("/for_secs", f"Expected a number above 0, up to {MAX_SECS:g}.")
    return Wanted(body.get("room_id"), body.get("participant_id"), max_bytes, for_secs)


def _as_json(capture: Capture) -> dict[str, Any]:
    wanted = capture.wanted
    return {
        "id": capture.number,
        "room_id": wanted.room_id,
        "participant_id": wanted.participant_id,
        "max_bytes": wanted.max_bytes,
        "for_secs": wanted.for_secs,
        "packets": capture.packets,
        "bytes": capture.size,
        "ended": capture.ended,
    }


def _answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers={"Cache-Control": "no-store"})
