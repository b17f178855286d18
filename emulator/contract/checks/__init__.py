"""The checks, by topic. Each is a coroutine under a `@check(...)` line that names the rules and their basis."""

from emulator.contract.checks import errors, lists, recordings, rooms, sessions, tokens
from emulator.contract.checks.base import CHECKS, Check

__all__ = ["CHECKS", "Check", "errors", "lists", "recordings", "rooms", "sessions", "tokens"]
