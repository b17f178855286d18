"""Who may call: R-13 to R-18."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.rooms import happenings
from tests.api.conftest import Serve
from tests.api.served import KEY, OTHER_KEY, Served, new_uuid

KEYED = [
    ("GET", "/rooms"),
    ("POST", "/rooms"),
    ("GET", "/rooms/{id}"),
    ("PATCH", "/rooms/{id}"),
    ("DELETE", "/rooms/{id}"),
    ("POST", "/rooms/{id}/actions/generate_join_client_token"),
    ("GET", "/rooms/{id}/sessions"),
    ("GET", "/room_sessions"),
    ("GET", "/room_sessions/{id}"),
    ("GET", "/room_sessions/{id}/participants"),
    ("GET", "/room_participants"),
    ("GET", "/room_participants/{id}"),
    ("GET", "/room_recordings"),
    ("DELETE", "/room_recordings"),
    ("GET", "/room_recordings/{id}"),
    ("DELETE", "/room_recordings/{id}"),
    ("GET", "/room_compositions"),
    ("POST", "/room_compositions"),
    ("GET", "/room_compositions/{id}"),
    ("DELETE", "/room_compositions/{id}"),
]
ACTIONS = ["end", "kick", "mute", "unmute"]


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_keyed_operation_without_key_is_401_before_anything_else(api: Served, method: str, path: str) -> None:
    """R-13, R-18: also for an unknown id and a broken body."""
    answer = await api.with_key(None).request(method, path.format(id=new_uuid()), raw=b"{")
    assert answer.refused(401) == "10009"
    assert answer.error["title"] == "Authentication failed"
    assert answer.error["detail"] == (
        "The required authentication headers were either invalid or not included in the request."
    )


@pytest.mark.parametrize(
    "header",
    [
        "Basic a2V5OmtleQ==",
        KEY,
        "Bearer",
        "Bearer ",
        f"Bearer {KEY}  {KEY}",
        f"Bearer {KEY}\t{KEY}",
        "Bearer k\u00e9y",
        f"Token {KEY}",
        "",
    ],
)
async def test_other_schemes_and_broken_headers_are_401(api: Served, header: str) -> None:
    """R-14; also on operations that need no key: one that is there must be good."""
    headers = {"Authorization": header}
    stranger = api.with_key(None)
    assert (await stranger.get("/rooms", headers=headers)).refused(401) == "10009"
    refresh = f"/rooms/{new_uuid()}/actions/refresh_client_token"
    assert (await stranger.post(refresh, {}, headers=headers)).refused(401) == "10009"
    assert (await stranger.post(f"/room_sessions/{new_uuid()}/actions/end", headers=headers)).refused(401) == "10009"


async def test_scheme_is_case_insensitive(api: Served) -> None:
    assert (await api.with_key(None).get("/rooms", headers={"Authorization": f"bEARER {KEY}"})).status == 200


async def test_key_outside_the_configured_set_is_401(serve: Serve) -> None:
    """R-15."""
    api = await serve(keys=(KEY, "second"))
    assert (await api.get("/rooms")).status == 200
    assert (await api.with_key("second").get("/rooms")).status == 200
    assert (await api.with_key(OTHER_KEY).get("/rooms")).refused(401) == "10009"
    assert (await api.with_key(KEY + "x").get("/rooms")).refused(401) == "10009"


async def test_any_key_is_its_own_account_when_none_are_configured(api: Served) -> None:
    room = await api.room()
    assert (await api.with_key(OTHER_KEY).get(f"/rooms/{room['id']}")).status == 404


async def test_a_key_may_have_blanks_inside(serve: Serve) -> None:
    """R-116: the official SDKs' own tests call with "My API Key"."""
    api = await serve(keys=("My API Key",))
    assert (await api.with_key("My API Key").get("/rooms")).status == 200
    assert (await api.with_key("My API").get("/rooms")).refused(401) == "10009"


async def test_refresh_needs_no_key(api: Served) -> None:
    """R-16."""
    room = await api.room()
    tokens = (await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await api.with_key(None).post(f"/rooms/{room['id']}/actions/refresh_client_token", body)).status == 201


@pytest.mark.parametrize("action", ACTIONS)
async def test_session_actions_need_no_key(api: Served, action: str) -> None:
    """R-17: the session says whose it is."""
    participant = api.join((await api.room())["id"])
    path = f"/room_sessions/{participant.session_id}/actions/{action}"
    assert (await api.with_key(None).post(path, {"participants": "all"})).data == {"result": "ok"}


@pytest.mark.parametrize("action", ACTIONS)
async def test_session_actions_need_a_key_when_switched_so(serve: Serve, action: str) -> None:
    api = await serve(require_key_for_actions=True)
    participant = api.join((await api.room())["id"])
    path = f"/room_sessions/{participant.session_id}/actions/{action}"
    assert (await api.with_key(None).post(path, {"participants": "all"})).refused(401) == "10009"
    assert (await api.post(path, {"participants": "all"})).status == 200


@pytest.mark.parametrize("action", ACTIONS)
async def test_session_action_of_another_account_is_404(api: Served, action: str) -> None:
    """A key that is there decides, whoever else has the session."""
    participant = api.join((await api.room())["id"])
    path = f"/room_sessions/{participant.session_id}/actions/{action}"
    assert (await api.with_key(OTHER_KEY).post(path, {"participants": "all"})).refused(404) == "10005"
    assert participant.present


async def test_session_two_accounts_have_asks_for_the_key(api: Served) -> None:
    """Two accounts can hold the same ids (equal seeds); without a key nobody can say which session is meant."""
    session_id, room_id = new_uuid(), new_uuid()
    for key in (KEY, OTHER_KEY):
        account = api.world.account(key)
        events: list[Any] = [
            happenings.RoomCreated(room_id, {}),
            happenings.SessionStarted(room_id, session_id),
        ]
        for event in events:
            account.records.apply(account.log.append(event))
    path = f"/room_sessions/{session_id}/actions/end"
    refused = await api.with_key(None).post(path)
    assert refused.refused(401) == "10009"
    assert "2 accounts" in refused.error["detail"]
    assert "Bearer" in refused.error["detail"]
    assert (await api.post(path)).status == 200
    assert not api.world.account(KEY).session(session_id).active
    assert api.world.account(OTHER_KEY).session(session_id).active


async def test_too_many_accounts_are_refused_without_a_5xx(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.rooms.accounts.MAX_ACCOUNTS", 1)
    assert (await api.get("/rooms")).status == 200
    assert (await api.with_key("one too many").get("/rooms")).status in (401, 403)
    assert (await api.with_key("one-too-many").get("/rooms")).refused(403) == "10010"
