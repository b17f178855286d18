"""The impairments of all accounts, and the lines of those participants who have any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from emulator.faults import BadFault
from emulator.faults.errors import below, shown
from emulator.media.impairments.document import Draft, read
from emulator.media.impairments.errors import TooManyImpairments, UnknownImpairment
from emulator.media.impairments.line import ActiveImpairment, ParticipantLine
from emulator.media.transport.line import Line
from emulator.media.transport.parameters import Scheduler, TimerHandle

MAX_IMPAIRMENTS = 200
"""Of one account."""

OnLine = Callable[[str, str, Line | None], None]
Phase = Literal["began", "ended"]


class Impairments:
    """The impairments of one account, in the order in which they were added.

    `on_line(participant_id, line)` tells of the first impairment of a participant, and (None) of the end of the last;
    `on_change` of every one.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        on_line: Callable[[str, Line | None], None],
        on_change: Callable[[ActiveImpairment, Phase], None],
    ) -> None:
        self._scheduler = scheduler
        self._on_line = on_line
        self._on_change = on_change
        self._active: dict[str, ActiveImpairment] = {}
        self._timers: dict[str, TimerHandle] = {}
        self._lines: dict[str, ParticipantLine] = {}

    @property
    def rules(self) -> list[ActiveImpairment]:
        return list(self._active.values())

    def line(self, participant_id: str) -> Line | None:
        return self._lines.get(participant_id)

    def add(self, document: Any, pointer: str = "") -> ActiveImpairment:
        """Takes effect at once. Raises BadFault, TooManyImpairments."""
        return self._admit([(pointer, read(document, pointer))])[0]

    def add_all(self, documents: Any, pointer: str = "") -> list[ActiveImpairment]:
        """All of them or, if one is refused, none. Raises BadFault, TooManyImpairments."""
        if not isinstance(documents, list | tuple):
            raise BadFault(pointer, "a list of impairments", shown(documents))
        if len(documents) > MAX_IMPAIRMENTS:
            raise TooManyImpairments(MAX_IMPAIRMENTS)
        places = [below(pointer, index) for index in range(len(documents))]
        return self._admit([(at, read(it, at)) for at, it in zip(places, documents, strict=True)])

    def remove(self, rule_id: str) -> None:
        """Raises UnknownImpairment."""
        impairment = self._active.pop(rule_id, None)
        if impairment is None:
            raise UnknownImpairment(rule_id)
        timer = self._timers.pop(rule_id, None)
        if timer is not None:
            timer.cancel()
        participant_id = impairment.draft.participant_id
        line = self._lines[participant_id]
        line.remove(impairment)
        if line.empty:
            del self._lines[participant_id]
            self._on_line(participant_id, None)
        self._on_change(impairment, "ended")

    def clear(self) -> None:
        for impairment_id in tuple(self._active):
            self.remove(impairment_id)

    def _admit(self, drafts: Sequence[tuple[str, Draft]]) -> list[ActiveImpairment]:
        if len(self._active) + len(drafts) > MAX_IMPAIRMENTS:
            raise TooManyImpairments(MAX_IMPAIRMENTS)
        taken = set(self._active)
        # Given ids first: a made-up one must not take the name that a later document asks for.
        for pointer, draft in drafts:
            if draft.id is not None:
                if draft.id in taken:
                    raise BadFault(below(pointer, "id"), "an id that no other impairment has", shown(draft.id))
                taken.add(draft.id)
        added = []
        for _, draft in drafts:
            impairment_id = draft.id or _free_id(draft, taken)
            taken.add(impairment_id)
            added.append(self._begin(ActiveImpairment(impairment_id, draft, self._scheduler)))
        return added

    def _begin(self, impairment: ActiveImpairment) -> ActiveImpairment:
        self._active[impairment.id] = impairment
        draft = impairment.draft
        if draft.for_secs is not None:
            self._timers[impairment.id] = self._scheduler.call_later(
                draft.for_secs, partial(self.remove, impairment.id)
            )
        line = self._lines.get(draft.participant_id)
        if line is None:
            line = self._lines[draft.participant_id] = ParticipantLine()
            self._on_line(draft.participant_id, line)
        line.add(impairment)
        self._on_change(impairment, "began")
        return impairment


def _free_id(draft: Draft, taken: set[str]) -> str:
    """The lowest free number: the same impairments added in the same order have the same ids, thus the same draws."""
    stem = draft.kind.word
    return next(name for number in range(1, MAX_IMPAIRMENTS + 2) if (name := f"{stem}-{number}") not in taken)


class ImpairmentBook:
    """The impairments of all accounts, by account id; an account without any takes no room.

    `on_line(account_id, participant_id, line)` is set by whoever holds the connections of participants,
    `on_change(account_id, impairment, phase)` by whoever keeps a record.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.on_line: OnLine = lambda account_id, participant_id, line: None
        self.on_change: Callable[[str, ActiveImpairment, Phase], None] = lambda account_id, impairment, phase: None
        self._scheduler = scheduler
        self._impairments: dict[str, Impairments] = {}

    def of(self, account_id: str) -> Impairments:
        """Made on first use, to add to."""
        impairments = self._impairments.get(account_id)
        if impairments is None:
            impairments = self._impairments[account_id] = Impairments(
                self._scheduler,
                lambda participant_id, line: self.on_line(account_id, participant_id, line),
                lambda impairment, phase: self.on_change(account_id, impairment, phase),
            )
        return impairments

    def line(self, account_id: str, participant_id: str) -> Line | None:
        """What a new connection of this participant goes through."""
        impairments = self._impairments.get(account_id)
        return None if impairments is None else impairments.line(participant_id)

    @property
    def count(self) -> int:
        """How many are at work, of all accounts."""
        return sum(len(impairments.rules) for impairments in self._impairments.values())

    def forget(self, account_id: str) -> None:
        """The account is reset, or gone."""
        impairments = self._impairments.pop(account_id, None)
        if impairments is not None:
            impairments.clear()

    def close(self) -> None:
        """The emulator stops."""
        for account_id in tuple(self._impairments):
            self.forget(account_id)
