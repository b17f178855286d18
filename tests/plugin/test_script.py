"""From what a test did to the script of its page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest_plugin.journal import MAX_CALLS, MAX_TEXT, Call, Journal
from conftest_plugin.script import offset_of, script
from emulator.timeline.model import Check

ROOT = Path("/project")


def call(what: str = "sees(alice)", **more: object) -> Call:
    told: dict[str, object] = {"kind": "expect", "file": "/project/tests/test_a.py", "line": 7, "began": 12.0}
    return Call(**{"who": "bob", "what": what, **told, "ended": 13.0, **more})  # type: ignore[arg-type]


def checks(*calls: Call, failure: str = "", now: float = 5.0) -> list[Check]:
    return script(calls, -10.0, now, failure=failure, place="tests/test_a.py:9", names=["alice", "bob"], root=ROOT)


def test_call_is_placed_in_the_picture_and_in_its_file() -> None:
    (check,) = checks(call())
    assert (check.at, check.end, check.outcome, check.place) == (2.0, 3.0, "done", "tests/test_a.py:7")
    assert checks(call(file="/elsewhere/x.py"))[0].place == ""


def test_call_that_goes_on_at_the_end_was_not_done() -> None:
    (check,) = checks(call(ended=None), now=6.0)
    assert (check.outcome, check.end, check.message) == ("not run", 6.0, "still going on when the test ended")


def test_last_call_that_raised_what_failed_the_test_is_the_one() -> None:
    first, second = call(error="boom"), call("hears(alice)", error="boom")
    assert [one.outcome for one in checks(first, second, failure="boom")] == ["done", "failed"]
    assert [one.outcome for one in checks(first, failure="some.Error: boom")] == ["failed"]
    told = checks(first, failure="assert 1 == 2")
    assert [(one.who, one.outcome) for one in told] == [("bob", "done"), ("the test", "failed")]


@pytest.mark.parametrize(
    ("failure", "heading", "waited"),
    [
        ("expected bob not to hear alice within 2 s; but it was", "bob was expected not to hear alice within 2 s", 2.0),
        ("expected bobby to come", "the test failed: expected bobby to come", 0.0),
        (
            "Locator expected to have text 'Carol'\nCall log:\n  - Expect \"to_have_text\" with timeout 900ms",
            "the test failed: Locator expected to have text 'Carol'",
            0.9,
        ),
        ("Page.click: Timeout 1500ms exceeded.", "the test failed: Page.click: Timeout 1500ms exceeded.", 1.5),
        ("my own; check", "the test failed: my own; check", 0.0),
    ],
)
def test_heading_says_who_was_meant_and_the_start_is_what_the_text_tells(
    failure: str, heading: str, waited: float
) -> None:
    (check,) = checks(failure=failure)
    assert (check.heading, check.end) == (heading, 5.0)
    assert check.at == pytest.approx(5.0 - waited)


def test_clocks_of_two_machines_are_aligned_by_the_end_of_the_picture() -> None:
    assert offset_of({"seconds": 3.0, "real_origin": 100.0}, 103.1) == -100.0
    assert offset_of({"seconds": 3.0, "real_origin": 90_000.0}, 103.0) == -100.0


def test_journal_notes_when_and_where_and_what_was_raised() -> None:
    times = iter([1.0, 2.0, 3.0, 4.0])
    journal = Journal(lambda: next(times))
    room, alice = SimpleNamespace(unique_name="lunch"), SimpleNamespace(name="alice")
    with journal.note("bob", "publish", [room], {"key": "x" * 100}):
        pass
    with pytest.raises(ValueError, match="no"), journal.note("bob", "sees", [[alice], ValueError, {"a": alice}]):
        raise ValueError("no")
    done, failed = journal.calls
    assert (done.kind, done.began, done.ended, done.error) == ("step", 1.0, 2.0, None)
    assert done.what.startswith("publish(lunch, key='xxx")
    assert len(done.what) < 2 * MAX_TEXT
    assert (failed.kind, failed.what, failed.error) == ("expect", "sees([alice], ValueError, {'a': alice})", "no")
    assert failed.file == __file__


def test_journal_keeps_the_latest() -> None:
    journal = Journal()
    for number in range(MAX_CALLS + 1):
        with journal.note("bob", str(number)):
            pass
    assert (len(journal.calls), journal.calls[0].what) == (MAX_CALLS, "1()")
