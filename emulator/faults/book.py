"""The rules of each account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from emulator.faults.catalogue import Catalogue, Draft
from emulator.faults.errors import BadFault, TooManyFaults, UnknownFault, below, shown
from emulator.faults.rule import Fired, Rule
from emulator.faults.surface import Facts, FaultT, Surface

MAX_RULES = 100
"""Of one account: each is asked at each request, delivery and frame."""


OnFired = Callable[[str, Rule, Facts], None]
"""(account id, the rule, what was known of that to which it happens)."""


def _tell_nobody(_account_id: str, _rule: Rule, _facts: Facts) -> None:
    """Nobody wants to know."""


class Faults:
    """The rules of one account, in the order in which they were added."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._rules: dict[str, Rule] = {}

    @property
    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    def add(self, document: Any, pointer: str = "") -> Rule:
        """Raises BadFault, TooManyFaults."""
        return self._admit([(pointer, self._catalogue.read(document, pointer))])[0]

    def add_all(self, documents: Any, pointer: str = "") -> list[Rule]:
        """All of them or, if one is refused, none. Raises BadFault, TooManyFaults."""
        if not isinstance(documents, list | tuple):
            raise BadFault(pointer, "a list of faults", shown(documents))
        if len(documents) > MAX_RULES:
            raise TooManyFaults(MAX_RULES)
        places = [below(pointer, index) for index in range(len(documents))]
        return self._admit([(at, self._catalogue.read(it, at)) for at, it in zip(places, documents, strict=True)])

    def rule(self, rule_id: str) -> Rule:
        """Raises KeyError."""
        return self._rules[rule_id]

    def remove(self, rule_id: str) -> Rule:
        """Raises UnknownFault."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            raise UnknownFault(rule_id)
        return rule

    def clear(self) -> int:
        """Returns how many there were."""
        count = len(self._rules)
        self._rules.clear()
        return count

    def active(self, surface: Surface[Any]) -> bool:
        """Whether there is any rule for this surface; if not, nobody needs to gather facts."""
        return any(rule.surface == surface.name for rule in self._rules.values())

    def draw(self, surface: Surface[FaultT], facts: Facts) -> list[Fired[FaultT]]:
        """What goes wrong now, in the order of the rules; a final fault is the last (see `Fault.final`)."""
        happening: list[Fired[FaultT]] = []
        for rule in self._rules.values():
            if rule.surface != surface.name or not isinstance(rule.fault, surface.base):
                continue
            rng = rule.draw(facts)
            if rng is None:
                continue
            happening.append(Fired(rule.id, rule.fault, rng))
            if rule.fault.final:
                break
        return happening

    def _admit(self, drafts: Sequence[tuple[str, Draft]]) -> list[Rule]:
        if len(self._rules) + len(drafts) > MAX_RULES:
            raise TooManyFaults(MAX_RULES)
        taken = set(self._rules)
        rules = []
        # Given ids first: a made-up one must not take the name that a later document asks for.
        for pointer, draft in drafts:
            if draft.id is not None:
                if draft.id in taken:
                    raise BadFault(below(pointer, "id"), "an id that no other rule has", shown(draft.id))
                taken.add(draft.id)
        for _, draft in drafts:
            rule_id = draft.id or _free_id(draft, taken)
            taken.add(rule_id)
            rules.append(Rule(rule_id, draft.surface, draft.kind, draft.fault, draft.terms))
        self._rules.update((rule.id, rule) for rule in rules)
        return rules


def _free_id(draft: Draft, taken: set[str]) -> str:
    """The lowest free number: the same rules added in the same order have the same ids, thus the same draws."""
    stem = f"{draft.surface}-{draft.kind.word}"
    return next(name for number in range(1, MAX_RULES + 2) if (name := f"{stem}-{number}") not in taken)


class FaultBook:
    """The faults of all accounts, by account id; an account without rules takes no room."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.on_fired: OnFired = _tell_nobody
        """Called for each fault at the moment it happens."""
        self._faults: dict[str, Faults] = {}

    def of(self, account_id: str) -> Faults:
        """Made on first use, to add rules to."""
        return self._faults.setdefault(account_id, Faults(self.catalogue))

    def active(self, account_id: str, surface: Surface[Any]) -> bool:
        faults = self._faults.get(account_id)
        return faults is not None and faults.active(surface)

    def draw(self, account_id: str, surface: Surface[FaultT], facts: Facts) -> list[Fired[FaultT]]:
        """As `Faults.draw`; asking makes nothing."""
        faults = self._faults.get(account_id)
        if faults is None:
            return []
        happening = faults.draw(surface, facts)
        for fired in happening:
            self.on_fired(account_id, faults.rule(fired.rule_id), facts)
        return happening

    def forget(self, account_id: str) -> None:
        """The account is reset, or gone."""
        self._faults.pop(account_id, None)
