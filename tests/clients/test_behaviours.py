"""What participants do unasked, in a real room."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path
from random import Random

import pytest

import emulator.clients.behaviours
from emulator.clients.behaviours.acting import behave
from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.ending import until_it_ends
from emulator.clients.behaviours.registry import BEHAVIOURS, BehaviourSpec, behaviour, make
from emulator.clients.errors import BehaviourError, MediaError
from emulator.clients.events import (
    Disconnected,
    MessageReceived,
    ParticipantJoined,
    ParticipantLeft,
    SubscriptionStarted,
    TrackDisabled,
    TrackEnabled,
)
from emulator.clients.room_client import RoomClient
from tests.clients.conftest import MakeClient

FOLDER = Path(emulator.clients.behaviours.__file__).parent


async def test_who_watches_subscribes_to_everyone_who_comes(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    watcher = await join("Watcher")
    behave(watcher, ["watch"], Random(1))
    await watcher.sees(alice)
    await bob.publish("screen", video={"source": "screen", "size": "640x360"}, audio=None)
    await watcher.sees(bob, "screen")
    assert {place: view.audio for place, view in watcher.subscriptions.items()} == {
        (alice.participant_id, "self"): False,
        (bob.participant_id, "screen"): False,
    }
    await alice.unpublish()
    await watcher.wait_for(ParticipantJoined, {"participant_id": (await join("Carol")).participant_id})
    await alice.publish()
    await watcher.wait_for(SubscriptionStarted, {"participant_id": alice.participant_id}, after=watcher.mark)
    await watcher.sees(alice)


async def test_newcomers_are_greeted_by_what_their_context_says(join: MakeClient) -> None:
    host = await join("Host", messages=True)
    behave(
        host,
        [{"greet": {"after": 0, "text": "Hello {username} from {city}, you are {nobody knows}{unknown}"}}],
        Random(1),
    )
    guest = await join("Guest", messages=True, context='{"username": "Ada", "city": "London"}')
    message = await guest.wait_for(MessageReceived)
    assert message.participant_id == host.participant_id
    assert message.payload == f"Hello Ada from London, you are {{nobody knows}}{guest.participant_id[:8]}"
    assert message.recipients == (guest.participant_id,)
    plain = await join("Plain", messages=True, context="not json")
    assert (await plain.wait_for(MessageReceived)).payload.startswith(f"Hello {plain.participant_id[:8]} from")


async def test_who_takes_no_messages_is_greeted_aloud_only(join: MakeClient) -> None:
    quiet, loud = await join("Quiet", messages=True), await join("Loud", messages=True)
    await quiet.wait_for(ParticipantJoined)
    behave(quiet, [{"greet": {"after": 0.1}}], Random(1))
    behave(loud, [{"greet": {"aloud": True, "after": 0}}], Random(1))
    await join("Deaf")
    message = await quiet.wait_for(MessageReceived)
    assert (message.participant_id, message.payload) == (loud.participant_id, "Welcome, Deaf!")
    assert [event for event in loud.events if isinstance(event, MessageReceived)] == [message]


async def test_two_who_answer_each_other_come_to_an_end(join: MakeClient) -> None:
    alice, bob = await join("Alice", messages=True), await join("Bob", messages=True)
    await alice.wait_for(ParticipantJoined)  # what is said has another way, and may come before the one who says it
    for client in (alice, bob):
        behave(client, [{"answer": {"text": "{username}: {text}!", "times": 2}}], Random(1))
    await alice.send_message("hi")
    await alice.wait_for(MessageReceived, lambda event: event.payload.count("!") == 3)
    said = [event.payload for event in alice.events if isinstance(event, MessageReceived)]
    assert said == ["hi", "Alice: hi!", "Alice: Bob: Alice: hi!!!"]
    carol = await join("Carol", messages=True)
    await carol.send_message({"not": "a text"}, alice)
    assert (await carol.wait_for(MessageReceived)).payload == "Carol: !"


async def test_who_is_alone_leaves_and_who_gets_company_in_time_stays(join: MakeClient) -> None:
    host, guest = await join("Host"), await join("Guest")
    behave(host, [{"leave_when_alone": {"after": 0.3}}], Random(1))
    await guest.leave()
    await host.wait_for(ParticipantLeft)
    again = await join("Again")
    await asyncio.sleep(0.5)  # longer than the habit's patience: nothing is to come
    assert host.status == "connected"
    await again.leave()
    assert (await host.wait_disconnected()).reason == "user_initiated"


async def test_who_stays_for_a_while_leaves_by_themselves(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    behave(bob, [{"stay": {"seconds": (0.05, 0.1)}}], Random(1))
    assert await bob.wait_disconnected() == Disconnected(1000, "user_initiated")
    await alice.wait_for(ParticipantLeft, {"participant_id": bob.participant_id})


async def test_who_chats_says_something_now_and_then(join: MakeClient) -> None:
    alice, bob = await join("Alice", messages=True), await join("Bob", messages=True)
    behave(bob, [{"chat": {"every": (0.1, 0.2), "text": "still here"}}], Random(1))
    first = await alice.wait_for(MessageReceived, {"payload": "still here"})
    await alice.wait_for(MessageReceived, {"payload": "still here"}, after=alice.mark)
    assert first.participant_id == bob.participant_id


async def test_who_fidgets_switches_what_is_published(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None)
    behave(alice, [{"fidget": {"every": 0.1}}], Random(1))
    await bob.wait_for(TrackDisabled, {"kind": "audio"})
    await bob.wait_for(TrackEnabled, {"kind": "audio"})
    assert not any(isinstance(event, TrackEnabled) and event.kind == "video" for event in bob.events)


async def test_a_session_that_ends_under_the_hands_of_a_habit_is_no_fault_of_the_habit(
    join: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.clients.behaviours.registry.BEHAVIOURS", dict(BEHAVIOURS))
    acted = asyncio.Event()

    @behaviour("act_too_late")
    class ActTooLate(Behaviour):
        async def begin(self, me: RoomClient) -> None:
            await me.wait_for(Disconnected, timeout=30)
            acted.set()
            await me.update_stream("self", audio=False)

    alice = await join("Alice")
    await alice.publish(video=None)
    behave(alice, ["act_too_late"], Random(1))
    await alice.leave()
    async with asyncio.timeout(10):
        await acted.wait()
    assert alice.faults == []


async def test_what_a_habit_fails_at_right_before_the_end_is_no_fault(
    join: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a moderator ends the session: the text channel is closed a moment before the rest."""
    monkeypatch.setattr("emulator.clients.behaviours.registry.BEHAVIOURS", dict(BEHAVIOURS))
    monkeypatch.setattr("emulator.clients.behaviours.ending.ENDING_SECS", 30.0)
    failed = asyncio.Event()

    @behaviour("fail")
    class Fail(Behaviour):
        async def begin(self, me: RoomClient) -> None:
            failed.set()
            raise MediaError("text room: the server has closed the data channel")

    alice = await join("Alice")
    behave(alice, ["fail"], Random(1))
    await failed.wait()
    await alice.leave()
    assert alice.faults == []


async def test_what_a_habit_fails_at_while_the_session_goes_on_is_raised(
    join: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.clients.behaviours.ending.ENDING_SECS", 0.1)
    alice = await join("Alice")
    with pytest.raises(MediaError, match="broken"):
        async with until_it_ends(alice):
            raise MediaError("broken")
    assert alice.status == "connected"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("juggle", r"expected a behaviour \(answer, .*watch\), got 'juggle'"),
        ({"greet": {"txt": "hi"}}, "behaviour 'greet' has no option 'txt'; it takes: text, aloud, after"),
        ("stay", "behaviour 'stay' needs the option 'seconds'"),
        (
            {"stay": {"seconds": (3, 1)}},
            "behaviour 'stay': seconds: expected seconds, or a pair of them, the lower first",
        ),
        ({"answer": {}, "greet": {}}, "a mapping with one and its options"),
    ],
)
def test_a_wrong_spec_is_refused_with_what_was_expected(spec: BehaviourSpec, text: str) -> None:
    with pytest.raises(BehaviourError, match=text):
        make(spec, Random(1))


def test_the_page_names_every_behaviour_and_every_option() -> None:
    page = (FOLDER / "README.md").read_text()
    for word, kind in BEHAVIOURS.items():
        assert f"| `{word}` |" in page
        for option in kind.options:
            assert f"`{option}`" in page, f"{word}: {option}"


async def test_the_pages_behaviour_of_ones_own_works(
    join: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (FOLDER / "README.md").read_text()
    file = tmp_path / "echo_mute.py"
    file.write_text(page.split("<!-- test: behaviour -->\n```python\n")[1].split("```")[0])
    for name, value in BEHAVIOURS.items():
        monkeypatch.setitem(BEHAVIOURS, name, value)  # what is registered now is gone after the test
    runpy.run_path(str(file))
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None)
    await bob.publish(video=None)
    behave(bob, [{"be_polite": {}}], Random(1))
    await bob.hears(alice)
    await alice.wait_for(TrackDisabled, {"participant_id": bob.participant_id, "kind": "audio"})
    del BEHAVIOURS["be_polite"]
