"""What the API tells by now: `{rest: {get: /rooms, where: {...}, count: 1}}`, `sessions`, `participants`, `streams`,
`statistics`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from emulator.scenario.cast import Cast
from emulator.scenario.errors import ExpectationFailed
from emulator.scenario.expectations.base import STAGE_EXPECTATIONS, Expectation, expectation
from emulator.scenario.reading.conditions import ANYTHING, AT_LEAST_ONE, COUNT, WHERE, Condition, Where
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word
from emulator.scenario.reading.shapes import Field, Integer, JsonSchema, Record, Text
from emulator.scenario.scene import Scene

LOOK_SECS = 0.05
"""How often is asked again."""


async def look_until(scene: Scene, looked: Callable[[], Awaitable[str | None]], *, within: float) -> None:
    """Until `looked` finds nothing wrong. Raises ExpectationFailed with what it found last."""
    end = scene.pace.now() + within
    while True:
        wrong = await looked()
        if wrong is None:
            return
        left = end - scene.pace.now()
        if left <= 0:
            raise ExpectationFailed(f"{wrong}, after {within:g} s")
        await scene.pace.sleep(min(LOOK_SECS, left))


def mismatch(items: list[Any], where: Where, count: Condition, what: str) -> str | None:
    """What is wrong with a list: how many are as wanted, and which comes nearest."""
    fitting = [item for item in items if where.fits(item)]
    if count.fits(len(fitting)):
        return None
    like = f" where {where}" if where.conditions else ""
    told = f"expected {what}{like}, count {count}; got {len(fitting)} of {len(items)}"
    if not fitting and items and where.conditions:
        closest = min(items, key=lambda item: len(where.misses(item)))
        told += f"; closest: {', '.join(where.misses(closest))}"
    return told


@dataclass(frozen=True, slots=True)
class _Asked:
    path: str
    status: int
    where: Where
    count: Condition | None


def _asked(mark: Mark, get: Word, status: int = 200, where: Where = ANYTHING, count: Condition | None = None) -> _Asked:
    return _Asked(get.text, status, where, count)


@expectation(
    "rest",
    Record(
        "a REST state",
        {
            "get": Field(
                Text("a path such as /rooms", r"/\S*", "it begins with /", 1000),
                required=True,
                about="what is asked, behind /v2; what begins with /_emulator is the admin API's",
            ),
            "status": Field(Integer(100, 599), about="what is answered; 200 if left out"),
            "where": Field(WHERE, about="what its `data` is like; of a list, each that counts"),
            "count": Field(COUNT, about="of a list: how many are so; at least one if left out"),
        },
        _asked,
    ),
    kinds=STAGE_EXPECTATIONS,
)
@dataclass(frozen=True, slots=True)
class Rest(Expectation):
    """Any GET is answered so; asked again until it is."""

    asked: _Asked

    def describe(self) -> str:
        like = f" where {self.asked.where}" if self.asked.where.conditions else ""
        count = "" if self.asked.count is None else f", count {self.asked.count}"
        status = "" if self.asked.status == 200 else f" {self.asked.status}"
        return f"GET {self.asked.path}{status}{like}{count}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Paths name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        asked = self.asked

        async def looked() -> str | None:
            status, answer = await scene.rest.ask("GET", asked.path)
            if status != asked.status:
                return f"expected status {asked.status}, got {status}"
            data = answer.get("data", answer) if isinstance(answer, dict) else answer
            if isinstance(data, list):
                return mismatch(data, asked.where, asked.count or AT_LEAST_ONE, "items")
            if asked.count is not None:
                return f"expected a list, count {asked.count}; got one item"
            misses = asked.where.misses(data)
            return ", ".join(misses) if misses else None

        await look_until(scene, looked, within=self.within)


@dataclass(frozen=True, slots=True)
class Counted:
    count: Condition
    where: Where = ANYTHING


class _Count:
    """A count, or `{count: ..., where: ...}`; `word` may be written for `count`."""

    def __init__(self, what: str, word: str, about: str) -> None:
        self._word = word
        self._record: Record[dict[str, Any]] = Record(
            f"what is expected of {what}",
            {
                word: Field(COUNT, about=about),
                "where": Field(WHERE, about="what those are like who count"),
            },
            lambda mark, **given: given,
        )

    def read(self, node: Node, issues: Issues) -> Counted:
        if isinstance(node, Scalar):
            return Counted(COUNT.read(node, issues))
        given = self._record.read(node, issues)
        return Counted(given.get(self._word, AT_LEAST_ONE), given.get("where", ANYTHING))

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [COUNT.json_schema(), {**self._record.json_schema(), "minProperties": 1}]}


@dataclass(frozen=True, slots=True)
class _Counting(Expectation):
    counted: Counted

    def describe(self) -> str:
        like = f" where {self.counted.where}" if self.counted.where.conditions else ""
        return f"{self.counted.count}{like}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Counts name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        async def looked() -> str | None:
            return mismatch(await self.items(scene), self.counted.where, self.counted.count, self.what)

        await look_until(scene, looked, within=self.within)

    @property
    @abstractmethod
    def what(self) -> str: ...

    @abstractmethod
    async def items(self, scene: Scene) -> list[Any]: ...


async def _listed(scene: Scene, path: str, **query: str) -> list[Any]:
    found = await scene.rest.call("GET", f"{path}?{urlencode({**query, 'page[size]': '250'})}")
    return found if isinstance(found, list) else []


@expectation(
    "sessions", _Count("sessions", "active", "how many sessions of the room are going on"), kinds=STAGE_EXPECTATIONS
)
class Sessions(_Counting):
    """How many sessions of the room are going on, as REST tells."""

    what = "active sessions"

    async def items(self, scene: Scene) -> list[Any]:
        query = {"filter[room_id]": scene.room_id, "filter[active]": "true"}
        return await _listed(scene, "/room_sessions", **query)


@expectation(
    "participants",
    _Count("participants", "present", "how many are in the room"),
    kinds=STAGE_EXPECTATIONS,
)
class Participants(_Counting):
    """Who is in the room now, as REST tells."""

    what = "participants in the room"

    async def items(self, scene: Scene) -> list[Any]:
        session = await scene.rest.active_session(scene.room_id)
        if session is None:
            return []
        people = await _listed(scene, "/room_participants", **{"filter[session_id]": session})
        return [one for one in people if one.get("left_at") is None]


@expectation("streams", _Count("streams", "published", "how many streams are announced"), kinds=STAGE_EXPECTATIONS)
class Streams(_Counting):
    """Which streams are announced in the room now, as events tell: `key`, `participant_id`, `audio_enabled`, ..."""

    what = "published streams"
    needs_events = True

    async def items(self, scene: Scene) -> list[Any]:
        return list(scene.published())


@expectation(
    "statistics",
    Record(
        "statistics",
        {
            "where": Field(
                WHERE, required=True, about="conditions on what /_emulator/stats tells of the room, by dotted path"
            )
        },
        lambda mark, where: where,
    ),
    kinds=STAGE_EXPECTATIONS,
)
@dataclass(frozen=True, slots=True)
class Statistics(Expectation):
    """What the emulator counts of connections, feeds and subscriptions of the room; the session's begins with `0.`."""

    where: Where

    def describe(self) -> str:
        return f"{self.where}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Paths name nobody."""

    async def verify(self, scene: Scene, who: str) -> None:
        async def looked() -> str | None:
            told = await scene.rest.call("GET", f"/_emulator/stats?room_id={scene.room_id}")
            misses = self.where.misses(told)
            return ", ".join(misses) if misses else None

        await look_until(scene, looked, within=self.within)
