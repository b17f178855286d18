"""Synthetic participants, real to the wire."""
