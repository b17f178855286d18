"""`say`, `reads` and `reads_not`, with clients in a running emulator."""

from __future__ import annotations

import pytest

from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.loader import loads
from emulator.scenario.report import Report
from emulator.scenario.runner import run_scenario_on
from emulator.server import Emulator

PEOPLE = "version: 1\nname: chat\nparticipants: {alice: {}, bob: {}, cleo: {}, dora: {messages: false}}\n"
TALK = """
timeline:
  - at: 0s
    do: {alice: join, bob: join, cleo: join, dora: join}
  - at: 0s
    do: [{alice: {say: "hello, all"}}, {alice: {say: {text: psst, to: bob}}}]
    expect:
      - {alice: {reads: "hello, all", within: 15s}, bob: {reads: {text: psst, from: alice}, within: 15s}}
      - {cleo: [{reads: "hello, all", within: 15s}, {reads_not: psst}]}
"""


async def run(emulator: Emulator, text: str) -> Report:
    return await run_scenario_on(
        loads(text), rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=emulator.api_key
    )


async def test_people_talk(emulator: Emulator) -> None:
    report = await run(emulator, PEOPLE + TALK)
    assert report.ok, report.describe()


async def test_message_that_does_not_come_fails_with_what_came(emulator: Emulator) -> None:
    text = PEOPLE + TALK.replace("reads_not: psst", "reads_not: 'hello, all'").replace("to: bob", "to: cleo")
    text = text.replace("from: alice}, within: 15s", "from: alice}, within: 1s")
    report = await run(emulator, text)
    told = "\n".join(result.describe() for result in report.failed)
    assert "expected cleo not to read 'hello, all', which has come" in told
    assert "expected bob to notice MessageReceived where payload is 'psst'" in told
    assert len(report.failed) == 2


def test_everybody_takes_messages_if_there_are_any() -> None:
    talking = loads(PEOPLE + TALK).cast
    assert [who.messages for who in talking] == [True, True, True, False]
    silent = loads(PEOPLE + "timeline: [{at: 0s, do: {alice: join}}]").cast
    assert [who.messages for who in silent] == [False, False, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('{say: "hello, all"}', "{say: 7}"), "expected a message \\(a text\\), got"),
        (("to: bob", "to: bop"), 'unknown participant "bop"; did you mean "bob"'),
        (("to: bob", "to: dora"), "dora has messages: false"),
        (("from: alice", "from: nobody"), 'unknown participant "nobody"'),
        (("- {cleo:", "- {dora:"), "dora has messages: false"),
        (("{text: psst, to: bob}", "{to: bob}"), 'a message to say needs the key "text"'),
    ],
)
def test_what_cannot_be_said_is_told_where_it_stands(change: tuple[str, str], message: str) -> None:
    text = PEOPLE + TALK
    assert change[0] in text
    with pytest.raises(ScenarioInvalid, match=message):
        loads(text.replace(*change))
