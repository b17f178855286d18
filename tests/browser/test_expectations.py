"""Assertions on a page as a user's test makes them: the official SDK in it, synthetic participants in the room.

With Playwright's blocking interface, which keeps a loop running in this thread: coroutines have a file of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright import sync_api
from playwright.sync_api import sync_playwright

from conftest_plugin import page_plans
from conftest_plugin.expect import expect_audio, expect_tile
from conftest_plugin.participants import Participant
from conftest_plugin.room import Room
from conftest_plugin.rooms_emulator import RoomsEmulator
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import ARGUMENTS, find_chromium

pytestmark = pytest.mark.browser

Join = Callable[..., Participant]
SHORT = 0.6
"""Seconds for what is expected to fail."""


@pytest.fixture(scope="module")
def browser(browser_host: BrowserHost, rooms_browser_launch_args: list[str]) -> Iterator[sync_api.Browser]:
    """One of Playwright's blocking interface; `browser_host` has built the page and serves it."""
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, *rooms_browser_launch_args]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Visit:
    """A page of the app that has joined the test's room as Browser."""

    page: sync_api.Page

    def call(self, method: str, *arguments: Any) -> Any:
        return self.page.evaluate("([method, args]) => window.app[method](...args)", [method, list(arguments)])

    def tile(self, name: str) -> sync_api.Locator:
        return self.page.locator("figure", has_text=name)

    def watch(self, participant: Participant) -> sync_api.Locator:
        self.page.evaluate("id => window.app.waitFor('stream_published', [id], 20000, 0)", participant.participant_id)
        self.call("addSubscription", participant.participant_id, "self")
        return self.tile(participant.name)


@pytest.fixture
def visit(
    browser: sync_api.Browser,
    browser_host: BrowserHost,
    rooms_browser_context_args: dict[str, Any],
    rooms_init_script: str,
    rooms_emulator: RoomsEmulator,
    rooms_room: Room,
) -> Iterator[Visit]:
    context = browser.new_context(**rooms_browser_context_args)
    context.add_init_script(rooms_init_script)
    page = context.new_page()
    page.goto(f"{browser_host.app_url}?emulator={rooms_emulator.admin_url.removesuffix('/_emulator')}")
    page.evaluate("() => window.appReady.then(() => undefined)")
    visit = Visit(page)
    token = rooms_emulator.token(rooms_room)
    context_text = json.dumps({"username": "Browser"})
    visit.call("initialize", {"roomId": rooms_room.id, "clientToken": token, "context": context_text})
    visit.call("connect")
    yield visit
    context.close()


def failure_of(expectation: Callable[[], None]) -> str:
    with pytest.raises(AssertionError) as failed:
        expectation()
    return str(failed.value)


def test_who_is_seen_and_heard_is_told_by_name(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    bob = rooms_participant("bob", publish="self", audio=None)
    tile = expect_tile(visit.watch(alice))
    tile.to_show("alice")
    tile.to_show(alice, key="self")
    tile.to_show(alice.participant_id)
    tile.to_be_live()
    tile.not_to_be_frozen(for_seconds=1)
    tile.not_to_show("bob")
    expect_tile(visit.watch(bob).locator("video")).to_show("Bob")
    expect_audio(visit.page).to_hear("alice")
    expect_audio(visit.page).to_hear(alice.tone)
    expect_audio(visit.page.locator("#mixed")).to_hear(alice)
    expect_audio(visit.page).not_to_hear(bob, for_seconds=0.5)

    told = failure_of(lambda: tile.to_show("bob", within=SHORT))
    expected = f'expected figure with the text "alice" to show bob within {SHORT:g} s'
    assert told.startswith(f"{expected}\nclosest: it showed alice/self until ")
    assert re.search(r"\n +0\.\d - \d\.\d  alice/self, frames \d+ to \d+$", told), told
    assert f"not to show alice any more within {SHORT:g} s\nit still showed alice/self after" in failure_of(
        lambda: tile.not_to_show("alice", within=SHORT)
    )
    told = failure_of(lambda: expect_audio(visit.page).to_hear("bob", within=SHORT))
    assert told.startswith(f"expected the page to hear bob within {SHORT:g} s\nclosest: alice could be heard")
    assert "alice at -" in told
    told = failure_of(lambda: expect_audio(visit.page).not_to_hear("alice", within=SHORT))
    assert "alice was still heard after" in told


def test_a_page_that_is_too_busy_to_be_looked_at_proves_nothing(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    tile = expect_tile(visit.watch(alice))
    tile.to_show(alice)
    busy_for_ms = 2 * 1000 * SHORT + 500
    keep_busy = f"""() => {{ setTimeout(() => {{
        const until = performance.now() + {busy_for_ms};
        while (performance.now() < until);
    }}); }}"""
    visit.page.evaluate(keep_busy)
    assert "it still showed alice/self after" in failure_of(lambda: tile.not_to_show("alice", within=SHORT))
    visit.page.evaluate(keep_busy)
    tile.to_show("alice", within=SHORT)


def test_a_page_that_never_answers_is_told_as_such() -> None:
    plan = page_plans.live("the tile", 0.5)
    next(plan)
    look = plan.send([])
    patience: list[float] = []

    def ask_for_ever() -> None:
        nonlocal look
        while True:
            patience.append(look.element_within)
            look = plan.send(look.unanswered(busy=True))

    told = failure_of(ask_for_ever)
    assert "expected the tile to be live within 0.5 s\nclosest: the page does not answer" in told
    assert sum(patience) < 3 * page_plans.BUSY_SECS


def test_what_stands_still_or_is_dark_is_told(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    tile = expect_tile(visit.watch(alice))
    tile.to_show(alice)
    alice.freeze(signaling=False)
    told = failure_of(lambda: tile.not_to_be_frozen(for_seconds=2))
    assert "not to be frozen for 2 s\nclosest: no new picture" in told
    assert "to be live" in failure_of(lambda: tile.to_be_live(within=SHORT))
    alice.thaw()
    tile.to_be_live()
    assert "closest: at " in failure_of(lambda: tile.to_be_black(within=SHORT))
    alice.update_stream("self", video=False)
    tile.to_be_black()
    tile.not_to_show("alice")
    told = failure_of(lambda: tile.to_show("alice", within=SHORT))
    assert "closest: at " in told
    assert "black" in told


def test_sound_that_nobody_hears_is_found_and_explained(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    expect_audio(visit.page).to_hear("alice")
    visit.page.evaluate("() => { document.querySelector('#mixed').muted = true; }")
    told = failure_of(lambda: expect_audio(visit.page).to_hear("alice", within=SHORT))
    assert 'closest: it is in <audio id="mixed">, which is muted' in told
    expect_audio(visit.page).not_to_hear("alice")
    # An element that is never put into the document plays all the same.
    visit.page.evaluate("""() => {
      const audio = new Audio();
      audio.srcObject = document.querySelector('#mixed').srcObject;
      window.kept = audio;
      return audio.play();
    }""")
    expect_audio(visit.page).to_hear(alice)
    told = failure_of(lambda: expect_audio(visit.page.locator("#stage")).to_hear(alice, within=SHORT))
    assert "closest: no <audio> or <video> plays a stream with sound" in told


def test_what_the_browser_still_holds_of_somebody_muted_is_no_proof(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    bob = rooms_participant("bob")
    bob.hears(alice)
    expect_audio(visit.page).to_hear("alice")
    alice.update_stream("self", audio=False)
    told = failure_of(lambda: expect_audio(visit.page).to_hear("alice", within=SHORT))
    until = r"alice was heard until 0\.\d s, from what was said before the wait began"
    assert re.search(rf"\nclosest: ({until}|silence)\n", told), told
    assert "bob to hear alice" in failure_of(lambda: bob.hears(alice, within=SHORT))
    assert failure_of(lambda: expect_audio(visit.page).to_hear("alice", within=SHORT)).count("silence") == 2
    alice.update_stream("self", audio=True)
    expect_audio(visit.page).to_hear("alice")
    bob.hears(alice)


def test_apps_own_participants_have_the_names_of_their_contexts(visit: Visit, rooms_emulator: RoomsEmulator) -> None:
    visit.call("addStream", "self", {"audio": True, "video": True})
    assert [person.name for person in rooms_emulator.people()] == ["Browser"]
    own = expect_tile(visit.tile("Browser (you)"))
    own.to_be_live()
    told = failure_of(lambda: own.to_show("Browser", within=SHORT))
    assert "closest: at " in told
    assert "a picture without a test card (" in told
    assert "Browser is no participant of the emulator's and has no tone" in failure_of(
        lambda: expect_audio(visit.page).to_hear("Browser", within=SHORT)
    )


def test_elements_that_come_late_or_are_replaced_are_looked_at_again(visit: Visit, rooms_participant: Join) -> None:
    alice = rooms_participant("alice", publish="self")
    visit.watch(alice)
    visit.page.evaluate("""() => {
      const stream = () => document.querySelector('figure:not(.own) video').srcObject;
      const place = document.createElement('div');
      place.id = 'mine';
      const render = () => {
        place.replaceChildren();
        const old = document.querySelector('#mine video');
        const video = document.createElement('video');
        video.muted = video.autoplay = true;
        video.srcObject = stream();
        place.append(video);
      };
      setTimeout(() => { document.body.append(place); }, 300);
      const timer = setInterval(() => place.firstChild ? clearInterval(timer) : render(), 900);
    }""")
    expect_tile(visit.page.locator("#mine")).to_show("alice")
    told = failure_of(lambda: expect_tile(visit.page.locator("#nowhere")).to_show("alice", within=SHORT))
    assert told == "expected #nowhere to show alice within 0.6 s\nclosest: there is no such element on the page"
    told = failure_of(lambda: expect_tile(visit.page.locator("#log")).to_be_live(within=SHORT))
    assert 'no <video> and no <canvas> in <ol id="log">' in told


def test_page_that_is_left_meanwhile_is_asked_again(visit: Visit, rooms_participant: Join) -> None:
    rooms_participant("alice")
    visit.page.evaluate("() => { setTimeout(() => location.reload(), 200); }")
    told = failure_of(lambda: expect_tile(visit.page.locator("#stage")).to_show("alice", within=2))
    assert 'no <video> and no <canvas> in <section id="stage">' in told


def test_names_that_nobody_has_and_that_several_have_are_told(visit: Visit, rooms_participant: Join) -> None:
    stage = expect_tile(visit.page.locator("#stage"))
    assert "nobody called 'alise' has joined a room of this account; there is Browser" in failure_of(
        lambda: stage.to_show("alise", within=0)
    )
    assert "nobody called 'alise'" in failure_of(lambda: stage.not_to_show("alise"))
    for _ in range(2):
        rooms_participant("alice")
    assert "2 participants are called 'alice': give the id of one of them" in failure_of(
        lambda: stage.to_show("alice", within=0)
    )
    with pytest.raises(TypeError, match="expected a participant, its id or its name, got 3"):
        stage.to_show(3)
    with pytest.raises(TypeError, match="expected a Playwright Locator, got"):
        expect_tile(visit.page)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="tone index"):
        expect_audio(visit.page).to_hear(64)
