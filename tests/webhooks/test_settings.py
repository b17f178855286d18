"""Settings, and the steps that follow from them."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.webhooks.settings import WebhookSettings, WebhookSettingsError
from emulator.webhooks.target import MAX_BACKOFF_SECS, Schedule, Step, Target


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("queue_limit", 0),
        ("log_limit", -1),
        ("backoff_secs", -0.1),
        ("backoff_secs", float("nan")),
        ("settle_secs", float("inf")),
        ("default_timeout_secs", 0),
        ("timestamps", "virtual"),
    ],
)
def test_wrong_settings_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(WebhookSettingsError, match=field):
        WebhookSettings(**{field: value})


def steps(schedule: Schedule) -> list[Step]:
    found = []
    while (step := schedule.next()) is not None:
        found.append(step)
    return found


def test_schedule_is_primary_then_failover_each_with_its_backoff() -> None:
    """R-110 and section 5, "Delivery"."""
    schedule = Schedule(Target("a", "b"), WebhookSettings())
    assert steps(schedule) == [
        Step("a", 0.0), Step("a", 0.5), Step("a", 1.0),
        Step("b", 0.0), Step("b", 0.5), Step("b", 1.0),
    ]  # fmt: skip


def test_left_url_is_not_tried_again() -> None:
    schedule = Schedule(Target("a", "b"), WebhookSettings(attempts=2))
    assert schedule.next() == Step("a", 0.0)
    schedule.leave_url()
    assert [step.url for step in steps(schedule)] == ["b", "b"]


def test_backoff_has_a_bound() -> None:
    waits = [step.wait_secs for step in steps(Schedule(Target("a"), WebhookSettings(attempts=2000)))]
    assert max(waits) == MAX_BACKOFF_SECS
    assert len(waits) == 2000


@pytest.mark.parametrize(("secs", "expected"), [(None, 2.0), (0, 2.0), (1, 1.0), (30, 30.0)])
def test_timeout_of_zero_or_none_is_the_default(secs: int | None, expected: float) -> None:
    """R-109."""
    assert Target("a", timeout_secs=secs).timeout(WebhookSettings()) == expected


def test_target_needs_a_primary_url() -> None:
    """R-104."""
    assert Target.of({}) is None
    assert Target.of({"webhook_event_failover_url": "b"}) is None
    assert Target.of({"webhook_event_url": "a", "webhook_event_failover_url": ""}) == Target("a")
