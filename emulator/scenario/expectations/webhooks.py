"""`{webhooks: {received: "video.room.participant.*", count: 2, signed: true, in_order: true}}`, `{undelivered: 0}`"""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.scenario.cast import Cast
from emulator.scenario.errors import ExpectationFailed
from emulator.scenario.expectations.base import STAGE_EXPECTATIONS, Expectation, expectation
from emulator.scenario.expectations.state import look_until, mismatch
from emulator.scenario.news import WEBHOOK, webhook_facts
from emulator.scenario.reading.conditions import ANYTHING, AT_LEAST_ONE, COUNT, WHERE, Condition, Where
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Node
from emulator.scenario.reading.shapes import Field, Flag, JsonSchema, Record
from emulator.scenario.scene import Scene

MAX_SHOWN = 600
"""Characters of a payload in a message."""
_Hook = tuple[dict[str, Any], dict[str, Any]]
"""A webhook as the sink has it, and what conditions look at."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    received: str | None
    count: Condition
    where: Where
    signed: bool | None
    in_order: bool
    undelivered: Condition | None

    @property
    def about_receiver(self) -> bool:
        return self.received is not None or self.signed is not None or self.in_order


def _wanted(
    mark: Mark,
    received: str | None = None,
    count: Condition = AT_LEAST_ONE,
    where: Where = ANYTHING,
    signed: bool | None = None,
    in_order: bool = False,
    undelivered: Condition | None = None,
) -> _Wanted:
    return _Wanted(received, count, where, signed, in_order, undelivered)


class _Webhooks:
    """What the scenario's own receiver has got, and what is still on its way or was given up."""

    _record = Record(
        "what is expected of webhooks",
        {
            "received": Field(
                WEBHOOK, about="the type of a webhook (participant.left will do) that has come, or a glob"
            ),
            "count": Field(COUNT, about="how many of those; at least one if left out"),
            "where": Field(
                WHERE,
                about="what those are like: fields of the payload, such as participant_id or context.username; "
                "event_type and what else stands beside the payload goes, too",
            ),
            "signed": Field(Flag(), about="whether the signatures of all that came are good"),
            "in_order": Field(Flag(), about="first attempts came in the order in which things happened"),
            "undelivered": Field(COUNT, about="how many are on their way, given up or dropped"),
        },
        _wanted,
    )

    def read(self, node: Node, issues: Issues) -> _Wanted:
        wanted = self._record.read(node, issues)
        if not wanted.about_receiver and wanted.undelivered is None:
            raise issues.misread(node.mark, "expected one or more of received, signed, in_order, undelivered")
        return wanted

    def json_schema(self) -> JsonSchema:
        words = ("received", "signed", "in_order", "undelivered")
        return {**self._record.json_schema(), "anyOf": [{"required": [word]} for word in words]}


@expectation("webhooks", _Webhooks(), kinds=STAGE_EXPECTATIONS)
@dataclass(frozen=True, slots=True)
class Webhooks(Expectation):
    """Webhooks of the room. Where it has no `webhook_event_url`, they go to a receiver of the scenario's own."""

    wanted: _Wanted

    def describe(self) -> str:
        wanted, told = self.wanted, []
        if wanted.received is not None:
            like = f" where {wanted.where}" if wanted.where.conditions else ""
            told.append(f"received {wanted.received}{like}, count {wanted.count}")
        if wanted.signed is not None:
            told.append("signed" if wanted.signed else "with a bad signature")
        if wanted.in_order:
            told.append("in order")
        if wanted.undelivered is not None:
            told.append(f"undelivered {wanted.undelivered}")
        return ", ".join(told)

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Patterns name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        if self.wanted.about_receiver and scene.sink is None:
            raise ExpectationFailed("the room's webhooks go elsewhere, where nobody here can see what has come")

        async def looked() -> str | None:
            wrong = None if self.wanted.undelivered is None else await self._undelivered(scene, self.wanted.undelivered)
            if wrong is None and self.wanted.about_receiver and scene.sink is not None:
                wrong = self._received(await scene.rest.call("GET", scene.sink))
            return wrong

        await look_until(scene, looked, within=self.within)

    async def _undelivered(self, scene: Scene, wanted: Condition) -> str | None:
        path = f"/_emulator/webhooks?room_id={scene.room_id}&limit=1000"
        found = await scene.rest.call("GET", path, whole=True)
        waiting = [one for one in found["data"] if one["state"] != "delivered"]
        number = len(waiting) + int(found["meta"]["dropped"])
        if wanted.fits(number):
            return None
        last = f"; the last: {waiting[-1]['event_type']}, {_state(waiting[-1])}" if waiting else ""
        return f"expected undelivered webhooks, count {wanted}; got {number}{last}"

    def _received(self, came: list[dict[str, Any]]) -> str | None:
        wanted = self.wanted
        hooks = [(one, webhook_facts(data)) for one in came if (data := _data(one)) is not None]
        glob = wanted.received or "*"
        of_type = [(one, facts) for one, facts in hooks if fnmatch.fnmatchcase(str(facts.get("event_type")), glob)]
        if wanted.received is not None:
            wrong = mismatch([facts for _, facts in of_type], wanted.where, wanted.count, f"webhooks {glob}")
            if wrong is not None:
                return f"{wrong}{_what_came(hooks, of_type, wanted.where)}"
        fitting = [one for one, facts in of_type if wanted.where.fits(facts)]
        if wanted.signed is not None:
            for one in fitting:
                if one["signature"]["valid"] is not wanted.signed:
                    return f"webhook {one['number']}: {one['signature'].get('problem', 'its signature is good')}"
        return _disorder(fitting) if wanted.in_order else None


def _what_came(hooks: list[_Hook], of_type: list[_Hook], where: Where) -> str:
    """The one that came nearest, with all it tells; of another type, what there is."""
    if not hooks:
        return "; no webhook has come at all"
    if not of_type:
        counts = Counter(str(facts.get("event_type")) for _, facts in hooks)
        return f"; received: {', '.join(f'{count} {name}' for name, count in counts.items())}"
    if not where.conditions:
        return ""
    one, facts = min(reversed(of_type), key=lambda hook: len(where.misses(hook[1])))
    told = json.dumps(facts["data"].get("payload"), ensure_ascii=False)
    return f"; webhook {one['number']}, {facts.get('event_type')}, tells {told[:MAX_SHOWN]}"


def _state(delivery: Mapping[str, Any]) -> str:
    reason = delivery.get("reason")
    return f"{delivery['state']} after {len(delivery['attempts'])} attempts{f' ({reason})' if reason else ''}"


def _data(received: Mapping[str, Any]) -> dict[str, Any] | None:
    body = received.get("json")
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else None


def _disorder(came: list[dict[str, Any]]) -> str | None:
    before = ""
    for one in came:
        if one["json"].get("meta", {}).get("attempt", 1) != 1:
            continue
        at = str(one["json"]["data"].get("occurred_at", ""))
        if at < before:
            return f"webhook {one['number']} tells of {at}, the one before it of {before}"
        before = at
    return None
