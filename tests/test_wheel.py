"""What is in the wheel is all that its users need: the example project is run from it, and so are the commands."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.browser.chromium import find_chromium
from tests.browser.sdk_bundle import ensure_installed

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "fixtures" / "example_app"
SOURCES = ("emulator", "conftest_plugin", "scenarios", "pyproject.toml", "README.md", "LICENSE")
LIVENESS_SECS = 100
WHENCE = """
from pathlib import Path

import conftest_plugin
import emulator


def test_nothing_comes_from_the_checkout():
    for package in (conftest_plugin, emulator):
        assert Path({installed!r}) in Path(package.__file__).parents
"""


@asynccontextmanager
async def process(arguments: list[str], environment: Mapping[str, str], cwd: Path) -> AsyncIterator[Process]:
    started = await asyncio.create_subprocess_exec(*arguments, env=environment, cwd=cwd, stdout=PIPE, stderr=STDOUT)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def told_by(arguments: list[str], environment: Mapping[str, str], cwd: Path) -> str:
    async with process(arguments, environment, cwd) as started, asyncio.timeout(LIVENESS_SECS):
        told = (await started.communicate())[0].decode()
    assert started.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel is installed, without what it depends on: that is there."""
    place = tmp_path_factory.mktemp("wheel")
    source, wheels, target = place / "source", place / "wheels", place / "installed"
    source.mkdir()
    for name in SOURCES:  # a copy: building writes beside what it reads
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(source)]
    subprocess.run([*pip, *build], check=True, timeout=LIVENESS_SECS)
    (wheel,) = wheels.glob("*.whl")
    install = ["install", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run([*pip, *install], check=True, timeout=LIVENESS_SECS)
    return target


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(installed)}


@pytest.mark.browser
async def test_example_project_passes_with_the_installed_wheel(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "lunch"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("node_modules", "telnyx-video.js", "__pycache__"))
    (project / "node_modules").symlink_to(ensure_installed() / "node_modules")
    (project / "test_whence.py").write_text(WHENCE.format(installed=str(installed)))
    await told_by(["npm", "run", "build"], environment, project)
    # Plugins of this suite that the example has no use for.
    without = [f"-pno:{name}" for name in ("asyncio", "cacheprovider", "faker", "hypothesispytest", "schemathesis")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *without]
    told = await told_by(command, {**environment, "CHROMIUM": str(find_chromium())}, project)
    assert "5 passed" in told.splitlines()[-1], told


async def test_commands_work_from_the_installed_wheel(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, str(installed / "bin" / "rooms-emulator")]

    async def run(*arguments: str) -> str:
        return await told_by([*command, *arguments], environment, tmp_path)

    assert " 0 differ, 0 not reachable" in (await run("contract", "--check", "other_tokens_do_not_refresh"))
    assert "documented" in await run("fidelity")
    assert json.loads(await run("schema"))["type"] == "object"
    assert "everything as expected" in await run("run", "two_people", "--report", "report.html")
    assert "two people" in (tmp_path / "report.html").read_text()


async def test_served_files_are_in_the_installed_wheel(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, str(installed / "bin" / "rooms-emulator")]
    ready = tmp_path / "ready.json"
    async with process([*command, "serve", "--port", "0", "--ready-file", str(ready)], environment, tmp_path) as server:
        await told_by([*command, "wait", "--ready-file", str(ready)], environment, tmp_path)
        address = json.loads(ready.read_text())
        headers = {"authorization": f"Bearer {address['api_key']}", "accept": "text/html"}
        async with aiohttp.ClientSession(headers=headers) as http:
            for name in ("", "fidelity", "openapi.json", "playwright.mjs", "probe.js", "redirect.js", "timeline"):
                async with http.get(f"{address['admin_url']}/{name}") as answer:
                    assert answer.status == 200, f"{name}: {await answer.text()}"
                    assert len(await answer.read()) > 1000, name
        server.terminate()
        async with asyncio.timeout(LIVENESS_SECS):
            await server.communicate()
    assert server.returncode == 0
