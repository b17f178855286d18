"""The command `token`, and what `serve --room` prints: a client token for a room, had over REST like any app's."""

from __future__ import annotations

import sys

import aiohttp

from emulator.config import DEFAULT_KEY
from emulator.scenario.errors import NoSuchRoom, StageError
from emulator.scenario.rest import RestClient


async def token(url: str, room: str, *, api_key: str | None, create: bool) -> int:
    """Print a token of this room, named by its id or unique name. Exit code 0, or 2 with the reason."""
    rest_url = f"{url.rstrip('/').removesuffix('/v2')}/v2"
    try:
        async with aiohttp.ClientSession() as http:
            rest = RestClient(http, rest_url=rest_url, api_key=api_key or DEFAULT_KEY)
            room_id = await (rest.find_or_create_room({"unique_name": room}) if create else rest.find_room(room))
            print(await rest.client_token(room_id))
    except NoSuchRoom as error:
        print(f"rooms-emulator: {error}; --create makes one of this unique name", file=sys.stderr)
        return 2
    except StageError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return 2
    return 0


async def room_and_token(rest_url: str, room: str, *, api_key: str) -> tuple[str, str]:
    """Of the room with this unique name, made if it is not there. Raises StageError."""
    async with aiohttp.ClientSession() as http:
        rest = RestClient(http, rest_url=rest_url, api_key=api_key)
        room_id = await rest.find_or_create_room({"unique_name": room})
        return room_id, await rest.client_token(room_id)
