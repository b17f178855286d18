"""The same client script against Debian's Janus and against us: they differ only where the reference says so."""

from __future__ import annotations

import aiohttp
import pytest

from emulator.server import Emulator
from tests.janus.client import Client
from tests.janus.comparison import compare
from tests.janus.conversation import Conversation
from tests.janus.differences import ALLOWED
from tests.janus.janus_server import ROOM, JanusServer, why_not
from tests.janus.script import Script
from tests.janus.translation import Translation
from tests.signaling.raw_client import RestRoom

PROTOCOL = "janus-protocol"
missing = why_not()


async def conversation(http: aiohttp.ClientSession, url: str, room_id: str, token: str, *, stock: bool) -> Conversation:
    talk = Conversation(room_id)

    async def connect(name: str) -> Client:
        ws = await http.ws_connect(url, protocols=[PROTOCOL])
        assert ws.protocol == PROTOCOL
        translation = Translation(room_id, ROOM) if stock else None
        return Client(name, ws, talk, token=token, translation=translation)

    await Script(connect, talk, room_id, stock=stock).run()
    return talk


async def both(emulator: Emulator) -> tuple[Conversation, Conversation]:
    """With us, and with Janus."""
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        room = await RestRoom.create(emulator, http)
        token = await room.token()
        ours = await conversation(http, f"{emulator.ws_url}/{room.id}/janus", room.id, token, stock=False)
        async with JanusServer(room.id) as janus:
            return ours, await conversation(http, janus.url, room.id, token, stock=True)


@pytest.mark.skipif(missing is not None, reason=missing or "")
async def test_same_script_differs_only_where_the_reference_says_so(emulator: Emulator) -> None:
    found = compare(*await both(emulator))
    unexplained = [each for each in found if not any(row.covers(each) for row in ALLOWED)]
    stale = [row for row in ALLOWED if not any(row.covers(each) for each in found)]
    assert not unexplained, "not in the table:\n" + "\n".join(map(str, unexplained))
    assert not stale, "in the table, but no more so:\n" + "\n".join(map(str, stale))
