"""One test's account on a running emulator, and everybody who is there for it. Lives on the emulator's loop."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from conftest_plugin.following import Following
from conftest_plugin.rest import Rest
from conftest_plugin.room import AnyRoom, Room, room_id_of
from emulator.clients.room_client import RoomClient
from emulator.clients.sources.registry import AudioSpec, VideoSpec
from emulator.probes.tones import TONES
from emulator.scenario.report import Report
from emulator.scenario.runner import run_scenario_on
from emulator.scenario.schema import Scenario
from emulator.server import Emulator

LEAVE_SECS = 3.0
"""How long a goodbye may take; who cannot, vanishes."""

Publish = str | Literal[True] | None
"""A stream key, True for `self`, None for nothing."""
Subscribe = Literal["all"] | None


@dataclass(slots=True)
class _Guest:
    client: RoomClient
    following: Following | None = None


class Tenant:
    """Nothing is created on the emulator until it is asked for something.

    `api_key` is random. Every coroutine runs on the emulator's loop; `conftest_plugin.rooms_emulator` brings it there.
    """

    def __init__(self, emulator: Emulator, http: Callable[[], aiohttp.ClientSession]) -> None:
        self.api_key = f"KEY_{secrets.token_hex(16)}"
        self._emulator = emulator
        self._rest = Rest(http, rest_url=emulator.rest_url, api_key=self.api_key)
        self._guests: list[_Guest] = []
        self._tones = itertools.count()

    @property
    def used(self) -> bool:
        """There is something to clean up. May be asked in any thread."""
        return bool(self._guests) or self.api_key in self._emulator.accounts

    async def create_room(self, fields: dict[str, Any]) -> Room:
        """Raises RequestRefused."""
        return Room.of(await self._rest.post("/rooms", fields))

    async def token(self, room: AnyRoom, ttl_secs: int | None = None) -> str:
        """A client token. Raises RequestRefused."""
        body = {} if ttl_secs is None else {"token_ttl_secs": ttl_secs}
        answer = await self._rest.post(f"/rooms/{room_id_of(room)}/actions/generate_join_client_token", body)
        return str(answer["token"])

    async def participant(
        self,
        room: AnyRoom,
        name: str,
        *,
        publish: Publish = None,
        subscribe: Subscribe = None,
        video: VideoSpec = "test_card",
        audio: AudioSpec = "tone",
        **options: Any,
    ) -> RoomClient:
        """A joined client; `options` go to `RoomClient`. Raises RequestRefused, ClientError."""
        if subscribe not in ("all", None):
            raise ValueError(f'subscribe: expected "all" or None, got {subscribe!r:.60}')
        if options.get("token") is None:
            options["token"] = await self.token(room)
        if options.get("tone") is None:
            options["tone"] = next(self._tones) % TONES
        client = RoomClient(ws_url=self._emulator.ws_url, room_id=room_id_of(room), name=name, **options)
        guest = _Guest(client)
        self._guests.append(guest)
        await client.connect()
        try:
            if subscribe == "all":
                guest.following = Following(client)
                await guest.following.catch_up()
            if publish is not None:
                await client.publish("self" if publish is True else publish, video=video, audio=audio)
        except BaseException:
            await client.leave()
            raise
        return client

    async def scenario(self, scenario: Scenario) -> Report:
        """Run it to its end. Raises StageError."""
        emulator = self._emulator
        return await run_scenario_on(scenario, rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=self.api_key)

    async def close(self) -> tuple[list[Exception], list[str]]:
        """Everybody leaves, sessions end, the account is gone.

        Returns what went wrong, and what participants noticed that should not be.
        """
        guests, self._guests = self._guests, []
        left = await asyncio.gather(*map(_see_off, guests), return_exceptions=True)
        errors = [error for error in left if isinstance(error, Exception)]
        for guest in guests:
            if guest.following is not None:
                errors += guest.following.errors
        try:
            self._emulator.forget_account(self.api_key)
        except Exception as error:  # noqa: BLE001 - reported with the others
            errors.append(error)
        return errors, [f"{guest.client.name}: {fault}" for guest in guests for fault in guest.client.faults]


async def _see_off(guest: _Guest) -> None:
    if guest.following is not None:
        await guest.following.stop()
    try:
        async with asyncio.timeout(LEAVE_SECS):
            await guest.client.leave()
    except TimeoutError as error:
        await guest.client.vanish()
        raise TimeoutError(f"{guest.client.name} could not leave within {LEAVE_SECS:g} s") from error
