"""Recordings: what arrives in a conference, written to files as it is, without decoding."""
