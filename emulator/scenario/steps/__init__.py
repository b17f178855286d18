"""Everything that can be done in a scenario; importing this package fills the registry in `base`."""

# In the order of messages and of the grammar's page: what everybody does first.
from emulator.scenario.steps import join, leave, publish, tracks, subscribe, say, replace, freeze, token, moderate  # isort: skip

__all__ = ["freeze", "join", "leave", "moderate", "publish", "replace", "say", "subscribe", "token", "tracks"]
