"""`rooms-emulator run`, `init`, `token` and `serve --room`, as their user meets them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from emulator.cli import main
from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.running import RunWish, run
from emulator.server import Emulator
from emulator.tokens import room_and_token, token

HEAD = """
version: 1
name: %s
inputs: {who: {type: string, default: Alice}}
participants:
  alice: {context: {username: "${who}"}, streams: {self: {video: {source: test_card, size: 320x180, fps: 15}}}}
  bob: {subscribe: all}
timeline:
  - at: 0s
    do: [{alice: join}, {bob: join}, {alice: {publish: self}}]
"""
FINE = HEAD + "    expect: {bob: {sees: alice/self, within: 10s}}\n"
DARK = (
    HEAD
    + """
    expect: {bob: {sees: alice/self, within: 10s}}
  - after: alice.published + 100ms
    do: {alice: {stop_video: self}}
    expect: {bob: {sees_not: alice/self, within: 10s}}
  - after: alice.published + 200ms
    expect: {bob: {sees: alice/self, within: 10s}}
"""
)

CLASS = """version: 1
name: %s
participants:
  teacher: {streams: {self: {video: test_card, audio: tone}}}
  pupil: {subscribe: all}
timeline:
  - at: 0s
    do: [{teacher: join}, {pupil: join}, {teacher: {publish: self}}]
  - after: teacher.published
    expect: {pupil: [{sees: teacher/self, within: 10s}, {hears: teacher, within: 10s}]}
  - after: teacher.published + 1s
    expect: {pupil: {sees_not: teacher/self, within: 500ms}}
  - after: teacher.published + 3s
    do: {teacher: {stop_audio: self}}
  - after: teacher.published + 3100ms
    expect: {pupil: {hears: teacher, within: 1s}}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text % name)
    return path


def document(page: Path) -> Any:
    found = re.search(r'id="timeline">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


async def test_a_report_shows_who_was_there_what_was_expected_and_the_last_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "fine", FINE)
    wish = RunWish([file], seed=5, inputs={"who": "Ada"}, report=tmp_path / "r.html", junit=tmp_path / "r.xml")
    assert await run(wish) == 0
    told = document(tmp_path / "r.html")
    assert (told["title"], told["outcome"]) == ("fine", "passed")
    assert [row["name"] for row in told["rows"] if row["kind"] == "web"] == ["alice", "bob"]
    assert [row["about"] for row in told["rows"] if row["name"] == "alice"] == ['{"username":"Ada"}']
    checks = [(check["who"], check["what"], check["kind"], check["outcome"]) for check in told["checks"]]
    assert checks == [
        ("alice", "join", "step", "done"),
        ("bob", "join", "step", "done"),
        ("alice", "publish self", "step", "done"),
        ("bob", "sees alice/self", "expect", "done"),
    ]
    # Steps and events are on one axis: alice is in the room when her step of joining is over.
    join = told["checks"][0]
    joined = next(event["t"] for event in told["events"] if event["type"] == "participant_joined")
    assert join["at"] <= joined <= join["end"] + 0.05
    assert told["facts"]["seed"] == "5"
    assert shlex.split(told["facts"]["once more"])[1:] == ["run", str(file), "--seed", "5", "--set", "who=Ada"]
    suite = ElementTree.parse(tmp_path / "r.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("fine", "4", "0")
    assert "fine: everything as expected (4 steps and expectations)" in capsys.readouterr().out


async def test_a_failed_expectation_is_in_the_report_with_what_was_seen_then(tmp_path: Path) -> None:
    file = written(tmp_path, "dark", DARK.replace("within: 10s}}\n", "within: 1s}}\n"))
    assert await run(RunWish([file], report=tmp_path / "r.html")) == 1
    told = document(tmp_path / "r.html")
    failed = [check for check in told["checks"] if check["outcome"] == "failed"]
    assert told["outcome"] == "failed"
    assert failed[-1]["what"] == "sees alice/self"
    assert "expected bob to see the card of alice/self" in failed[-1]["message"]
    tiles = [(tile["who"], tile["shows"], tile["note"]) for tile in told["tiles"]]
    assert ("bob", "alice/self", "as it failed") in tiles
    assert ("bob", "alice/self", "") in tiles
    assert all(tile["image"].startswith("data:image/png;base64,") for tile in told["tiles"])
    assert {(plot["name"], plot["unit"]) for plot in told["plots"] if plot["who"] == "bob"} >= {
        ("alice/self, pictures", "/s"),
        ("alice/self, video", "kbit/s"),
    }


async def test_a_failure_names_people_and_says_what_was_there(tmp_path: Path) -> None:
    file = written(tmp_path, "class", CLASS)
    assert await run(RunWish([file], keep_going=True, report=tmp_path / "r.html")) == 1
    failed = [one["message"] for one in document(tmp_path / "r.html")["checks"] if one["outcome"] == "failed"]
    assert re.match(
        r"expected pupil not to see the card of teacher/self any more after 0\.5 s, for 1 s; "
        r"but at \+0\.\d+ s came card of teacher/self, frame \d+",
        failed[0],
    )
    assert failed[1].startswith("expected pupil to hear teacher (tone 0) within 1 s\nclosest: silence\nwhat was there")


async def test_several_files_and_repeats_are_pages_beside_a_list(tmp_path: Path) -> None:
    text = "version: 1\nname: %s\nparticipants: {alice: {}}\ntimeline: [{at: 0s, do: {alice: join}}]\n"
    files = [written(tmp_path, name, text) for name in ("one", "two")]
    wish = RunWish(files, seed=3, repeat=2, report=tmp_path / "all.html", junit=tmp_path / "all.xml")
    assert await run(wish) == 0
    pages = sorted(path.name for path in tmp_path.glob("all-*.html"))
    assert pages == ["all-1-one.html", "all-2-two.html", "all-3-one.html", "all-4-two.html"]
    listed = (tmp_path / "all.html").read_text()
    assert re.findall(r'href="([^"]+)"', listed) == pages
    assert [document(tmp_path / name)["facts"]["seed"] for name in pages] == ["3", "3", "4", "4"]
    suites = ElementTree.parse(tmp_path / "all.xml").getroot().findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["one", "two", "one", "two"]


async def test_a_run_on_a_running_emulator_reports_only_what_is_of_it(emulator: Emulator, tmp_path: Path) -> None:
    await room_and_token(emulator.rest_url, "before", api_key=emulator.api_key)
    text = "version: 1\nname: %s\nparticipants: {alice: {}}\ntimeline: [{at: 0s, do: {alice: join}}]\n"
    file = written(tmp_path, "one", text)
    assert await run(RunWish([file], url=emulator.rest_url, report=tmp_path / "r.html")) == 0
    rows = document(tmp_path / "r.html")["rows"]
    assert [row["name"] for row in rows] == ["one", "alice"]


async def test_without_keep_going_a_failed_step_ends_the_scenario_and_with_it_the_rest_is_done(tmp_path: Path) -> None:
    text = (
        "version: 1\nname: %s\nparticipants: {alice: {streams: {self: {audio: silence}}}}\n"
        "timeline:\n  - {at: 0s, do: {alice: [join, {unpublish: self}, leave]}}\n  - {at: 1s, do: {alice: leave}}\n"
    )
    file = written(tmp_path, "stumble", text)
    assert await run(RunWish([file], junit=tmp_path / "a.xml")) == 1
    assert await run(RunWish([file], junit=tmp_path / "b.xml", keep_going=True)) == 1
    outcomes = []
    for name in ("a.xml", "b.xml"):
        suite = ElementTree.parse(tmp_path / name).getroot()
        outcomes.append((suite.get("failures"), suite.get("skipped")))
    assert outcomes == [("1", "2"), ("1", "1")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no-such-file.yaml"], "no such file"),
        (["run", "two_people", "--set", "crowd=3"], "crowd"),
        (["run", "two_people", "--set", "crowd"], "expected NAME=VALUE"),
        (["run", "two_people", "--seed", "-1"], "expected a whole number"),
        (["run", "two_people", "--repeat", "0"], "expected a whole number from 1"),
        (["token", "lunch", "--url", "http://127.0.0.1:1"], "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_run_is_told_in_a_line_with_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as error:  # argparse's way
        code = int(error.code or 0)
    told = capsys.readouterr()
    assert code == 2
    assert message in told.err
    assert "Traceback" not in told.err


async def test_a_wrong_file_among_several_is_told_of_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = written(tmp_path, "good", FINE), tmp_path / "bad.yaml"
    bad.write_text("version: 1\nnaem: x\n")
    assert await run(RunWish([good, bad])) == 2
    told = capsys.readouterr()
    assert 'did you mean "name"?' in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("option", "place", "why"),
    [("--report", "nowhere/r.html", "No such file or directory"), ("--junit", ".", "Is a directory")],
)
def test_results_that_cannot_be_written_are_told_of_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, place: str, why: str
) -> None:
    assert main(["run", "two_people", option, str(tmp_path / place)]) == 2
    told = capsys.readouterr()
    assert told.err == f"rooms-emulator: cannot write {tmp_path / place}: {why}\n"
    assert told.out == ""


def test_what_stands_where_results_will_be_written_stays_until_they_are(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text("of the last time")
    assert main(["run", "two_people", "--junit", str(results), "--report", str(tmp_path / "no" / "r.html")]) == 2
    assert results.read_text() == "of the last time"


HOUR = """
version: 1
name: %s
inputs: {minutes: {type: integer, default: 60}}
participants: {alice: {streams: {self: {audio: tone}}}, bob: {}}
timeline:
  - {at: 0s, do: [{alice: join}, {bob: join}, {alice: {publish: self}}]}
  - {at: "${minutes}m", do: {bob: leave}, expect: {sessions: {active: 2, within: 1m}}}
"""


def test_an_hour_in_travel_time_is_reported_on_the_axis_of_the_accounts_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, results = tmp_path / "hour.html", tmp_path / "hour.xml"
    arguments = ["--time", "travel", "--report", str(page), "--junit", str(results), "--set", "minutes=90"]
    assert main(["run", str(written(tmp_path, "hour", HOUR)), *arguments]) == 1
    capsys.readouterr()
    told = document(page)
    assert told["outcome"] == "failed"
    (left,) = [event for event in told["events"] if event["type"] == "participant_left"][:1]
    assert left["t"] == 5400
    (failed,) = [check for check in told["checks"] if check["outcome"] == "failed"]
    assert (failed["at"], failed["end"], failed["message"]) == (
        5400,
        5460,
        "expected active sessions, count 2; got 1 of 1, after 60 s",
    )
    assert {row["name"] for row in told["rows"]} == {"hour", "alice", "bob"}
    properties = ElementTree.parse(results).findall("testsuite/properties/property")
    assert {one.get("name"): one.get("value") for one in properties}.items() >= {
        "seed": "0",
        "input.minutes": "90",
    }.items()


def test_travel_on_a_running_emulator_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "two_people", "--time", "travel", "--url", "http://127.0.0.1:1"]) == 2
    assert "on an emulator of its own, whose clock it moves" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run", "two_people"], ["token", "lunch"]])
def test_who_does_not_answer_is_told_in_plain_words(
    command: list[str], unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    assert main([*command, "--url", url]) == 2
    told = capsys.readouterr()
    assert f"nobody answers at {url} (Connection refused)" in told.out + told.err
    assert "ssl" not in told.out + told.err


async def test_a_run_brings_the_admin_token_of_a_running_emulator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = written(
        tmp_path,
        "guarded",
        "version: 1\nname: %s\nparticipants: {alice: {}}\n"
        "timeline: [{at: 0s, do: [{alice: join}, {wait_for: {event: participant_joined}}]}]\n",
    )
    async with Emulator(Config(port=0, admin_token="open-sesame")) as emulator:
        wish = RunWish([script], url=emulator.rest_url, api_key=emulator.api_key)
        assert await run(wish) == 2
        assert "x-emulator-token" in capsys.readouterr().out
        assert await run(replace(wish, admin_token="open-sesame", report=tmp_path / "r.html")) == 0
        assert document(tmp_path / "r.html")["outcome"] == "passed"


def test_init_writes_a_scenario_and_a_test_that_work_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    assert main(["init", str(tmp_path)]) == 2
    assert "is there already; nothing has been written" in capsys.readouterr().err
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_rooms.py"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert "2 passed" in done.stdout, done.stdout


async def test_token_gives_a_token_that_lets_in_by_id_and_by_name(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = emulator.rest_url, emulator.api_key
    assert await token(url, "lunch", api_key=key, create=False) == 2
    told = capsys.readouterr().err
    assert "no room with the id or unique_name 'lunch'" in told
    assert "--create makes one" in told
    assert await token(url, "lunch", api_key=key, create=True) == 0
    capsys.readouterr()
    room_id, _ = await room_and_token(url, "lunch", api_key=key)
    for name in ("lunch", room_id):
        assert await token(url.removesuffix("/v2"), name, api_key=key, create=False) == 0
        given = capsys.readouterr().out.strip()
        async with RoomClient(ws_url=emulator.ws_url, room_id=room_id, token=given, name="alice") as alice:
            assert alice.status == "connected"
