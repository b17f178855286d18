"""What flows: statistics of an account's connections, feeds, subscriptions and mixed audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import Operation, Parameter, Schema, data_schema, json_answer, list_schema, object_schema
from emulator.rooms.account import Account

_COUNT: Schema = {"type": "integer"}
_TEXT: Schema = {"type": "string"}
_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": "boolean"}


def _count(about: str) -> Schema:
    return {**_COUNT, "description": about}


def _secs(about: str) -> Schema:
    return {"type": "number", "description": about}


def _maybe(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _all(properties: Mapping[str, Schema], description: str) -> Schema:
    """An object of exactly these members."""
    schema = object_schema(properties, required=list(properties), description=description)
    return {**schema, "additionalProperties": False}


_RATE = _count("over the last two seconds")
_CONNECTION = _all(
    {
        "state": {"enum": ["new", "connecting", "connected", "failed", "closed"]},
        "selected_address": {**_NULLABLE_TEXT, "description": "where packets to the other end go; null before ICE"},
        "srtp_profile": _NULLABLE_TEXT,
        "connected_secs": _maybe(_secs("since DTLS was done")),
        "rtp_received": _COUNT,
        "rtp_bytes_received": _COUNT,
        "rtcp_received": _COUNT,
        "rtp_sent": _COUNT,
        "rtp_bytes_sent": _COUNT,
        "rtcp_sent": _COUNT,
        "replayed": _count("packets that SRTP has refused as they had come before (or were too late to tell)"),
        "undecryptable": _count("packets that SRTP has refused for another reason, or could not protect"),
        "unsendable": _count("not sent: the connection was not up, or the kernel's buffer full"),
    },
    "One connection of a participant: packets, and bytes of RTP without encryption.",
)
_RECEIVED: Mapping[str, Schema] = {
    "packets": _COUNT,
    "bytes": _count("of payload"),
    "bits_per_sec": _RATE,
    "lost": _count("as in receiver reports (RFC 3550 A.3)"),
    "jitter_secs": _secs("as in receiver reports (RFC 3550 A.8)"),
    "duplicates": _COUNT,
}
_CODED: Mapping[str, Schema] = {"codec": {**_NULLABLE_TEXT, "description": "null: this kind was not offered"}}
_SENT: Mapping[str, Schema] = {
    "packets": _COUNT,
    "bytes": _count("of payload"),
    "bits_per_sec": _RATE,
    "paused": {**_FLAG, "description": "they have asked for none at the moment"},
    "nacks_received": _count("packets they have asked for again"),
    "resent": _count("those of them that were still kept"),
    "lost": _maybe(_count("as their last receiver report says")),
    "fraction_lost": _maybe(_secs("0 to 1, as their last receiver report says")),
    "jitter_secs": _maybe(_secs("as their last receiver report says")),
    "round_trip_secs": _maybe(_secs("from their last receiver report")),
}
_LAYER = _all(
    {
        "rid": {**_NULLABLE_TEXT, "description": "null without simulcast"},
        "flowing": {**_FLAG, "description": "packets have come lately"},
        "viewers": _count("subscriptions that get it now"),
        **_RECEIVED,
        "frames": _COUNT,
        "keyframes": _COUNT,
        "plis_sent": _COUNT,
    },
    "A layer of a simulcast, the smallest first; without simulcast there is one.",
)
_FEED = _all(
    {
        "participant_id": _TEXT,
        "stream_id": _TEXT,
        "key": _NULLABLE_TEXT,
        "muted": {**_FLAG, "description": "by a moderator"},
        "granted_bits_per_sec": _count("what the publisher may send (REMB)"),
        "subscriptions": _count("who is sent it, hidden observers included"),
        "malformed": _count("packets that could not be read"),
        "connection": _CONNECTION,
        "audio": _all({**_CODED, **_RECEIVED}, "Audio from the publisher."),
        "video": _all(
            {
                **_CODED,
                **_RECEIVED,
                "frames": _COUNT,
                "keyframes": _COUNT,
                "nacks_sent": _count("packets asked for again, repeats included"),
                "abandoned": _count("packets that never came"),
                "plis_sent": _count("keyframes asked for"),
                "layers": list_schema(_LAYER),
            },
            "Video from the publisher. Of a simulcast packets and bytes are of all layers, the rest of the best one.",
        ),
    },
    "What a participant publishes.",
)
_SUBSCRIPTION = _all(
    {
        "participant_id": {**_TEXT, "description": "who watches"},
        "from_participant_id": {**_NULLABLE_TEXT, "description": "whose stream it is; null once that is gone"},
        "stream_id": _TEXT,
        "key": _NULLABLE_TEXT,
        "malformed": _COUNT,
        "connection": _CONNECTION,
        "audio": _all(_SENT, "Audio to the subscriber."),
        "video": _all(
            {
                **_SENT,
                "frames": _COUNT,
                "plis_received": _count("keyframes asked for, by PLI or FIR"),
                "waiting_for_keyframe": _FLAG,
                "layer": _maybe(_count("of a simulcast, 0 being the smallest; null before media flows")),
                "estimate_bits_per_sec": _maybe(_count("what they say that fits through (REMB)")),
            },
            "Video to the subscriber.",
        ),
    },
    "What a participant is sent of a stream.",
)
_MIX = _all(
    {
        "participant_id": _TEXT,
        "muted": {**_FLAG, "description": "by a moderator"},
        "malformed": _COUNT,
        "connection": _CONNECTION,
        "said": _all(
            {
                **_RECEIVED,
                "late": _count("packets that came after their time"),
                "concealed_secs": _secs("of audio made up for what was missing"),
            },
            "What they say into the mix.",
        ),
        "heard": {
            "anyOf": [
                {"type": "null"},
                _all(
                    {
                        "packets": _COUNT,
                        "bytes": _count("of payload"),
                        "bits_per_sec": _RATE,
                        "nacks_received": _COUNT,
                        "resent": _COUNT,
                        "fraction_lost": _maybe(_secs("0 to 1")),
                        "round_trip_secs": _maybe(_secs("from their last receiver report")),
                    },
                    "The mix that they hear.",
                ),
            ]
        },
    },
    "A participant's place at the mixer.",
)
_SESSION = _all(
    {
        "room_id": _TEXT,
        "session_id": _TEXT,
        "feeds": list_schema(_FEED),
        "subscriptions": list_schema(_SUBSCRIPTION),
        "mixes": list_schema(_MIX),
        "mixer": _all(
            {
                "ticks": _count("one every 20 ms"),
                "late": _count("done after the next one was due"),
                "skipped": _count("never done"),
                "worst_secs": _secs("the latest"),
            },
            "The mixer's beat.",
        ),
    },
    "One live session.",
)


class StatsRoutes:
    """`statistics` gives those of an account's live sessions."""

    def __init__(self, access: AccountAccess, statistics: Callable[[Account], list[dict[str, Any]]]) -> None:
        self._access = access
        self._statistics = statistics

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/stats",
                "What flows through the connections of each live session: feeds, subscriptions, mixed audio.",
                self.stats,
                parameters=[
                    Parameter("room_id", "Only this room."),
                    Parameter("participant_id", "Only the connections of this participant."),
                ],
                answers=[json_answer(data_schema(list_schema(_SESSION)))],
            ),
        )

    async def stats(self, request: web.Request) -> web.Response:
        sessions = self._statistics(self._access.of(request))
        room_id = request.query.get("room_id")
        if room_id is not None:
            sessions = [session for session in sessions if session["room_id"] == room_id]
        participant_id = request.query.get("participant_id")
        if participant_id is not None:
            for session in sessions:
                for kind in ("feeds", "subscriptions", "mixes"):
                    session[kind] = [one for one in session[kind] if one["participant_id"] == participant_id]
        return web.json_response({"data": sessions}, headers={"Cache-Control": "no-store"})
