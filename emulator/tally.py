"""Counts of the whole process since it began, over all accounts: for those who watch it over time."""

from __future__ import annotations

from collections import Counter

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Tally:
    """Keys have few values, whatever clients send: they become labels of `/_emulator/metrics`.

    calls       (surface, method, route, status); status 0 is a call that ended without an answer
    call_secs   surface -> seconds that its calls have taken
    frames      (direction, channel)
    closes      (direction, code): ends of signaling connections
    webhooks    status of an attempt's answer; 0: none came
    mishaps     (surface, kind): faults that fired, impairments that began
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str, str, int]] = Counter()
        self.call_secs: dict[str, float] = {}
        self.frames: Counter[tuple[str, str]] = Counter()
        self.closes: Counter[tuple[str, int]] = Counter()
        self.webhooks: Counter[int] = Counter()
        self.mishaps: Counter[tuple[str, str]] = Counter()

    def call(self, surface: str, method: str, route: str | None, status: int | None, secs: float) -> None:
        known = method if method in _METHODS else "other"
        self.calls[surface, known, route or "none", status or 0] += 1
        self.call_secs[surface] = self.call_secs.get(surface, 0.0) + secs
