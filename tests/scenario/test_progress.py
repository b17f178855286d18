"""What a run tells while it goes on."""

from __future__ import annotations

import asyncio
import io

from emulator.scenario.progress import Progress
from emulator.scenario.report import Outcome, Report, StepResult

DONE = StepResult("alice", "join", 5, Outcome.DONE, 0.0, 0.0, 0.25)
FAILED = StepResult("bob", "expect sees alice/self", 9, Outcome.FAILED, 1.0, 1.0, 3.0, "2 black pictures")


def progress(out: io.StringIO, *, live: bool) -> Progress:
    return Progress(out, live=live, now=lambda: 1.5, present=lambda: 3)


async def test_into_a_file_go_plain_lines_and_nothing_that_moves() -> None:
    out = io.StringIO()
    told = progress(out, live=False)
    told.title("scenario standup")
    told.step(DONE)
    told.step(FAILED)
    await told.run()
    assert out.getvalue().splitlines() == ["scenario standup", DONE.describe(), FAILED.describe()]


async def test_on_a_terminal_the_last_line_lives_and_goes_away() -> None:
    out = io.StringIO()
    told = progress(out, live=True)
    told.step(DONE)
    told.step(FAILED)
    task = asyncio.create_task(told.run())
    await asyncio.sleep(0)
    assert "3 in the room, 2 done" in out.getvalue()
    assert "1 failed" in out.getvalue()
    task.cancel()
    await task
    assert out.getvalue().endswith("\r\x1b[2K")
    assert "line 9: 2 black pictures" in out.getvalue()


def test_of_a_long_failure_the_beginning_is_told_since_all_of_it_is_in_the_summary() -> None:
    message = f"expected a webhook {'x' * 400}; the nearest tells {'y' * 400}"
    failed = StepResult("webhooks", "expect received", 9, Outcome.FAILED, 1.0, 1.0, 3.0, message)
    for live in (False, True):
        out = io.StringIO()
        progress(out, live=live).step(failed)
        told = out.getvalue()
        assert "line 9" in told
        assert message[:120] in told
        assert message[:121] not in told
        assert "x ..." in told
    report = Report("standup")
    report.add(failed)
    assert report.describe().count(message) == 1


def test_a_failure_of_several_lines_is_one_while_it_goes_on_and_stands_under_its_step_in_the_summary() -> None:
    message = "expected bob to hear alice within 2 s\nclosest: silence\nwhat was there:\n  0.1 - 2.0  silence"
    failed = StepResult("bob", "expect hears alice", 9, Outcome.FAILED, 1.0, 1.0, 3.0, message)
    out = io.StringIO()
    progress(out, live=False).step(failed)
    assert out.getvalue().endswith(": expected bob to hear alice within 2 s; closest: silence ...\n")
    _, *more = failed.describe().splitlines()
    assert more == ["            closest: silence", "            what was there:", "              0.1 - 2.0  silence"]
