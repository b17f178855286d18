"""What the fixture `rooms_emulator_server` takes in a fresh pytest process: from its call until /readyz answers.

Beside it, in turns: a fixture that does the same for a bare aiohttp application. Imports are part of both; pytest's own
start is part of neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST_RUN = 60.0

# No plugin of the machine's but ours is loaded, so that nothing is imported before it is needed. Of a plugin that was
# installed, pytest registers all packages for its own way of importing.
CONFTEST = """
import asyncio
import os
import threading
import time
import urllib.request

import pytest

pytest.register_assert_rewrite("emulator")
NOTED = os.environ["NOTE_SECONDS_IN"]

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    began = time.perf_counter()
    server = yield
    if fixturedef.argname in ("rooms_emulator_server", "bare_server"):
        with urllib.request.urlopen(server.rest_url.removesuffix("/v2") + "/readyz") as answer:
            assert answer.status == 200
        with open(NOTED, "w") as file:
            file.write(str(time.perf_counter() - began))
    return server

class Bare:
    def __init__(self, port):
        self.rest_url = f"http://127.0.0.1:{port}/v2"

@pytest.fixture(scope="session")
def bare_server():
    from aiohttp import web

    async def ready(request):
        return web.Response(text="ok")

    def serve():
        async def main():
            nonlocal port, enough, loop
            loop, enough = asyncio.get_running_loop(), asyncio.Event()
            app = web.Application()
            app.router.add_get("/readyz", ready)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            up.set()
            await enough.wait()
            await runner.cleanup()
        asyncio.run(main())

    port = enough = loop = None
    up = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    up.wait(10)
    yield Bare(port)
    loop.call_soon_threadsafe(enough.set)
    thread.join(10)
"""


def as_installed() -> dict[str, str]:
    """The environment, in which Python keeps what it has compiled, as pip has done for those who installed us."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(fixture: str) -> float:
    """`rooms_emulator_server` or `bare_server`, once, in a fresh pytest process. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "seconds"
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_it.py").write_text(f"def test_it({fixture}): pass\n")
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "conftest_plugin.plugin", "-p", "no:cacheprovider"],
            cwd=folder,
            env={**as_installed(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NOTE_SECONDS_IN": str(noted)},
            stdout=subprocess.DEVNULL,
            timeout=LONGEST_RUN,
            check=True,
        )
        return float(noted.read_text())
