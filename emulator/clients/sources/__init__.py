"""What synthetic participants show and say; importing this package fills the registry in `registry`."""

from emulator.clients.sources import test_card, tone, speech, silence, screen, noise, file, freeze, black  # isort: skip

__all__ = ["black", "file", "freeze", "noise", "screen", "silence", "speech", "test_card", "tone"]
