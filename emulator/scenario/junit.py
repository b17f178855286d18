"""Runs as JUnit XML, as CI servers read it: a suite for each run, a case for each step and expectation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree

from emulator.scenario.report import Outcome, Report, StepResult

# XML 1.0, section 2.2: no other characters can stand in a document.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Ran:
    """One run. `report` is None when it could not be run, and `broken` says why; `seconds` is how long it took."""

    name: str
    source: str
    seed: int
    began: datetime
    seconds: float
    report: Report | None
    broken: str = ""
    inputs: Mapping[str, object] = field(default_factory=dict)
    """The values of the scenario's inputs, defaults included."""

    @property
    def ok(self) -> bool:
        return self.report is not None and self.report.ok


def junit(runs: Sequence[Ran]) -> bytes:
    """The document, UTF-8."""
    suites = [_suite(ran) for ran in runs]
    root = ElementTree.Element("testsuites", {"name": "rooms-emulator", **_totals(suites)})
    root.set("time", f"{sum(ran.seconds for ran in runs):.3f}")
    root.extend(suites)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(ran: Ran) -> ElementTree.Element:
    suite = ElementTree.Element(
        "testsuite", name=_clean(ran.name), timestamp=f"{ran.began:%Y-%m-%dT%H:%M:%S}", time=f"{ran.seconds:.3f}"
    )
    properties = ElementTree.SubElement(suite, "properties")
    inputs = ((f"input.{name}", str(value)) for name, value in ran.inputs.items())
    for name, value in (("scenario", ran.source), ("seed", str(ran.seed)), *inputs):
        ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    if ran.report is None:
        case = ElementTree.SubElement(suite, "testcase", classname=_clean(ran.name), name="set up", time="0.000")
        ElementTree.SubElement(case, "error", message=_clean(ran.broken), type="ScenarioError")
    else:
        for result in ran.report.results:
            suite.append(_case(ran, result))
        if ran.report.stopped:
            ElementTree.SubElement(suite, "system-out").text = _clean(ran.report.stopped)
    for name, value in _counts(suite).items():
        suite.set(name, value)
    return suite


def _case(ran: Ran, result: StepResult) -> ElementTree.Element:
    took = 0.0 if result.began is None or result.ended is None else result.ended - result.began
    place = f" ({result.place})" if result.place else ""
    where = {"file": _clean(result.file or ran.source), "line": str(result.line)} if result.line else {}
    case = ElementTree.Element(
        "testcase",
        classname=_clean(ran.name),
        name=_clean(f"{result.who} {result.what}{place}"),
        time=f"{took:.3f}",
        attrib=where,
    )
    if result.outcome is Outcome.FAILED:
        failure = ElementTree.SubElement(case, "failure", message=_clean(result.message), type="failed")
        failure.text = _clean(f"{ran.source}: {result.describe().strip()}")
    elif result.outcome is Outcome.NOT_RUN:
        ElementTree.SubElement(case, "skipped", message="not run")
    return case


def _counts(suite: ElementTree.Element) -> dict[str, str]:
    return {
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "skipped": str(len(suite.findall("testcase/skipped"))),
    }


def _totals(suites: Sequence[ElementTree.Element]) -> dict[str, str]:
    names = ("tests", "failures", "errors", "skipped")
    return {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in names}


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
