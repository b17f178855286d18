"""The fixtures. Every pytest run loads this file, so whatever is heavy is imported by the fixture that needs it.

rooms_emulator_config       overridable: the emulator's settings
rooms_emulator_server       one emulator for the whole run (with pytest-xdist: for each worker), when first used
rooms_emulator              a fresh account on it, for tests without a loop: its methods block
rooms_emulator_async        the same account for `async def` tests: the same methods, to be awaited
rooms_room                  a room in it
rooms_participant           makes participants of that room
rooms_scenario              scenarios on stage while the test goes on
rooms_webhooks              a receiver of the account's webhooks that checks their signatures
rooms_clock                 the account's time
rooms_faults                what goes wrong on purpose
rooms_env                   sets the variables that the vendor's SDKs read
telnyx_client               the vendor's Python SDK, pointed at the account; async_telnyx_client the awaitable one
rooms_init_script           the script that sends the vendor's browser SDK here, for Playwright's `add_init_script`
rooms_browser_context_args  for Playwright's `browser.new_context`; rooms_browser_launch_args for its `launch`

`rooms_participant`, `rooms_scenario`, `rooms_webhooks`, `rooms_clock`, `rooms_faults`: awaitable with `_async`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from conftest_plugin import options
from conftest_plugin.as_written import import_as_written

if TYPE_CHECKING:
    import telnyx

    from conftest_plugin.clock import AsyncClock, Clock
    from conftest_plugin.consumption import Consumption
    from conftest_plugin.faults import AsyncFaults, Faults
    from conftest_plugin.participants import AsyncParticipant, Participant
    from conftest_plugin.performance import AsyncScenarios, Scenarios, Theatre
    from conftest_plugin.room import Room
    from conftest_plugin.rooms_emulator import AsyncRoomsEmulator, RoomsEmulator
    from conftest_plugin.server import RoomsServer
    from conftest_plugin.tenant import Tenant
    from conftest_plugin.watch import Watch
    from conftest_plugin.webhooks import AsyncWebhooks, Webhooks
    from emulator.config import Config

MARK = "rooms"
_WATCH: pytest.StashKey[Watch] = pytest.StashKey()
_USE: pytest.StashKey[Consumption] = pytest.StashKey()
_STAGES: pytest.StashKey[Scenarios] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rooms-emulator", "Rooms emulator")
    for option in options.ALL:
        option.add_to(parser, group)


def pytest_configure(config: pytest.Config) -> None:
    options.check(config)
    import_as_written(config)
    path = options.contract(config)
    if path is not None:
        from conftest_plugin.consumption import Consumption

        config.stash[_USE] = Consumption(config, path)
        config.pluginmanager.register(config.stash[_USE], "rooms-emulator-contract")
    config.addinivalue_line(
        "markers",
        f"{MARK}(scenario=..., inputs={{...}}, seed=N, faults=[...], time=..., problems=...): what the test's account"
        " on the Rooms emulator begins with: a scenario on stage and its inputs, the seed of all ids, fault rules, and"
        " where its time stands (ISO text, a datetime, or 'frozen'); and whether to 'ignore', 'warn' of or 'fail' for"
        " problems.",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marked test has its account, whether or not it names a fixture."""
    if item.get_closest_marker(MARK) is not None and isinstance(item, pytest.Function):
        item.fixturenames.append("_rooms_theatre")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A scenario on stage is part of its test: what was not as expected fails it while there is evidence to keep."""
    result = yield
    stages = item.stash.get(_STAGES, None)
    if stages is not None and (text := stages.complaint()):
        pytest.fail(text, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """While the account is still there: what happened in it goes into the report of a failure, and into files."""
    report = yield
    watch = item.stash.get(_WATCH, None)
    if watch is None or report.skipped or report.when == "teardown":
        return report
    mode = options.artifacts(item.config)
    if report.passed and report.when == "call" and mode != "off":
        watch.passed(item)
    if report.failed or (mode == "on" and report.when == "call"):
        watch.report(item, report, mode)
    return report


@contextmanager
def _in_words(*kinds: type[Exception], before: str = "") -> Iterator[None]:
    """What these errors say is all there is to say: they are about the test, or its options; our frames are not."""
    try:
        yield
    except kinds as error:
        raise pytest.fail.Exception(f"{before}{error}", pytrace=False) from None


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What is imported does not become garbage: to look through all of it time and again is a tenth of the start."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


# -- the emulator, and an account on it --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rooms_emulator_config() -> Config:
    """Settings of `rooms_emulator_server`. Override it in a conftest.py; `api_keys` must stay empty."""
    from emulator.config import Config

    return Config(port=0)


@pytest.fixture(scope="session")
def rooms_emulator_server(request: pytest.FixtureRequest) -> Iterator[RoomsServer]:
    """A running emulator on free ports, in a thread and an event loop of its own; or that of --rooms-emulator-url."""
    with _nothing_collected():
        from conftest_plugin.server import AttachedServer, EmulatorServer
        from emulator.clients.admin_client import AdminError

        url = options.URL.of(request.config)
        server: RoomsServer
        if url is not None:
            server = AttachedServer(url, token=options.ADMIN_TOKEN.of(request.config))
        else:
            server = EmulatorServer(request.getfixturevalue("rooms_emulator_config"))
        with _in_words(AdminError, before="--rooms-emulator-url: "):
            server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def _rooms_emulator_tenant(rooms_emulator_server: RoomsServer, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    from conftest_plugin.current import running
    from conftest_plugin.marker import MarkerError, Wishes
    from conftest_plugin.rooms_emulator import RoomsEmulator
    from conftest_plugin.watch import Watch

    marks = list(request.node.iter_markers(MARK))
    with _in_words(MarkerError):
        wishes = Wishes.of(reversed(marks), seed=options.whole(options.SEED, request.config))
        settings = wishes.settings
    tenant = rooms_emulator_server.open_account(settings)
    watch = Watch(rooms_emulator_server, tenant, wishes.problems or options.problems(request.config))
    request.node.stash[_WATCH] = watch
    tenant.captures = options.artifacts(request.config) != "off"
    try:
        if wishes.faults:
            rooms_emulator_server.thread.wait(
                tenant.admin.add_faults(wishes.faults), patience=30.0, what="adding the marker's faults"
            )
        with running(RoomsEmulator(rooms_emulator_server, tenant)):
            yield tenant
        watch.check()
    finally:
        try:
            use = request.config.stash.get(_USE, None)
            if use is not None:
                use.note(request.node.nodeid, rooms_emulator_server, tenant)
        finally:
            rooms_emulator_server.close_account(tenant)


@pytest.fixture
def _rooms_theatre(
    rooms_emulator_server: RoomsServer, _rooms_emulator_tenant: Tenant, request: pytest.FixtureRequest
) -> Iterator[Theatre]:
    from conftest_plugin.marker import Wishes
    from conftest_plugin.performance import Scenarios, Theatre
    from emulator.scenario.errors import ScenarioError

    theatre = Theatre(_rooms_emulator_tenant)
    request.node.stash[_STAGES] = Scenarios(theatre, rooms_emulator_server.thread, _rooms_emulator_tenant.journal)
    wishes = Wishes.of(reversed(list(request.node.iter_markers(MARK))), seed=None)
    wait = rooms_emulator_server.thread.wait
    try:
        if wishes.scenario is not None:
            starting = theatre.start(wishes.scenario, wishes.inputs)
            with _in_words(ScenarioError, before="pytest.mark.rooms(scenario=...): "):
                wait(starting, patience=30.0, what="starting the marker's scenario")
        yield theatre
    finally:
        if theatre.performances:
            wait(theatre.close(), patience=30.0, what="ending the scenarios")


@pytest.fixture
def rooms_emulator(rooms_emulator_server: RoomsServer, _rooms_emulator_tenant: Tenant) -> RoomsEmulator:
    """A fresh account on the running emulator. Every method blocks until it is done, or raises after a while.

    When the test is over everybody leaves, sessions end, and the account is gone. It costs nothing until it is used.
    """
    from conftest_plugin.rooms_emulator import RoomsEmulator

    return RoomsEmulator(rooms_emulator_server, _rooms_emulator_tenant)


@pytest.fixture
def rooms_emulator_async(rooms_emulator_server: RoomsServer, _rooms_emulator_tenant: Tenant) -> AsyncRoomsEmulator:
    """`rooms_emulator` for `async def` tests: the methods are awaited, in any event loop. One test may use both."""
    from conftest_plugin.rooms_emulator import AsyncRoomsEmulator

    return AsyncRoomsEmulator(rooms_emulator_server, _rooms_emulator_tenant)


# -- what there is in it -----------------------------------------------------------------------------------------------


@pytest.fixture
def rooms_room(rooms_emulator: RoomsEmulator, request: pytest.FixtureRequest) -> Room:
    """A room in the test's account; with `rooms_webhooks` in the same test, its webhooks go there."""
    if {"rooms_webhooks", "rooms_webhooks_async"} & set(request.fixturenames):
        _ = rooms_emulator.webhooks
    return rooms_emulator.create_room()


@pytest.fixture
def rooms_participant(rooms_emulator: RoomsEmulator, rooms_room: Room) -> Callable[..., Participant]:
    """`rooms_participant("alice", publish="self")`: somebody who has joined `rooms_room`, or the `room` given.

    All arguments of `RoomsEmulator.participant`.
    """

    def join(name: str, *, room: Any = None, **arguments: Any) -> Participant:
        __tracebackhide__ = True
        return rooms_emulator.participant(rooms_room if room is None else room, name, **arguments)

    return join


@pytest.fixture
def rooms_participant_async(rooms_emulator_async: AsyncRoomsEmulator, rooms_room: Room) -> Callable[..., Any]:
    """`await rooms_participant_async("alice", publish="self")`: the same, with methods to be awaited."""

    async def join(name: str, *, room: Any = None, **arguments: Any) -> AsyncParticipant:
        __tracebackhide__ = True
        return await rooms_emulator_async.participant(rooms_room if room is None else room, name, **arguments)

    return join


@pytest.fixture
def rooms_scenario(rooms_emulator_server: RoomsServer, _rooms_theatre: Theatre) -> Scenarios:
    """Scenarios on stage while the test goes on: `rooms_scenario.start("lobby").wait_for("grace publish self")`.

    That of the marker `rooms(scenario=...)` is `rooms_scenario.stage`. What was not as expected by the end of the test
    fails it.
    """
    from conftest_plugin.performance import Scenarios

    return Scenarios(_rooms_theatre, rooms_emulator_server.thread, _rooms_theatre.journal)


@pytest.fixture
def rooms_scenario_async(rooms_emulator_server: RoomsServer, _rooms_theatre: Theatre) -> AsyncScenarios:
    """`rooms_scenario`, to be awaited."""
    from conftest_plugin.performance import AsyncScenarios

    return AsyncScenarios(_rooms_theatre, rooms_emulator_server.thread, _rooms_theatre.journal)


@pytest.fixture
def rooms_webhooks(rooms_emulator: RoomsEmulator) -> Webhooks:
    """A receiver of this test's webhooks: `rooms_webhooks.wait_for("participant.joined", {"participant_id": alice})`.

    Rooms made through the fixtures from then on send theirs there; others are given its `url`.
    """
    return rooms_emulator.webhooks


@pytest.fixture
def rooms_webhooks_async(rooms_emulator_async: AsyncRoomsEmulator) -> AsyncWebhooks:
    """`rooms_webhooks`, to be awaited: for tests in whose loop the app runs."""
    return rooms_emulator_async.webhooks


@pytest.fixture
def rooms_clock(rooms_emulator: RoomsEmulator) -> Clock:
    """The account's time: `now`, `freeze`, `advance(3600)`, `run`."""
    return rooms_emulator.clock


@pytest.fixture
def rooms_clock_async(rooms_emulator_async: AsyncRoomsEmulator) -> AsyncClock:
    """`rooms_clock`, to be awaited: an advance waits for webhooks, which an app in the test's loop must answer."""
    return rooms_emulator_async.clock


@pytest.fixture
def rooms_faults(rooms_emulator: RoomsEmulator) -> Faults:
    """What goes wrong on purpose: `rooms_faults.add("rest", "status", {"status": 503}, count=1)`."""
    return rooms_emulator.faults


@pytest.fixture
def rooms_faults_async(rooms_emulator_async: AsyncRoomsEmulator) -> AsyncFaults:
    """`rooms_faults`, to be awaited."""
    return rooms_emulator_async.faults


# -- the app's side ----------------------------------------------------------------------------------------------------


@pytest.fixture
def rooms_env(rooms_emulator: RoomsEmulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """TELNYX_BASE_URL, TELNYX_API_KEY and TELNYX_PUBLIC_KEY, set for this test and the processes it starts."""
    for name, value in rooms_emulator.env.items():
        monkeypatch.setenv(name, value)
    return rooms_emulator.env


@pytest.fixture
def telnyx_client(rooms_emulator: RoomsEmulator) -> Iterator[telnyx.Telnyx]:
    """The vendor's Python SDK, in the test's account."""
    from conftest_plugin.sdk import SdkMissing, blocking_client

    with _in_words(SdkMissing):
        client = blocking_client(rooms_emulator.env)
    with client:
        yield client


@pytest.fixture
def async_telnyx_client(rooms_emulator: RoomsEmulator) -> telnyx.AsyncTelnyx:
    """The vendor's awaitable Python SDK, in the test's account; it need not be closed."""
    from conftest_plugin.sdk import SdkMissing, awaitable_client

    with _in_words(SdkMissing):
        return awaitable_client(rooms_emulator.env)


@pytest.fixture(scope="session")
def rooms_init_script(rooms_emulator_server: RoomsServer) -> str:
    """JavaScript that sends the vendor's browser SDK here: `context.add_init_script(rooms_init_script)`."""
    from conftest_plugin.browser import init_script

    return init_script(rooms_emulator_server)


@pytest.fixture(scope="session")
def rooms_browser_context_args() -> dict[str, Any]:
    """`browser.new_context(**rooms_browser_context_args)`: camera and microphone are granted, and the page's content
    security policy does not keep it from the emulator."""
    from conftest_plugin.browser import CONTEXT_ARGS

    return dict(CONTEXT_ARGS)


@pytest.fixture(scope="session")
def rooms_browser_launch_args() -> list[str]:
    """`chromium.launch(args=rooms_browser_launch_args)`: cameras without hardware, sound without a click."""
    from conftest_plugin.browser import LAUNCH_ARGS

    return list(LAUNCH_ARGS)
