"""Arithmetic on numbers that wrap: RTP sequence numbers (16 bit) and timestamps (32 bit)."""

from __future__ import annotations


def sequence_delta(newer: int, older: int) -> int:
    """`newer - older` modulo 2^16, as a signed number from -32768 to 32767."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def timestamp_delta(newer: int, older: int) -> int:
    """`newer - older` modulo 2^32, as a signed number from -2^31 to 2^31 - 1."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def extend_sequence(sequence: int, near: int) -> int:
    """The extended (never wrapping) number closest to `near` whose low 16 bits are `sequence`."""
    return near + sequence_delta(sequence, near & 0xFFFF)
