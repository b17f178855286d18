"""The names of the 25 operations, as the public API description has them (`operationId`), by method and path."""

from __future__ import annotations

from collections.abc import Mapping

_SESSION = "/room_sessions/{room_session_id}"

OPERATIONS: Mapping[tuple[str, str], str] = {
    ("GET", "/rooms"): "ListRooms",
    ("POST", "/rooms"): "CreateRoom",
    ("GET", "/rooms/{room_id}"): "ViewRoom",
    ("PATCH", "/rooms/{room_id}"): "UpdateRoom",
    ("DELETE", "/rooms/{room_id}"): "DeleteRoom",
    ("POST", "/rooms/{room_id}/actions/generate_join_client_token"): "CreateRoomClientToken",
    ("POST", "/rooms/{room_id}/actions/refresh_client_token"): "RefreshRoomClientToken",
    ("GET", "/rooms/{room_id}/sessions"): "RetrieveListRoomSessions",
    ("GET", "/room_sessions"): "ListRoomSessions",
    ("GET", _SESSION): "ViewRoomSession",
    ("POST", f"{_SESSION}/actions/end"): "EndSession",
    ("POST", f"{_SESSION}/actions/kick"): "KickParticipantInSession",
    ("POST", f"{_SESSION}/actions/mute"): "MuteParticipantInSession",
    ("POST", f"{_SESSION}/actions/unmute"): "UnmuteParticipantInSession",
    ("GET", f"{_SESSION}/participants"): "RetrieveListRoomParticipants",
    ("GET", "/room_participants"): "ListRoomParticipants",
    ("GET", "/room_participants/{room_participant_id}"): "ViewRoomParticipant",
    ("GET", "/room_recordings"): "ListRoomRecordings",
    ("DELETE", "/room_recordings"): "DeleteRoomRecordings",
    ("GET", "/room_recordings/{room_recording_id}"): "ViewRoomRecording",
    ("DELETE", "/room_recordings/{room_recording_id}"): "DeleteRoomRecording",
    ("GET", "/room_compositions"): "ListRoomCompositions",
    ("POST", "/room_compositions"): "CreateRoomComposition",
    ("GET", "/room_compositions/{room_composition_id}"): "ViewRoomComposition",
    ("DELETE", "/room_compositions/{room_composition_id}"): "DeleteRoomComposition",
}
