""" "Why does my call hang?": each refusal is told in one line with its rule and its mend."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

import emulator.signaling
from emulator.server import Emulator
from emulator.signaling import rules
from emulator.signaling.problems import MAX_KEPT, MAX_LINES_PER_CONNECTION, MAX_TEXT, Problem
from emulator.signaling.rules import Rule
from tests.signaling.conftest import Clients
from tests.signaling.house import Client, House
from tests.signaling.raw_client import RestRoom, display, stream_display


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


class Scene:
    """A house with one account and one room; problems of the account are read at `latest`."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.account = house.account("key")
        self.room_id = house.new_room(self.account, limit=2)

    def client(self, *, created: bool = True, entered: bool = False) -> Client:
        client = Client(self.house, self.account, self.room_id, str(uuid4()))
        if created or entered:
            client.create()
        if entered:
            register = client.attach("audiobridge")
            assert register is not None
            client.message(register, {"request": "join", "display": display(client.participant_id), "muted": True})
        return client

    @property
    def all(self) -> list[Problem]:
        return self.house.lobby.problems.of(self.account).since(0)

    @property
    def latest(self) -> Problem:
        return self.all[-1]


@pytest.fixture
def scene(house: House) -> Scene:
    return Scene(house)


def test_line_names_participant_room_frame_rule_and_mend(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "emulator.signaling")
    client = scene.client(entered=True)
    handle = client.attach("videoroom")
    assert handle is not None
    reply = client.message(handle, {"request": "join", "ptype": "subscriber", "feed": 62})
    assert caplog.messages == [
        f"refused videoroom join (handle {handle.id}, transaction {reply['transaction']}) of {client.participant_id} "
        f"in room {scene.room_id}: 428 No such feed (62). [S-89] {rules.NO_FEED.mend}"
    ]
    problem = scene.latest
    assert problem.as_json() == {
        "number": 1,
        "at": problem.as_json()["at"],
        "room_id": scene.room_id,
        "connection": client.session.connection,
        "participant_id": client.participant_id,
        "frame": {
            "janus": "message",
            "plugin": "janus.plugin.videoroom",
            "request": "join",
            "transaction": reply["transaction"],
            "handle_id": handle.id,
        },
        "form": "plugin_error",
        "code": 428,
        "reason": "No such feed (62).",
        "rule": "S-89",
        "mend": rules.NO_FEED.mend,
        "line": caplog.messages[0],
    }


def test_expired_token_tells_to_refresh_it(scene: Scene) -> None:
    client = scene.client(entered=True)
    client.token = scene.house.token(scene.account, scene.room_id, expired=True)
    client.request("keepalive")
    problem = scene.latest
    assert (problem.form, problem.code, problem.rule) == ("status_code", 401, rules.TOKEN_EXPIRED)
    assert "updateClientToken" in problem.rule.mend
    assert problem.place.participant_id == client.participant_id


def test_full_room_is_told_with_its_limit(scene: Scene) -> None:
    for _ in range(2):
        scene.client(entered=True)
    scene.client(entered=True)
    assert (scene.latest.code, scene.latest.rule) == (403, rules.ROOM_FULL)
    assert "max_participants is 2" in scene.latest.reason


def test_key_published_twice_names_the_key(scene: Scene) -> None:
    client = scene.client(entered=True)
    for _ in range(2):
        handle = client.attach("videoroom")
        assert handle is not None
        text = stream_display(client.participant_id, str(uuid4()), "self")
        client.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    assert scene.latest.rule is rules.KEY_TWICE
    assert "'self'" in scene.latest.reason


def test_offer_without_a_common_codec_tells_what_to_offer(scene: Scene) -> None:
    client = scene.client(entered=True)
    handle = client.attach("videoroom")
    assert handle is not None
    text = stream_display(client.participant_id, str(uuid4()), "self")
    client.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 99\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n"
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=rtpmap:99 AV1/90000\r\n"
    )
    client.message(handle, {"request": "configure", "display": text}, {"type": "offer", "sdp": sdp})
    assert (scene.latest.form, scene.latest.code, scene.latest.rule) == ("janus_error", 465, rules.CODECS)
    assert "VP8" in scene.latest.rule.mend


def test_requests_out_of_turn_tell_what_comes_first(scene: Scene) -> None:
    client = scene.client()
    mixer, stream = client.attach("audiobridge"), client.attach("videoroom")
    assert mixer is not None
    assert stream is not None
    me = client.participant_id
    client.message(mixer, {"request": "join", "display": stream_display(me, str(uuid4()), "audiobridge")})
    client.message(stream, {"request": "join", "ptype": "publisher", "display": display(me)})
    client.message(mixer, {"request": "configure"})
    assert [problem.rule for problem in scene.all] == [rules.REGISTER_FIRST, rules.REGISTER_FIRST, rules.JOIN_FIRST]


def test_unreadable_frame_is_told_without_its_text(scene: Scene) -> None:
    """It may hold a token."""
    client = scene.client(entered=True)
    client.say('{"client_token": "secret", ')
    client.say('{"client_token": "secret"}')
    assert [problem.rule for problem in scene.all] == [rules.FRAME, rules.ENVELOPE]
    assert "secret" not in str([problem.as_json() for problem in scene.all])


def test_garbage_token_is_told_to_the_account_that_has_the_room(scene: Scene) -> None:
    client = scene.client(created=False)
    client.token = "garbage"
    client.create()
    assert scene.latest.rule is rules.TOKEN_WRONG
    assert scene.latest.place.participant_id is None
    assert scene.house.lobby.problems.unattributed.since(0) == []


def test_token_of_a_deleted_room_is_told_to_the_account_it_names(scene: Scene) -> None:
    client = scene.client(created=False)
    scene.account.delete_room(scene.room_id)
    client.create()
    assert scene.latest.rule is rules.ROOM_UNKNOWN


def test_what_tells_no_account_is_kept_for_all(scene: Scene) -> None:
    session = scene.house.lobby.open("no-such-room", lambda: None)
    session.receive('{"janus":"create","transaction":"t","client_token":"garbage"}')
    (problem,) = scene.house.lobby.problems.unattributed.since(0)
    assert problem.place.room_id == "no-such-room"
    assert scene.all == []
    scene.house.lobby.closed(session, lost=False)


def test_room_that_two_accounts_have_tells_no_account(house: House) -> None:
    """Two accounts with one seed make the same ids."""
    accounts = [house.accounts.add(key, seed=7) for key in ("one", "two")]
    first, second = (house.new_room(account) for account in accounts)
    assert first == second
    session = house.lobby.open(first, lambda: None)
    session.receive("nonsense")
    assert [house.lobby.problems.of(account).since(0) for account in accounts] == [[], []]
    assert len(house.lobby.problems.unattributed.since(0)) == 1
    house.lobby.closed(session, lost=False)


def test_problems_of_one_account_are_not_another_s(house: House) -> None:
    one, two = Scene(house), house.account("another")
    one.client(entered=True).request("dance")
    assert one.latest.rule is rules.REQUEST
    assert house.lobby.problems.of(two).since(0) == []


def test_silent_client_is_told_of_when_it_is_closed(scene: Scene) -> None:
    client = scene.client(entered=True)
    scene.house.loop.now += 61
    scene.house.lobby.sweep(60)
    assert (scene.latest.form, scene.latest.code, scene.latest.rule) == ("closed", 3999, rules.IDLE)
    assert str(scene.latest).startswith(f"closed {client.participant_id} in room")


def test_console_is_not_filled_by_one_connection(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "emulator.signaling")
    client = scene.client(entered=True)
    for _ in range(MAX_LINES_PER_CONNECTION + 10):
        client.request("dance")
    assert len(caplog.messages) == MAX_LINES_PER_CONNECTION + 1
    assert "/_emulator/problems" in caplog.messages[-1]
    assert len(scene.all) == MAX_LINES_PER_CONNECTION + 10


def test_log_of_problems_is_bounded_in_number_and_size(scene: Scene) -> None:
    client = scene.client(entered=True)
    for _ in range(MAX_KEPT + 5):
        client.request("dance\n" + "x" * 5_000)
    kept = scene.house.lobby.problems.of(scene.account)
    assert len(kept.since(0)) == MAX_KEPT
    assert kept.dropped == 5
    assert [problem.number for problem in kept.since(MAX_KEPT)] == list(range(MAX_KEPT + 1, MAX_KEPT + 6))
    assert len(str(scene.latest)) < 4 * MAX_TEXT
    assert "\n" not in str(scene.latest)


def test_problems_end_with_their_account(house: House) -> None:
    scene = Scene(house)
    scene.client(entered=True).request("dance")
    account = scene.account
    assert len(house.lobby.problems._of) == 1
    del scene
    house.accounts.forget("key")
    assert len(house.lobby.problems.of(account).since(0)) == 1  # whoever holds it still can read them
    assert house.account("key") is not account
    assert house.lobby.problems.of(house.account("key")).since(0) == []


def test_every_refusal_of_signaling_carries_a_rule() -> None:
    """S-107: each place that raises names a rule of the catalogue, and each rule there is used."""
    catalogue = {name for name, value in vars(rules).items() if isinstance(value, Rule)}
    for name in catalogue:
        rule = getattr(rules, name)
        assert rule.number.partition("-")[0] in ("S", "R")
        assert rule.mend.endswith(".")
        assert len(rule.mend) < 250
    used: set[str] = set()
    for path in sorted(Path(emulator.signaling.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rules":
                used.add(node.attr)
    inner = {name for name in catalogue if getattr(rules, name) in rules.FRAME_RULES.values()}
    assert catalogue - used - inner == set()


# -- over HTTP --------------------------------------------------------------------------------------------------------


async def _problems(emulator: Emulator, http: aiohttp.ClientSession, query: str = "") -> dict[str, object]:
    async with http.get(f"{emulator.admin_url}/problems{query}") as answer:
        assert answer.status == 200, await answer.text()
        data: dict[str, object] = (await answer.json())["data"]
        return data


async def test_problems_are_read_by_account_and_since_a_number(
    emulator: Emulator, http: aiohttp.ClientSession, client: Clients
) -> None:
    raw = await client(entered=True)
    await raw.request("dance")
    await raw.request("attach", plugin="janus.plugin.nosip")
    found = await _problems(emulator, http)
    assert [problem["rule"] for problem in found["problems"]] == ["S-107", "S-25"]  # type: ignore[attr-defined]
    assert found["last_number"] == 2
    assert found["dropped"] == 0
    later = await _problems(emulator, http, "?since=1")
    assert [problem["number"] for problem in later["problems"]] == [2]  # type: ignore[attr-defined]
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer stranger"}) as other:
        assert (await _problems(emulator, other))["problems"] == []


async def test_refusals_on_the_rest_surface_are_no_problems(
    emulator: Emulator, http: aiohttp.ClientSession, room: RestRoom
) -> None:
    async with http.get(f"{emulator.rest_url}/rooms/{uuid4()}") as answer:
        assert answer.status == 404
    assert (await _problems(emulator, http))["problems"] == []


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 20])
async def test_wrong_since_is_refused(emulator: Emulator, http: aiohttp.ClientSession, since: str) -> None:
    async with http.get(f"{emulator.admin_url}/problems", params={"since": since}) as answer:
        assert 400 <= answer.status < 500
        assert "since" in await answer.text()
