"""Everything that can be expected; importing this package fills the registry in `base`."""

from emulator.scenario.expectations import hears, sees

__all__ = ["hears", "sees"]
