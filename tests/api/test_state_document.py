"""A loaded state document as REST shows it (R-4, R-116, R-117)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.served import OTHER_KEY, Served, new_uuid
from tests.rooms.test_document import FULL, ONE_ID, OTHER

TOKEN = "a literal one"
REFRESH = f"/rooms/{ONE_ID}/actions/refresh_client_token"


@pytest.fixture
async def loaded(api: Served) -> Served:
    api.account.load_state(FULL)
    return api


@pytest.mark.parametrize(
    ("key", "path", "record_type"),
    [
        ("rooms", "/rooms", "room"),
        ("room_sessions", "/room_sessions", "room_session"),
        ("room_participants", "/room_participants", "room_participant"),
        ("room_recordings", "/room_recordings", "room_recording"),
        ("room_compositions", "/room_compositions", "room_composition"),
    ],
)
async def test_every_imported_resource_is_shown_as_it_was_imported(
    loaded: Served, key: str, path: str, record_type: str
) -> None:
    """R-4: several kinds under one id. What is not set is left out."""
    for wanted in FULL[key]:
        shown = (await loaded.get(f"{path}/{wanted['id']}")).data
        assert shown.pop("record_type") == record_type
        if wanted["id"] == OTHER and key == "room_compositions":
            wanted = {**wanted, "video_layout": {"all": {"video_sources": []}}}  # "*": those that there are
        assert shown == wanted
    assert (await loaded.get(path)).meta["total_results"] == 2


async def test_actions_on_an_imported_session_change_its_state(loaded: Served) -> None:
    for action in ("mute", "unmute"):
        path = f"/room_sessions/{ONE_ID}/actions/{action}"
        assert (await loaded.post(path, {"participants": [ONE_ID]})).data == {"result": "ok"}
    assert (await loaded.post(f"/room_sessions/{ONE_ID}/actions/kick", {"participants": "all"})).status == 200
    assert "left_at" in (await loaded.get(f"/room_participants/{ONE_ID}")).data
    assert "active_session_id" not in (await loaded.get(f"/rooms/{ONE_ID}")).data


async def test_imported_recording_without_a_url_gets_none(loaded: Served) -> None:
    loaded.account.load_state({"room_recordings": [{"id": OTHER, "status": "completed"}]})
    assert "download_url" not in (await loaded.get(f"/room_recordings/{OTHER}")).data


async def test_literal_refresh_token_opens_its_room(loaded: Served) -> None:
    """R-117: with the key, without it, under the room's id or the sample application's word."""
    for api, path in ((loaded, REFRESH), (loaded.with_key(None), REFRESH.replace(ONE_ID, "undefined"))):
        answer = await api.post(path, {"refresh_token": TOKEN})
        assert answer.status == 201
        grant = loaded.world.mint.read(answer.data["token"], token_type="access")
        assert (grant.account_id, grant.room_id) == (loaded.account.id, ONE_ID)


@pytest.mark.parametrize("token", [TOKEN[:-1], TOKEN + " ", TOKEN.upper(), ""])
async def test_nearly_a_literal_refresh_token_is_refused(loaded: Served, token: str) -> None:
    """R-68, R-117: strictly equal."""
    assert (await loaded.post(REFRESH, {"refresh_token": token})).refused(403) == "10010"


async def test_literal_refresh_token_opens_no_other_room_and_no_other_account(loaded: Served) -> None:
    """R-68."""
    body = {"refresh_token": TOKEN}
    assert (await loaded.post(REFRESH.replace(ONE_ID, new_uuid()), body)).refused(403)
    assert (await loaded.with_key(OTHER_KEY).post(REFRESH, body)).refused(403)
    await loaded.delete(f"/rooms/{ONE_ID}")
    assert (await loaded.post(REFRESH, body)).refused(403)


async def test_literal_refresh_token_of_two_accounts_needs_the_key(loaded: Served) -> None:
    loaded.world.account(OTHER_KEY).load_state(FULL)
    body = {"refresh_token": TOKEN}
    refused = await loaded.with_key(None).post(REFRESH, body)
    assert refused.refused(403)
    assert "send the API key" in refused.error["detail"]
    for key in (loaded.key, OTHER_KEY):
        answer = await loaded.with_key(key).post(REFRESH, body)
        grant = loaded.world.mint.read(answer.data["token"], token_type="access")
        assert grant.account_id == loaded.world.account(key or "").id


async def test_literal_refresh_token_of_a_room_that_is_not_there_is_refused(loaded: Served) -> None:
    loaded.account.load_state({"refresh_tokens": FULL["refresh_tokens"]})
    answer = await loaded.post(REFRESH, {"refresh_token": TOKEN})
    assert answer.refused(403)
    assert "does not exist" in answer.error["detail"]


async def test_calls_of_the_sdks_tests_pass_when_lenient(serve: Serve) -> None:
    """R-117: exactly these three contradict the document."""
    strict, lenient = await serve(), await serve(lenient=True)
    calls: list[tuple[str, str, Any, int]] = [
        ("GET", "/rooms?page[number]=0&page[size]=0", None, 422),
        ("DELETE", "/room_recordings?page[number]=0&page[size]=0", None, 422),
        ("POST", "/room_compositions", {}, 422),
        ("POST", REFRESH, {"refresh_token": TOKEN}, 201),  # it is state, not leniency
        ("POST", "/rooms", {"max_participants": 1}, 422),
    ]
    for api in (strict, lenient):
        api.account.load_state(FULL)
    for method, path, body, status in calls:
        assert (await strict.request(method, path, body)).status == status
    answers = [(await lenient.request(method, path, body)).status for method, path, body, _ in calls]
    assert answers == [200, 201, 202, 201, 422]
