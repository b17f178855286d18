"""What the contract commands do: check an API, compare cassettes, record and verify consumer contracts, proxy."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from aiohttp import web

from emulator.config import DEFAULT_KEY, Config
from emulator.contract.api import Api, NotReachable, checked_base_url
from emulator.contract.cassette import Cassette, CassetteError, drift
from emulator.contract.checks import CHECKS
from emulator.contract.consumer import Contract, ContractError, counted
from emulator.contract.proxy import Proxy
from emulator.contract.replay import Replay
from emulator.contract.report import Report
from emulator.contract.run import Finding, Verdict, new_run, run_checks
from emulator.contract.usage import contract_of
from emulator.server import Emulator, StartError


class NoWireLog(Exception):
    """What answers is no emulator, or lets nobody read."""


def list_checks() -> int:
    """A line for each check, with its rules, its basis and what it says."""
    for check in CHECKS.values():
        print(f"{check.id} [{' '.join(check.rules)}, {check.basis}]\n    {check.says}")
    return 0


async def contract(
    base_url: str | None, api_key: str, *, only: Sequence[str], cassette: Path | None, report: Path | None
) -> int:
    """Exit code 0 when all checks hold there (without a base URL: here), 1 when not, 2 when none can be made."""
    if base_url is not None and _is_wrong(base_url):
        return 2
    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        print(f"rooms-emulator: no such check: {', '.join(unknown)} (contract --list tells all)", file=sys.stderr)
        return 2
    if base_url is not None and not await _answers(base_url):
        return 2
    checks = [CHECKS[name] for name in only] if only else list(CHECKS.values())
    try:
        async with Emulator(Config(port=0)) as emulator:
            here = await run_checks(emulator.rest_url, DEFAULT_KEY, checks=checks)
    except StartError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return 2
    found = Report(here)
    if base_url is not None:
        found = Report(await run_checks(base_url, api_key, checks=checks, on_finding=_progress), here)
    for line in found.lines():
        print(line)
    if not _written(found, cassette, report):
        return 2
    if found.there.count(Verdict.NOT_REACHABLE) == len(checks):
        return 2
    return 0 if found.holds else 1


def _written(found: Report, cassette: Path | None, report: Path | None) -> bool:
    try:
        if cassette is not None:
            found.there.cassette.write(cassette)
        if report is not None:
            report.write_text(found.text(), encoding="utf-8")
    except OSError as error:
        _refuse(error, "write")
        return False
    return True


def _progress(finding: Finding) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{finding.check.id}: {finding.verdict}", end="", file=sys.stderr, flush=True)


def compare(old: Path, new: Path) -> int:
    """Exit code 0 when two cassettes say the same, 1 when not, 2 when one can not be read."""
    try:
        found = drift(Cassette.read(old), Cassette.read(new))
    except (OSError, CassetteError) as error:
        return _refuse(error, "read")
    for each in found:
        print(f"{each.check}\n{each.diff}\n")
    print(f"{len(found)} checks differ" if found else "no difference")
    return 1 if found else 0


async def record(url: str, api_key: str, path: Path, *, consumer: str) -> int:
    """What the account of this key has used of a running emulator, as a file. Exit code 2 when it can not be had."""
    entries: list[dict[str, object]] = []
    since, more = 0, True
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as http:
            while more:
                query = {"since": since, "limit": 5000}
                async with http.get(f"{_root(url)}/_emulator/wire", params=query) as answer:
                    if answer.status != 200:
                        raise NoWireLog(f"{answer.url.with_query(None)} answered {answer.status}")
                    page = (await answer.json())["data"]
                entries += page["entries"]
                since, more = page["next_since"], page["more"]
    except (aiohttp.ClientError, NoWireLog, OSError, ValueError, LookupError, TypeError) as error:
        told = str(error) or type(error).__name__
        print(f"rooms-emulator: there is no emulator to ask at {url}: {told}", file=sys.stderr)
        return 2
    made = contract_of(entries, consumer=consumer)
    if not made.exchanges:
        told = "has not asked the REST API for anything (--api-key says whose it is)"
        print(f"rooms-emulator: nothing to record: the account of this key {told}", file=sys.stderr)
        return 2
    try:
        made.write(path)
    except OSError as error:
        return _refuse(error, "write")
    print(f"{path}: {made.describe()}, {counted(len(made.webhooks), 'webhook type')}")
    return 0


async def verify(path: Path, base_url: str, api_key: str) -> int:
    """Exit code 0 when another server gives the consumer all it used, 1 when not, 2 when nothing could be asked."""
    if _is_wrong(base_url):
        return 2
    try:
        agreed = Contract.read(path)
    except (OSError, ContractError) as error:
        return _refuse(error, "read")
    if not agreed.exchanges:
        print(f"rooms-emulator: {path}: an empty contract: there is nothing to verify", file=sys.stderr)
        return 2
    if not await _answers(base_url):
        return 2
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        Api(base_url, api_key, run=new_run(), http=http) as api,
    ):
        verified = await Replay(agreed, api).run()
        left = api.left
    for each in verified:
        print(each)
    if left:
        print(f"these rooms could not be deleted, and are still there: {', '.join(left)}")
    count = {verdict: sum(each.verdict is verdict for each in verified) for verdict in Verdict}
    told = ", ".join(f"{number} {verdict}" for verdict, number in count.items())
    print(f"{agreed.consumer} on {base_url}: {told}")
    return 1 if count[Verdict.DIFFERS] else 0


async def proxy(upstream: str, *, host: str, port: int) -> int:
    """Until SIGINT or SIGTERM. Exit code 0, 1 when something broke the description, 2 when it can not listen."""
    if _is_wrong(upstream):
        return 2
    passing = Proxy(upstream, tell=lambda line: print(line, flush=True))
    runner = web.AppRunner(passing.app(), access_log=None, handle_signals=False)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        print(f"rooms-emulator: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        with contextlib.suppress(OSError):
            await runner.cleanup()
        return 2
    bound = runner.addresses[0][1]
    print(f"proxy: http://{host}:{bound}/v2 passes on to {passing.upstream}. Stop with Ctrl+C.", flush=True)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
    print(passing.summary())
    return 1 if passing.violations else 0


async def _answers(base_url: str) -> bool:
    """Whether anything does, whatever it says to a request without a key. Told in one line when not."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        Api(base_url, "", run=new_run(), http=http) as api,
    ):
        try:
            await api.call("GET", "/rooms", key=None)
        except NotReachable as error:
            print(f"rooms-emulator: there is no API to ask at {base_url}: {error}", file=sys.stderr)
            return False
    return True


def _is_wrong(base_url: str) -> bool:
    try:
        checked_base_url(base_url)
    except ValueError as error:
        print(f"rooms-emulator: {error}", file=sys.stderr)
        return True
    return False


def _refuse(error: OSError | ValueError, what: str) -> int:
    """Tell why a file can not be read or written. The exit code for it."""
    told = f"cannot {what} {error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    print(f"rooms-emulator: {told}", file=sys.stderr)
    return 2


def _root(url: str) -> str:
    return url.rstrip("/").removesuffix("/v2")
