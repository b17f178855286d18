"""R-1, R-12, R-20: all operations and bodies agree with the vendor's public document."""

from __future__ import annotations

from typing import Any

from emulator.rooms.composition import Composition, CompositionSettings
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from tests.api.public_document import public_document
from tests.api.served import Served, make_app, new_uuid


def test_every_declared_operation_has_a_route_with_and_without_v2() -> None:
    """R-1."""
    app, _ = make_app()
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    declared = public_document().operations()
    assert declared
    assert declared <= served
    assert {(method, "/v2" + path) for method, path in declared} <= served
    undeclared = {path for _, path in served} - {prefix + path for _, path in declared for prefix in ("", "/v2")}
    assert undeclared == {"/_emulator/downloads/{account_id}/{kind}/{record_id}"}, "only what answers point at"


async def test_every_success_body_in_range_validates(api: Served) -> None:
    """R-12: the client of these tests holds each success body against the document; this walks all of them."""
    room = await api.room(unique_name="all of it", webhook_event_url="https://example.com/hook", webhook_timeout_secs=3)
    session_id = api.join(room["id"], context=None).session_id
    gone = api.join(room["id"])
    recording = completed_recording(api, gone)
    api.leave(gone)
    composition = completed_composition(api, session_id)
    layout = {"all": {"width": 640, "height": 360, "video_sources": "*"}}
    tokens = (await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    refresh = {"refresh_token": tokens["refresh_token"]}
    walk: list[tuple[str, str, Any]] = [
        ("GET", "/rooms?include_sessions=true", None),
        ("GET", f"/rooms/{room['id']}?include_sessions=true", None),
        ("PATCH", f"/rooms/{room['id']}", {"max_participants": 3}),
        ("POST", f"/rooms/{room['id']}/actions/refresh_client_token", refresh),
        ("GET", f"/rooms/{room['id']}/sessions?include_participants=true", None),
        ("GET", "/room_sessions?include_participants=true", None),
        ("GET", f"/room_sessions/{session_id}?include_participants=true", None),
        ("GET", f"/room_sessions/{session_id}/participants", None),
        ("GET", "/room_participants", None),
        ("GET", f"/room_participants/{gone.id}", None),
        ("POST", f"/room_sessions/{session_id}/actions/mute", {"participants": "all"}),
        ("POST", f"/room_sessions/{session_id}/actions/unmute", {"participants": "all"}),
        ("POST", f"/room_sessions/{session_id}/actions/kick", {"participants": []}),
        ("POST", f"/room_sessions/{session_id}/actions/end", None),
        ("GET", "/room_sessions", None),
        ("GET", "/room_recordings", None),
        ("GET", f"/room_recordings/{recording.id}", None),
        ("DELETE", f"/room_recordings/{recording.id}", None),
        ("DELETE", "/room_recordings", None),
        ("POST", "/room_compositions", {"session_id": session_id, "video_layout": layout}),
        ("GET", "/room_compositions", None),
        ("GET", f"/room_compositions/{composition.id}", None),
        ("DELETE", f"/room_compositions/{composition.id}", None),
        ("DELETE", f"/rooms/{room['id']}", None),
    ]
    for method, path, body in walk:
        answer = await api.request(method, path, body)
        assert 200 <= answer.status < 300, (method, path, answer.raw)


def completed_recording(api: Served, participant: Participant) -> Recording:
    recording = api.account.start_recording(participant.id, "video", "vp8")
    return api.account.complete_recording(recording.id, duration_secs=3, size_mb=0.5, ended_at=api.account.now())


def completed_composition(api: Served, session_id: str) -> Composition:
    composition = api.account.enqueue_composition(session_id, CompositionSettings(webhook_timeout_secs=3))
    api.account.start_composition(composition.id)
    now = api.account.now()
    return api.account.complete_composition(composition.id, duration_secs=3, size_mb=6, started_at=now, ended_at=now)


async def test_resources_have_no_keys_beside_the_declared_ones(api: Served) -> None:
    room = await api.room(unique_name="known keys", webhook_event_failover_url="http://example.com")
    participant = api.join(room["id"])
    recording = completed_recording(api, participant)
    composition = completed_composition(api, participant.session_id)
    resources = {
        "RoomRecording": (await api.get(f"/room_recordings/{recording.id}")).data,
        "RoomComposition": (await api.get(f"/room_compositions/{composition.id}")).data,
        "Room": (await api.get(f"/rooms/{room['id']}?include_sessions=true")).data,
        "RoomSession": (await api.get(f"/room_sessions/{participant.session_id}?include_participants=true")).data,
        "RoomParticipant": (await api.get(f"/room_participants/{participant.id}")).data,
    }
    for name, resource in resources.items():
        assert set(resource) <= set(public_document().schema(name)["properties"])


async def test_403_404_and_422_have_their_declared_forms(api: Served) -> None:
    """R-20 and section 1.2: 403 and 404 are one bare error, 422 a list of them."""
    forbidden = await api.post("/rooms/undefined/actions/refresh_client_token", {"refresh_token": "x"})
    missing = await api.get(f"/rooms/{new_uuid()}")
    wrong = await api.post("/rooms", {"max_participants": 1})
    document = public_document()
    for answer, status, schema in (
        (forbidden, 403, "video_Error"),
        (missing, 404, "video_Error"),
        (wrong, 422, "video_Errors"),
    ):
        assert answer.status == status
        document.validate(document.schema(schema), answer.body)
