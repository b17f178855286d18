"""What the commands do: serve until told to stop, wait for a server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import aiohttp

from emulator.clients.unanswered import why_no_answer
from emulator.config import Config
from emulator.scenario.errors import ScenarioError, StageError
from emulator.server import Emulator, StartError

# `emulator.scenario.runner` is imported where it is needed: an emulator without a scenario starts sooner.

STOP_SECS = 1.5
WAIT_INTERVAL_SECS = 0.05


async def serve(config: Config, *, scenario: Path | None, ready_file: Path | None, room: str | None = None) -> int:
    """Until SIGINT or SIGTERM. Returns the exit code: 0, or 2 when the start failed."""
    script = None
    if scenario is not None:
        from emulator.scenario.runner import load, run_scenario_on

        try:
            script = load(scenario)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            return 2
    if ready_file is not None:
        remove_stale_ready_file(ready_file)
    emulator = Emulator(config)
    try:
        await emulator.start()
    except StartError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    code = 0
    announced: Path | None = None
    try:
        if ready_file is not None:
            try:
                write_ready_file(ready_file, emulator)
                announced = ready_file
            except OSError as error:
                print(f"rooms-emulator: cannot write the ready file {ready_file}: {error.strerror}", file=sys.stderr)
                return 2
        print(banner(emulator), flush=True)
        if room is not None and not await _tell_room(emulator, room):
            return 2
        settled = loop.run_in_executor(None, settle)
        stage: asyncio.Task[object] | None = None
        if script is not None:
            stage = asyncio.create_task(
                run_scenario_on(
                    script,
                    rest_url=emulator.rest_url,
                    ws_url=emulator.ws_url,
                    api_key=emulator.api_key,
                    admin_token=emulator.admin_token,
                    stay=True,
                    tell=lambda line: print(line, flush=True),
                )
            )
        code = await _until(stop, stage)
        await settled
    finally:
        await emulator.stop()
        if announced is not None:
            announced.unlink(missing_ok=True)
    return code


async def _tell_room(emulator: Emulator, name: str) -> bool:
    """Make the room and print how to come in. False, told on stderr, when it cannot be made."""
    from emulator.tokens import room_and_token

    try:
        room_id, token = await room_and_token(emulator.rest_url, name, api_key=emulator.api_key)
    except StageError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return False
    print(f"\nRoom {name}\n\n  room id             {room_id}\n  client token        {token}\n", flush=True)
    return True


GC_THRESHOLDS = (20_000, 20, 20)
"""Of Python's (700, 10, 10), creating a room was a twentieth slower."""


def settle() -> None:
    """What a start need not wait for, in a thread of its own.

    Loads what the first session will need, and takes all that has been loaded out of the garbage collector's sight: in
    a large room, looking through modules and classes again and again is a pause of 0.1 s each time. It also looks less
    often: nearly all that a call makes is gone with it, and what stays (rooms, events) has no cycles.
    """
    importlib.import_module("emulator.conference.mix")
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _until(stop: asyncio.Event, stage: asyncio.Task[object] | None) -> int:
    """Wait for the signal. A scenario that breaks is told of; the server stays, since people may be using it."""
    stopped = asyncio.create_task(stop.wait())
    if stage is not None:
        await asyncio.wait({stopped, stage}, return_when=asyncio.FIRST_COMPLETED)
        if stage.done():
            error = stage.exception()
            if error is not None:
                print(f"scenario: {error}", file=sys.stderr, flush=True)
            await stopped
        else:
            stage.cancel()
            await asyncio.wait({stage}, timeout=STOP_SECS)
    await stopped
    return 0


def banner(emulator: Emulator) -> str:
    """Where everything is and how to point each official SDK here, ready to copy."""
    key, base = emulator.api_key, emulator.rest_url
    token, query = "", ""
    if emulator.admin_token is not None:
        query = f"?token={quote(emulator.admin_token, safe='')}"
        token = f"  admin token         {emulator.admin_token}   (header x-emulator-token, or ?token=)\n"
    others = "" if emulator.config.api_keys else "   (any other key is an account of its own)"
    secured = "" if emulator.tls is None else _tls_banner(emulator, emulator.tls.spki)
    return f"""Rooms emulator is ready.

  REST base URL       {base}
  signaling URL       {emulator.ws_url}/<room id>/janus
  API key             {key}{others}
  webhook public key  {emulator.webhook_public_key}
  media               UDP port {emulator.udp_port}
  what there is       {emulator.admin_url}/{query}
  admin API           {emulator.admin_url}/openapi.json{query}
{token}
Point the official SDKs here:

  Python, Node        export TELNYX_BASE_URL={base} TELNYX_API_KEY={key} TELNYX_PUBLIC_KEY={emulator.webhook_public_key}
  Python              telnyx.Telnyx(api_key="{key}", base_url="{base}")
  Node                new Telnyx({{ apiKey: "{key}", baseURL: "{base}" }})
  browser             <script src="{emulator.admin_url}/redirect.js"></script>  before @telnyx/video
{secured}
Stop with Ctrl+C."""


def _tls_banner(emulator: Emulator, spki: str) -> str:
    """How clients that cannot be pointed here by a script or a variable come here all the same."""
    host, port = emulator.config.host, emulator.tls_port
    there = f"{host}:{port}"
    return f"""
Under the service's own names, over TLS ({there}):

  authority           curl -so ca.pem {emulator.admin_url}/ca.pem
  Chromium            --host-resolver-rules="MAP video.telnyx.com {there},MAP api.telnyx.com {there}"
                      --ignore-certificate-errors-spki-list={spki} --user-data-dir=DIR
  Python              SSL_CERT_FILE=ca.pem TELNYX_BASE_URL=https://localhost:{port}/v2
  Node                NODE_EXTRA_CA_CERTS=ca.pem TELNYX_BASE_URL=https://localhost:{port}/v2
  curl                --cacert ca.pem --connect-to api.telnyx.com:443:{there} https://api.telnyx.com/v2/rooms
"""


def remove_stale_ready_file(path: Path) -> None:
    """One of a process that was killed: nobody must take it for ours. Whatever stands in the way is told at writing."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def write_ready_file(path: Path, emulator: Emulator) -> None:
    """Written beside its place and moved there: who sees it, sees all of it. Raises OSError."""
    content = {
        "pid": os.getpid(),
        "rest_url": emulator.rest_url,
        "ws_url": emulator.ws_url,
        "admin_url": emulator.admin_url,
        "udp_port": emulator.udp_port,
        "api_key": emulator.api_key,
        "webhook_public_key": emulator.webhook_public_key,
    }
    if emulator.tls is not None:
        content["tls_port"] = emulator.tls_port
        content["tls_spki"] = emulator.tls.spki
    if emulator.admin_token is not None:
        content["admin_token"] = emulator.admin_token
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        json.dump(content, file, indent=2)
    try:
        Path(file.name).replace(path)
    except OSError:
        Path(file.name).unlink()
        raise


async def wait(url: str, *, ready_file: Path | None = None, timeout: float) -> int:
    """Until `/readyz` answers 200: exit code 0, or 1 after `timeout` seconds.

    With a ready file: until it is there, and the emulator it names answers.
    """
    probe = _probe(url)
    last = "no answer"
    try:
        async with asyncio.timeout(timeout), aiohttp.ClientSession() as http:
            while ready_file is not None:
                address = _announced(ready_file)
                if address is not None:
                    probe, ready_file = _probe(address), None
                else:
                    await asyncio.sleep(WAIT_INTERVAL_SECS)
            while True:
                try:
                    async with http.get(probe) as answer:
                        if answer.status == 200:
                            return 0
                        last = f"status {answer.status}"
                except (aiohttp.ClientError, OSError) as error:
                    last = why_no_answer(error, probe.removesuffix("/readyz"))
                await asyncio.sleep(WAIT_INTERVAL_SECS)
    except TimeoutError:
        what = f"{probe} did not become ready" if ready_file is None else f"{ready_file} was not written"
        reason = f": {last}" if ready_file is None else ""
        print(f"rooms-emulator: {what} within {timeout:g} s{reason}", file=sys.stderr)
        return 1


def _announced(ready_file: Path) -> str | None:
    """The address in it, None while it is not there or is something else."""
    try:
        return str(json.loads(ready_file.read_text())["rest_url"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _probe(url: str) -> str:
    return url.rstrip("/").removesuffix("/v2") + "/readyz"
