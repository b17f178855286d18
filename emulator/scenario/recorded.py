"""A run with all that a report tells: the results, what the emulator has logged, pictures and courses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import aiohttp

from emulator.scenario.camera import Camera
from emulator.scenario.report import Outcome, Report, StepResult
from emulator.scenario.rest import RestClient
from emulator.scenario.runner import run_scenario_on
from emulator.scenario.scene import Scene
from emulator.scenario.schema import Scenario
from emulator.timeline.build import Axis
from emulator.timeline.model import Check, Json, Told, told_over

if TYPE_CHECKING:
    from emulator.scenario.travel import Travel

TIMEOUT_SECS = 30.0
"""A long run has much to tell."""
ELSEWHERE_SECS = 60.0
"""Clocks so far apart are of two machines."""
_KINDS: Mapping[bool, Literal["step", "expect"]] = {True: "expect", False: "step"}


class Logs:
    """What an account's emulator has logged, by its admin API. `axis`: in real time or the account's."""

    def __init__(self, rest: RestClient, *, axis: Axis = "real") -> None:
        self._rest = rest
        self._axis = axis
        self._after: dict[str, int] = {}

    async def begin(self) -> None:
        """What is logged by now is no part of it. Raises StageError."""
        end = 10**15
        told = await self._get({"after_event": end, "after_entry": end})
        self._after = {"after_event": told["last_event"], "after_entry": told["last_entry"]}

    async def timeline(self) -> Json:
        """Raises StageError."""
        document: Json = await self._get(self._after)
        return document

    async def _get(self, query: Mapping[str, int]) -> Any:
        asked = urlencode({**query, "axis": self._axis})
        return await self._rest.call("GET", f"/_emulator/timeline?{asked}", patience=TIMEOUT_SECS)


class Recorded:
    """One run under a camera; `document` is what the page draws, once it is over. In travel time there is no media to
    look at, and the axis is that of the account's time.
    """

    def __init__(self, scenario: Scenario, facts: Mapping[str, str]) -> None:
        self._scenario = scenario
        self._facts = facts
        self._camera: Camera | None = None
        self._scene: Scene | None = None
        self._filming: asyncio.Task[None] | None = None
        self._began = 0.0
        self._travel: Travel | None = None
        self._set_out: datetime | None = None
        """The account's time at the beginning, in travel time."""
        self._abandoned = False
        self.document: Json = {}

    def abandon(self) -> None:
        """The account is gone: nobody will want the document, and nothing is asked for it any more."""
        self._abandoned = True

    async def run(
        self, *, rest_url: str, ws_url: str, api_key: str, admin_token: str | None = None, **options: Any
    ) -> Report:
        """`run_scenario_on` with these options, and the document. Raises what that raises."""
        on_step, on_scene = options.pop("on_step", None), options.pop("on_scene", None)
        travel = self._travel = options.get("travel")
        report = Report(self._scenario.name)

        def taken(result: StepResult) -> None:
            report.add(result)
            if self._camera is not None:
                self._camera.failed(result)
            if on_step is not None:
                on_step(result)

        def lit(scene: Scene) -> None:
            self._lights(scene)
            if on_scene is not None:
                on_scene(scene)

        async with aiohttp.ClientSession() as http:
            rest = RestClient(http, rest_url=rest_url, api_key=api_key, admin_token=admin_token)
            logs = Logs(rest, axis="real" if travel is None else "account")
            await logs.begin()
            try:
                report = await run_scenario_on(
                    self._scenario,
                    rest_url=rest_url,
                    ws_url=ws_url,
                    api_key=api_key,
                    admin_token=admin_token,
                    on_step=taken,
                    on_scene=lit,
                    **options,
                )
            finally:  # also of a run that is cut short
                await self._cut()
                if self._scene is not None and not self._abandoned:
                    self.document = self._told(report, await logs.timeline())
        return report

    def _lights(self, scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        self._began = began = loop.time()
        self._scene = scene
        if self._travel is not None:
            self._set_out = self._travel.clock.now()
            return
        self._camera = Camera(scene, lambda: loop.time() - began)
        self._filming = loop.create_task(self._camera.run())

    async def _cut(self) -> None:
        if self._filming is not None:
            self._filming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._filming

    def _offset(self, document: Json) -> float:
        """Which second of the picture the run began at."""
        if self._set_out is not None:
            return (self._set_out - datetime.fromisoformat(document["began"])).total_seconds()
        now = asyncio.get_running_loop().time()
        ends = document["real_origin"] + document["seconds"]
        if abs(now - ends) < ELSEWHERE_SECS:  # the same machine, whose monotonic clock both go by
            return float(self._began - document["real_origin"])
        return float(document["seconds"] - (now - self._began))  # its picture ended a moment ago

    def _names(self) -> dict[str, str]:
        actors = {} if self._scene is None else self._scene.actors
        return {actor.id: name for name, actor in actors.items()}

    def _told(self, report: Report, document: Json) -> Json:
        offset = self._offset(document)
        camera = self._camera
        if camera is not None:
            camera.look()  # also at whoever came last
        return told_over(
            document,
            Told(
                title=report.name,
                outcome="passed" if report.ok else "failed",
                summary=summary(report),
                facts=self._facts,
                checks=[check_of(result, offset) for result in report.results],
                tiles=[] if camera is None else camera.tiles(offset),
                plots=[] if camera is None else camera.plots(offset),
                names=self._names() if camera is None else camera.names,
            ),
        )


def summary(report: Report) -> str:
    """One line."""
    if report.ok:
        return f"All {report.done} steps and expectations as wanted."
    left = sum(result.outcome is Outcome.NOT_RUN for result in report.results)
    parts = [f"{len(report.failed)} failed", f"{report.done} as wanted", *([f"{left} not run"] if left else [])]
    return ", ".join(parts) + (f"; {report.stopped}" if report.stopped else "") + "."


def check_of(result: StepResult, offset: float) -> Check:
    began = result.planned if result.began is None else result.began
    return Check(
        who=result.who,
        what=result.what.removeprefix("expect "),
        kind=_KINDS[result.what.startswith("expect ")],
        outcome=result.outcome.value,
        at=began + offset,
        end=None if result.ended is None else result.ended + offset,
        message=result.message,
        place=result.place,
    )
