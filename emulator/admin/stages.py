"""Scenarios that run in a running server: each a task, watched and stopped by whoever started it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from emulator.clock import iso_microseconds
from emulator.rooms.account import Account

if TYPE_CHECKING:  # the start of an emulator must not wait for the machinery of scenarios
    from emulator.scenario.recorded import Recorded
    from emulator.scenario.report import StepResult
    from emulator.scenario.schema import Scenario
    from emulator.timeline.model import Json

log = logging.getLogger("emulator.admin")

MAX_RUNNING = 8
MAX_KEPT = 20
"""Of one account, those that are over included."""
MAX_REPORTS = 5
"""Of one account: each may hold some megabytes."""
MAX_RESULTS = 1000
STOP_SECS = 1.5

State = Literal["running", "passed", "failed", "broken", "stopped"]
"""broken: it could not be run to its end, `error` says why; stopped: by DELETE, or with the account."""


class TooManyRuns(Exception):
    def __init__(self) -> None:
        super().__init__(f"{MAX_RUNNING} scenarios of this account are running already; DELETE one first.")


class UnknownRun(LookupError):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no scenario with the id {run_id!r:.80}, or it is no longer remembered.")


class Run:
    """One run, as far as it has come."""

    def __init__(self, run_id: str, script: Scenario, began: datetime) -> None:
        self.id = run_id
        self.script = script
        self.began = began
        self.state: State = "running"
        self.error = ""
        self.done = self.failed = 0
        self.results: deque[StepResult] = deque(maxlen=MAX_RESULTS)
        self.recorded: Recorded | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def document(self) -> Json | None:
        """What its page draws, once it is over and as long as it is kept."""
        return None if self.recorded is None or self.state == "running" else self.recorded.document or None

    def add(self, result: StepResult) -> None:
        self.results.append(result)
        self.done += result.outcome == "done"
        self.failed += result.outcome == "failed"

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": self.id,
            "name": self.script.name,
            "seed": self.script.seed,
            "room": self.script.room["unique_name"],
            "began": iso_microseconds(self.began),
            "state": self.state,
            "done": self.done,
            "failed": self.failed,
        }
        if self.error:
            told["error"] = self.error
        if self.document is not None:
            told["report"] = f"/_emulator/scenarios/{self.id}/report"
        return told

    def results_json(self) -> list[dict[str, Any]]:
        """The latest of them, oldest first; times are seconds from the start."""
        return [
            {
                "who": result.who,
                "what": result.what,
                "line": result.line,
                "outcome": str(result.outcome),
                "planned": result.planned,
                "began": result.began,
                "ended": result.ended,
                "message": result.message,
            }
            for result in self.results
        ]


class Stages:
    """All runs of one emulator. `rest_url` and `ws_url` say where it is: its scenarios come in by the front door.

    `admin_token` is what its admin API asks for.
    """

    def __init__(
        self, *, rest_url: Callable[[], str], ws_url: Callable[[], str], admin_token: str | None = None
    ) -> None:
        self._rest_url = rest_url
        self._ws_url = ws_url
        self._admin_token = admin_token
        self._of: dict[str, dict[str, Run]] = {}
        self._count = 0
        self._ending: set[asyncio.Task[None]] = set()

    def start(self, account: Account, key: str, script: Scenario, *, stay: bool) -> Run:
        """In the account of this key. Raises TooManyRuns."""
        from emulator.scenario.recorded import Recorded

        runs = self._of.setdefault(account.id, {})
        if sum(run.state == "running" for run in runs.values()) >= MAX_RUNNING:
            raise TooManyRuns
        self._count += 1
        run = Run(f"run-{self._count}", script, account.now())
        run.recorded = Recorded(script, {"scenario": script.source, "seed": str(script.seed), "run": run.id})
        runs[run.id] = run
        self._tidy(runs)
        run.task = asyncio.get_running_loop().create_task(self._play(run, run.recorded, key, stay=stay))
        return run

    def all(self, account: Account) -> list[Run]:
        return list(self._of.get(account.id, {}).values())

    def get(self, account: Account, run_id: str) -> Run:
        """Raises UnknownRun."""
        try:
            return self._of[account.id][run_id]
        except KeyError:
            raise UnknownRun(run_id) from None

    async def remove(self, account: Account, run_id: str) -> None:
        """Stop it, if it is still running, and forget it; its people have left on return. Raises UnknownRun."""
        run = self.get(account, run_id)
        del self._of[account.id][run_id]
        if run.task is not None and not run.task.done():
            run.task.cancel()
            await asyncio.wait({run.task})

    def forget(self, account: Account) -> None:
        """The account is reset, or gone: its runs end by themselves, and nothing is told of them."""
        for run in self._of.pop(account.id, {}).values():
            if run.recorded is not None:
                run.recorded.abandon()  # else its report would ask for an account of this key, which makes one
            if run.task is not None and not run.task.done():
                run.task.cancel()
                self._ending.add(run.task)
                run.task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """The emulator stops. Safe to call again."""
        for account_id in tuple(self._of):
            for run in self._of.pop(account_id).values():
                if run.recorded is not None:
                    run.recorded.abandon()
                if run.task is not None and not run.task.done():
                    run.task.cancel()
                    self._ending.add(run.task)
        if self._ending:
            await asyncio.wait(tuple(self._ending), timeout=STOP_SECS)

    async def _play(self, run: Run, recorded: Recorded, key: str, *, stay: bool) -> None:
        import aiohttp

        from emulator.scenario.errors import ScenarioError

        try:
            report = await recorded.run(
                rest_url=self._rest_url(),
                ws_url=self._ws_url(),
                api_key=key,
                admin_token=self._admin_token,
                on_step=run.add,
                stay=stay,
            )
            run.state = "passed" if report.ok else "failed"
        except asyncio.CancelledError:
            run.state = "stopped"
            raise
        except (ScenarioError, aiohttp.ClientError, OSError) as error:
            run.state, run.error = "broken", str(error) or type(error).__name__
        except Exception as error:
            # Nobody awaits this task: what is a failure of ours is in the log, and in the run's state.
            log.exception("scenario %s failed", run.id)
            run.state, run.error = "broken", f"{type(error).__name__}: {error}"

    def _tidy(self, runs: dict[str, Run]) -> None:
        over = [run for run in runs.values() if run.state != "running"]
        for run in over[: max(0, len(runs) - MAX_KEPT)]:
            del runs[run.id]
        for run in over[:-MAX_REPORTS]:
            run.recorded = None
