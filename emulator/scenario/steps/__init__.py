"""Everything that can be done in a scenario; importing this package fills the registry in `base`."""

from emulator.scenario.steps import join, leave, moderate, publish, say, subscribe, tracks

__all__ = ["join", "leave", "moderate", "publish", "say", "subscribe", "tracks"]
