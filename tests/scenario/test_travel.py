"""Travel time: an hour in less than a second, the same log each time, and what can not be part of it."""

import hashlib
import json

import pytest

from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.loader import loads
from emulator.scenario.report import Report
from emulator.scenario.runner import run_scenario_on
from emulator.scenario.travel import START, Travel
from emulator.server import Emulator
from emulator.travelling_clock import TravellingClock

HOUR = """\
version: 1
name: an hour
seed: 9
room: {unique_name: hour, max_participants: 20}
participants:
  host: {context: {username: Host}, streams: {self: {audio: tone, video: true}}, messages: true}
  guest: {count: 8, join: {every: 30s, jitter: "uniform(0s, 20s)"}, streams: {self: {audio: tone}}, messages: true,
          subscribe: all}
timeline:
  - {at: 0s, do: [{host: join}, {host: {publish: self}}]}
  - {at: 10s, do: {guest: join}}
  - when: {event: participant_joined, where: {name: "guest*"}}
    do: {host: {say: "welcome ${event.participant_id}"}}
  - {after: guest.joined, do: {guest: {publish: self}}}
  - {every: 5m, from: 10m, times: 8, jitter: 1m, do: {guest: [{stop_audio: self}, {start_audio: self}]}}
  - {every: 10m, times: 5, do: {moderator: [{mute: "guest[0]"}, {unmute: "guest[0]"}]}}
  - at: 30m
    do:
      - repeat: {times: 5, every: 2m, do: [{"guest[1]": leave}, {wait: 30s}, {"guest[1]": [join, {publish: self}]}]}
  - {at: 50m, do: {moderator: {kick: "guest[2]"}}, expect: {participants: {present: 8, within: 2s}}}
  - {at: 60m, do: {host: leave}, expect: {events: {event: participant_left, where: {name: host}}}}
finally: {expect: {sessions: {active: 0}}}
"""


async def travel(emulator: Emulator, key: str, text: str) -> tuple[Report, str, float]:
    """The report, a digest of the event log, and how many seconds of the account's time it took."""
    scenario = loads(text, travel=True)
    clock = TravellingClock(frozen_at=START)
    account = emulator.accounts.add(key, seed=scenario.seed, clock=clock)
    events: list[object] = []
    account.log.subscribe(lambda record: events.append(record.as_json()))
    where = {"rest_url": emulator.rest_url, "ws_url": "memory:", "api_key": key}
    report = await run_scenario_on(scenario, **where, travel=Travel(clock, account.log, emulator.lobby))
    digest = hashlib.sha256(json.dumps(events).encode()).hexdigest()
    return report, digest, (clock.now() - START).total_seconds()


async def test_two_runs_of_an_hour_have_one_event_log(emulator: Emulator) -> None:
    report, first, took = await travel(emulator, "KEY_one", HOUR)
    assert report.ok, report.describe()
    assert 3600 <= took <= 3602
    other, second, _ = await travel(emulator, "KEY_two", HOUR)
    assert first == second
    assert [one.describe() for one in report.results] == [one.describe() for one in other.results]
    _, third, _ = await travel(emulator, "KEY_three", HOUR.replace("seed: 9", "seed: 10"))
    assert third != first


async def test_what_does_not_come_is_told_in_travel_time(emulator: Emulator) -> None:
    text = HOUR[: HOUR.index("  - {at: 10s")] + (
        "  - {at: 20m, expect: {events: {event: room_deleted, within: 10m}, sessions: {active: 2, within: 1s}}}\n"
        "  - {at: 40m, do: {wait_for: {event: room_deleted, within: 5m}}}\n"
    )
    report, _, took = await travel(emulator, "KEY_one", text)
    assert [(one.began, one.ended) for one in report.failed] == [(1200.0, 1201.0), (1200.0, 1800.0), (2400.0, 2700.0)]
    assert took >= 2700


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{at: 1s, expect: {guest: {hears: host}}}", "hears host is about media: not for travel time"),
        ("{at: 1s, do: {host: {freeze: media}}}", "freeze media is about media"),
        ("{at: 1s, impair: {who: host, loss: 0.1}}", "is about media: not for travel time"),
        ("{at: 1s, clock: freeze}", "clock freeze moves the clock, which travel time does by itself"),
        ("{at: 1s, fault: {rest: delay, secs: 1s}}", "may hold things back in real time"),
        ("{every: 1s, do: {note: x}}", "this repeats for ever, so travel time would never end; say times"),
        ("{when: {rest: GET /x}, do: {note: x}}", "rest news are heard of in real time; use events in travel time"),
        ("{at: 1s, expect: {guest: {reads_not: x}}}", "listens in real time: not for travel time"),
    ],
)
def test_what_needs_real_time_is_refused_where_it_stands(entry: str, message: str) -> None:
    text = HOUR.replace("finally:", f"  - {entry}\nfinally:")
    loads(text)
    with pytest.raises(ScenarioInvalid) as caught:
        loads(text, travel=True)
    assert message in str(caught.value)
    assert caught.value.issues[0].mark.line == 22
