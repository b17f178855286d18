"""Assertions on a page with Playwright's async interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright import async_api

from conftest_plugin.current import NoAccount
from conftest_plugin.expect import AsyncTileExpectation, expect_audio, expect_tile
from conftest_plugin.participants import Participant
from conftest_plugin.room import Room
from conftest_plugin.rooms_emulator import RoomsEmulator
from tests.browser.browser_host import BrowserHost

pytestmark = pytest.mark.browser

Join = Callable[..., Participant]
SHORT = 0.6
"""Seconds for what is expected to fail."""


async def test_async_interface_is_awaited(
    browser_host: BrowserHost, rooms_participant: Join, rooms_room: Room, rooms_emulator: RoomsEmulator
) -> None:
    alice = rooms_participant("alice")

    async def look() -> None:
        context = await browser_host.browser.new_context()
        page: async_api.Page = await context.new_page()
        await page.goto(f"{browser_host.app_url}?emulator={rooms_emulator.admin_url.removesuffix('/_emulator')}")
        await page.evaluate("() => window.appReady.then(() => undefined)")
        call = "([method, args]) => window.app[method](...args)"
        join = {"roomId": rooms_room.id, "clientToken": rooms_emulator.token(rooms_room), "context": "Browser"}
        await page.evaluate(call, ["initialize", [join]])
        await page.evaluate(call, ["connect", []])
        await asyncio.to_thread(alice.publish)
        await page.evaluate("() => window.app.waitFor('stream_published', [], 20000, 0)")
        await page.evaluate(call, ["addSubscription", [alice.participant_id, "self"]])
        tile = expect_tile(page.locator("figure"))
        assert isinstance(tile, AsyncTileExpectation)
        await tile.to_show("alice")
        await tile.to_be_live()
        await tile.not_to_be_frozen(for_seconds=0.5)
        await tile.not_to_show("Browser")
        await expect_audio(page).to_hear("alice")
        with pytest.raises(AssertionError, match="closest: it showed alice/self"):
            await tile.to_show("Browser", within=SHORT)
        with pytest.raises(AssertionError, match="to be black"):
            await tile.to_be_black(within=SHORT)
        with pytest.raises(AssertionError, match="alice was still heard"):
            await expect_audio(page).not_to_hear("alice", within=SHORT)
        await context.close()

    await browser_host.call(look())


async def test_without_an_account_there_are_no_names(browser_host: BrowserHost) -> None:
    async def look() -> None:
        context = await browser_host.browser.new_context()
        page = await context.new_page()
        with pytest.raises(NoAccount, match=r"rooms=\.\.\."):
            expect_audio(page)
        await context.close()

    await browser_host.call(look())
