"""The plugin in test runs of others: pytest within pytest."""

from __future__ import annotations

import sys
import textwrap

import pytest

# Imported here, and so not once more by each inner run: numpy cannot be loaded twice.
import emulator.scenario.room_client
import emulator.scenario.runner  # noqa: F401 - as above; of this, an inner run would have some parts twice

pytest_plugins = "pytester"

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:schemathesis -p no:timeout -p no:xdist
"""

SYNC = """
    def test_sync(rooms_emulator):
        room = rooms_emulator.create_room(unique_name="lunch")
        alice = rooms_emulator.participant(room, "alice", publish="self")
        bob = rooms_emulator.participant(room, "bob", subscribe="all")
        bob.sees(alice)
        bob.hears(alice)
"""
ASYNC = """
    import pytest

    {mark}
    async def test_async(rooms_emulator_async):
        room = await rooms_emulator_async.create_room(unique_name="lunch")
        alice = await rooms_emulator_async.participant(room, "alice", publish="self")
        bob = await rooms_emulator_async.participant(room, "bob", subscribe="all")
        await bob.sees(alice)
        await bob.hears(alice)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Somebody's tests, in which warnings are errors."""
    pytester.makefile(".ini", pytest=INI)
    return pytester


@pytest.mark.parametrize(
    ("mode", "mark"),
    [
        ("auto", ""),
        ("strict", "@pytest.mark.asyncio"),
        ("strict", "@pytest.mark.asyncio(loop_scope='session')"),
        ("strict", "@pytest.mark.anyio"),
    ],
)
def test_sync_and_async_tests_run_side_by_side(project: pytest.Pytester, mode: str, mark: str) -> None:
    project.makepyfile(
        test_it=textwrap.dedent(SYNC) + textwrap.dedent(ASYNC.format(mark=mark)),
        conftest="import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n",
    )
    project.runpytest_inprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=2)


def test_run_shares_one_emulator_and_each_test_has_an_account_of_its_own(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(rooms_emulator, rooms_emulator_server, number):
            rooms_emulator.create_room(unique_name="the same in each")
            seen.add((rooms_emulator.api_key, rooms_emulator_server.rest_url))

        def test_after():
            keys, urls = zip(*seen)
            assert len(set(keys)) == 3
            assert len(set(urls)) == 1
    """)
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_emulator_is_not_started_for_tests_that_do_not_ask_for_it(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys
        import threading

        def test_it():
            assert "rooms-emulator" not in {thread.name for thread in threading.enumerate()}
            assert not {"emulator", "aiohttp", "av", "numpy"} & set(sys.modules)
    """)
    project.makefile(".ini", pytest=INI.replace("asyncio_default", "# asyncio_default"))
    project.runpytest_subprocess("-pno:asyncio", "-pno:anyio").assert_outcomes(passed=1)


def test_failed_expectation_is_shown_at_the_line_of_the_test(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        def test_sync(rooms_emulator):
            room = rooms_emulator.create_room()
            rooms_emulator.participant(room, "alice", subscribe="all").sees("nobody", within=0)

        @pytest.mark.asyncio
        async def test_async(rooms_emulator_async):
            room = await rooms_emulator_async.create_room()
            await (await rooms_emulator_async.participant(room, "bob")).sees("nobody", within=0)

        def test_after(rooms_emulator):
            rooms_emulator.create_room()
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines([
        ">*alice*sees*within=0*",
        "E*AssertionError: expected alice to see the card of nobody/self within 0 s*",
        ">*bob*sees*within=0*",
        "E*AssertionError: expected bob to see the card of nobody/self within 0 s*",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*loop_thread.py*")
    result.stdout.no_fnmatch_line("*watching.py*")


WRONG = {
    "alice.unpublish('nothing')": "ClientStateError: no stream 'nothing' is published",
    "alice.sees()": "TypeError: sees(): missing a required argument: 'participant'",
    "alice.frames('x')": "ClientStateError: alice is not subscribed to x/self",
    "alice.publish('self', video='tset_card')": "SourceError: expected a video source",
    "rooms_participant('bob', publsh='self')": "participant(): there is no argument 'publsh'; did you mean 'publish'",
    "rooms_participant('bob', publish={'self': {'video': 3}})": "SourceError: expected a video source",
    "rooms_participant('bob', publish=3)": "WrongArgument: publish: expected a stream key",
    "rooms_participant('bob', room=3)": "WrongArgument: expected a room, its id or its unique name, got 3",
    "rooms_emulator.create_room(max_participants=1)": "RequestRefused: POST /rooms: 422",
    "rooms_emulator.scenario('nothing')": "ScenarioUnreadable: nothing: no such file",
    "rooms_emulator.scenario({'version': 1})": "ScenarioInvalid: <dict>:1:1: ",
    "rooms_scenario.start('nothing')": "ScenarioUnreadable: nothing: no such file",
    "rooms_scenario.stage": "LookupError: no scenario is on stage",
    "rooms_webhooks.wait_for('joind')": "WrongArgument: no webhook is a 'joind'",
    "rooms_webhooks.wait_for()": "TypeError: wait_for(): missing",
    "rooms_clock.advance(-1)": "AdminRefused: POST *: 422 advance_secs",
    "expect_tile(3)": "TypeError: expected a Playwright Locator, got 3",
}
"""What somebody does, and what the failure says."""


def test_what_somebody_does_wrong_is_shown_at_their_line_and_nowhere_else(project: pytest.Pytester) -> None:
    project.makepyfile(
        "from conftest_plugin.expect import expect_tile\n"
        + "".join(
            f"def test_{number}(rooms_emulator, rooms_participant, rooms_scenario, rooms_webhooks, rooms_clock):\n"
            f"    alice = rooms_participant('alice')\n    {call}\n"
            for number, call in enumerate(WRONG)
        )
    )
    result = project.runpytest_inprocess("--color=no")
    result.assert_outcomes(failed=len(WRONG))
    result.stdout.fnmatch_lines([line for call, said in WRONG.items() for line in (f">*{call}", f"E*{said}*")])
    for place in ("*conftest_plugin/*.py:*", "*emulator/*.py:*"):
        result.stdout.no_fnmatch_line(place)


def test_what_a_marker_asks_for_wrongly_is_told_without_frames(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.rooms(tiem="frozen")
        def test_misspelt(rooms_emulator): pass

        @pytest.mark.rooms(scenario="nothing")
        def test_missing(): pass
    """)
    result = project.runpytest_inprocess("--color=no")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines([
        "pytest.mark.rooms has no 'tiem'; it takes *",
        "pytest.mark.rooms(scenario=...): nothing: no such file, *",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*conftest_plugin/*.py:*")
    result.stdout.no_fnmatch_line("*During handling*")
    told, _, _ = result.stdout.str().partition("short test summary")  # where it may stand again, as on a CI server
    assert told.count("has no 'tiem'") == 1


def test_errors_of_our_own_making_are_shown_with_their_frames(project: pytest.Pytester) -> None:
    project.makepyfile("""
        async def fail():
            raise RuntimeError("the door is locked")

        def test_it(rooms_emulator_server):
            rooms_emulator_server.thread.wait(fail(), patience=10, what="opening the door")
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*async def fail():", "E*RuntimeError: the door is locked"])
    result.stdout.no_fnmatch_line("*loop_thread.py*")


def test_what_goes_wrong_at_the_end_is_an_error_of_that_test_alone(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from emulator.clients.room_client import RoomClient

        async def fail(client):
            raise RuntimeError("the door is locked")

        def test_it(rooms_emulator):
            alice = rooms_emulator.participant(rooms_emulator.create_room(), "alice")
            alice._client.leave = lambda: fail(alice._client)

        def test_after(rooms_emulator):
            rooms_emulator.participant(rooms_emulator.create_room(), "bob")
    """.replace(", monkeypatch_later", "")
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "E*RuntimeError: the door is locked"])


def test_what_participants_noticed_is_a_warning(project: pytest.Pytester) -> None:
    project.makefile(".ini", pytest=INI.replace("error", "default"))
    project.makepyfile("""
        def test_it(rooms_emulator):
            alice = rooms_emulator.participant(rooms_emulator.create_room(), "alice")
            alice._client._background.fault("the server spoke Latin")
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*RoomsEmulatorWarning: alice: the server spoke Latin"])


def test_settings_can_be_overridden(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import pytest
        from emulator.config import Config

        @pytest.fixture(scope="session")
        def rooms_emulator_config():
            return Config(port=0, host="127.0.0.2")
    """)
    project.makepyfile("""
        def test_it(rooms_emulator):
            assert rooms_emulator.rest_url.startswith("http://127.0.0.2:")
            rooms_emulator.participant(rooms_emulator.create_room(), "alice", media_host="127.0.0.2")
    """)
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_setting_that_cannot_work_is_named(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import pytest
        from emulator.config import Config

        @pytest.fixture(scope="session")
        def rooms_emulator_config():
            return Config(port=0, api_keys=("KEY_one",))
    """)
    project.makepyfile("def test_it(rooms_emulator): pass")
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*ConfigError: api_keys: expected none*"])


def test_each_worker_of_xdist_has_an_emulator_of_its_own(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    project.makefile(".ini", pytest=INI.replace(" -p no:xdist", ""))
    project.makepyfile("""
        import os
        import pathlib
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(rooms_emulator, number):
            room = rooms_emulator.create_room(unique_name="lunch")
            rooms_emulator.participant(room, "alice").publish()
            worker = os.environ["PYTEST_XDIST_WORKER"]
            pathlib.Path(f"{worker}-{number}").write_text(rooms_emulator.rest_url)
    """)
    project.runpytest_subprocess("-n2", "--dist=load").assert_outcomes(passed=6)
    found = {path.name.partition("-")[0]: path.read_text() for path in project.path.glob("gw?-*")}
    assert len(found) == len(set(found.values())) == 2


def test_run_ends_without_a_thread_loop_or_socket_left_open(project: pytest.Pytester) -> None:
    """In development mode Python names everything that was not closed."""
    project.makepyfile(textwrap.dedent(SYNC) + textwrap.dedent(ASYNC.format(mark="@pytest.mark.asyncio")))
    project.makeconftest("""
        import threading

        def pytest_unconfigure():
            assert "rooms-emulator" not in {thread.name for thread in threading.enumerate()}
    """)
    result = project.run(sys.executable, "-X", "dev", "-m", "pytest")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    assert result.stderr.lines == []


def test_fixtures_explain_themselves(project: pytest.Pytester) -> None:
    told = project.runpytest_inprocess("--fixtures").stdout.str()
    for line in ("rooms_emulator_config [session scope]", "rooms_emulator_server [session scope]"):
        assert line in told
    for fixture in ("rooms_emulator", "rooms_emulator_async", "rooms_room", "rooms_participant", "rooms_webhooks"):
        assert f"\n{fixture} -- " in told
    about = told[told.index("conftest_plugin.plugin") :]
    assert "no docstring available" not in about[: about.index("\n---")]
    assert "A fresh account on the running emulator" in about


def test_markers_and_options_explain_themselves(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.rooms(scenario=..., inputs={...}, seed=N*"]
    )
    told = " ".join(project.runpytest_inprocess("--help").stdout.str().split())
    assert "Rooms emulator: --rooms-emulator-url" in told
    assert "(ini: rooms_emulator_url, environment: ROOMS_EMULATOR_URL)" in told


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("sed=1", "pytest.mark.rooms has no 'sed'; it takes scenario, inputs, seed, faults, time, problems"),
        ("5", "pytest.mark.rooms takes keywords only"),
        ("seed='x'", "seed=...): expected an integer"),
        ("faults={}", "faults=...): expected a list of dicts"),
        ("time='noon'", "time=...): expected a time such as"),
        ("faults=[dict(surface='moon', kind='x')]", "/faults/0/surface: expected"),
    ],
)
def test_marker_that_is_wrong_is_named_at_its_test_alone(project: pytest.Pytester, mark: str, told: str) -> None:
    project.makepyfile(f"""
        import pytest

        @pytest.mark.rooms({mark})
        def test_it():
            pass

        @pytest.mark.rooms(seed=1)
        def test_other(rooms_room):
            pass
    """)
    result = project.runpytest_inprocess("--strict-markers")
    result.assert_outcomes(errors=1, passed=1)
    assert told in result.stdout.str()


def test_marker_of_a_test_overrides_that_of_its_class_and_the_option(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        ids = {}

        def test_by_option(rooms_room):
            ids["option"] = rooms_room.id

        @pytest.mark.rooms(seed=2, time="2030-01-01T00:00:00Z")
        class TestIt:
            def test_by_class(self, rooms_room, rooms_clock):
                assert rooms_clock.now().year == 2030
                ids["class"] = rooms_room.id

            @pytest.mark.rooms(seed=1)
            def test_by_its_own(self, rooms_room, rooms_clock):
                assert rooms_clock.now().year == 2030
                assert rooms_room.id == ids["option"] != ids["class"]
    """)
    project.runpytest_inprocess("--rooms-emulator-seed=1").assert_outcomes(passed=3)
    project.runpytest_inprocess("--rooms-emulator-seed=one").stderr.fnmatch_lines(
        ["*--rooms-emulator-seed: expected a whole number of at least 0, got 'one'*"]
    )


@pytest.mark.parametrize("fixture", ["telnyx_client", "async_telnyx_client"])
def test_missing_sdk_is_an_error_that_says_what_to_install(project: pytest.Pytester, fixture: str) -> None:
    project.makepyfile(f"""
        import sys
        import pytest

        @pytest.fixture(autouse=True)
        def without_it(monkeypatch):
            monkeypatch.setitem(sys.modules, "telnyx", None)

        def test_it({fixture}):
            pass
    """)
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the vendor's SDK is not installed; pip install telnyx"])
    result.stdout.no_fnmatch_line("*conftest_plugin/*.py:*")
