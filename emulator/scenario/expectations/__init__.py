"""Everything that can be expected; importing this package fills the registry in `base`."""

from emulator.scenario.expectations import hears, reads, sees

__all__ = ["hears", "reads", "sees"]
