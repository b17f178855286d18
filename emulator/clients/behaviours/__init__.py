"""What synthetic participants do unasked; importing this package fills the registry in `registry`."""

from emulator.clients.behaviours import answer, chat, fidget, greet, leaving, watch

__all__ = ["answer", "chat", "fidget", "greet", "leaving", "watch"]
