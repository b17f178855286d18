"""The page at /_emulator/: who is where, live, in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from emulator.clients.errors import ClientError
from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.browser.chromium import ARGUMENTS, find_chromium

PATIENCE_MS = 20_000


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield browser
        await browser.close()


async def opened(browser: Browser, emulator: Emulator, admin: Caller) -> Page:
    """The inspector, with the caller's key."""
    page = await browser.new_page()
    await page.goto(f"{emulator.admin_url}/")
    await page.locator("#key").fill(admin.key or "")
    await page.locator("#account button").first.click()
    await expect(page.locator("#state")).to_have_text("live", timeout=PATIENCE_MS)
    return page


@pytest.mark.browser
async def test_rooms_that_are_no_more_are_not_shown(emulator: Emulator, admin: Caller, browser: Browser) -> None:
    lunch, _ = await admin.room(unique_name="lunch"), await admin.room(unique_name="tea")
    page = await opened(browser, emulator, admin)
    names = page.locator("#rooms .card h3")
    await expect(names).to_contain_text(["lunch", "tea"])
    assert (await admin.call("DELETE", f"/v2/rooms/{lunch['id']}")).status == 204
    await expect(names).to_contain_text(["tea"], timeout=PATIENCE_MS)
    again = await opened(browser, emulator, admin)
    await expect(again.locator("#rooms .card h3")).to_contain_text(["tea"])
    assert (await admin.post("reset")).status == 200
    for shown in (page, again):
        await expect(shown.locator("#rooms")).to_have_text("There is no room in this account.", timeout=PATIENCE_MS)
    assert (await admin.post("state", {"rooms": [{"id": lunch["id"], "unique_name": "supper"}]})).status == 200
    await expect(names).to_contain_text(["supper"], timeout=PATIENCE_MS)


@pytest.mark.browser
async def test_a_refusal_is_shown_without_an_event_and_links_bring_what_needs_the_key(
    emulator: Emulator, admin: Caller, browser: Browser
) -> None:
    page = await opened(browser, emulator, admin)
    await expect(page.locator("#problems")).to_have_text("Signaling has refused nothing.")
    nowhere = "00000000-0000-4000-8000-000000000000"
    client = RoomClient(ws_url=emulator.ws_url, room_id=nowhere, token="no token", name="Ada")
    with pytest.raises(ClientError):
        await client.connect()
    await client.leave()
    (one,) = (await admin.get("problems")).data["unattributed"]
    await expect(page.locator("#problems")).to_contain_text(one["mend"], timeout=PATIENCE_MS)
    async with page.context.expect_page() as opening:
        await page.locator("h2 a.keyed").click()
    shown = await opening.value
    await expect(shown.locator("body")).to_contain_text('"unattributed"', timeout=PATIENCE_MS)
    assert json.loads(await shown.locator("body").inner_text())["data"]["unattributed"] == [one]


@pytest.mark.browser
@pytest.mark.parametrize("token", [None, "a-secret&more"])
async def test_the_page_asks_for_nothing_that_is_not_there(browser: Browser, token: str | None) -> None:
    async with Emulator(Config(port=0, admin_token=token)) as emulator:
        await every_link_leads_somewhere(browser, emulator, "" if token is None else f"?token={quote(token)}")


async def every_link_leads_somewhere(browser: Browser, emulator: Emulator, query: str) -> None:
    page = await browser.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    await page.goto(f"{emulator.admin_url}/{query}")
    await expect(page.locator("#state")).to_have_text("live", timeout=PATIENCE_MS)
    await page.locator("summary").click()
    links = await page.locator("a:not(.keyed)").evaluate_all("links => links.map(link => link.href)")
    assert len(links) > 5
    for link in links:
        assert (await page.context.request.get(link)).status == 200, link
    assert failed == []


@pytest.mark.browser
async def test_rooms_people_and_problems_are_shown_as_they_come_and_go(emulator: Emulator, admin: Caller) -> None:
    complaints: list[str] = []
    room = await admin.room(unique_name="lunch")
    token = (await admin.tokens(room["id"]))["token"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{emulator.admin_url}/")
        await page.locator("#key").fill(admin.key or "")
        await page.locator("#account button").first.click()
        await expect(page.locator("#state")).to_have_text("live", timeout=PATIENCE_MS)
        await expect(page.locator(".card h3")).to_contain_text("lunch")
        async with RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token=token, name="Ada") as ada:
            await ada.publish("self")
            await expect(page.locator(".person.here")).to_contain_text("Ada", timeout=PATIENCE_MS)
            await expect(page.locator(".person.here")).to_contain_text("self video", timeout=PATIENCE_MS)
        await expect(page.locator(".person.gone")).to_contain_text("left", timeout=PATIENCE_MS)
        await page.locator("summary").click()
        await expect(page.locator("details")).to_contain_text("/_emulator/openapi.json")
        async with page.context.expect_page() as opened:
            await page.locator("#open").click()
        timeline = await opened.value
        await expect(timeline.locator(".row.web .label")).to_contain_text("Ada", timeout=PATIENCE_MS)
        await browser.close()
    assert complaints == []
