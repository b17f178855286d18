"""Debian's Janus as a subprocess: three plugins, WebSocket transport on a loopback port, one room in each plugin."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from pathlib import Path

import aiohttp
from aioice.ice import get_host_addresses

PLUGINS = ("audiobridge", "videoroom", "textroom")
ROOM = 1234
"""The number of the one room, in every plugin."""
START_SECS = 10.0
STOP_SECS = 3.0
STARTS = 3
"""A port that was free may be taken before Janus binds it: then another one."""

JANUS_CONFIG = """
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    loggers_folder = "{folder}/none"
    events_folder = "{folder}/none"
    debug_level = 3
    debug_colors = false
    server_name = "reference"
}}
nat: {{
    ice_lite = true
}}
"""
WEBSOCKETS_CONFIG = """
general: {{
    json = "compact"
    ws = true
    ws_ip = "127.0.0.1"
    ws_port = {port}
    wss = false
}}
admin: {{
    admin_ws = false
    admin_wss = false
}}
"""
ROOM_CONFIGS = {
    "audiobridge": 'room-{room}: {{ description = "{name}" sampling_rate = 48000 }}',
    "videoroom": 'room-{room}: {{ description = "{name}" publishers = {publishers} videocodec = "vp8,h264" }}',
    "textroom": 'general: {{ json = "compact" }}\nroom-{room}: {{ description = "{name}" }}',
}


def modules() -> Path | None:
    """The folder of the package's modules."""
    return next(iter(sorted(Path("/usr/lib").glob("*/janus"))), None)


def why_not() -> str | None:
    """Why Janus cannot be asked here; None when it can."""
    if shutil.which("janus") is None or modules() is None:
        return "Janus is not installed (Debian package: janus)"
    if not get_host_addresses(use_ipv4=True, use_ipv6=False):
        return "Janus offers no loopback candidates, and this machine has no other address"
    return None


class JanusServer:
    """`async with JanusServer(name) as janus`: runs until the end of the block. `name` is the rooms' description."""

    def __init__(self, name: str, *, publishers: int = 16) -> None:
        self._name = name
        self._publishers = publishers
        self._folder = tempfile.TemporaryDirectory(prefix="janus-")
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def __aenter__(self) -> JanusServer:
        try:
            for _ in range(STARTS):
                port = _free_port()
                self._configure(port)
                if await self._start(port):
                    self.url = f"ws://127.0.0.1:{port}/"
                    return self
            raise RuntimeError(f"Janus does not start: {self._log()}")
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Raises RuntimeError unless it runs."""
        if self._process is None:
            raise RuntimeError("Janus does not run")
        return self._process.pid

    def _configure(self, port: int) -> None:
        folder = Path(self._folder.name)
        source = modules()
        if source is None:
            raise RuntimeError("Janus is not installed")
        wanted = [("plugins", name) for name in PLUGINS] + [("transports", "websockets")]
        for kind, name in wanted:  # Janus loads all that lie in a folder
            (folder / kind).mkdir(exist_ok=True)
            link = folder / kind / f"libjanus_{name}.so"
            if not link.is_symlink():
                link.symlink_to(source / kind / link.name)
        (folder / "none").mkdir(exist_ok=True)
        (folder / "janus.jcfg").write_text(JANUS_CONFIG.format(folder=folder))
        (folder / "janus.transport.websockets.jcfg").write_text(WEBSOCKETS_CONFIG.format(port=port))
        values = {"room": ROOM, "name": self._name, "publishers": self._publishers}
        for name, text in ROOM_CONFIGS.items():
            (folder / f"janus.plugin.{name}.jcfg").write_text(text.format(**values))

    async def _start(self, port: int) -> bool:
        folder = Path(self._folder.name)
        with (folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "janus", "-C", folder / "janus.jcfg", "-F", folder, stdout=log, stderr=log, cwd=folder
            )
        try:
            async with asyncio.timeout(START_SECS), aiohttp.ClientSession() as http:
                while self._process.returncode is None:
                    try:
                        ws = await http.ws_connect(f"http://127.0.0.1:{port}/", protocols=["janus-protocol"])
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.02)  # its log is buffered: only the port says that it listens
                    else:
                        await ws.close()
                        return True
        except TimeoutError:
            pass  # told by the caller, with the log
        await self._stop()
        return False

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _log(self) -> str:
        return (Path(self._folder.name) / "log").read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
