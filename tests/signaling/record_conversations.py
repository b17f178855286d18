"""Records the golden conversations; needs Chromium and npm.

    python -m tests.signaling.record_conversations [flow ...]

The vendor's SDK, unmodified, goes through each flow of `recorded_flows` against an emulator, and what was said becomes
a file of `fixtures/conversations/`. Only needed when the SDK, the flows, or what the emulator says changes on purpose.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from playwright.async_api import BrowserContext

from emulator.config import Config
from emulator.server import Emulator
from tests.browser.browser_host import HERE, BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_bundle import ensure_bundle
from tests.browser.sdk_page import SdkPage
from tests.signaling.conversation import FOLDER, Conversation, Json
from tests.signaling.recorded_flows import FLOWS, Flow
from tests.signaling.tape import Tape

SETTLE_SECS = 15


class Stage:
    """What a flow plays on: pages, a room, REST; all of it on the tape."""

    def __init__(self, emulator: Emulator, host: BrowserHost, tape: Tape, http: aiohttp.ClientSession) -> None:
        self._emulator = emulator
        self._host = host
        self._tape = tape
        self._http = http
        self._contexts: list[BrowserContext] = []
        self._pages: list[SdkPage] = []
        self._kinds: dict[str, str] = {}
        self.room: JoinableRoom

    async def begin(self, flow: Flow) -> None:
        self.room = await JoinableRoom.create(
            self._emulator.rest_url, self._emulator.api_key, max_participants=flow.max_participants
        )
        self._tape.begin(self.room.id)

    async def token(self, kind: str = "good") -> str:
        """A client token: good, "of another room", or "forged"."""
        text = await self.room.token()
        if kind == "of another room":
            text = await (await JoinableRoom.create(self._emulator.rest_url, self._emulator.api_key)).token()
        elif kind == "forged":
            text = text[:-8] + ("AAAAAAAA" if not text.endswith("AAAAAAAA") else "BBBBBBBB")
        self._kinds[self._tape.token(text)] = kind
        return text

    async def page(self, name: str) -> SdkPage:
        context = await self._host.call(self._host.browser.new_context())
        self._contexts.append(context)
        page = SdkPage(self._host, await self._host.call(context.new_page()), name)
        self._pages.append(page)
        await page.open(self._host.app_url, self._emulator.admin_url.rstrip("/").removesuffix("/_emulator"))
        return page

    async def join(self, name: str, *, page: SdkPage | None = None, messages: bool = False) -> SdkPage:
        """As a user called `name`, on a new page or one whose room has ended."""
        page = page or await self.page(name)
        self.expect(name)
        await page.join(self.room.id, await self.token(), name, enable_messages=messages)
        return page

    def expect(self, name: str) -> None:
        """The next connection is `name`'s."""
        self._tape.expect(name)

    async def act(self, action: str, *people: SdkPage) -> None:
        """mute, unmute, kick or end, over REST."""
        ids = [page.participant_id for page in people]
        await self.room.act(action, **({"participants": ids} if ids else {}))

    async def delete_room(self) -> None:
        async with self._http.delete(f"{self._emulator.rest_url}/rooms/{self.room.id}") as answer:
            assert answer.status == 204, await answer.text()

    def expire(self, token: str) -> None:
        self._tape.note(act="expire", token=token)
        self._emulator.lobby.expire(token)

    def cut(self, name: str) -> None:
        """The connection breaks from the server's side, without a Close frame."""
        self._tape.note(act="cut", who=name)
        self._tape.session(name).break_off(None)

    async def quiet(self) -> None:
        """Until nobody talks any more."""
        await self._until(lambda: all(talks is False for talks in self._tape.talking.values()))

    async def keepalives(self, count: int) -> None:
        """Until so many have come."""
        await self._until(lambda: sum(frame["janus"] == "keepalive" for frame in self._tape.said()) >= count)

    async def _until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(SETTLE_SECS):
            while not done():  # noqa: ASYNC110 - neither the tape nor the emulator's sessions tell of changes
                await asyncio.sleep(0.02)

    async def leave(self, page: SdkPage, *others: SdkPage) -> None:
        """Politely; waits until the others have seen it."""
        await page.disconnect()
        for other in others:
            await other.wait_event("participant_left", page.participant_id)

    async def end(self, flow: Flow) -> Conversation:
        await self._until(lambda: not self._emulator.lobby.sessions)
        errors = [error for page in self._pages for error in page.page_errors]
        assert errors == [], errors
        head: dict[str, Json] = {
            "flow": flow.name,
            "about": flow.about,
            "sdk": _sdk_version(),
            "browser": f"Chromium {self._host.browser.version}",
            "max_participants": flow.max_participants,
            "tokens": self._kinds,
        }
        return Conversation(head, list(self._tape.lines))

    async def close(self) -> None:
        for context in self._contexts:
            await self._host.call(context.close())


def _sdk_version() -> str:
    return str(json.loads((HERE / "node_modules/@telnyx/video/package.json").read_text())["version"])


@asynccontextmanager
async def _house(host: BrowserHost) -> AsyncIterator[Callable[[], Stage]]:
    async with Emulator(Config(port=0)) as emulator:
        account = emulator.accounts.by_key(emulator.api_key)
        assert account is not None
        tape = Tape()
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            with tape.running(emulator, account):
                yield lambda: Stage(emulator, host, tape, http)


async def record(host: BrowserHost, flow: Flow) -> Conversation:
    """One flow, in an emulator of its own."""
    async with _house(host) as make_stage:
        stage = make_stage()
        try:
            await stage.begin(flow)
            await flow.play(stage)
            return await stage.end(flow)
        finally:
            await stage.close()


def main(names: list[str]) -> None:
    unknown = set(names) - set(FLOWS)
    if unknown:
        raise SystemExit(f"no such flow: {', '.join(sorted(unknown))}; there are {', '.join(FLOWS)}")
    ensure_bundle()
    host = BrowserHost()
    host.start(find_chromium())
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for name in names or FLOWS:
            conversation = asyncio.run(record(host, FLOWS[name]))
            path = FOLDER / f"{name}.jsonl"
            conversation.save(path)
            print(f"{path.name}: {len(conversation.lines)} lines")
    finally:
        host.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
