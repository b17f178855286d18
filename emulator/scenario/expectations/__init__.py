"""Everything that can be expected; importing this package fills the registry in `base`."""

from emulator.scenario.expectations import ends, hears, reads, sees, strangers

__all__ = ["ends", "hears", "reads", "sees", "strangers"]
