"""The page: one file that fetches nothing, drawn in a real browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from emulator.clients.room_client import RoomClient
from emulator.events import Record
from emulator.rooms import happenings as h
from emulator.server import Emulator
from emulator.timeline.build import build
from emulator.timeline.model import Check, Plot, Tile, Told, told_over
from emulator.timeline.page import page
from emulator.timeline.report import of_account, write_report
from tests.admin.caller import Caller
from tests.browser.chromium import ARGUMENTS, find_chromium

DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)
EVIL = "</script><img src=x onerror=alert(1)>"


def told() -> Told:
    checks = [
        Check("alice", "publish self", "step", "done", 0.1, 0.2),
        Check("bob", "sees alice/self", "expect", "failed", 0.3, 0.5, f"2 black pictures {EVIL}", "line 12"),
        Check("bob", "leave", "step", "not run", 0.6, None),
    ]
    tiles = [Tile("bob", "alice/self", 0.4, DOT, "as it failed"), Tile("bob", "alice/self", 0.5, DOT)]
    plots = [Plot("bob", "alice/self, video", "kbit/s", [(0.0, 0.0), (0.2, None), (0.5, 120.0)])]
    return Told(f"standup {EVIL}", "failed", "1 failed", {"seed": "7"}, checks, tiles, plots)


def test_no_text_can_become_markup_and_nothing_is_fetched() -> None:
    text = page({"version": 1, "title": EVIL, "rows": [{"name": EVIL}]})
    assert EVIL not in text
    assert text.count("</script>") == 2
    assert "default-src 'none'" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    data = text.split('id="timeline">')[1].split("</script>")[0]
    assert json.loads(data)["title"] == EVIL


@pytest.mark.browser
async def test_a_browser_draws_it_without_a_complaint(emulator: Emulator, tmp_path: Path, admin: Caller) -> None:
    room = await admin.room(unique_name="standup")
    token = (await admin.tokens(room["id"]))["token"]
    async with RoomClient(
        ws_url=emulator.ws_url, room_id=room["id"], token=token, context='{"username": "Alice"}', name="alice"
    ) as alice:
        await alice.publish("self")
    account = emulator.accounts.by_key(admin.key or "")
    assert account is not None
    file = write_report(tmp_path / "report.html", account, emulator.wire, emulator.lobby.problems, told=told())
    complaints: list[str] = []
    requests: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        view = await browser.new_page()
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on("request", lambda request: requests.append(request.url))
        await view.goto(file.as_uri())
        assert (await view.locator("h1").inner_text()).startswith(f"standup {EVIL}")
        assert await view.locator(".row .label strong").all_inner_texts() == ["standup", "Alice"]
        failure = view.locator(".failure")
        assert "bob was expected: sees alice/self" in await failure.inner_text()
        assert await failure.locator("img").count() == 1
        await view.locator(".presence").first.click()
        assert "in the room" in await view.locator(".detail").inner_text()
        rows = view.locator("section:last-of-type tbody tr")
        everything = await rows.count()
        await view.locator("input[type=search]").fill("audiobridge")
        assert 0 < await rows.count() < everything
        await rows.first.click()
        assert "janus.plugin.audiobridge" in await view.locator("tr.opened pre").inner_text()
        await browser.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
async def test_what_happened_around_a_failure_is_told_once_and_of_everybody_when_nobody_is_named(
    tmp_path: Path,
) -> None:
    who = {"room_id": "room-1", "session_id": "session-1", "participant_id": "alice-id"}
    at = datetime(2026, 1, 31, 9, tzinfo=UTC)
    events = [
        (0.0, h.RoomCreated("room-1", {"unique_name": "lunch"})),
        (1.0, h.ParticipantJoined(**who, context='{"username": "alice"}', kind="web", connection="1")),
        (2.0, h.TalkingChanged(**who, stream_id="s", talking=True)),
        (2.1, h.TalkingChanged(**who, stream_id=None, talking=True)),
        (3.0, h.TalkingChanged(**who, stream_id="s", talking=False)),
        (3.1, h.TalkingChanged(**who, stream_id=None, talking=False)),
    ]
    records = [Record(number, at + timedelta(seconds=t), event) for number, (t, event) in enumerate(events, 1)]
    failed = [
        Check("bob", "hears(alice)", "expect", "failed", 3.5, 5.0, "nothing", heading="bob was expected to hear alice"),
        Check("the test", "my own check", "expect", "failed", 5.0, 5.0, "no", heading="the test failed: my own check"),
    ]
    document = told_over(build(records).as_json(), Told("a test", "failed", checks=failed, script="Test"))
    file = tmp_path / "page.html"
    file.write_text(page(document), encoding="utf-8")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        view = await browser.new_page()
        await view.goto(file.as_uri())
        heard, own = await view.locator(".failure").all()
        assert await heard.locator("h3").inner_text() == "bob was expected to hear alice"
        assert await heard.locator(".when").inner_text() == "from 3.500 s to 5.000 s, for 1.50 s"
        near = await heard.locator("li span").all_inner_texts()
        assert near == ["lunch: room created", "alice joined", "alice begins to speak", "alice is silent"]
        assert await own.locator("h3").inner_text() == "the test failed: my own check"
        assert await own.locator(".when").inner_text() == "at 5.000 s"
        assert await own.locator("li span").all_inner_texts() == ["lunch: room created", "alice joined"]
        assert (await view.locator("h2").all_inner_texts())[-1].startswith("Test")
        await browser.close()


async def test_a_picture_may_begin_later(emulator: Emulator, admin: Caller) -> None:
    await admin.room(unique_name="before")
    account = emulator.accounts.by_key(admin.key or "")
    assert account is not None
    events, entries = account.log.last_number, emulator.wire.of(account).last_number
    await admin.room(unique_name="after")
    document = of_account(account, emulator.wire, after_event=events, after_entry=entries)
    assert [row["name"] for row in document["rows"]] == ["after"]
    assert document["dropped"] == 0


async def test_it_is_served_as_document_and_as_page(admin: Caller) -> None:
    await admin.room(unique_name="lunch")
    document: Any = (await admin.get("timeline")).data
    assert [row["name"] for row in document["rows"]] == ["lunch"]
    assert (document["last_event"], document["last_entry"]) == (1, 1)
    empty = (await admin.get("timeline?after_event=1&after_entry=1")).data
    assert (empty["rows"], empty["events"], empty["wire"]) == ([], [], [])
    shown = await admin.get("timeline", headers={"Accept": "text/html"})
    assert shown.headers["Content-Type"].startswith("text/html")
    assert b'"unique_name' in shown.raw
    (await admin.get("timeline?axis=mars")).refused(422, parameter="axis")
