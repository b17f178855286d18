"""The page at /_emulator/: who is where, live, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright, expect

from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.browser.chromium import ARGUMENTS, find_chromium

PATIENCE_MS = 20_000


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
