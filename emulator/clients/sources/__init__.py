"""What synthetic participants show and say; importing this package fills the registry in `registry`."""

from emulator.clients.sources import test_card, tone, speech, silence, screen, noise, file, freeze, flash, black, beep  # isort: skip

__all__ = ["beep", "black", "file", "flash", "freeze", "noise", "screen", "silence", "speech", "test_card", "tone"]
