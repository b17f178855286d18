"""Recordings over REST: R-59, R-86, R-88, R-90 (URLs), R-91, R-92."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.rooms.account import Account
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from tests.api.conftest import Serve
from tests.api.served import BASE_URL, Served, new_uuid


def record(api: Served, participant: Participant, *, kind: Any = "audio", secs: int | None = None) -> Recording:
    """A recording as a recorder makes it; completed if `secs` are given."""
    recording = api.account.start_recording(participant.id, kind, "opus" if kind == "audio" else "vp8")
    if secs is not None:
        now = api.account.now()
        api.account.complete_recording(recording.id, duration_secs=secs, size_mb=secs / 4, ended_at=now)
    return recording


async def someone(api: Served) -> Participant:
    return api.join((await api.room(enable_recording=True))["id"])


def path_of(url: str) -> str:
    assert url.startswith(BASE_URL)
    return url.removeprefix(BASE_URL)


async def test_no_recordings_are_made_without_enable_recording(api: Served) -> None:
    """R-86."""
    room = await api.room()
    api.leave(api.join(room["id"]))
    assert (await api.get("/room_recordings")).meta["total_results"] == 0


async def test_recording_goes_from_processing_to_completed_and_has_its_fields_then(api: Served) -> None:
    """R-88; what is not set is left out."""
    api.world.clock.freeze()
    participant = await someone(api)
    recording = record(api, participant)
    running = (await api.get(f"/room_recordings/{recording.id}")).data
    created_at = running.pop("created_at")
    assert running == {
        "id": recording.id,
        "room_id": participant.room_id,
        "session_id": participant.session_id,
        "participant_id": participant.id,
        "type": "audio",
        "status": "processing",
        "codec": "opus",
        "started_at": created_at,
        "updated_at": created_at,
        "record_type": "room_recording",
    }
    api.world.clock.jump(timedelta(seconds=61))
    api.account.complete_recording(recording.id, duration_secs=61, size_mb=0.5, ended_at=api.account.now())
    done = (await api.get(f"/room_recordings/{recording.id}")).data
    assert (done["status"], done["duration_secs"], done["size_mb"]) == ("completed", 61, 0.5)
    assert done["created_at"] == created_at < done["ended_at"] == done["completed_at"] == done["updated_at"]
    assert done["download_url"].startswith(BASE_URL + "/_emulator/downloads/")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3]),
        ("filter[duration_secs]=5", [1, 2]),
        ("filter[duration_secs]=6", [2]),
        ("filter[duration_secs]=-1", [0, 1, 2]),
        ("filter[type]=video", [1, 3]),
        ("filter[type]=hologram", []),
        ("filter[status]=processing", [3]),
        ("filter[status]=completed&filter[type]=audio", [0, 2]),
        ("filter[participant_id]={bob}", [2, 3]),
        ("filter[session_id]={session}", [0, 1]),
        ("filter[room_id]={room}&filter[type]=audio", [0]),
        ("filter[date_started_at][eq]={today}", [0, 1, 2, 3]),
        ("filter[date_started_at][lte]=2000-01-01", []),
        ("filter[date_ended_at][gte]={today}", [0, 1, 2]),
        ("page[size]=3&page[number]=2", [0]),
        ("filter[session_id]=92E7D459-BCC5-4386-9F5F-6DD14A82588D", []),
    ],
)
async def test_filters_and_pages_of_lists_and_of_bulk_deletes_are_the_same(
    api: Served, query: str, found: list[int]
) -> None:
    """R-59 (at least so long), R-91, R-51."""
    api.world.clock.freeze()
    alice, bob = await someone(api), await someone(api)
    made = []
    for person, kind, secs in ((alice, "audio", 4), (alice, "video", 5), (bob, "audio", 6), (bob, "video", None)):
        made.append(record(api, person, kind=kind, secs=secs).id)
        api.world.clock.jump(timedelta(microseconds=1))
    query = query.format(bob=bob.id, session=alice.session_id, room=alice.room_id, today=api.account.now().date())
    listed = await api.get(f"/room_recordings?{query}")
    assert [recording["id"] for recording in listed.data] == [made[number] for number in reversed(found)]
    deleted = await api.delete(f"/room_recordings?{query}")
    assert (deleted.status, deleted.data) == (201, {"room_recordings": len(found)})
    left = {recording["id"] for recording in (await api.get("/room_recordings")).data}
    assert left == {recording_id for number, recording_id in enumerate(made) if number not in found}
    assert (await api.delete(f"/room_recordings?{query}")).data == {"room_recordings": 0}


@pytest.mark.parametrize(
    "name", ["room_id", "session_id", "participant_id", "duration_secs", "date_started_at][gte", "date_ended_at"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_malformed_filter_is_refused_by_its_name_and_nothing_is_deleted(
    api: Served, method: str, name: str
) -> None:
    """R-21, R-52."""
    record(api, await someone(api))
    answer = await api.request(method, f"/room_recordings?filter[{name}]=soon")
    assert answer.refused(422, parameter=f"filter[{name}]") == "10015"
    assert (await api.get("/room_recordings")).meta["total_results"] == 1


async def test_deleted_recording_is_gone(api: Served) -> None:
    """R-92."""
    recording = record(api, await someone(api), secs=1)
    answer = await api.delete(f"/room_recordings/{recording.id}")
    assert (answer.status, answer.raw) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await api.request(method, f"/room_recordings/{recording.id}")).refused(404) == "10005"


@pytest.mark.parametrize("recording_id", ["unknown", new_uuid()])
async def test_unknown_recording_is_404(api: Served, recording_id: str) -> None:
    """R-22."""
    assert (await api.get(f"/room_recordings/{recording_id}")).refused(404) == "10005"


async def test_recordings_of_another_account_are_not_seen(api: Served) -> None:
    recording = record(api, await someone(api))
    other = api.with_key("KEY_of_somebody_else")
    assert (await other.get(f"/room_recordings/{recording.id}")).status == 404
    assert (await other.delete("/room_recordings")).data == {"room_recordings": 0}


async def test_recordings_stay_readable_after_their_room_is_deleted(api: Served) -> None:
    """R-40."""
    participant = await someone(api)
    recording = record(api, participant)
    await api.delete(f"/rooms/{participant.room_id}")
    assert (await api.get(f"/room_recordings/{recording.id}")).data["room_id"] == participant.room_id


# -- downloads --------------------------------------------------------------------------------------------------------


class Files:
    """Where media lie: a file for each completed recording that was asked for so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[tuple[str, str, str]] = []

    def find(self, account: Account, kind: str, record_id: str) -> Path | None:
        self.asked.append((account.id, kind, record_id))
        return self.path


async def test_download_needs_no_key_and_gives_the_file(serve: Serve, tmp_path: Path) -> None:
    """R-90."""
    path = tmp_path / "sound.ogg"
    path.write_bytes(b"OggS and so on")
    files = Files(path)
    api = await serve(find_file=files.find)
    recording = record(api, await someone(api), secs=1)
    url = (await api.get(f"/room_recordings/{recording.id}")).data["download_url"]
    answer = await api.with_key(None).fetch(path_of(url))
    assert (answer.status, answer.raw) == (200, b"OggS and so on")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert files.asked == [(api.account.id, "recording", recording.id)]
    part = await api.with_key(None).fetch(path_of(url), headers={"Range": "bytes=0-3"})
    assert (part.status, part.raw) == (206, b"OggS")


async def test_download_url_expires_after_an_hour_of_the_account_and_is_renewed_by_reading(
    serve: Serve, tmp_path: Path
) -> None:
    """R-90."""
    path = tmp_path / "sound.ogg"
    path.write_bytes(b"sound")
    api = await serve(find_file=Files(path).find)
    recording = record(api, await someone(api), secs=1)
    first = (await api.get(f"/room_recordings/{recording.id}")).data["download_url"]
    api.world.clock.jump(timedelta(minutes=59))
    assert (await api.with_key(None).fetch(path_of(first))).status == 200
    api.world.clock.jump(timedelta(minutes=1))
    expired = await api.with_key(None).fetch(path_of(first))
    assert expired.refused(403) == "10010"
    assert "expired" in expired.error["detail"]
    (listed,) = (await api.get("/room_recordings")).data
    assert listed["download_url"] != first
    assert (await api.with_key(None).fetch(path_of(listed["download_url"]))).status == 200


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("signature=", "signature=0"),
        ("signature=", "signatur="),
        ("expires=", "expires=9"),
        ("/recording/", "/composition/"),
        ("/recording/", "/../../recording/"),
        ("/recording/", "/%2e%2e/"),
        ("&signature=", "%00&signature="),
        ("signature=", "signature=%ff%fe"),
    ],
)
async def test_forged_download_url_is_refused(serve: Serve, tmp_path: Path, written: str, instead: str) -> None:
    """Anything changed; whatever the path says, no file is looked for."""
    files = Files(tmp_path)
    api = await serve(find_file=files.find)
    recording = record(api, await someone(api), secs=1)
    url = path_of((await api.get(f"/room_recordings/{recording.id}")).data["download_url"])
    assert written in url
    answer = await api.with_key(None).fetch(url.replace(written, instead))
    assert answer.refused(404 if "../" in instead else 403)
    assert files.asked == []


async def test_download_of_what_has_no_file_or_is_deleted_is_404(api: Served) -> None:
    recording, other = record(api, await someone(api), secs=1), record(api, await someone(api), secs=1)
    urls = [(await api.get(f"/room_recordings/{each.id}")).data["download_url"] for each in (recording, other)]
    assert (await api.with_key(None).fetch(path_of(urls[0]))).refused(404) == "10005"
    await api.delete(f"/room_recordings/{other.id}")
    assert (await api.with_key(None).fetch(path_of(urls[1]))).refused(404) == "10005"
    api.world.accounts.forget("KEY_of_the_tests")
    assert (await api.with_key(None).fetch(path_of(urls[0]))).refused(404) == "10005"


async def test_file_that_has_vanished_is_404(serve: Serve, tmp_path: Path) -> None:
    api = await serve(find_file=Files(tmp_path / "gone.ogg").find)
    recording = record(api, await someone(api), secs=1)
    url = (await api.get(f"/room_recordings/{recording.id}")).data["download_url"]
    assert (await api.with_key(None).fetch(path_of(url))).refused(404) == "10005"


async def test_recording_that_is_not_completed_has_no_download_url(api: Served) -> None:
    record(api, await someone(api))
    (listed,) = (await api.get("/room_recordings")).data
    assert "download_url" not in listed
