"""Opus and mixing."""
