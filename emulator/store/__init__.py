"""State that lasts: a data directory with a lock, keys, and the events of all accounts in SQLite."""
