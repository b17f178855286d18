"""Which keys a scenario has and what may stand under them, one file per part of it."""
