"""Participants of the emulator's own, one by one: `RoomClient`s that come in by the front door."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from emulator.rooms.account import Account

if TYPE_CHECKING:  # the start of an emulator must not wait for codecs
    from emulator.clients.room_client import RoomClient

MAX_PEOPLE = 50
"""Of one account."""
STOP_SECS = 1.5


class TooManyPeople(Exception):
    def __init__(self) -> None:
        super().__init__(f"This account has {MAX_PEOPLE} participants of the emulator's own; DELETE some first.")


class UnknownPerson(LookupError):
    def __init__(self, participant_id: str) -> None:
        super().__init__(f"No participant of the emulator's own has the id {participant_id!r:.80}.")


class People:
    """Those of all accounts. `rest_url` and `ws_url` say where the emulator is, `admin_token` what it asks for."""

    def __init__(
        self, *, rest_url: Callable[[], str], ws_url: Callable[[], str], admin_token: str | None = None
    ) -> None:
        self._rest_url = rest_url
        self._ws_url = ws_url
        self._admin_token = admin_token
        self._of: dict[str, dict[str, RoomClient]] = {}
        self._coming: dict[str, int] = {}
        self._going: set[asyncio.Task[None]] = set()

    def all(self, account: Account) -> list[RoomClient]:
        return list(self._of.get(account.id, {}).values())

    def get(self, account: Account, participant_id: str) -> RoomClient:
        """Raises UnknownPerson."""
        try:
            return self._of[account.id][participant_id.lower()]
        except KeyError:
            raise UnknownPerson(participant_id) from None

    async def add(self, account: Account, key: str, wish: Mapping[str, Any]) -> RoomClient:
        """Somebody who has joined, publishes, and has habits (`emulator/admin/participants.py` says what a wish is).

        Raises TooManyPeople, StageError for a room that is not there, ClientError.
        """
        import aiohttp

        from emulator.clients.behaviours.acting import behave
        from emulator.clients.room_client import RoomClient
        from emulator.scenario.rest import RestClient

        people = self._of.setdefault(account.id, {})
        if len(people) + self._coming.get(account.id, 0) >= MAX_PEOPLE:
            raise TooManyPeople
        self._coming[account.id] = self._coming.get(account.id, 0) + 1
        try:
            async with aiohttp.ClientSession() as http:
                rest = RestClient(http, rest_url=self._rest_url(), api_key=key, admin_token=self._admin_token)
                room_id = await rest.find_room(wish["room"])
                ttl = wish.get("token_ttl_secs")
                token = await (rest.lasting_token(room_id) if ttl is None else rest.client_token(room_id, ttl))
            rng = Random(account.rng.getrandbits(128))
            context = wish.get("context")
            client = RoomClient(
                ws_url=self._ws_url(),
                room_id=room_id,
                token=token,
                name=wish.get("name"),
                context=context if context is None or isinstance(context, str) else json.dumps(context),
                kind=wish.get("kind", "web"),
                messages=wish.get("messages", False),
                listens=wish.get("listens", True),
                rng=rng,
            )
            try:
                await client.connect()
                behave(client, wish.get("behaviours", ()), rng)
                for stream, media in wish.get("streams", {}).items():
                    await client.publish(stream, video=media.get("video"), audio=media.get("audio"))
            except BaseException:
                await client.vanish()
                raise
        finally:
            self._coming[account.id] -= 1
        if self._of.get(account.id) is not people:  # the account was reset meanwhile
            await client.vanish()
            raise UnknownPerson(client.participant_id)
        people[client.participant_id] = client
        return client

    async def remove(self, account: Account, participant_id: str) -> None:
        """They leave politely. Raises UnknownPerson."""
        client = self.get(account, participant_id)
        del self._of[account.id][client.participant_id]
        await client.leave()

    def forget(self, account: Account) -> None:
        """The account is reset, or gone."""
        self._coming.pop(account.id, None)
        for client in self._of.pop(account.id, {}).values():
            task = asyncio.get_running_loop().create_task(client.vanish())
            self._going.add(task)
            task.add_done_callback(self._going.discard)

    async def close(self) -> None:
        """The emulator stops. Safe to call again."""
        clients = [client for people in self._of.values() for client in people.values()]
        self._of.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECS):
                await asyncio.gather(*(client.vanish() for client in clients), *self._going)
