"""Operations 18 to 21: recordings."""

from __future__ import annotations

from aiohttp import web

from emulator.api import answers
from emulator.api.call import Call
from emulator.api.downloads import Downloads
from emulator.api.parameters import Parameters
from emulator.rooms import queries
from emulator.rooms.account import Account
from emulator.rooms.recording import Recording
from emulator.wire import rest


class Recordings:
    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def list_all(self, call: Call) -> web.Response:
        parameters = call.parameters
        found = queries.list_recordings(call.account.records, _filter(parameters), call.page(parameters))
        return answers.many(found, lambda recording: self._wire(call.account, recording).as_json())

    async def delete_all(self, call: Call) -> web.Response:
        """Every match; with a page asked for, only that page (2.1; R-91)."""
        parameters = call.parameters
        wanted, page = _filter(parameters), call.page(parameters)
        records = call.account.records
        if parameters.has_page:
            found = queries.list_recordings(records, wanted, page).items
        else:
            found = queries.all_recordings(records, wanted)
        count = call.account.delete_recordings(recording.id for recording in found)
        return answers.one({"room_recordings": count}, status=201)

    async def get(self, call: Call) -> web.Response:
        recording = call.account.recording(call.path_id("room_recording_id"))
        return answers.one(self._wire(call.account, recording).as_json())

    async def delete(self, call: Call) -> web.Response:
        call.account.delete_recording(call.path_id("room_recording_id"))
        return answers.nothing()

    def _wire(self, account: Account, recording: Recording) -> rest.RoomRecording:
        return rest.RoomRecording(
            id=recording.id,
            room_id=recording.room_id,
            session_id=recording.session_id,
            participant_id=recording.participant_id,
            type=recording.kind,
            status=recording.status,
            codec=recording.codec,
            duration_secs=recording.duration_secs,
            size_mb=recording.size_mb,
            download_url=self._downloads.url_of(account, recording),
            created_at=recording.created_at,
            started_at=recording.started_at,
            ended_at=recording.ended_at,
            completed_at=recording.completed_at,
            updated_at=recording.updated_at,
        )


def _filter(parameters: Parameters) -> queries.RecordingFilter:
    return queries.RecordingFilter(
        room_id=parameters.uuid("filter[room_id]"),
        session_id=parameters.uuid("filter[session_id]"),
        participant_id=parameters.uuid("filter[participant_id]"),
        status=parameters.text("filter[status]"),
        kind=parameters.text("filter[type]"),
        duration_secs=parameters.integer("filter[duration_secs]"),
        started_at=parameters.dates("date_started_at"),
        ended_at=parameters.dates("date_ended_at"),
    )
