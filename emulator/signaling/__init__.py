"""The Janus protocol as the official SDK speaks it."""
