"""Meetings on a timeline, read from YAML."""
