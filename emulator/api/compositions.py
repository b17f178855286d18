"""Operations 22 to 25: compositions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from aiohttp import web

from emulator.api import answers
from emulator.api.call import Call
from emulator.api.downloads import Downloads
from emulator.api.rooms import WEBHOOK_FIELDS
from emulator.api.validation import (
    Check,
    anything,
    checked,
    nullable,
    read_body,
    text,
    uuid,
)
from emulator.rooms import queries
from emulator.rooms.account import Account
from emulator.rooms.composition import EVERYTHING, Composition, CompositionSettings, CompositionStatus, Region
from emulator.wire import rest

FIELDS: Mapping[str, Check] = {
    "session_id": nullable(uuid),
    "format": text,
    "resolution": text,
    "video_layout": anything,  # this and what comes next: the domain looks into them
    "audio_sources": anything,
    **WEBHOOK_FIELDS,
}
"""What a body may set (section 2.2). `null` unsets a field that has no other default."""


class Compositions:
    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def list_all(self, call: Call) -> web.Response:
        parameters = call.parameters
        status: CompositionStatus | None = parameters.one_of("filter[status]", get_args(CompositionStatus))
        wanted = queries.CompositionFilter(
            session_id=parameters.uuid("filter[session_id]"),
            status=status,
            created_at=parameters.dates("date_created_at"),
        )
        found = queries.list_compositions(call.account.records, wanted, call.page(parameters))
        return answers.many(found, lambda composition: self._wire(call.account, composition).as_json())

    async def create(self, call: Call) -> web.Response:
        """Accepted, not made yet: 202 and `enqueued` (R-93). Without a session only when lenient (R-97)."""
        body = checked(await read_body(call.request), FIELDS)
        session_id = body.pop("session_id", None)
        composition = call.account.enqueue_composition(
            session_id, CompositionSettings(**body), session_required=not call.lenient
        )
        return answers.one(self._wire(call.account, composition).as_json(), status=202)

    async def get(self, call: Call) -> web.Response:
        composition = call.account.composition(call.path_id("room_composition_id"))
        return answers.one(self._wire(call.account, composition).as_json())

    async def delete(self, call: Call) -> web.Response:
        call.account.delete_composition(call.path_id("room_composition_id"))
        return answers.nothing()

    def _wire(self, account: Account, composition: Composition) -> rest.RoomComposition:
        settings = composition.settings
        return rest.RoomComposition(
            id=composition.id,
            room_id=composition.room_id,
            session_id=composition.session_id,
            user_id=composition.user_id or (account.id if composition.made_here else None),
            status=composition.status,
            format=settings.format,
            resolution=settings.resolution,
            video_layout=_layout(account, composition),
            audio_sources=settings.audio_sources,
            duration_secs=composition.duration_secs,
            size_mb=composition.size_mb,
            download_url=self._downloads.url_of(account, composition),
            created_at=composition.created_at,
            started_at=composition.started_at,
            ended_at=composition.ended_at,
            completed_at=composition.completed_at,
            updated_at=composition.updated_at,
            webhook_event_url=settings.webhook_event_url,
            webhook_event_failover_url=settings.webhook_event_failover_url,
            webhook_timeout_secs=settings.webhook_timeout_secs,
        )


def _layout(account: Account, composition: Composition) -> dict[str, Region] | None:
    """`"*"` is shown as what it means now: the document declares a list of ids, nothing else (R-12, R-100)."""
    layout = composition.settings.video_layout
    if layout is None:
        return None
    return {name: _shown(account, composition.session_id, region) for name, region in layout.items()}


def _shown(account: Account, session_id: str | None, region: Region) -> dict[str, Any]:
    if region.get("video_sources") != EVERYTHING:
        return region
    videos = queries.RecordingFilter(session_id=session_id, kind="video")
    found = queries.all_recordings(account.records, videos) if session_id is not None else []
    return {**region, "video_sources": [recording.id for recording in reversed(found)]}
