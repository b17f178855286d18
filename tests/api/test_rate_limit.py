"""R-24: the limit, its headers, and its window."""

from __future__ import annotations

import pytest

from emulator.api import RateLimit
from tests.api.conftest import Serve
from tests.api.served import KEY, OTHER_KEY, Served

HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


class Stopwatch:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_call_above_the_limit_is_429_until_the_window_ends(serve: Serve) -> None:
    """R-24; 429 carries the headers as well."""
    watch = Stopwatch()
    api: Served = await serve(rate_limit=RateLimit(3, 60), monotonic=watch)
    for remaining in ("2", "1", "0"):
        answer = await api.get("/rooms/unknown")
        assert [answer.headers[name] for name in HEADERS] == ["3", remaining, "60"]
        assert answer.status == 404
    watch.now += 20.5
    refused = await api.get("/rooms")
    assert refused.refused(429) == "10011"
    assert [refused.headers[name] for name in HEADERS] == ["3", "0", "40"]
    assert (await api.with_key(OTHER_KEY).get("/rooms")).status == 200
    watch.now += 40
    assert (await api.get("/rooms")).status == 200


async def test_calls_without_a_key_count_for_the_account_they_act_on(serve: Serve) -> None:
    api: Served = await serve(rate_limit=RateLimit(3, 60), monotonic=Stopwatch())
    room = await api.room()
    tokens = (await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {})).data
    session_id = api.join(room["id"]).session_id
    anonymous = api.with_key(None)
    body = {"refresh_token": tokens["refresh_token"]}
    path = "/rooms/undefined/actions/refresh_client_token"
    assert (await anonymous.post(path, body)).headers["x-ratelimit-remaining"] == "0"
    assert (await anonymous.post(path, body)).refused(429) == "10011"
    assert (await anonymous.post(f"/room_sessions/{session_id}/actions/end")).refused(429) == "10011"


async def test_preflights_are_not_counted_and_pages_may_read_a_429(serve: Serve) -> None:
    """R-24."""
    api: Served = await serve(rate_limit=RateLimit(1, 60), monotonic=Stopwatch())
    origin = {"Origin": "https://app.example.com"}
    for _ in range(3):
        asked = {"Access-Control-Request-Method": "GET", **origin}
        assert (await api.with_key(None).request("OPTIONS", "/rooms", headers=asked)).status == 204
    assert (await api.get("/rooms", headers=origin)).status == 200
    refused = await api.get("/rooms", headers=origin)
    assert refused.refused(429) == "10011"
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert refused.headers["Access-Control-Expose-Headers"] == "*"
    assert refused.headers["x-request-id"]


async def test_call_without_a_good_key_is_401_and_counts_for_nobody(serve: Serve) -> None:
    api: Served = await serve(keys=(KEY,), rate_limit=RateLimit(1, 60), monotonic=Stopwatch())
    for _ in range(3):
        answer = await api.with_key("KEY_unknown").get("/rooms")
        assert answer.refused(401) == "10009"
        assert not set(HEADERS) & set(answer.headers)
    assert (await api.get("/rooms")).status == 200


async def test_there_is_no_limit_by_default(api: Served) -> None:
    answer = await api.get("/rooms")
    assert not set(HEADERS) & set(answer.headers)


@pytest.mark.parametrize(("requests", "seconds"), [(0, 1), (1, 0), (-1, 5)])
def test_limit_that_allows_nothing_is_refused(requests: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="at least 1 request"):
        RateLimit(requests, seconds)
