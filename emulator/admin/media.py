"""Media in the making: which recordings are written, how far compositions are, and how fast those may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Operation, Schema, data_schema, json_answer, list_schema, object_schema
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import read_body
from emulator.recording.media_recorder import MediaRecorder
from emulator.recording.pace import MAX_SECS, MODES, Pace
from emulator.rooms.account import Account
from emulator.rooms.composition import Composition
from emulator.store.budget import MEGABYTE
from emulator.wire import rest

MAX_STEPS = 2

_PROBLEM: Schema = {"type": "string", "description": "What went wrong; absent if nothing did."}
_RECORDINGS = object_schema(
    {
        "directory": {"type": "string", "description": "Where the files are; absent before there are any."},
        "budget_mb": {"type": "number"},
        "used_mb": {"type": "number", "description": "Of the budget, by all accounts."},
        "waiting_bytes": {"type": "integer", "description": "On their way to the disk."},
        "running": list_schema(
            object_schema(
                {
                    "id": {"type": "string"},
                    "name": {"type": "string"},
                    "bytes": {"type": "integer"},
                    "problem": _PROBLEM,
                },
                required=["id", "name", "bytes"],
            )
        ),
        "problems": {
            **list_schema(object_schema({"name": {"type": "string"}, "problem": {"type": "string"}})),
            "description": "The newest: recordings that ended early, have gaps, or did not begin.",
        },
    },
    required=["budget_mb", "used_mb", "waiting_bytes", "running", "problems"],
)
_PACE = object_schema(
    {
        "mode": {"enum": list(MODES)},
        "secs": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_SECS,
            "description": "For `after`: the account's time.",
        },
    },
    required=["mode"],
    description="`immediate`: each step as soon as can be; `after`: `secs` after the one before; `manual`: when told.",
)
_JOB = object_schema(
    {
        "id": {"type": "string"},
        "status": {"enum": ["enqueued", "processing", "completed"]},
        "progress": {"type": "number", "minimum": 0, "maximum": 1, "description": "How much of the film is made."},
        "problem": _PROBLEM,
    },
    required=["id", "status", "progress"],
)
_COMPOSITIONS = object_schema({"pace": _PACE, "compositions": list_schema(_JOB)}, required=["pace", "compositions"])
_STEPS = closed_schema({"steps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS}})


class MediaRoutes:
    def __init__(self, access: AccountAccess, recorder: MediaRecorder) -> None:
        self._access = access
        self._recorder = recorder

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/recordings",
                "Which recordings are being written, what of the budget is used, and what went wrong.",
                self.recordings,
                answers=(json_answer(data_schema(_RECORDINGS)),),
            ),
            Operation(
                "GET",
                "/_emulator/compositions",
                "How far compositions are that were made here, and how fast they may go.",
                self.compositions,
                answers=(json_answer(data_schema(_COMPOSITIONS)),),
            ),
            Operation(
                "PUT",
                "/_emulator/compositions",
                "Let them go at once, each step after a while, or by hand; also those under way.",
                self.set_pace,
                body={**_PACE, "additionalProperties": False},
                answers=(json_answer(data_schema(_PACE)),),
                errors={422: "The pace is wrong at `source.pointer`."},
            ),
            Operation(
                "POST",
                "/_emulator/compositions/{composition_id}/steps",
                "One step of its way, or two, whatever the pace: to processing, to completed. Tries again what failed.",
                self.step,
                body=_STEPS,
                body_required=False,
                answers=(json_answer(data_schema(_JOB)),),
                errors={404: "There is no such composition, or it is completed."},
            ),
        )

    async def recordings(self, request: web.Request) -> web.Response:
        recorder, own = self._recorder, self._recorder.of(self._access.of(request))
        told: dict[str, Any] = {} if recorder.files.directory is None else {"directory": str(recorder.files.directory)}
        told |= {
            "budget_mb": recorder.files.budget.limit / MEGABYTE,
            "used_mb": recorder.files.budget.used / MEGABYTE,
            "waiting_bytes": recorder.disk.waiting,
            "running": [
                _with_problem({"id": each.id, "name": each.name, "bytes": each.size}, each.problem)
                for each in own.running
            ],
            "problems": [{"name": name, "problem": problem} for name, problem in own.problems],
        }
        return web.json_response({"data": told})

    async def compositions(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        made = [each for each in account.records.compositions.values() if each.made_here]
        pace = self._recorder.composer(account).pace
        told = {"pace": _pace(pace), "compositions": [self._job(account, each) for each in made]}
        return web.json_response({"data": told})

    async def set_pace(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = known_only(await read_body(request), _PACE["properties"])
        mode, secs = body.get("mode"), body.get("secs", 0)
        if mode not in MODES:
            raise BadBody("/mode", f"mode must be one of {', '.join(MODES)}, got {mode!r:.80}.")
        if isinstance(secs, bool) or not isinstance(secs, int | float) or not 0 <= secs <= MAX_SECS:
            raise BadBody("/secs", f"secs must be a number from 0 to {MAX_SECS:g}, got {secs!r:.80}.")
        pace = Pace(mode, float(secs))
        self._recorder.composer(account).set_pace(pace)
        return web.json_response({"data": _pace(pace)})

    async def step(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = known_only(await read_body(request) if request.body_exists else {}, _STEPS["properties"])
        steps = body.get("steps", 1)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
            raise BadBody("/steps", f"steps must be 1 or {MAX_STEPS}, got {steps!r:.80}.")
        composition = account.composition(request.match_info["composition_id"])
        job = self._recorder.composer(account).job(composition.id)
        if job is None:
            raise ApiError(404, rest.NOT_FOUND, f"The composition {composition.id} is {composition.status}.")
        job.steps.grant(steps)
        return web.json_response({"data": self._job(account, composition)})

    def _job(self, account: Account, composition: Composition) -> dict[str, Any]:
        job = self._recorder.composer(account).job(composition.id)
        progress = 1.0 if composition.status == "completed" else 0.0 if job is None else job.progress
        told = {"id": composition.id, "status": composition.status, "progress": progress}
        return _with_problem(told, None if job is None else job.problem)


def _with_problem(told: dict[str, Any], problem: str | None) -> dict[str, Any]:
    return told if problem is None else {**told, "problem": problem}


def _pace(pace: Pace) -> dict[str, Any]:
    return {"mode": pace.mode, "secs": pace.secs} if pace.mode == "after" else {"mode": pace.mode}
