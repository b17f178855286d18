"""What was made to go wrong, and what the admin API did to the account: from the calls that asked for it."""

from __future__ import annotations

import json
from typing import Any

from emulator.timeline.model import Point, Row, Span
from emulator.timeline.people import People
from emulator.wirelog import Mishap, RestCall

_PREFIX = "/_emulator/"


class Troubles:
    """Rules of faults and impairments from the call that set them until the one that removed them."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._active: dict[tuple[str, str], Span] = {}

    def mishap(self, t: float, entry: Mishap) -> None:
        row, key = self._row(dict(entry.about)), ("impairments", entry.rule_id)
        if entry.phase == "began":
            label = f"{entry.what} {entry.about.get('direction', '')}".strip()
            self._active[key] = span = Span("trouble", t, None, label, "bad", {"rule": entry.rule_id})
            row.spans.append(span)
            return
        if entry.phase == "ended":
            self._over(key, t)
            return
        label = f"{entry.surface} fault: {entry.what}"
        row.points.append(Point("trouble", t, label, "bad", {"rule": entry.rule_id, **entry.about}, entry.number))

    def admin_call(self, t: float, call: RestCall) -> None:
        pieces = call.path.removeprefix(_PREFIX).split("/")
        if call.status is None or call.status >= 300:
            return
        match (call.method, *pieces):
            case ("POST", "faults" | "impairments" as what):
                for told in _data(call):
                    self._begin(t, what, told)
            case ("DELETE", "faults" | "impairments" as what):
                for key in [key for key in self._active if key[0] == what]:
                    self._over(key, t)
            case ("DELETE", "faults" | "impairments" as what, rule_id):
                self._over((what, rule_id), t)
            case ("POST", "clock"):
                self._people.room(None).points.append(Point("calls", t, _clock(call), "warn", {}, call.number))
            case ("POST", "reset"):
                self._people.room(None).points.append(Point("calls", t, "account reset", "warn", {}, call.number))

    def _begin(self, t: float, what: str, told: dict[str, Any]) -> None:
        rule_id, kind = str(told.get("id", "")), str(told.get("kind", what))
        about = told.get("match") if what == "faults" else told
        row = self._row(about if isinstance(about, dict) else {})
        label = f"{told.get('surface', '')} fault: {kind}".strip() if what == "faults" else _impairment(told, kind)
        begun = self._active.get((what, rule_id)) if what == "impairments" else None
        if begun is not None:  # it was told when it began; the call says what exactly
            begun.label, begun.detail["asked"] = label, json.dumps(told)
            return
        lasting = told.get("for_secs")
        end = t + lasting if isinstance(lasting, int | float) else None
        span = Span("trouble", t, end, label, "bad", {"rule": rule_id, "asked": json.dumps(told)})
        row.spans.append(span)
        self._active[what, rule_id] = span

    def _over(self, key: tuple[str, str], t: float) -> None:
        span = self._active.pop(key, None)
        if span is not None and (span.end is None or span.end > t):
            span.end = t

    def _row(self, about: dict[str, Any]) -> Row:
        participant, room = about.get("participant_id"), about.get("room_id")
        row = self._people.row(participant) if isinstance(participant, str) else None
        return row or self._people.room(room if isinstance(room, str) and "*" not in room else None)


def _impairment(told: dict[str, Any], kind: str) -> str:
    parameters = told.get("parameters")
    values = ", ".join(f"{name} {value}" for name, value in parameters.items()) if isinstance(parameters, dict) else ""
    return f"{kind} {told.get('direction', '')}{f' ({values})' if values else ''}".strip()


def _data(call: RestCall) -> list[dict[str, Any]]:
    """What the answer says was set up: one, or several."""
    try:
        data = json.loads(call.answered)["data"]
    except (ValueError, LookupError, TypeError):  # cut short: then the span is missing, and the wire log has the call
        return []
    found = data if isinstance(data, list) else [data]
    return [told for told in found if isinstance(told, dict)]


def _clock(call: RestCall) -> str:
    try:
        asked = json.loads(call.asked)
    except ValueError:
        return "clock"
    return "clock: " + ", ".join(f"{name} {value}" for name, value in asked.items()) if asked else "clock"
