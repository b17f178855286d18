"""R-12: no input whatever yields a 5xx, and every refusal is an envelope."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.served import Answer, Served, make_app, new_uuid

FIELDS = [
    "unique_name",
    "max_participants",
    "enable_recording",
    "webhook_event_url",
    "webhook_event_failover_url",
    "webhook_timeout_secs",
    "token_ttl_secs",
    "refresh_token_ttl_secs",
    "refresh_token",
    "participants",
    "exclude",
    "session_id",
    "format",
    "resolution",
    "video_layout",
    "audio_sources",
]
LAYOUT_KEYS = ["a/b", "width", "height", "x_pos", "z_pos", "max_rows", "video_sources"]
PARAMETERS = [
    "page[number]",
    "page[size]",
    "include_sessions",
    "include_participants",
    "filter",
    "filter[]",
    "filter[unique_name]",
    "filter[active]",
    "filter[room_id]",
    "filter[session_id]",
    "filter[context]",
    "filter[participant_id]",
    "filter[status]",
    "filter[type]",
    "filter[duration_secs]",
    *(
        f"filter[date_{field}_at]{operator}"
        for field in ("created", "updated", "started", "ended", "joined", "left")
        for operator in ("", "[]", "[eq]", "[gte]", "[lte]", "[near]")
    ),
]
PREFIXES = ["/", "/rooms/", "/room_sessions/", "/room_participants/", "/room_recordings/", "/v2/room_compositions/"]
# Text with lone surrogates, too: JSON can spell them.
any_text = st.text(st.characters(), max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2, 10, 50, 600, 3600])
    | st.floats(allow_nan=False)
    | any_text
    | st.sampled_from(
        ["all", "*", "mp4", "16x16", "https://example.com", "http://[::1]:8/x", "x://", new_uuid(), "a.b.c"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(any_text | st.sampled_from(LAYOUT_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(FIELDS) | any_text, values, max_size=6) | values
raw_bodies = bodies.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60)
plain_text = st.text(max_size=20)
queries = st.lists(
    st.tuples(
        st.sampled_from(PARAMETERS) | plain_text,
        plain_text | st.sampled_from(["true", "false", "0", "1", "250", "2021-04-25", "9999-12-31", "0001-01-01"]),
    ),
    max_size=5,
)


class Target:
    """One served API for all examples: examples run on a loop of their own, one after the other."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._start())

    async def _start(self) -> None:
        app, world = make_app()
        client: TestClient[Any, Any] = TestClient(TestServer(app))
        await client.start_server()
        self.api = Served(client, world)
        self.room_id = (await self.api.room())["id"]

    def send(self, method: str, path: str, **more: Any) -> Answer:
        room = self.api.account.records.rooms[self.room_id]
        if room.active_session_id is None:
            self.api.join(self.room_id)
        path = path.format(room=self.room_id, session=room.active_session_id)
        return self.loop.run_until_complete(self.api.request(method, path, **more))

    def close(self) -> None:
        self.loop.run_until_complete(self.api.client.close())
        self.loop.close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


def _no_5xx(answer: Answer) -> None:
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.error["code"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/rooms"),
        ("PATCH", "/rooms/{room}"),
        ("POST", "/rooms/{room}/actions/generate_join_client_token"),
        ("POST", "/rooms/{room}/actions/refresh_client_token"),
        ("POST", "/room_sessions/{session}/actions/end"),
        ("POST", "/room_sessions/{session}/actions/kick"),
        ("POST", "/room_sessions/{session}/actions/mute"),
        ("POST", "/room_compositions"),
    ],
)
def test_no_body_yields_a_5xx(target: Target, method: str, path: str) -> None:
    """R-12."""

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(raw=raw_bodies)
    def run(raw: bytes) -> None:
        _no_5xx(target.send(method, path, raw=raw))

    run()


@pytest.mark.parametrize(
    "path",
    [
        "/rooms",
        "/rooms/{room}",
        "/rooms/{room}/sessions",
        "/room_sessions",
        "/room_sessions/{session}",
        "/room_sessions/{session}/participants",
        "/room_participants",
        "/room_recordings",
        "/room_compositions",
    ],
)
def test_no_query_yields_a_5xx(target: Target, path: str) -> None:
    """R-12, R-7."""

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(query=queries)
    def run(query: list[tuple[str, str]]) -> None:
        encoded = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
        _no_5xx(target.send("GET", f"{path}?{encoded}"))

    run()


def test_no_path_yields_a_5xx(target: Target) -> None:
    """R-12, R-22: any id, any path, any method."""
    paths = st.text(max_size=20).map(lambda text: quote(text, safe="/"))

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(
        method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]),
        prefix=st.sampled_from([*PREFIXES, "/_emulator/downloads/", "/_emulator/downloads/a/recording/"]),
        rest=paths,
    )
    def run(method: str, prefix: str, rest: str) -> None:
        _no_5xx(target.send(method, prefix + rest.replace("{", "%7B").replace("}", "%7D")))

    run()


def test_no_key_yields_a_5xx(target: Target) -> None:
    """R-12, R-14."""

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(
        scheme=st.sampled_from(["Bearer ", "bearer\t", "Basic ", ""]),
        key=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=20),
    )
    def run(scheme: str, key: str) -> None:
        _no_5xx(target.send("GET", "/rooms", headers={"Authorization": scheme + key}))

    run()
