"""One live session at work: joins rooms to media."""
