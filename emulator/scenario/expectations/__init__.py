"""Everything that can be expected; importing this package fills the registries in `base`."""

# In the order of messages and of the grammar's page: what is expected most.
# isort: off
from emulator.scenario.expectations import sees, hears, reads, ends, strangers
from emulator.scenario.expectations import events, state, webhooks
# isort: on

__all__ = ["ends", "events", "hears", "reads", "sees", "state", "strangers", "webhooks"]
