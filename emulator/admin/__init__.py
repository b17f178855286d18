"""Everything under /_emulator/."""
