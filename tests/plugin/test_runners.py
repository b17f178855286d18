"""The fixtures under every runner that people have: unittest's classes, and apps in other processes and languages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import emulator.scenario.room_client  # noqa: F401 - not once more by the inner run: numpy cannot be loaded twice

pytest_plugins = "pytester"

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:schemathesis -p no:timeout -p no:xdist
"""
NODE_MODULES = Path(__file__).parents[1] / "browser" / "node_modules"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".ini", pytest=INI)
    return pytester


def test_unittest_classes_take_the_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import unittest

        import pytest

        class Meeting(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _rooms(self, rooms_emulator, rooms_room):
                self.rooms, self.room = rooms_emulator, rooms_room

            def test_bob_sees_alice(self):
                alice = self.rooms.participant(self.room, "alice", publish="self")
                self.rooms.participant(self.room, "bob", subscribe="all").sees(alice)

            @pytest.mark.rooms(seed=1, time="2030-01-01T00:00:00Z")
            def test_marked(self):
                self.assertEqual(self.rooms.clock.now().year, 2030)

        class AsyncMeeting(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def _rooms(self, rooms_emulator_async, rooms_room):
                self.rooms, self.room = rooms_emulator_async, rooms_room

            async def test_bob_hears_alice(self):
                alice = await self.rooms.participant(self.room, "alice", publish="self")
                bob = await self.rooms.participant(self.room, "bob", subscribe="all")
                await bob.hears(alice)
    """)
    project.runpytest_inprocess().assert_outcomes(passed=3)


def test_unittest_without_pytest_uses_the_server_itself(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_meeting="""
        import unittest

        from conftest_plugin.rooms_emulator import RoomsEmulator
        from conftest_plugin.server import EmulatorServer

        class Meeting(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.server = cls.enterClassContext(EmulatorServer())

            def setUp(self):
                tenant = self.server.open_account()
                self.addCleanup(self.server.close_account, tenant)
                self.rooms = RoomsEmulator(self.server, tenant)

            def test_alice_joins(self):
                alice = self.rooms.participant(self.rooms.create_room(), "alice")
                self.assertEqual(alice.status, "connected")
    """
    )
    told = project.run(sys.executable, "-W", "error", "-m", "unittest", "test_meeting")
    assert told.ret == 0, told.stderr.str()
    told.stderr.fnmatch_lines(["Ran 1 test*", "OK"])


def test_app_in_another_language_finds_the_tests_account(project: pytest.Pytester) -> None:
    project.makepyfile(f"""
        import subprocess

        APP = '''
          const Telnyx = require({str(NODE_MODULES / "telnyx")!r});
          new Telnyx().rooms.create({{ unique_name: "by the app" }}).then((room) => console.log(room.data.id));
        '''

        def test_node_app(rooms_env, telnyx_client):
            told = subprocess.run(["node", "-e", APP], capture_output=True, text=True, check=True, timeout=60)
            (room,) = telnyx_client.rooms.list()
            assert (room.id, room.unique_name) == (told.stdout.strip(), "by the app")
    """)
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_other_plugins_have_no_option_or_fixture_of_ours(project: pytest.Pytester) -> None:
    """All names of ours begin alike; a clash would end the run at once."""
    told = project.runpytest_inprocess("--fixtures", "-q").stdout.str()
    about = told[told.index("fixtures defined from conftest_plugin.plugin") :].split("fixtures defined from", 2)[1]
    names = [line.split(" ")[0] for line in about.splitlines() if " -- " in line or "scope] -- " in line]
    assert names
    assert all(name.startswith("rooms_") or name in ("telnyx_client", "async_telnyx_client") for name in names)
    options = [line.split()[0] for line in project.runpytest_inprocess("--help").outlines if "--rooms-emulator" in line]
    assert all(option.startswith("--rooms-emulator-") for option in options if option.startswith("--"))
