"""What is heard of while a scenario runs, and patterns of what is waited for.

{event: participant_joined, where: {context.username: "Browser*"}}
{webhook: "video.room.participant.*", where: {context.username: "Browser*"}}
{rest: "POST /v2/rooms/*", where: {status: 201}}
{message: "*help*", where: {from: bob}}
"""

from __future__ import annotations

import asyncio
import dataclasses
import fnmatch
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from emulator.rooms.happenings import EVENT_TYPES
from emulator.scenario.pace import Pace
from emulator.scenario.reading.conditions import ANYTHING, WHERE, Where
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Node
from emulator.scenario.reading.shapes import Field, JsonSchema, Shape, Text
from emulator.webhooks.envelope import EVENT_TYPES as WEBHOOK_TYPES

MAX_KEPT = 10_000
"""As many as the account's own log keeps."""

Kind = Literal["event", "webhook", "rest", "message"]
KINDS: tuple[Kind, ...] = ("event", "webhook", "rest", "message")
ANY_ATTEMPT: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class News:
    """`what` is what the pattern's glob looks at: an event's type, `POST /v2/rooms`, a message's text.

    `at` is in seconds since the run began; what happened before has a negative one.
    """

    kind: Kind
    what: str
    at: float
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.what!r:.80} at {self.at:.3f} s"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fits news of one kind."""

    mark: Mark
    kind: Kind
    glob: str
    where: Where = ANYTHING

    def fits(self, news: News) -> bool:
        return news.kind == self.kind and fnmatch.fnmatchcase(news.what, self.glob) and self.where.fits(news.facts)

    def __str__(self) -> str:
        glob = f'"{self.glob}"' if self.kind == "message" else self.glob
        return f"{self.kind} {glob}{f' where {self.where}' if self.where.conditions else ''}"

    def closest(self, news: Iterable[News]) -> str:
        """What came nearest to it: of the same sort the one with the fewest misses, the latest of those."""
        candidates = [one for one in news if one.kind == self.kind]
        near = [one for one in candidates if fnmatch.fnmatchcase(one.what, self.glob)]
        if near:
            best = min(reversed(near), key=lambda one: len(self.where.misses(one.facts)))
            misses = ", ".join(self.where.misses(best.facts))
            return f"closest: {best}{f', but {misses}' if misses else ''}"
        if candidates:
            return f"none of that sort; the last was {candidates[-1]}"
        return f"no {self.kind} at all"


def webhook_facts(data: Any, attempt: Mapping[str, Any] = ANY_ATTEMPT) -> dict[str, Any]:
    """What `where` looks at: the fields of the webhook's payload, and all that has another name beside them.

    `data` is what was posted as such; `attempt` what is known of one attempt to deliver it. Both are also there as
    they are: `data.event_type` and `payload.context` are what `event_type` and `context` are.
    """
    envelope = data if isinstance(data, Mapping) else {}
    payload = envelope.get("payload")
    fields = payload if isinstance(payload, Mapping) else {}
    return {**fields, **envelope, **{name: value for name, value in attempt.items() if value is not None}, "data": data}


def patterns_in(thing: object) -> Iterator[Pattern]:
    """Those in the fields of a step or an expectation."""
    if isinstance(thing, Pattern):
        yield thing
    elif isinstance(thing, tuple):
        for part in thing:
            yield from patterns_in(part)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            yield from patterns_in(getattr(thing, field.name))


class Chronicle:
    """Everything heard so far, and who wants to hear more."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._origin: float | None = None
        self._news: deque[News] = deque(maxlen=MAX_KEPT)
        self._listeners: list[Callable[[News], None]] = []

    def of_run(self) -> list[News]:
        """What happened since the run began."""
        return [news for news in self._news if news.at >= 0]

    def all(self) -> list[News]:
        return list(self._news)

    def begin(self) -> None:
        """The run begins: what is told from now on is of it."""
        self._origin = self.pace.now()

    def tell(self, kind: Kind, what: str, facts: Mapping[str, Any], *, past: bool = False) -> None:
        """`past`: it happened before the run."""
        at = -1.0 if past or self._origin is None else self.pace.now() - self._origin
        news = News(kind, what, at, facts)
        self._news.append(news)
        for listener in tuple(self._listeners):
            listener(news)

    def listen(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Call `listener` for all news to come; returns what ends that."""
        self._listeners.append(listener)

        def stop() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    async def until(self, true: Callable[[], bool], *, within: float) -> bool:
        """Whether it becomes true within so many seconds; looked at after each piece of news."""
        if true():
            return True
        heard = asyncio.Event()
        stop = self.listen(lambda _news: heard.set())
        try:
            async with self.pace.timeout(within):
                while not true():
                    heard.clear()
                    await heard.wait()
                return True
        except TimeoutError:
            return true()
        finally:
            stop()

    async def wait_for(self, pattern: Pattern, *, within: float, since: float = 0.0) -> News | None:
        """The first that fits, of what happened `since` so many seconds after the start."""
        found: list[News] = []

        def there() -> bool:
            found[:] = [news for news in self._news if news.at >= since and pattern.fits(news)][:1]
            return bool(found)

        return found[0] if await self.until(there, within=within) else None


# -- reading -----------------------------------------------------------------------------------------------------------


class _Glob:
    """`*` and `?` stand for anything; without them the word must be a known one. What all of them begin with, `common`,
    may be left out.
    """

    def __init__(self, what: str, known: Iterable[str], *, common: str = "") -> None:
        self._text = Text(what)
        self._what = what
        self._known = sorted(known)
        self._common = common

    def read(self, node: Node, issues: Issues) -> str:
        word = self._text.read(node, issues)
        for glob in dict.fromkeys((word.text, self._common + word.text)):
            if any(fnmatch.fnmatchcase(name, glob) for name in self._known):
                return glob
        raise issues.unknown(word, self._what.removeprefix("a ").removeprefix("an "), self._known)

    def json_schema(self) -> JsonSchema:
        words = [*self._known, *(name.removeprefix(self._common) for name in self._known if self._common)]
        return {"anyOf": [{"enum": words}, {"type": "string", "title": "a glob", "pattern": r"[*?]"}]}


class _Call:
    """`POST /v2/rooms/*`: a method and a glob of the path."""

    _text = Text("a REST call such as POST /v2/rooms", r"(GET|POST|PATCH|PUT|DELETE|\*) /\S*", "method and path", 500)

    def read(self, node: Node, issues: Issues) -> str:
        return self._text.read(node, issues).text

    def json_schema(self) -> JsonSchema:
        return {
            "type": "string",
            "title": "a call such as POST /v2/rooms",
            "pattern": r"^(GET|POST|PATCH|PUT|DELETE|\*) /",
        }


class _MessageGlob:
    _text = Text("the text of a message, or a glob", longest=10_000)

    def read(self, node: Node, issues: Issues) -> str:
        return self._text.read(node, issues).text

    def json_schema(self) -> JsonSchema:
        return self._text.json_schema()


EVENT = _Glob("an event", EVENT_TYPES)
WEBHOOK = _Glob("a webhook event", WEBHOOK_TYPES, common="video.room.")
GLOBS: Mapping[str, Shape[str]] = {"event": EVENT, "webhook": WEBHOOK, "rest": _Call(), "message": _MessageGlob()}
ABOUT = {
    "event": "the type of an event of the account's log, or a glob",
    "webhook": "the type of a webhook (participant.left will do), or a glob: told when a delivery was attempted",
    "rest": "a REST call, as method and glob of the path: told when it is answered",
    "message": "a text, or a glob: told when a participant of the scenario gets it",
}


def pattern_fields() -> dict[str, Field]:
    """The keys of a pattern in a record of more."""
    fields = {kind: Field(shape, about=ABOUT[kind]) for kind, shape in GLOBS.items()}
    return {**fields, "where": Field(WHERE, about="conditions on what is told, by dotted path")}


def pattern_of(mark: Mark, given: Mapping[str, Any], issues: Issues) -> Pattern:
    """Raises Misread unless just one kind is named."""
    named: list[Kind] = [kind for kind in KINDS if kind in given]
    if len(named) != 1:
        got = " and ".join(named) or "none of them"
        raise issues.misread(mark, f"expected one of {', '.join(KINDS)}; got {got}")
    return Pattern(mark, named[0], given[named[0]], given.get("where", ANYTHING))


def pattern_schema(more: Mapping[str, JsonSchema]) -> JsonSchema:
    fields = {name: field.json_schema() for name, field in pattern_fields().items()}
    return {
        "type": "object",
        "properties": {**fields, **more},
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in KINDS],
    }
