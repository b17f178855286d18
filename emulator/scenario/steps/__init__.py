"""Everything that can be done in a scenario; importing this package fills the registries in `base`."""

# In the order of messages and of the grammar's page: what everybody does first.
# isort: off
from emulator.scenario.steps import join, leave, publish, tracks, subscribe, say, replace, freeze, token
from emulator.scenario.steps import moderate, request
from emulator.scenario.steps import note, wait_for, fault, impair, clock
# isort: on

__all__ = [
    "clock",
    "fault",
    "freeze",
    "impair",
    "join",
    "leave",
    "moderate",
    "note",
    "publish",
    "replace",
    "request",
    "say",
    "subscribe",
    "token",
    "tracks",
    "wait_for",
]
