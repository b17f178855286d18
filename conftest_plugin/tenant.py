"""One test's account on a running emulator, and everybody who is there for it. Lives on the emulator's loop."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import aiohttp

from conftest_plugin.errors import RequestRefused, WrongArgument
from conftest_plugin.hosts import AccountSettings, Host
from conftest_plugin.journal import Journal
from conftest_plugin.rest import Rest
from conftest_plugin.room import AnyRoom, Room, room_id_of
from conftest_plugin.webhooks import WebhookInbox
from emulator.clients.admin_client import AdminClient, AdminRefused
from emulator.clients.company import Person, is_id, named

# Codecs and the grammar of scenarios are loaded by those who need them: the emulator starts in half the time.
if TYPE_CHECKING:
    from conftest_plugin.following import Following
    from emulator.clients.room_client import RoomClient
    from emulator.clients.sources.registry import AudioSpec, VideoSpec
    from emulator.scenario.engine import OnStep
    from emulator.scenario.report import Report
    from emulator.scenario.schema import Scenario

LEAVE_SECS = 3.0
"""How long a goodbye may take; who cannot, vanishes."""

Publish = str | Literal[True] | Mapping[str, Mapping[str, Any]] | None
"""A stream key, True for `self`, None for nothing; or sources by key, as scenarios have them under `streams`."""
Subscribe = Literal["all"] | None


@dataclass(slots=True)
class _Guest:
    client: RoomClient
    following: Following | None = None


class Tenant:
    """Nothing is created on the emulator until it is asked for something, unless `settings` ask for `open`.

    `api_key` is random. Every coroutine runs on the emulator's loop; `conftest_plugin.rooms_emulator` brings it there.
    """

    def __init__(
        self, host: Host, http: Callable[[], aiohttp.ClientSession], settings: AccountSettings | None = None
    ) -> None:
        self.api_key = f"KEY_{secrets.token_hex(16)}"
        self.settings = settings or AccountSettings()
        self.host = host
        where = host.addresses
        self.admin = AdminClient(where.admin_url, self.api_key, token=host.admin_token, http=http)
        self._rest_url, self._ws_url = where.rest_url, where.ws_url
        self._rest = Rest(http, rest_url=where.rest_url, api_key=self.api_key)
        self._guests: list[_Guest] = []
        self._tones = itertools.count()
        self._inbox: WebhookInbox | None = None
        self._cast: dict[str, Person] = {}
        self.journal = Journal()
        """What the test does, call by call."""
        self.captures = False
        """Whether media is to be captured, from the first use through here on."""
        self.capture_id: int | None = None
        self.scenario_text: str | None = None
        """The last scenario that was played, as it was given."""
        self.scenario_inputs: dict[str, object] = {}
        """And the values it was given for its inputs, defaults included."""

    @property
    def used(self) -> bool:
        """There is something to clean up. May be asked in any thread."""
        return bool(self._guests) or self._inbox is not None or self.host.knows(self.api_key)

    @property
    def inbox(self) -> WebhookInbox:
        """Rooms that are made from now on send their webhooks there, unless they are told otherwise."""
        if self._inbox is None:
            self._inbox = WebhookInbox(self.admin)
        return self._inbox

    async def open(self) -> None:
        """Make the account with its settings. Raises what the host raises."""
        await self.host.open(self.api_key, self.settings)

    async def create_room(self, fields: dict[str, Any]) -> Room:
        """Raises RequestRefused."""
        await self._begin_capture()
        if self._inbox is not None:
            fields = {"webhook_event_url": self._inbox.url, **fields}
        return Room.of(await self._rest.post("/rooms", fields))

    async def token(self, room: AnyRoom, ttl_secs: int | None = None) -> str:
        """A client token. Raises RequestRefused, LookupError."""
        room_id = await self._id_of(room)
        body = {} if ttl_secs is None else {"token_ttl_secs": ttl_secs}
        answer = await self._rest.post(f"/rooms/{room_id}/actions/generate_join_client_token", body)
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
        alone: bool = False,
        **options: Any,
    ) -> RoomClient:
        """A joined client; `options` go to `RoomClient`. `alone`: it subscribes to nothing while an assertion waits.

        Raises RequestRefused, LookupError, ClientError, WrongArgument.
        """
        from conftest_plugin.following import Following
        from emulator.clients.room_client import RoomClient
        from emulator.probes.tones import TONES
        from emulator.scenario import draws

        if subscribe not in ("all", None):
            raise WrongArgument(f'subscribe: expected "all" or None, got {subscribe!r:.60}')
        _check_options(RoomClient, options)
        streams = _streams(publish, {"video": video, "audio": audio})
        room_id = await self._id_of(room)
        if options.get("token") is None:
            options["token"] = await self._lasting_token(room_id)
        number = next(self._tones)
        if options.get("tone") is None:
            options["tone"] = number % TONES
        if options.get("rng") is None and self.settings.seed is not None:
            options["rng"] = draws.generator(self.settings.seed, name, "participant", str(number))
        client = RoomClient(ws_url=self._ws_url, room_id=room_id, name=name, **options)
        client.company.known = self._known_people
        client.alone = alone and subscribe is None
        guest = _Guest(client)
        self._guests.append(guest)
        await client.connect()
        try:
            if subscribe == "all":
                guest.following = Following(client)
                await guest.following.catch_up()
            for key, sources in streams.items():
                await client.publish(key, video=sources.get("video"), audio=sources.get("audio"))
        except BaseException:
            await client.leave()
            raise
        return client

    async def _id_of(self, room: AnyRoom) -> str:
        """A text that is no id is a unique name. Raises RequestRefused, LookupError, WrongArgument."""
        named = room_id_of(room)
        return named if is_id(named) else (await self.find_room(named)).id

    async def _lasting_token(self, room_id: str) -> str:
        """For participants made here: no test wants to know how they renew theirs. Raises RequestRefused."""
        try:
            return await self.admin.lasting_token(room_id)
        except AdminRefused as error:
            raise RequestRefused("POST /_emulator/tokens", error.status, error.body) from None

    @property
    def guests(self) -> list[RoomClient]:
        """The participants that were made here."""
        return [guest.client for guest in self._guests]

    @property
    def known(self) -> dict[str, Person]:
        """Those, and those of scenarios, by id."""
        return {client.participant_id: _person(client) for client in self.guests} | self._cast

    def _known_people(self) -> list[Person]:
        return list(self.known.values())

    @property
    def has_inbox(self) -> bool:
        return self._inbox is not None

    async def people(self) -> list[Person]:
        """Everybody who is or was in the account's rooms, the latest last. Raises RequestRefused."""
        known = self.known
        for one in await self._rest.list("/room_participants"):
            known.setdefault(one["id"], Person(one["id"], named(one.get("context"), one["id"])))
        return list(known.values())

    async def scenario(
        self,
        scenario: Scenario,
        text: str,
        *,
        stay: bool = False,
        tell: Callable[[str], None] | None = None,
        on_step: OnStep | None = None,
    ) -> Report:
        """Run it to its end, or with `stay` until it is cancelled; `text` is how it was given.

        A seed of the test's wins over that of the file. Raises StageError.
        """
        from emulator.probes.tones import TONES
        from emulator.scenario import draws
        from emulator.scenario.runner import run_scenario_on

        await self._begin_capture()
        if self.settings.seed is not None:
            scenario = replace(scenario, seed=self.settings.seed)
        self.scenario_text = text
        self.scenario_inputs = dict(scenario.inputs)
        for who in scenario.cast:
            participant_id = draws.participant_id(scenario.seed, who.name)
            self._cast[participant_id] = Person(participant_id, who.name, who.index % TONES)
        return await run_scenario_on(
            scenario,
            rest_url=self._rest_url,
            ws_url=self._ws_url,
            api_key=self.api_key,
            admin_token=self.host.admin_token,
            stay=stay,
            tell=tell,
            on_step=on_step,
        )

    async def _begin_capture(self) -> None:
        if self.captures and self.capture_id is None:
            self.capture_id = (await self.admin.request("POST", "/pcap", {}))["data"]["id"]

    async def find_room(self, unique_name: str) -> Room:
        """Raises RequestRefused, LookupError."""
        found = await self._rest.list("/rooms", {"filter[unique_name]": unique_name})
        if not found:
            raise LookupError(f"no room of this account has the unique_name {unique_name!r}")
        return Room.of(found[0])

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
            await self.host.forget(self.api_key)
            if self._inbox is not None:  # last: the account's webhooks would make it anew
                await self._inbox.close()
        except Exception as error:  # noqa: BLE001 - reported with the others
            errors.append(error)
        return errors, [f"{guest.client.name}: {fault}" for guest in guests for fault in guest.client.faults]


def _streams(publish: Publish, sources: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """By key; `sources` are those of a stream that is only named. Raises WrongArgument."""
    match publish:
        case None:
            return {}
        case True:
            return {"self": sources}
        case str():
            return {publish: sources}
        case Mapping() if all(isinstance(key, str) for key in publish):
            for key, given in publish.items():
                if not (isinstance(given, Mapping) and set(given) <= {"video", "audio"}):
                    raise WrongArgument(f"publish: {key}: expected a dict with video and audio, got {given!r:.80}")
            return {
                key: {medium: _source(source, sources[medium]) for medium, source in given.items()}
                for key, given in publish.items()
            }
    raise WrongArgument(
        f'publish: expected a stream key, True, or sources by key such as {{"self": {{"video": "test_card"}}}}, '
        f"got {publish!r:.80}"
    )


def _source(given: Any, usual: Any) -> Any:
    """True and False stand for the usual source and for none, as in scenarios."""
    if isinstance(given, bool):
        return usual if given else None
    return given


def _check_options(kind: type[RoomClient], options: Mapping[str, Any]) -> None:
    """Raises WrongArgument for what no participant takes."""
    import difflib
    import inspect

    own = ("publish", "subscribe", "video", "audio")
    given = {"self", "ws_url", "room_id", "name"}
    known = [*own, *(name for name in inspect.signature(kind.__init__).parameters if name not in given)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise WrongArgument(f"participant(): there is no argument {name!r}{meant}")


def _person(client: RoomClient) -> Person:
    return Person(client.participant_id, client.name, client.tone)


async def _see_off(guest: _Guest) -> None:
    if guest.following is not None:
        await guest.following.stop()
    try:
        async with asyncio.timeout(LEAVE_SECS):
            await guest.client.leave()
    except TimeoutError as error:
        await guest.client.vanish()
        raise TimeoutError(f"{guest.client.name} could not leave within {LEAVE_SECS:g} s") from error
