"""Who may use the admin API: hosts, sites, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from emulator.admin.guard import CrossSite, Guard, TokenMissing, WrongHost
from emulator.config import Config
from emulator.server import Emulator
from tests.admin.caller import Caller

TOKEN = "T0ken-of-the-tests"


def check(
    guard: Guard, method: str = "GET", *, token: str | None = None, open_to_all: bool = False, **headers: str
) -> None:
    named = {"Host": "localhost:8900"} | {name.replace("_", "-"): value for name, value in headers.items()}
    guard.check(method, named, token=token, open_to_all=open_to_all)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8900",
        "LOCALHOST:1",
        "localhost.:8900",
        "app.localhost:8900",
        "127.0.0.1:8900",
        "127.8.9.10",
        "[::1]:8900",
        "[0:0:0:0:0:0:0:1]",
        "192.168.1.20:8900",
        "emulator.test:80",
        "Emulator.Test",
    ],
)
def test_names_and_addresses_of_this_emulator_are_let_through(host: str) -> None:
    check(Guard(["192.168.1.20", "emulator.test"]), Host=host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8900",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "192.168.1.21",
        "[::2]:8900",
        "localhost:port",
        "localhost:8900:1",
        "localhost@evil.example",
        "evil.example#localhost",
        "evil.example/localhost",
        "localhost/x",
        "[::1",
        "0.0.0.0",
        "\udcff",
    ],
)
def test_foreign_names_are_refused_whatever_they_resolve_to(host: str) -> None:
    """DNS rebinding."""
    with pytest.raises(WrongHost, match="--allow-host"):
        check(Guard(["192.168.1.20"]), Host=host)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_pages_of_other_sites_change_nothing(method: str) -> None:
    guard = Guard(["192.168.1.20"])
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": "whatever-comes-next"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example:8900"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost/@evil.example"},
    ):
        with pytest.raises(CrossSite, match="another site"):
            check(guard, method, **headers)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_pages_of_this_machine_and_programs_may_change_things(method: str) -> None:
    guard = Guard(["192.168.1.20"])
    check(guard, method)
    for site in ("same-origin", "same-site", "none"):
        check(guard, method, Sec_Fetch_Site=site, Origin="http://localhost:3000")
    for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:1", "http://192.168.1.20:3000"):
        check(guard, method, Origin=origin)


def test_pages_of_other_sites_may_ask_but_not_read() -> None:
    guard = Guard()
    check(guard, "GET", Sec_Fetch_Site="cross-site", Origin="https://evil.example")
    assert guard.shared_with({"Origin": "https://evil.example"}) is None
    assert guard.shared_with({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}) is None
    assert guard.shared_with({}) is None
    assert guard.shared_with({"Origin": "http://localhost:3000"}) == "http://localhost:3000"


def test_token_is_needed_once_there_is_one() -> None:
    guard = Guard(token=TOKEN)
    for given in (None, "", "wrong", TOKEN[:-1], TOKEN + "x", "\udcff"):
        with pytest.raises(TokenMissing, match="x-emulator-token"):
            check(guard, token=given)
        if given is not None:
            with pytest.raises(TokenMissing):
                check(guard, x_emulator_token=given)
    check(guard, token=TOKEN)
    check(guard, x_emulator_token=TOKEN)
    check(guard, open_to_all=True)
    check(guard, "OPTIONS")  # a preflight can carry none
    check(Guard())


# -- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def guarded(http: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with Emulator(Config(port=0, admin_token=TOKEN, allow_hosts=("emulator.test",))) as emulator:
        yield Caller(emulator, http)


PATHS = ["", "info", "openapi.json", "redirect.js", "probe.js", "clock", "events", "unknown"]


@pytest.mark.parametrize("path", PATHS)
async def test_foreign_host_is_misdirected_on_every_path(admin: Caller, path: str) -> None:
    reply = await admin.get(path, headers={"Host": "evil.example:8900"})
    assert "evil.example" in reply.refused(421)
    assert reply.headers["x-emulator-api-version"] == "1"


async def test_cross_site_request_changes_nothing(admin: Caller) -> None:
    before = (await admin.get("clock")).data
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        (await admin.post("clock", {"freeze": True}, headers=headers)).refused(403)
    assert (await admin.get("clock")).data["frozen"] is before["frozen"] is False


async def test_page_of_this_machine_may_call_and_read(admin: Caller) -> None:
    origin = {"Origin": "http://localhost:3000"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = await admin.with_key(None).call("OPTIONS", "clock", headers={**origin, **asked})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"authorization", "content-type", "x-emulator-token"} <= allowed
    reply = await admin.post("clock", {"freeze": True}, headers={**origin, "Sec-Fetch-Site": "same-site"})
    assert reply.data["frozen"] is True
    assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    refused = await admin.post("clock", {}, headers=origin)
    assert refused.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "Origin" in refused.headers["Vary"]


async def test_page_of_another_site_can_not_read(admin: Caller) -> None:
    evil = {"Origin": "https://evil.example"}
    preflight = await admin.with_key(None).call(
        "OPTIONS", "state", headers={**evil, "Access-Control-Request-Method": "GET"}
    )
    assert "Access-Control-Allow-Origin" not in preflight.headers
    for path in ("clock", "events", "openapi.json"):
        assert "Access-Control-Allow-Origin" not in (await admin.get(path, headers=evil)).headers


async def test_token_opens_what_it_guards_and_the_rest_is_open(guarded: Caller) -> None:
    for path in ("", "openapi.json", "clock", "events"):
        assert "x-emulator-token" in (await guarded.get(path)).refused(401)
        (await guarded.get(f"{path}?token=wrong")).refused(401)
        assert (await guarded.get(path, headers={"x-emulator-token": TOKEN})).status == 200
        assert (await guarded.get(f"{path}?token={TOKEN}")).status == 200
    (await guarded.post("clock", {"freeze": True})).refused(401)
    for path in ("info", "redirect.js", "probe.js", "/livez", "/readyz", "/v2/rooms"):
        assert (await guarded.get(path)).status == 200


async def test_allowed_name_is_let_through(guarded: Caller) -> None:
    reply = await guarded.get("redirect.js", headers={"Host": "emulator.test:8900"})
    assert "ws://emulator.test:8900" in reply.raw.decode()


async def test_emulator_beyond_loopback_makes_a_token() -> None:
    """Made without being started: which addresses this machine has is another matter."""
    one, two = Emulator(Config(host="192.0.2.1")), Emulator(Config(host="192.0.2.1"))
    assert one.admin_token
    assert two.admin_token
    assert one.admin_token != two.admin_token
    assert len(one.admin_token) >= 16
    assert Emulator(Config(host="192.0.2.1", admin_token=TOKEN)).admin_token == TOKEN
    assert Emulator(Config()).admin_token is None
