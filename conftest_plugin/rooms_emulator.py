"""What the fixtures hand to a test: its own account on the running emulator, blocking or to be awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conftest_plugin import scenarios
from conftest_plugin.clock import AsyncClock, Clock, ClockControl
from conftest_plugin.faults import AsyncFaults, FaultControl, Faults
from conftest_plugin.participants import AsyncParticipant, Participant
from conftest_plugin.room import AnyRoom, Room
from conftest_plugin.scenarios import AnyScenario
from conftest_plugin.server import RoomsServer
from conftest_plugin.tenant import Publish, Subscribe, Tenant
from conftest_plugin.webhooks import AsyncWebhooks, Webhooks
from emulator.clients.company import Person
from emulator.clients.sources.registry import AudioSpec, VideoSpec
from emulator.scenario.loader import NO_INPUTS
from emulator.scenario.report import Report

REST_SECS = 30.0
JOIN_SECS = 60.0
SCENARIO_SECS = 60.0


class Account:
    """Where the emulator is, and who we are there."""

    def __init__(self, server: RoomsServer, tenant: Tenant) -> None:
        self._thread = server.thread
        self._tenant = tenant
        self.rest_url = server.rest_url
        """With `/v2`."""
        self.ws_url = server.ws_url
        """Without the `/{room_id}/janus` that a client appends."""
        self.admin_url = server.admin_url
        self.api_key = tenant.api_key
        self.webhook_public_key = server.webhook_public_key
        self.journal = tenant.journal

    @property
    def env(self) -> dict[str, str]:
        """The variables that the vendor's SDKs read, for `monkeypatch.setenv` or a subprocess."""
        return {
            "TELNYX_BASE_URL": self.rest_url,
            "TELNYX_API_KEY": self.api_key,
            "TELNYX_PUBLIC_KEY": self.webhook_public_key,
        }

    def people(self) -> list[Person]:
        """Who is or was in the account's rooms, the app's own participants included."""
        return self._thread.wait(self._tenant.people(), patience=REST_SECS, what="people()")

    async def people_awaited(self) -> list[Person]:
        return await self._thread.wait_async(self._tenant.people(), patience=REST_SECS, what="people_awaited()")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.rest_url} {self.api_key}>"


class RoomsEmulator(Account):
    """Every method blocks until it is done, or raises CallTimeout after a while."""

    @property
    def clock(self) -> Clock:
        """The account's time."""
        return Clock(ClockControl(self._tenant.admin), self._thread, self._tenant.journal)

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose in this account."""
        return Faults(FaultControl(self._tenant.admin), self._thread, self._tenant.journal)

    @property
    def webhooks(self) -> Webhooks:
        """A receiver; rooms that are made from now on through this account send their webhooks there."""
        return Webhooks(self._tenant.inbox, self._thread, self._tenant.journal)

    def create_room(self, **fields: Any) -> Room:
        """`fields` as REST has them: unique_name, max_participants, ... Raises RequestRefused."""
        __tracebackhide__ = True
        work = self._tenant.create_room(fields)
        with self._tenant.journal.note("rooms", "create_room", (), fields):
            return self._thread.wait(work, patience=REST_SECS, what="create_room()")

    def token(self, room: AnyRoom, *, ttl_secs: int | None = None) -> str:
        """A client token for the room, 600 s unless said otherwise. Raises RequestRefused."""
        __tracebackhide__ = True
        return self._thread.wait(self._tenant.token(room, ttl_secs), patience=REST_SECS, what="token()")

    def participant(
        self,
        room: AnyRoom,
        name: str,
        *,
        publish: Publish = None,
        subscribe: Subscribe = None,
        video: VideoSpec = "test_card",
        audio: AudioSpec = "tone",
        **options: Any,
    ) -> Participant:
        """Somebody who has joined, and leaves when the test is over. Each has a test card and a tone of its own.

        `publish`: a stream key (True: `self`), of `video` and `audio`, or the streams with their sources by key, as
        scenarios have them: `{"self": {"video": "test_card"}}`. Media may still be coming up on return.
        `subscribe="all"`: watches whatever the others publish, now or later. `options` are those of `RoomClient`:
        participant_id, context, token, tone, ... Its token does not run out, unless you give one that does
        (`token=rooms_emulator.token(room, ttl_secs=60)`). Raises RequestRefused, ClientError.
        """
        __tracebackhide__ = True
        joining = self._tenant.participant(
            room, name, publish=publish, subscribe=subscribe, video=video, audio=audio, alone=True, **options
        )
        with self._tenant.journal.note(name, "participant", [name], _given(publish, subscribe, options)):
            client = self._thread.wait(joining, patience=JOIN_SECS, what=f"participant {name}")
        return Participant(client, self._thread, self._tenant.journal)

    def scenario(
        self,
        source: AnyScenario,
        *,
        inputs: Mapping[str, object] = NO_INPUTS,
        timeout: float = SCENARIO_SECS,
        check: bool = True,
    ) -> Report:
        """Run a scenario (a path, a shipped one's name, YAML text or a dict) in this account, to its end.

        `inputs`: values for what it declares under `inputs`.

        Raises AssertionError if anything was not as expected, unless `check` is False; ScenarioError if it cannot be
        run; CallTimeout after `timeout` seconds.
        """
        __tracebackhide__ = True
        playing = self._tenant.scenario(scenarios.read(source, inputs), scenarios.text_of(source))
        with self._tenant.journal.note("scenario", "scenario", [scenarios.name_of(source)]):
            report = self._thread.wait(playing, patience=timeout, what="scenario()")
            return scenarios.check(report) if check else report


class AsyncRoomsEmulator(Account):
    """Every method is awaited, in any event loop; see `RoomsEmulator` for what each does."""

    @property
    def clock(self) -> AsyncClock:
        return AsyncClock(ClockControl(self._tenant.admin), self._thread, self._tenant.journal)

    @property
    def faults(self) -> AsyncFaults:
        return AsyncFaults(FaultControl(self._tenant.admin), self._thread, self._tenant.journal)

    @property
    def webhooks(self) -> AsyncWebhooks:
        return AsyncWebhooks(self._tenant.inbox, self._thread, self._tenant.journal)

    async def create_room(self, **fields: Any) -> Room:
        """`fields` as REST has them: unique_name, max_participants, ... Raises RequestRefused."""
        __tracebackhide__ = True
        work = self._tenant.create_room(fields)
        with self._tenant.journal.note("rooms", "create_room", (), fields):
            return await self._thread.wait_async(work, patience=REST_SECS, what="create_room()")

    async def token(self, room: AnyRoom, *, ttl_secs: int | None = None) -> str:
        """A client token for the room, 600 s unless said otherwise. Raises RequestRefused."""
        __tracebackhide__ = True
        return await self._thread.wait_async(self._tenant.token(room, ttl_secs), patience=REST_SECS, what="token()")

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
    ) -> AsyncParticipant:
        """As `RoomsEmulator.participant`, with awaitable methods."""
        __tracebackhide__ = True
        joining = self._tenant.participant(
            room, name, publish=publish, subscribe=subscribe, video=video, audio=audio, **options
        )
        with self._tenant.journal.note(name, "participant", [name], _given(publish, subscribe, options)):
            client = await self._thread.wait_async(joining, patience=JOIN_SECS, what=f"participant {name}")
        return AsyncParticipant(client, self._thread, self._tenant.journal)

    async def scenario(
        self,
        source: AnyScenario,
        *,
        inputs: Mapping[str, object] = NO_INPUTS,
        timeout: float = SCENARIO_SECS,
        check: bool = True,
    ) -> Report:
        """As `RoomsEmulator.scenario`."""
        __tracebackhide__ = True
        playing = self._tenant.scenario(scenarios.read(source, inputs), scenarios.text_of(source))
        with self._tenant.journal.note("scenario", "scenario", [scenarios.name_of(source)]):
            report = await self._thread.wait_async(playing, patience=timeout, what="scenario()")
            return scenarios.check(report) if check else report


def _given(publish: Publish, subscribe: Subscribe, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say something, for the journal; a token is nobody's business."""
    told = {"publish": publish, "subscribe": subscribe, **options}
    return {name: value for name, value in told.items() if value is not None and name != "token"}
