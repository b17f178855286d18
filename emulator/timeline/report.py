"""The picture of an account, as a document or a file."""

from __future__ import annotations

from pathlib import Path

from emulator.clock import monotonic
from emulator.rooms.account import Account
from emulator.signaling.problems import Problems
from emulator.timeline.build import Axis, build
from emulator.timeline.model import Json, Told, told_over
from emulator.timeline.page import page
from emulator.wirelog import WireLogs


def of_account(
    account: Account,
    wire: WireLogs,
    problems: Problems | None = None,
    *,
    after_event: int = 0,
    after_entry: int = 0,
    axis: Axis = "real",
) -> Json:
    """What has happened in an account behind these numbers, as far as it is kept, until now."""
    own, log = wire.of(account), account.log
    first = max(after_event, log.first_number - 1)
    entries = own.since(after_entry)
    # Problems have numbers of their own, so those of before are told by their time.
    start = entries[0].at if after_entry and entries else None
    told = [] if problems is None else problems.of(account).since(0)
    refused = [problem.as_json() for problem in told if start is None or problem.at >= start]
    timeline = build(
        log.since(first),
        entries,
        moments=own.moments(),
        rooms={room.id: room.settings.unique_name or "" for room in account.records.rooms.values()},
        all_rooms=not after_event,
        problems=refused,
        axis=axis,
        now=(account.now(), monotonic()),
        dropped=(first - after_event) + max(0, own.dropped - after_entry),
    )
    return timeline.as_json()


def write_report(
    path: Path,
    account: Account,
    wire: WireLogs,
    problems: Problems | None = None,
    *,
    told: Told | None = None,
    after_event: int = 0,
    after_entry: int = 0,
    axis: Axis = "real",
) -> Path:
    """Write the page of an account to this file, and return where. Raises OSError.

    `told`: what a test or a run knows beside the logs. Of a running `Emulator` call
    `write_report(path, account, emulator.wire, emulator.lobby.problems)`, in its thread.
    """
    document = of_account(account, wire, problems, after_event=after_event, after_entry=after_entry, axis=axis)
    path.write_text(page(document if told is None else told_over(document, told)), encoding="utf-8")
    return path
