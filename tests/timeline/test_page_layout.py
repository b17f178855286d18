"""How the page is laid out, in a real browser: nothing lies over anything else, nothing is cut off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright

from emulator.timeline.model import Check, Point, Row, Span, Timeline, Told, told_over
from emulator.timeline.page import page
from tests.browser.chromium import ARGUMENTS, find_chromium

pytestmark = pytest.mark.browser
SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=a "name" and a \\n\r\n'
FRAME = {"janus": "message", "jsep": {"type": "offer", "sdp": SDP}}
HOW = "expected a text that is a good deal longer than the time it stands for is wide"


def document() -> Any:
    """Rows of every kind, each with all lanes that it can have."""
    trouble = [Span("trouble", 1.0, 4.0, "loss up", "bad"), Span("trouble", 2.0, 3.0, "jitter up", "bad")]
    tones = ("plain", "warn", "bad")
    calls = [Point("calls", 1.0 + n, f"call {n}", tone) for n, tone in enumerate(tones)]  # type: ignore[arg-type]
    webhooks = [Point("webhooks", 1.5, "session.started: 200", "good"), Point("marks", 2.0, "404 no", "bad")]
    account = Row("room:", "account", "room", "", spans=list(trouble), points=[*calls, *webhooks])
    session = Span("session", 0.5, None, "session")
    room = Row("room:r", "lunch", "room", "r", spans=[session, *trouble], points=[*calls, *webhooks])
    streams = [
        Span(f"stream:{key}:{medium}", 1.0, None, f"{key} {medium}", medium)  # type: ignore[arg-type]
        for key in ("self", "presentation")
        for medium in ("video", "audio")
    ]
    connecting = Span("stream:late:video", 4.0, None, "connecting", "pending")
    voice = Span("voice", 1.2, 3.0, "speaks", "speech")
    here = Span("presence", 0.6, None, "in the room", "good")
    alice = Row(
        "alice-id", "alice", "web", "r", spans=[here, *streams, connecting, voice, *trouble], points=webhooks[1:]
    )
    checks = [
        Check("alice", "join", "step", "done", 0.5, 0.6),
        Check("the test", HOW, "expect", "failed", 5.0, 5.0, "no", heading="the test failed"),
        Check("alice", HOW, "expect", "failed", 4.9, 5.0, "no", heading=HOW),
    ]
    frame = {"number": 1, "kind": "frame", "t": 1.0, "participant_id": "alice-id", "direction": "in"}
    began = "2026-01-31T09:00:00.000000Z"
    timeline = Timeline(began, 5.0, 0.0, [account, room, alice], [], [{**frame, "text": json.dumps(FRAME)}], [])
    return told_over(timeline.as_json(), Told("a test", "failed", checks=checks, script="Test"))


@pytest.fixture
async def view(tmp_path: Path) -> AsyncIterator[Page]:
    file = tmp_path / "page.html"
    file.write_text(page(document()), encoding="utf-8")
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        view = await browser.new_page(viewport={"width": 1280, "height": 900})
        await view.goto(file.as_uri())
        yield view
        await browser.close()


async def box(place: Locator) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    found = await place.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


async def test_names_of_lanes_lie_below_one_another_and_inside_of_their_row(view: Page) -> None:
    for row in await view.locator(".row").all():
        _, low, _, bottom = await box(row.locator(".label"))
        names = [(await box(row.locator("strong")), "the row's own")]
        names += [(await box(lane), await lane.inner_text()) for lane in await row.locator(".lane").all()]
        assert len(names) > 4
        for ((_, top, _, end), name), ((_, following, _, _), next_name) in pairwise(names):
            assert low <= top, name
            assert end <= following + 0.5, (name, next_name)
        assert names[-1][0][3] <= bottom, names[-1][1]


async def test_what_failed_at_the_very_end_can_be_read(view: Page) -> None:
    edge = (await box(view.locator(".chart")))[2]
    for pill in await view.locator(".check.failed").all():
        left, _, right, _ = await box(pill)
        assert right <= edge
        assert right - left > 300
    assert not await view.locator(".chart").evaluate("chart => chart.scrollWidth > chart.clientWidth")


async def test_button_of_a_failure_is_as_high_as_a_button_below_the_list(view: Page) -> None:
    for failure in await view.locator(".failure").all():
        _, top, _, bottom = await box(failure.locator("button"))
        assert bottom - top < 40
        assert (await box(failure.locator(".around")))[3] <= top


async def test_legend_explains_what_is_there(view: Page) -> None:
    told = await view.locator(".legend span").all_inner_texts()
    assert told == [
        "video", "audio", "speaks", "connecting", "fault or impairment",
        "call or event", "delivered", "out of the ordinary", "went wrong",
    ]  # fmt: skip
    shapes = await view.locator(".legend i.point.bad, .legend i.point.plain").evaluate_all(
        "marks => marks.map(mark => getComputedStyle(mark).backgroundColor)"
    )
    assert len(set(shapes)) == 2


async def test_lines_of_a_description_are_lines(view: Page) -> None:
    await view.locator("tr.open-able").last.click()
    told = await view.locator("tr.opened pre").inner_text()
    lines = [line.strip() for line in told.splitlines()]
    assert "o=- 1 1 IN IP4 127.0.0.1" in lines
    assert r"s=a \"name\" and a \\n" in lines  # a backslash of the text's own stays one
    assert r"\r" not in told
