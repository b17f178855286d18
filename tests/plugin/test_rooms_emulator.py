"""The two facades, as a test of an app uses them; these tests use the fixtures of the installed plugin themselves."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import telnyx

from conftest_plugin.errors import CallTimeout, RequestRefused
from conftest_plugin.participants import AsyncParticipant, Participant
from conftest_plugin.performance import Scenarios
from conftest_plugin.rooms_emulator import AsyncRoomsEmulator, RoomsEmulator
from conftest_plugin.server import EmulatorServer
from emulator.clients.errors import ClientStateError, Refused
from emulator.clients.events import Disconnected, ParticipantLeft, StreamPublished
from emulator.clients.room_client import RoomClient
from emulator.scenario.errors import ScenarioInvalid

SCENARIO: dict[str, Any] = {
    "version": 1,
    "name": "short",
    "participants": {"alice": {"streams": {"self": {"video": {"source": "test_card"}}}}, "bob": {"subscribe": "all"}},
    "timeline": [
        {"at": "0s", "do": [{"alice": "join"}, {"bob": "join"}]},
        {"after": "bob.joined", "do": {"alice": {"publish": "self"}}},
        {"after": "alice.published", "expect": {"bob": {"sees": "alice/self"}}},
    ],
}


@pytest.mark.rooms(scenario=SCENARIO)
def test_a_room_may_be_called_by_its_name(rooms_emulator: RoomsEmulator, rooms_scenario: Scenarios) -> None:
    stage = rooms_scenario.stage
    carol = rooms_emulator.participant("short", "carol", subscribe="all")
    assert carol.room_id == stage.room.id
    dave = rooms_emulator.participant("short", "dave", token=rooms_emulator.token("short"))
    assert dave.room_id == stage.room.id
    for call in (lambda: rooms_emulator.participant("shrot", "erin"), lambda: rooms_emulator.token("shrot")):
        with pytest.raises(LookupError, match="no room of this account has the unique_name 'shrot'"):
            call()


# -- blocking ---------------------------------------------------------------------------------------------------------


def test_one_sees_and_hears_the_other_and_not_oneself(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice = rooms_emulator.participant(room, "alice", publish="self")
    bob = rooms_emulator.participant(room, "bob", publish=True, subscribe="all")
    assert bob.sees(alice).reading is not None
    assert bob.hears(alice) < 0
    assert bob.hears(alice, through=bob.subscription(alice)) < 0
    bob.hears_not(bob, for_seconds=0.3)
    assert bob.frame_rate(alice, at_least=5, over=0.5) >= 5
    assert bob.frames(alice)
    assert bob.statistics(alice).frames_decoded > 0
    assert bob.audio(0.1).size


def test_everybody_has_a_tone_of_their_own(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    tones = [rooms_emulator.participant(room, name).tone for name in ("alice", "bob", "carol")]
    assert len(set(tones)) == 3
    assert rooms_emulator.participant(room, "dave", tone=40).tone == 40


def test_camera_off_is_black_and_unpublishing_ends_the_stream(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice = rooms_emulator.participant(room, "alice", publish="self")
    bob = rooms_emulator.participant(room, "bob")
    bob.subscribe(alice, within=1)
    bob.sees(alice)
    alice.update_stream(video=False)
    bob.sees_black(alice)
    bob.sees_not(alice, for_seconds=0.2)
    alice.unpublish()
    bob.frozen(alice, for_seconds=0.2, within=1)
    assert (alice.participant_id, "self") not in bob.streams


def test_watching_all_takes_in_streams_before_and_after_the_join(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    early = rooms_emulator.participant(room, "early", publish="self")
    bob = rooms_emulator.participant(room, "bob", subscribe="all")
    assert set(bob.subscriptions) == {(early.participant_id, "self")}
    late = rooms_emulator.participant(room, "late", publish="presentation", audio=None)
    bob.sees(late, "presentation")
    early.unpublish()
    early.publish()
    bob.sees(early)


def test_leaving_and_vanishing_are_noticed(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice, bob, carol = (rooms_emulator.participant(room, name) for name in ("alice", "bob", "carol"))
    alice.leave()
    bob.vanish()
    for gone in (alice, bob):
        carol.wait_for(ParticipantLeft, {"participant_id": gone.participant_id})
    assert list(carol.participants) == [carol.participant_id]
    assert alice.wait_disconnected().code == 1000
    assert alice.status == "disconnected"


def test_state_is_looked_up_in_the_thread_of_the_emulator(rooms_emulator: RoomsEmulator) -> None:
    alice = rooms_emulator.participant(rooms_emulator.create_room(), "alice", context="hello")
    mark = alice.mark
    assert alice.status == "connected"
    assert alice.disconnected is None
    assert alice.participants[alice.participant_id].context == "hello"
    assert alice.published == {} == alice.subscriptions
    alice.publish()
    assert list(alice.published) == ["self"]
    assert alice.wait_for(StreamPublished, after=mark).key == "self"
    assert StreamPublished(alice.participant_id, "self") in alice.events
    assert alice.faults == []
    assert "alice" in repr(alice)


def test_failed_expectation_is_an_assertion_of_the_test(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice, bob = (rooms_emulator.participant(room, name) for name in ("alice", "bob"))
    with pytest.raises(
        AssertionError, match=r"expected bob to see the card of alice/self; bob subscribes to nothing"
    ) as failed:
        bob.sees(alice, within=0.1)
    assert {entry.path for entry in failed.traceback.filter(failed)} == {Path(__file__)}
    with pytest.raises(AssertionError, match="notice Disconnected"):
        bob.wait_for(Disconnected, timeout=0.1)


def test_who_subscribes_to_nothing_need_not_wait_to_see_nothing(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    alice = rooms_emulator.participant(room, "alice", publish="self")
    bob, carol = (rooms_emulator.participant(room, "bob"), rooms_emulator.participant(room, "carol", subscribe="all"))
    for who, reason in {
        "alice": 'bob subscribes to nothing; subscribe="all" at the join',
        "alic": r"nobody in the room is called 'alic' \(there (is|are) alice",
        "bob": "bob is not sent streams of bob's own",
    }.items():
        with pytest.raises(AssertionError, match=f"; {reason}"):
            bob.sees(who, within=3600)
    bob.subscribe(alice)
    bob.sees("alice")
    carol.sees("alice")
    carol.hears("alice")
    with pytest.raises(
        AssertionError, match=r"for 0\.5 s from the call on; but at \S+ s came card of alice/self, frame"
    ):
        carol.sees_not(alice, for_seconds=0.5)
    with pytest.raises(AssertionError) as failed:
        bob.hears(carol, within=0.5)
    assert "\nclosest: alice (tone 0) could be heard\n" in str(failed.value)
    alice.update_stream(audio=False)
    with pytest.raises(AssertionError) as failed:
        bob.hears(alice, within=1)
    assert str(failed.value).startswith("expected bob to hear alice (tone 0) within 1 s\nclosest: silence\nwhat was")


def test_true_and_false_are_sources_as_in_scenarios(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    bob = rooms_emulator.participant(room, "bob", subscribe="all")
    rooms_emulator.participant(room, "alice", publish={"self": {"video": True, "audio": False}})
    bob.sees("alice")
    stream = bob.streams[next(place for place in bob.streams)]
    assert (stream.video_enabled, stream.audio_enabled) == (True, False)


def test_somebody_is_waited_for_by_name_who_has_not_joined_yet(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    bob = rooms_emulator.participant(room, "bob", subscribe="all")
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(bob.sees, "alice", within=30)
        rooms_emulator.participant(room, "alice", publish="self")
        assert seen.result().reading is not None


def test_errors_of_clients_come_back_as_themselves(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room(max_participants=2)
    alice = rooms_emulator.participant(room, "alice")
    with pytest.raises(ClientStateError):
        alice.unpublish("nothing")
    with pytest.raises(Refused) as refused:
        rooms_emulator.participant(room, "bob", token="no token")
    assert refused.value.status_code == 401
    rooms_emulator.participant(room, "bob")
    with pytest.raises(Refused) as refused:
        rooms_emulator.participant(room, "carol")
    assert refused.value.status_code == 403


def test_wrong_arguments_are_named_at_once(rooms_emulator: RoomsEmulator) -> None:
    alice = rooms_emulator.participant(rooms_emulator.create_room(), "alice")
    with pytest.raises(TypeError, match=r"sees\(\).*withn"):
        alice.sees(alice, withn=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="expected a room, its id or its unique name, got 3"):
        rooms_emulator.token(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='expected "all" or None'):
        rooms_emulator.participant("room", "bob", subscribe="al")  # type: ignore[arg-type]


def test_refused_request_tells_status_and_field(rooms_emulator: RoomsEmulator) -> None:
    with pytest.raises(RequestRefused, match="max_participants") as refused:
        rooms_emulator.create_room(max_participants=-1)
    assert refused.value.status == 422
    assert refused.value.body["errors"][0]["source"] == {"pointer": "/max_participants"}
    with pytest.raises(RequestRefused, match="404"):
        rooms_emulator.token("00000000-0000-4000-8000-000000000000")


def test_rooms_have_the_fields_asked_for(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room(unique_name="lunch", max_participants=7, webhook_timeout_secs=3)
    assert (room.unique_name, room.max_participants, room.enable_recording) == ("lunch", 7, False)
    assert room.data["webhook_timeout_secs"] == 3


def test_vendors_sdk_finds_its_way_and_its_rooms_are_taken(
    rooms_emulator: RoomsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in rooms_emulator.env.items():
        monkeypatch.setenv(name, value)
    with telnyx.Telnyx() as client:
        room = client.rooms.create(unique_name="standup").data
        assert room is not None
        rooms_emulator.participant(room, "alice", token=rooms_emulator.token(room, ttl_secs=60))
        (session,) = client.rooms.sessions.list_0()
        assert session.active


def test_account_is_the_tests_own_and_made_by_its_first_use(
    rooms_emulator: RoomsEmulator, rooms_emulator_server: EmulatorServer
) -> None:
    accounts = rooms_emulator_server._emulator.accounts
    assert rooms_emulator.api_key not in accounts
    rooms_emulator.create_room()
    assert rooms_emulator.api_key in accounts
    assert rooms_emulator_server.open_account().api_key != rooms_emulator.api_key


def test_streams_are_published_with_their_sources(rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    streams = {"self": {"video": "test_card", "audio": {"source": "tone"}}, "slides": {"video": {"source": "screen"}}}
    alice = rooms_emulator.participant(room, "alice", publish=streams)
    assert set(alice.published) == {"self", "slides"}
    bob = rooms_emulator.participant(room, "bob", subscribe="all")
    bob.sees(alice, "slides")
    bob.hears(alice)


@pytest.mark.parametrize(
    ("publish", "told"),
    [
        (["self"], r"publish: expected a stream key, True, or sources by key such as .*, got \['self'\]"),
        ({"self": "tone"}, "publish: self: expected a dict with video and audio, got 'tone'"),
        ({"self": {"picture": "test_card"}}, "publish: self: expected a dict with video and audio, got {'picture'"),
    ],
)
def test_streams_that_are_none_are_refused(rooms_emulator: RoomsEmulator, publish: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        rooms_emulator.participant(rooms_emulator.create_room(), "alice", publish=publish)


# -- scenarios --------------------------------------------------------------------------------------------------------


def test_scenario_runs_from_a_dict_a_text_and_a_file(rooms_emulator: RoomsEmulator, tmp_path: Path) -> None:
    assert rooms_emulator.scenario(SCENARIO).ok
    text = """
version: 1
name: nobody
participants: {alice: {}}
timeline:
  - {at: 0s, do: {alice: join}}
"""
    assert rooms_emulator.scenario(text).name == "nobody"
    path = tmp_path / "nobody.yaml"
    path.write_text(text)
    assert rooms_emulator.scenario(path).done == rooms_emulator.scenario(str(path)).done == 1


def test_scenario_that_fails_fails_the_test(rooms_emulator: RoomsEmulator) -> None:
    too_early = {"at": "0s", "do": [{"bob": "join"}, {"bob": {"subscribe": "alice/self"}}, {"alice": "join"}]}
    scenario = {**SCENARIO, "timeline": [too_early]}
    with pytest.raises(AssertionError, match="stopped, since bob could not subscribe alice/self"):
        rooms_emulator.scenario(scenario)
    assert not rooms_emulator.scenario(scenario, check=False).ok


def test_scenario_that_is_none_is_refused(rooms_emulator: RoomsEmulator) -> None:
    with pytest.raises(ScenarioInvalid, match="version"):
        rooms_emulator.scenario({"name": "x"})
    with pytest.raises(TypeError, match="what JSON can hold"):
        rooms_emulator.scenario({"name": object()})
    with pytest.raises(TypeError, match="a path, a text or a dict, got int"):
        rooms_emulator.scenario(3)  # type: ignore[arg-type]


def test_scenario_without_end_is_given_up_in_time(rooms_emulator: RoomsEmulator) -> None:
    endless = {**SCENARIO, "timeline": [{"at": "1h", "do": {"alice": "join"}}]}
    with pytest.raises(CallTimeout, match=r"scenario\(\)"):
        rooms_emulator.scenario(endless, timeout=0.1)


# -- awaited ----------------------------------------------------------------------------------------------------------


async def test_one_sees_and_hears_the_other_without_blocking_the_tests_loop(
    rooms_emulator_async: AsyncRoomsEmulator,
) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count())
    room = await rooms_emulator_async.create_room()
    bob = await rooms_emulator_async.participant(room, "bob", subscribe="all")
    alice = await rooms_emulator_async.participant(room, "alice", publish="self")
    await asyncio.gather(bob.sees(alice), bob.hears(alice))
    counting.cancel()
    assert turns > 20


async def test_awaited_failures_are_those_of_the_blocking_calls(rooms_emulator_async: AsyncRoomsEmulator) -> None:
    room = await rooms_emulator_async.create_room()
    alice = await rooms_emulator_async.participant(room, "alice")
    with pytest.raises(AssertionError, match="expected alice to see"):
        await alice.sees("nobody", within=0.05)
    with pytest.raises(ClientStateError):
        await alice.unpublish("nothing")
    with pytest.raises(LookupError):
        await rooms_emulator_async.token("nowhere")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(alice.sees("nobody", within=10), 0.05)
    assert (await rooms_emulator_async.scenario(SCENARIO)).ok


async def test_both_facades_are_the_same_account(
    rooms_emulator: RoomsEmulator, rooms_emulator_async: AsyncRoomsEmulator
) -> None:
    """Blocking calls also work where a loop is running, as it is under Playwright's blocking interface."""
    assert rooms_emulator.env == rooms_emulator_async.env
    room = rooms_emulator.create_room()
    alice = rooms_emulator.participant(room, "alice", publish="self")
    bob = await rooms_emulator_async.participant(room, "bob", subscribe="all")
    await bob.sees(alice)
    assert alice.tone != bob.tone


def test_both_kinds_of_participants_have_all_that_a_room_client_has() -> None:
    """Whoever adds a method to RoomClient adds it here, or says why not."""
    public = {name for name in dir(RoomClient) if not name.startswith("_")}
    # They have joined; what is done on the side, and the history's listeners, would run in the emulator's thread.
    # The last two explain why nothing can be seen, to those who look.
    missing = {"connect", "go_on", "history", "subscribes", "why_blind"}
    for kind in (Participant, AsyncParticipant):
        assert public - set(dir(kind)) == missing
