"""Scenarios in a running server, over HTTP: started from YAML, JSON or by a shipped one's name, watched, stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import (
    Answer,
    Operation,
    Parameter,
    Schema,
    data_schema,
    json_answer,
    list_schema,
    object_schema,
)
from emulator.admin.stages import MAX_KEPT, MAX_REPORTS, Run, Stages, TooManyRuns, UnknownRun
from emulator.admin.whole import whole
from emulator.api.errors import ApiError, BadBody, BadQuery
from emulator.api.validation import read_raw
from emulator.wire import rest

if TYPE_CHECKING:
    from emulator.scenario.schema import Scenario

_PATH = "/_emulator/scenarios"
MAX_BYTES = 1024 * 1024
MAX_SEED = 2**63 - 1
_STRING: Schema = {"type": "string"}
_RUN: dict[str, Schema] = {
    "id": _STRING,
    "name": _STRING,
    "seed": {"type": "integer"},
    "room": {**_STRING, "description": "The room's unique_name."},
    "began": {"type": "string", "format": "date-time", "description": "The account's time."},
    "state": {"enum": ["running", "passed", "failed", "broken", "stopped"]},
    "done": {"type": "integer", "description": "Steps taken, and expectations that came true."},
    "failed": {"type": "integer"},
    "error": {**_STRING, "description": "Why it is broken."},
    "report": {**_STRING, "description": f"Its page, once it is over; of the latest {MAX_REPORTS}."},
}
_REQUIRED = ["id", "name", "seed", "room", "began", "state", "done", "failed"]
_LISTED = object_schema(_RUN, required=_REQUIRED)
_WATCHED = object_schema(
    {**_RUN, "results": {**list_schema({"type": "object"}), "description": "Steps and expectations so far."}},
    required=[*_REQUIRED, "results"],
)


class ScenarioRoutes:
    def __init__(self, access: AccountAccess, stages: Stages) -> None:
        self._access = access
        self._stages = stages

    def operations(self) -> Sequence[Operation]:
        unknown = {404: "The account remembers no scenario of this id."}
        return (
            Operation(
                "POST",
                _PATH,
                'Start a scenario: YAML or JSON as in a file, or {"shipped": NAME} for one that comes along.',
                self.start,
                body=object_schema({"shipped": {**_STRING, "description": "Instead of a whole scenario."}}),
                parameters=(
                    Parameter("seed", "Instead of the scenario's own.", {"type": "integer", "minimum": 0}),
                    Parameter("set", "An input as name=value; repeatable."),
                    Parameter("stay", "`true`: people stay until it is deleted.", {"enum": ["true", "false"]}),
                ),
                answers=(json_answer(data_schema(_LISTED), status=201, description="It runs."),),
                errors={429: "Too many are running."},
            ),
            Operation(
                "GET",
                _PATH,
                f"The account's scenarios, the latest {MAX_KEPT}; and the names of those that come along.",
                self.list_all,
                answers=(
                    json_answer(
                        object_schema(
                            {
                                "data": list_schema(_LISTED),
                                "meta": object_schema({"shipped": list_schema(_STRING)}, required=["shipped"]),
                            },
                            required=["data", "meta"],
                        )
                    ),
                ),
            ),
            Operation(
                "GET",
                f"{_PATH}/{{id}}",
                "How far it has come, with every result so far.",
                self.get,
                answers=(json_answer(data_schema(_WATCHED)),),
                errors=unknown,
            ),
            Operation(
                "GET",
                f"{_PATH}/{{id}}/report",
                "What happened, as a page in one file.",
                self.report,
                answers=(Answer(content={"text/html": _STRING}),),
                errors={**unknown, 409: "It is not over yet, or its report is not kept any more."},
            ),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Stop it, if it is running, and forget it; its participants have left when this is answered.",
                self.remove,
                answers=(Answer(204),),
                errors=unknown,
            ),
        )

    async def start(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        stay = request.query.get("stay", "false")
        if stay not in ("true", "false"):
            raise BadQuery("stay", f"stay must be true or false, got {stay[:80]!r}.")
        script = _read(await read_raw(request, MAX_BYTES), _inputs(request))
        if "seed" in request.query:
            script = replace(script, seed=whole("seed", request.query["seed"], 0, 10**15))
        key = request.headers[hdrs.AUTHORIZATION].partition(" ")[2].strip()
        try:
            run = self._stages.start(account, key, script, stay=stay == "true")
        except TooManyRuns as error:
            raise ApiError(429, rest.TOO_MANY_REQUESTS, str(error)) from error
        return _answer(run.as_json(), status=201)

    async def list_all(self, request: web.Request) -> web.Response:
        from emulator.scenario.shipped import shipped

        runs = [run.as_json() for run in self._stages.all(self._access.of(request))]
        return web.json_response({"data": runs, "meta": {"shipped": sorted(shipped())}}, headers=_FRESH)

    async def get(self, request: web.Request) -> web.Response:
        run = self._find(request)
        return _answer({**run.as_json(), "results": run.results_json()})

    async def report(self, request: web.Request) -> web.Response:
        from emulator.timeline.page import page

        run = self._find(request)
        if run.document is None:
            raise ApiError(409, rest.BAD_REQUEST, f"{run.id} is {run.state}: there is no report of it (yet).")
        return web.Response(text=page(run.document), content_type="text/html", headers=_FRESH)

    async def remove(self, request: web.Request) -> web.Response:
        try:
            await self._stages.remove(self._access.of(request), request.match_info["id"])
        except UnknownRun as error:
            raise ApiError(404, rest.NOT_FOUND, str(error)) from error
        return web.Response(status=204)

    def _find(self, request: web.Request) -> Run:
        try:
            return self._stages.get(self._access.of(request), request.match_info["id"])
        except UnknownRun as error:
            raise ApiError(404, rest.NOT_FOUND, str(error)) from error


_FRESH = {hdrs.CACHE_CONTROL: "no-store"}


def _answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers=_FRESH)


def _inputs(request: web.Request) -> dict[str, str]:
    """Raises BadQuery."""
    inputs = {}
    for text in request.query.getall("set", []):
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise BadQuery("set", f"set must be name=value, got {text[:80]!r}.")
        inputs[name] = value
    return inputs


def _read(raw: bytes, inputs: dict[str, str]) -> Scenario:
    """Raises BadBody, whose text shows each issue with its line and a caret."""
    from emulator.scenario import loader
    from emulator.scenario.errors import ScenarioError
    from emulator.scenario.runner import load
    from emulator.scenario.shipped import shipped

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadBody("", f"The scenario is no UTF-8: {error}.") from error
    name = _shipped(text)
    try:
        if name is None:
            return loader.loads(text, name="the scenario", inputs=inputs)
        if name not in shipped():
            raise BadBody("/shipped", f"There is no shipped scenario {name!r:.80}; there are {', '.join(shipped())}.")
        return load(shipped()[name], inputs=inputs)
    except ScenarioError as error:
        raise BadBody("", str(error)) from error


def _shipped(text: str) -> str | None:
    """The name in `{"shipped": NAME}`; None for everything else, which is a scenario or meant to be one."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    name = told.get("shipped") if isinstance(told, dict) and set(told) == {"shipped"} else None
    return name if isinstance(name, str) else None
