"""What a scenario must be told while it runs, so that nothing is asked of the emulator that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.scenario.expectations.webhooks import Webhooks
from emulator.scenario.news import Pattern, patterns_in
from emulator.scenario.schema import Entry, Scenario, When


def patterns_of(entry: Entry) -> Iterable[Pattern]:
    """What an entry listens to."""
    if isinstance(entry.trigger, When):
        yield entry.trigger.pattern
    for action in entry.actions:
        for step in action.steps:
            yield from patterns_in(step)
    for expected in entry.expected:
        yield from patterns_in(expected.expectation)


def news(scenario: Scenario) -> set[str]:
    """The kinds of news that it waits for or looks at."""
    kinds = {pattern.kind for entry in scenario.entries for pattern in patterns_of(entry)}
    looking = any(one.expectation.needs_events for entry in scenario.entries for one in entry.expected)
    return {*kinds, *(("event",) if looking else ())}


def receiver(scenario: Scenario) -> bool:
    """Whether it wants to know what a receiver of webhooks has got."""
    return any(
        isinstance(one.expectation, Webhooks) and one.expectation.wanted.about_receiver
        for entry in scenario.entries
        for one in entry.expected
    )
