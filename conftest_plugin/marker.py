"""`@pytest.mark.rooms(scenario=..., inputs=..., seed=..., faults=..., time=...)`: what a test wants of its account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from conftest_plugin.errors import RoomsEmulatorError
from conftest_plugin.hosts import AccountSettings

FROZEN = "frozen"


class MarkerError(RoomsEmulatorError):
    """The marker of a test says something it cannot; the text names it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """
    scenario  put on stage before the test begins, see `rooms_scenario`
    inputs    values for what it declares under `inputs`
    seed      all ids of the account, its participants and its scenarios are drawn from it
    faults    rules in force from the beginning, as `/_emulator/faults` takes them
    time      where the account's time begins, and stands still: a datetime, ISO text, or "frozen" for now;
              {"start": ..., "freeze": False} lets it run
    problems  "ignore", "warn" or "fail", whatever the run's option says: for a test that provokes some
    """

    scenario: Any = None
    inputs: Mapping[str, object] = field(default_factory=dict)
    seed: int | None = None
    faults: Sequence[Mapping[str, Any]] = ()
    time: Any = None
    problems: Any = None

    @classmethod
    def of(cls, marks: Iterable[Any], *, seed: int | None) -> Wishes:
        """From a test's marks, the closest last; `seed` unless a mark names one. Raises MarkerError."""
        known = [one.name for one in fields(cls)]
        wished: dict[str, Any] = {"seed": seed}
        for mark in marks:
            if mark.args:
                raise MarkerError(f"pytest.mark.rooms takes keywords only ({', '.join(known)}), got {mark.args!r:.80}")
            for name in mark.kwargs:
                if name not in known:
                    raise MarkerError(f"pytest.mark.rooms has no {name!r}; it takes {', '.join(known)}")
            wished |= mark.kwargs
        wishes = cls(**wished)
        wishes._check()
        return wishes

    def _check(self) -> None:
        seed, faults = self.seed, self.faults
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
            raise MarkerError(f"pytest.mark.rooms(seed=...): expected an integer of at least 0, got {seed!r:.80}")
        if not isinstance(self.inputs, Mapping):
            raise MarkerError(f"pytest.mark.rooms(inputs=...): expected a dict, got {self.inputs!r:.80}")
        if self.inputs and self.scenario is None:
            raise MarkerError("pytest.mark.rooms(inputs=...): there is no scenario= that could take them")
        if self.problems not in (None, "ignore", "warn", "fail"):
            raise MarkerError(
                f"pytest.mark.rooms(problems=...): expected 'ignore', 'warn' or 'fail', got {self.problems!r:.80}"
            )
        if isinstance(faults, str | Mapping) or not all(isinstance(rule, Mapping) for rule in faults):
            raise MarkerError(f"pytest.mark.rooms(faults=...): expected a list of dicts, got {faults!r:.80}")

    @property
    def settings(self) -> AccountSettings:
        """Raises MarkerError for a time that is none."""
        match self.time:
            case None:
                return AccountSettings(seed=self.seed)
            case {"start": start, **more} if not more or set(more) == {"freeze"}:
                freeze = more.get("freeze", True)
                return AccountSettings(self.seed, _instant(start), bool(freeze))
            case str(text) if text == FROZEN:
                return AccountSettings(self.seed, None, True)
            case moment:
                return AccountSettings(self.seed, _instant(moment), True)


def _instant(moment: object) -> datetime:
    """A time without a time zone is in UTC."""
    try:
        at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise MarkerError(
            "pytest.mark.rooms(time=...): expected a time such as 2026-01-31T09:00:00Z, a datetime or 'frozen', "
            f"got {moment!r:.80}"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
