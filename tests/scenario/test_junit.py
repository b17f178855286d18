"""Runs as JUnit XML."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

from emulator.scenario.junit import Ran, junit
from emulator.scenario.report import Outcome, Report, StepResult

BEGAN = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def a_run(*results: StepResult, stopped: str = "") -> Ran:
    report = Report("standup")
    for result in results:
        report.add(result)
    report.stopped = stopped
    return Ran("standup", "standup.yaml", 7, BEGAN, 3.5, report)


DONE = StepResult("alice", "join", 5, Outcome.DONE, 0.0, 0.0, 0.25)
FAILED = StepResult("bob", "expect sees alice/self", 9, Outcome.FAILED, 1.0, 1.0, 3.0, "black \x00 <pictures> & \udc80")
LEFT = StepResult("bob", "leave", 11, Outcome.NOT_RUN, 4.0)


def test_each_step_is_a_case_and_the_counts_are_those_of_the_cases() -> None:
    root = ElementTree.fromstring(junit([a_run(DONE, FAILED, LEFT), a_run(DONE)]))
    assert root.tag == "testsuites"
    first, second = root.findall("testsuite")
    counts = ("tests", "failures", "errors", "skipped")
    assert [first.get(name) for name in counts] == ["3", "1", "0", "1"]
    assert [second.get(name) for name in counts] == ["1", "0", "0", "0"]
    assert [root.get(name) for name in counts] == ["4", "1", "0", "1"]
    assert (first.get("timestamp"), first.get("time"), root.get("time")) == ("2026-01-31T09:00:00", "3.500", "7.000")
    cases = first.findall("testcase")
    assert [case.get("name") for case in cases] == [
        "alice join (line 5)",
        "bob expect sees alice/self (line 9)",
        "bob leave (line 11)",
    ]
    assert [case.get("time") for case in cases] == ["0.250", "2.000", "0.000"]
    assert {case.get("classname") for case in cases} == {"standup"}
    assert {p.get("name"): p.get("value") for p in first.findall("properties/property")} == {
        "scenario": "standup.yaml",
        "seed": "7",
    }


def test_a_case_says_where_it_is_written_also_in_an_included_file() -> None:
    included = replace(FAILED, file="parts/knock.yaml")
    unasked = replace(DONE, line=0)
    cases = ElementTree.fromstring(junit([a_run(DONE, included, unasked)])).findall("testsuite/testcase")
    assert [(case.get("file"), case.get("line")) for case in cases] == [
        ("standup.yaml", "5"),
        ("parts/knock.yaml", "9"),
        (None, None),
    ]
    assert cases[1].get("name") == "bob expect sees alice/self (parts/knock.yaml, line 9)"
    assert cases[2].get("name") == "alice join"
    assert "(parts/knock.yaml, line 9): black" in (cases[1].findtext("failure") or "")


def test_a_failure_says_why_whatever_characters_it_is_made_of() -> None:
    failure = ElementTree.fromstring(junit([a_run(FAILED)])).find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "black \ufffd <pictures> & \ufffd"
    assert (failure.text or "").startswith("standup.yaml: 1.000s  bob expect sees alice/self: failed in 2.000s")


def test_a_run_that_was_stopped_or_could_not_be_says_so() -> None:
    broken = Ran("lunch", "lunch.yaml", 0, BEGAN, 0.1, None, "POST /rooms: 500")
    root = ElementTree.fromstring(junit([a_run(DONE, stopped="stopped, since bob could not join"), broken]))
    stopped, never = root.findall("testsuite")
    assert stopped.findtext("system-out") == "stopped, since bob could not join"
    error = never.find("testcase/error")
    assert error is not None
    assert error.get("message") == "POST /rooms: 500"
    assert (never.get("errors"), root.get("errors")) == ("1", "1")
