"""Why does my call hang? Every refusal and protocol fault as one line that says who, what, which rule, and the mend.

The SDK shows an application nothing of these (signaling.md 1.2): its promise just stays pending. They are on the
console, in the log and at /_emulator/problems.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from weakref import WeakKeyDictionary

from emulator.clock import Clock, iso_microseconds
from emulator.rooms.account import Account
from emulator.signaling.rules import Rule
from emulator.values import value_class
from emulator.wire.janus import Request

log = logging.getLogger("emulator.signaling")

MAX_KEPT = 1000
"""Problems kept for each account, and of those that no account could be found for."""
MAX_LINES_PER_CONNECTION = 50
"""A client that goes on doing wrong must not fill the console: its later problems are only kept."""
MAX_TEXT = 400

Form = Literal["status_code", "janus_error", "plugin_error", "accepted", "closed"]
"""How the client was told: see `errors.py`; `accepted`: not at all, the request went well but to no good end; `closed`
stands for a connection that the emulator ended."""


@value_class(frozen=True, slots=True)
class Place:
    """Whose connection it is; `participant_id` is None before the join."""

    room_id: str
    connection: str
    participant_id: str | None


@value_class(frozen=True, slots=True)
class Frame:
    """What was refused; everything is None of a frame that could not be read."""

    janus: str | None = None
    plugin: str | None = None
    request: str | None = None
    transaction: str | None = None
    handle_id: int | None = None

    @classmethod
    def of(cls, request: Request, plugin: str | None) -> Frame:
        """`plugin` is the one behind the handle, if there is one."""
        name = (request.body or {}).get("request")
        return cls(
            _short(request.janus),
            _short_or_none(plugin or request.plugin),
            _short(name) if isinstance(name, str) else None,
            _short(request.transaction),
            request.handle_id,
        )

    def __str__(self) -> str:
        """E.g. `videoroom join (handle 7, transaction t1)`."""
        if self.janus is None:
            return "a frame"
        parts = [] if self.janus == "message" else [self.janus]
        parts += [text for text in ((self.plugin or "").rpartition(".")[2], self.request) if text]
        marks = [] if self.handle_id is None else [f"handle {self.handle_id}"]
        return f"{' '.join(parts) or 'message'} ({', '.join([*marks, f'transaction {self.transaction}'])})"


@value_class(frozen=True, slots=True)
class Problem:
    """`number` counts the problems of the whole emulator; `at` is the account's time."""

    number: int
    at: datetime
    place: Place
    frame: Frame
    form: Form
    code: int
    reason: str
    rule: Rule

    def __str__(self) -> str:
        """The line of the log."""
        place = self.place
        who = place.participant_id or f"connection {place.connection or 'without a good token'}"
        told = {"closed": "closed", "accepted": f"accepted {self.frame} of"}
        what = told.get(self.form, f"refused {self.frame} of")
        line = f"{what} {who} in room {place.room_id}: {self.code} {self.reason} [{self.rule.number}] {self.rule.mend}"
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": iso_microseconds(self.at),
            **asdict(self.place),
            "frame": asdict(self.frame),
            "form": self.form,
            "code": self.code,
            "reason": self.reason,
            "rule": self.rule.number,
            "mend": self.rule.mend,
            "line": str(self),
        }


class ProblemLog:
    """The last problems of one account, or of nobody known."""

    def __init__(self, *, most: int = MAX_KEPT) -> None:
        self._kept: deque[Problem] = deque(maxlen=most)
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many of the oldest have been let go of."""
        return self._dropped

    def add(self, problem: Problem) -> None:
        self._dropped += len(self._kept) == self._kept.maxlen
        self._kept.append(problem)

    def since(self, number: int) -> list[Problem]:
        """Those with a higher number, oldest first."""
        return [problem for problem in self._kept if problem.number > number]


class Problems:
    """All of one emulator. `clock` is for those of no account; an account's go by its own time and end with it."""

    def __init__(self, clock: Clock) -> None:
        self.unattributed = ProblemLog()
        """Of connections whose token and room tell no account."""
        self._clock = clock
        self._of: WeakKeyDictionary[Account, ProblemLog] = WeakKeyDictionary()
        self._last = 0

    @property
    def last_number(self) -> int:
        return self._last

    def of(self, account: Account) -> ProblemLog:
        return self._of.setdefault(account, ProblemLog())

    def note(
        self, account: Account | None, place: Place, frame: Frame, form: Form, code: int, reason: str, rule: Rule
    ) -> Problem:
        """Keep it under the account, if one is known."""
        self._last += 1
        at = (self._clock if account is None else account).now()
        short = Place(_short(place.room_id), place.connection, _short_or_none(place.participant_id))
        problem = Problem(self._last, at, short, frame, form, code, _short(reason), rule)
        (self.unattributed if account is None else self.of(account)).add(problem)
        return problem


class Teller:
    """Tells one connection's problems in the log, as long as there are not too many of them."""

    def __init__(self) -> None:
        self._told = 0

    def tell(self, problem: Problem) -> None:
        self._told += 1
        if self._told <= MAX_LINES_PER_CONNECTION:
            log.warning("%s", problem)
        if self._told == MAX_LINES_PER_CONNECTION:
            log.warning("no more lines about this connection: see /_emulator/problems for its later problems")


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."


def _short_or_none(text: str | None) -> str | None:
    return None if text is None else _short(text)
