"""Files served under /_emulator/ as they are."""
