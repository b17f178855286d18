"""What only the whole of a scenario can tell: names that nobody has, steps that nobody can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from emulator.scenario.cast import MODERATOR, STAGE, Cast, group_of
from emulator.scenario.expectations.base import STAGE_EXPECTATIONS, misnomer
from emulator.scenario.expectations.reads import Reads, ReadsNot
from emulator.scenario.expectations.sees import Sees
from emulator.scenario.milestones import JOINED, Arrivals, Milestone
from emulator.scenario.needs import patterns_of
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Node, Scalar, Word
from emulator.scenario.reading.nodes import Sequence as SequenceNode
from emulator.scenario.reading.references import names_in, scalars
from emulator.scenario.schema import After, Entry
from emulator.scenario.steps.say import Say
from emulator.scenario.steps.subscribe import Subscribe


def check(cast: Cast, timeline: tuple[Entry, ...], issues: Issues) -> None:
    """Note everything that does not fit together."""
    for participant in cast:
        for name in participant.subscribe if not isinstance(participant.subscribe, str) else ():
            with suppress(Misread):
                whose = cast.find(name.participant, issues)
                if whose.telephone:
                    issues.add(name.mark, f"{whose.name} is a telephone: it is heard, and has no stream")
                elif name.key is not None:
                    cast.find_key(whose.name, Word(name.key, name.mark), issues)
    for entry in timeline:
        _check_entry(entry, cast, issues)
    if not issues.found:  # what follows reads names as given
        _check_presence(cast, timeline, issues)
        _check_sight(cast, timeline, issues)
        _check_triggers(cast, timeline, issues)


def check_references(tree: Node, inputs: Mapping[str, object], issues: Issues) -> None:
    """After inputs are filled in, `${name}` can only mean what a run knows: and that only where something happens."""
    entries = tree.entries if isinstance(tree, MappingNode) else ()
    people = next((value for key, value in entries if key.text == "participants"), None)
    cast = tuple(key.text for key, _ in people.entries) if isinstance(people, MappingNode) else ()
    happening = [value for key, value in entries if key.text in ("timeline", "finally")]
    known = ("room", *cast, *(name for node in happening for name in _remembered(node)))
    for key, value in entries:
        parts = value.items if key.text == "timeline" and isinstance(value, SequenceNode) else (value,)
        for part in parts:
            reactive = isinstance(part, MappingNode) and part.get("when") is not None
            names = () if value not in happening else (*known, "event") if reactive else known
            _check_part(part, names, inputs, issues)


def _check_part(part: Node, known: tuple[str, ...], inputs: Mapping[str, object], issues: Issues) -> None:
    for scalar in scalars(part):
        for name in names_in(scalar.text) if isinstance(scalar.value, str) else ():
            root = name.partition(".")[0]
            if group_of(root) in known:
                continue
            if root == "event" and known:
                issues.add(scalar.mark, "${event...} is what an entry with when was set off by; this one has no when")
            else:
                issues.unknown(Word(root, scalar.mark), "input", (*inputs, *known))
            issues.settle(scalar.mark)


def _remembered(node: Node) -> Iterable[str]:
    """What is written under `as`, anywhere."""
    match node:
        case MappingNode():
            for key, value in node.entries:
                if key.text == "as" and isinstance(value, Scalar):
                    yield value.text
                yield from _remembered(value)
        case SequenceNode():
            for item in node.items:
                yield from _remembered(item)


def has_messages(timeline: tuple[Entry, ...]) -> bool:
    """Whether anybody says, reads or waits for anything: then all join the text room who do not say otherwise."""
    said = any(isinstance(step, Say) for entry in timeline for action in entry.actions for step in action.steps)
    read = (isinstance(one.expectation, Reads | ReadsNot) for entry in timeline for one in entry.expected)
    return said or any(read) or any(pattern.kind == "message" for entry in timeline for pattern in patterns_of(entry))


def _check_entry(entry: Entry, cast: Cast, issues: Issues) -> None:
    for action in entry.actions:
        with suppress(Misread):
            if action.who.text not in (MODERATOR, STAGE):
                cast.find(action.who, issues)
            for step in action.steps:
                with suppress(Misread):
                    step.check(action.who.text, cast, issues)
    for expected in entry.expected:
        with suppress(Misread):
            if expected.who.text not in STAGE_EXPECTATIONS:
                _find(expected.who, cast, issues)
            expected.expectation.check(expected.who.text, cast, issues)
    if isinstance(entry.trigger, After):
        milestone = entry.trigger.milestone
        with suppress(Misread):
            cast.find(Word(milestone.participant, entry.trigger.mark), issues)
            if milestone.key is not None:
                cast.find_key(milestone.participant, Word(milestone.key, entry.trigger.mark), issues)


def _find(who: Word, cast: Cast, issues: Issues) -> None:
    """A participant whom something is expected of; what is nobody's is suggested, too."""
    if who.text not in cast:
        misnomer(who, issues)
    cast.find(who, issues)


def _check_presence(cast: Cast, timeline: tuple[Entry, ...], issues: Issues) -> None:
    joining = {
        member
        for entry in timeline
        for action in entry.actions
        if any(reached.happening == JOINED for step in action.steps for reached in step.reaches(action.who.text, cast))
        for member in cast.members(action.who.text)
    }
    told: set[str] = {MODERATOR, STAGE, *STAGE_EXPECTATIONS}
    for entry in timeline:
        acting = [action.who for action in entry.actions]
        for who in acting + [expected.who for expected in entry.expected]:
            if who.text not in told and not joining.issuperset(cast.members(who.text)):
                told.add(who.text)  # once is enough
                issues.add(who.mark, f"{who} never joins; an earlier entry needs do: {{{who}: join}}")


def _check_sight(cast: Cast, timeline: tuple[Entry, ...], issues: Issues) -> None:
    """Who subscribes to nothing sees nothing: said now, not after a timeout."""
    subscribed = {
        (who, whose, cast.key_of(step.stream))
        for entry in timeline
        for action in entry.actions
        for step in action.steps
        if isinstance(step, Subscribe)
        for who in cast.members(action.who.text)
        for whose in cast.members(step.stream.participant.text)
    }
    for entry in timeline:
        for who, wanted in ((expected.who.text, expected.expectation) for expected in entry.expected):
            if not isinstance(wanted, Sees):
                continue
            whose, key = wanted.stream.participant.text, cast.key_of(wanted.stream)
            pairs = {(one, other, key) for one in cast.members(who) for other in cast.members(whose)}
            if not cast[who].watches(whose, key) and not subscribed.issuperset(pairs):
                message = f"{who} does not subscribe to {whose}/{key}; give {who} subscribe: all, or a subscribe step"
                issues.add(wanted.mark, message)


def _check_triggers(cast: Cast, timeline: tuple[Entry, ...], issues: Issues) -> None:
    """An entry waits for a milestone that some entry that comes about reaches."""
    waiting = [entry for entry in timeline if isinstance(entry.trigger, After)]
    arrivals = Arrivals(cast)
    begun = (entry for entry in timeline if not isinstance(entry.trigger, After))
    reached = set(arrivals.spread(_milestones(cast, begun)))
    while True:
        ready = [entry for entry in waiting if _covered(entry, reached)]
        if not ready:
            break
        waiting = [entry for entry in waiting if entry not in ready]
        reached.update(arrivals.spread(_milestones(cast, ready)))
    for entry in waiting:
        assert isinstance(entry.trigger, After)
        message = f"nothing that comes before this leads to {entry.trigger.milestone}, so it would never come"
        issues.add(entry.trigger.mark, message)


def _covered(entry: Entry, reached: Iterable[Milestone]) -> bool:
    return isinstance(entry.trigger, After) and any(entry.trigger.milestone.covers(one) for one in reached)


def _milestones(cast: Cast, entries: Iterable[Entry]) -> Iterable[Milestone]:
    for entry in entries:
        for action in entry.actions:
            for step in action.steps:
                yield from step.reaches(action.who.text, cast)
