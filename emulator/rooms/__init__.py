"""The domain: rooms, sessions, participants, streams; no I/O, never awaits."""
