"""The official Python SDK works unmodified (R-1, R-23, R-46, R-48, R-118)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import telnyx

from tests.api.served import Served, new_uuid


async def test_room_life(sdk: telnyx.AsyncTelnyx) -> None:
    created = (
        await sdk.rooms.create(
            unique_name="Standup",
            max_participants=7,
            enable_recording=True,
            webhook_event_url="https://example.com",
            webhook_event_failover_url="https://failover.example.com",
            webhook_timeout_secs=25,
        )
    ).data
    assert created is not None
    assert created.id is not None
    assert (created.unique_name, created.max_participants, created.enable_recording) == ("Standup", 7, True)
    assert (created.record_type, created.active_session_id) == ("room", None)
    assert created.created_at is not None
    assert abs(created.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (await sdk.rooms.retrieve(created.id, include_sessions=True)).data == created.model_copy(
        update={"sessions": []}
    )
    updated = (await sdk.rooms.update(created.id, max_participants=9)).data
    assert updated is not None
    assert (updated.max_participants, updated.unique_name) == (9, "Standup")
    assert await sdk.rooms.delete(created.id) is None  # type: ignore[func-returns-value]  # None is what is tested
    with pytest.raises(telnyx.NotFoundError):
        await sdk.rooms.retrieve(created.id)


async def test_synchronous_client(sync_sdk: telnyx.Telnyx) -> None:
    def work() -> tuple[int | None, list[str | None], str | None]:
        room = sync_sdk.rooms.create(unique_name="sync").data
        assert room is not None
        assert room.id is not None
        token = sync_sdk.rooms.actions.generate_join_client_token(room.id).data
        assert token is not None
        names = [found.unique_name for found in sync_sdk.rooms.list()]
        sync_sdk.rooms.delete(room.id)
        return room.max_participants, names, token.token

    count, names, token = await asyncio.to_thread(work)
    assert (count, names) == (10, ["sync"])
    assert token


async def test_paging_iterator_walks_everything_once(sdk: telnyx.AsyncTelnyx) -> None:
    """R-46."""
    made = [(await sdk.rooms.create()).data for _ in range(7)]
    walked = [room.id async for room in sdk.rooms.list(page_size=3)]
    assert walked == [room.id for room in reversed(made) if room]


async def test_filters(sdk: telnyx.AsyncTelnyx, api: Served) -> None:
    """R-48 to R-51: as the SDK encodes them."""
    for name in ("one", "two words & more"):
        await sdk.rooms.create(unique_name=name)
    today = datetime.now(UTC).date()
    page = await sdk.rooms.list(
        filter={"unique_name": "two words & more", "date_created_at": {"gte": today - timedelta(days=1)}},
        include_sessions=True,
    )
    assert [(room.unique_name, room.sessions) for room in page.data] == [("two words & more", [])]
    tomorrow = str(today + timedelta(days=2))
    assert (await sdk.rooms.list(filter={"date_updated_at": {"gte": tomorrow}})).data == []


async def test_tokens(sdk: telnyx.AsyncTelnyx, base_url: str) -> None:
    """R-61, R-66; the refresh also without a key that means anything."""
    room = (await sdk.rooms.create()).data
    assert room is not None
    assert room.id is not None
    tokens = (
        await sdk.rooms.actions.generate_join_client_token(room.id, token_ttl_secs=60, refresh_token_ttl_secs=120)
    ).data
    assert tokens is not None
    assert tokens.token_expires_at is not None
    assert tokens.refresh_token is not None
    assert tokens.refresh_token_expires_at == tokens.token_expires_at + timedelta(seconds=60)
    fresh = (
        await sdk.rooms.actions.refresh_client_token("undefined", refresh_token=tokens.refresh_token, token_ttl_secs=90)
    ).data
    assert fresh is not None
    assert fresh.token not in (None, tokens.token)
    assert fresh.token_expires_at is not None
    assert fresh.token_expires_at >= tokens.token_expires_at + timedelta(seconds=30)


async def test_sessions_and_participants(sdk: telnyx.AsyncTelnyx, api: Served) -> None:
    room = (await sdk.rooms.create()).data
    assert room is not None
    assert room.id is not None
    api.leave(gone := api.join(room.id, context="gone"))
    here = [api.join(room.id, context=f"p{number}") for number in range(3)]
    session_id = here[0].session_id
    nested = [s.id async for s in sdk.rooms.sessions.list_1(room.id, page_size=1)]
    assert nested == [session_id, gone.session_id]
    active = await sdk.rooms.sessions.list_0(filter={"active": True, "room_id": room.id}, include_participants=True)
    assert [s.id for s in active.data] == [session_id]
    assert {p.id for p in active.data[0].participants or []} == {p.id for p in here}
    session = (await sdk.rooms.sessions.retrieve(session_id, include_participants=True)).data
    assert session is not None
    assert (session.active, session.room_id, session.ended_at) == (True, room.id, None)
    walked = [p.id async for p in sdk.rooms.sessions.retrieve_participants(session_id, page_size=2)]
    assert walked == [p.id for p in reversed(here)]
    found = await sdk.room_participants.list(filter={"context": "p1", "session_id": session_id})
    assert [p.id for p in found.data] == [here[1].id]
    one = (await sdk.room_participants.retrieve(gone.id)).data
    assert one is not None
    assert (one.context, one.session_id) == ("gone", gone.session_id)
    assert one.left_at is not None


async def test_moderation(sdk: telnyx.AsyncTelnyx, api: Served) -> None:
    """R-74 to R-80."""
    room = (await sdk.rooms.create()).data
    assert room is not None
    assert room.id is not None
    first, second, third = (api.join(room.id) for _ in range(3))
    session_id = first.session_id
    actions = sdk.rooms.sessions.actions
    muted = await actions.mute(session_id, participants="all", exclude=[third.id])
    assert muted.data is not None
    assert muted.data.result == "ok"
    assert [p.muted for p in (first, second, third)] == [True, True, False]
    await actions.unmute(session_id, participants=[first.id])
    assert [p.muted for p in (first, second, third)] == [False, True, False]
    await actions.kick(session_id, participants=[first.id])
    assert [p.present for p in (first, second, third)] == [False, True, True]
    await actions.end(session_id)
    assert not second.present
    with pytest.raises(telnyx.UnprocessableEntityError, match="No private_ip for room"):
        await actions.end(session_id)


async def test_recordings_and_compositions(sdk: telnyx.AsyncTelnyx, api: Served) -> None:
    """R-88, R-91 to R-93, R-101."""
    participant = api.join((await api.room())["id"])
    for kind in ("audio", "video"):
        recording = api.account.start_recording(participant.id, "audio" if kind == "audio" else "video", None)
    api.account.complete_recording(recording.id, duration_secs=3, size_mb=0.5, ended_at=api.account.now())
    found = (await sdk.room_recordings.retrieve(recording.id)).data
    assert found is not None
    assert (found.status, found.duration_secs, found.size_mb) == ("completed", 3, 0.5)
    deleted = (await sdk.room_recordings.delete_bulk(filter={"type": "audio"})).data
    assert deleted is not None
    assert deleted.room_recordings == 1
    assert [left.id async for left in sdk.room_recordings.list()] == [recording.id]
    composition = (
        await sdk.room_compositions.create(
            session_id=participant.session_id,
            video_layout={"all": {"width": 640, "height": 360, "video_sources": ["*"]}},
        )
    ).data
    assert composition is not None
    assert composition.id is not None
    assert (composition.status, composition.resolution) == ("enqueued", "1280x720")
    await sdk.room_compositions.delete(composition.id)
    with pytest.raises(telnyx.NotFoundError):
        await sdk.room_compositions.retrieve(composition.id)


async def test_error_classes(sdk: telnyx.AsyncTelnyx, base_url: str) -> None:
    """R-23; nothing of this is retried (R-118)."""
    room = (await sdk.rooms.create(unique_name="taken")).data
    assert room is not None
    assert room.id is not None
    with pytest.raises(telnyx.NotFoundError) as missing:
        await sdk.rooms.retrieve(new_uuid())
    with pytest.raises(telnyx.UnprocessableEntityError) as wrong:
        await sdk.rooms.create(unique_name="taken")
    with pytest.raises(telnyx.PermissionDeniedError) as forbidden:
        await sdk.rooms.actions.refresh_client_token(room.id, refresh_token="garbage")
    async with telnyx.AsyncTelnyx(api_key="unknown", base_url=base_url) as stranger:
        with pytest.raises(telnyx.AuthenticationError) as unknown:
            await stranger.rooms.list()
    assert isinstance(wrong.value.body, dict)
    assert wrong.value.body["errors"][0]["code"] == "10012"
    for refusal in (missing, wrong, forbidden, unknown):
        assert refusal.value.response.request.headers["x-stainless-retry-count"] == "0"
