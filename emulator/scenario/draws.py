"""Repeatable chance: every draw has a generator of its own, keyed by what it is for.

Generators are keyed by (seed, participant, step), never shared, so a step that is inserted leaves all others alone.
"""

from __future__ import annotations

import hashlib
import random
import uuid


def generator(seed: int, *key: str) -> random.Random:
    """The generator of one draw. Keys that differ give independent generators, whatever characters they contain."""
    digest = hashlib.sha256(repr((seed, *key)).encode()).digest()
    return random.Random(digest)


def participant_id(seed: int, name: str) -> str:
    """A UUID v4, the same for the same seed and name."""
    return str(uuid.UUID(int=generator(seed, name, "participant id").getrandbits(128), version=4))
