"""What a failing test leaves behind: a section of its report, and files."""

from __future__ import annotations

import io
import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import emulator.scenario.room_client  # numpy cannot be loaded twice, so not once more by the inner run
import emulator.scenario.runner  # noqa: F401 - nor this: of what it loads, an inner run would have some parts twice
from conftest_plugin.artifacts import folder_of, moments
from emulator.probes.card_reader import read_card
from emulator.probes.tones import tones_in

pytest_plugins = "pytester"

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:schemathesis -p no:timeout -p no:xdist
"""
TESTS = """
    def test_fails(rooms_emulator, rooms_webhooks):
        room = rooms_emulator.create_room(unique_name="lunch")
        alice = rooms_emulator.participant(room, "alice", publish="self")
        bob = rooms_emulator.participant(room, "bob", subscribe="all")
        bob.sees(alice)
        bob.hears(alice)
        bob.sees("nobody", within=0)

    def test_passes(rooms_room):
        pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile(test_it=TESTS)
    return pytester


def folders(project: pytest.Pytester, output: str = "rooms-emulator-output") -> dict[str, Path]:
    return {json.loads(path.read_text())["test"]: path.parent for path in project.path.glob(f"{output}/*/about.json")}


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_failing_test_leaves_everything_and_a_passing_one_nothing(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(
        "--rooms-emulator-artifacts=retain-on-failure", "--rooms-emulator-seed=5", "--rooms-emulator-output=out"
    )
    result.assert_outcomes(failed=1, passed=1)
    found = folders(project, "out")
    assert list(found) == ["test_it.py::test_fails"]
    folder = found["test_it.py::test_fails"]
    result.stdout.fnmatch_lines([
        "*- rooms emulator -*",
        "what happened:",
        " *lunch: room created",
        " *alice: in the room",
        " *alice: self video",
        f"open       {folder / 'timeline.html'}",
        "once more  python -m pytest test_it.py::test_fails --rooms-emulator-seed=5",
    ])  # fmt: skip
    about = read(folder / "about.json")
    assert (about["outcome"], about["seed"], about["missing"]) == ("failed", 5, [])

    wire = [json.loads(line) for line in (folder / "wire.jsonl").read_text().splitlines()]
    assert {entry["kind"] for entry in wire} == {"rest", "frame", "webhook"}
    assert not any("/_emulator/" in entry.get("path", "") for entry in wire)
    offers = [path.read_text() for path in sorted((folder / "sdp").glob("*-offer-from-alice.sdp"))]
    assert any("m=video" in text for text in offers)
    assert list((folder / "sdp").glob("*-answer-from-bob.sdp"))
    assert "alice" in (folder / "failure.txt").read_text() + (folder / "timeline.html").read_text()
    assert (folder / "failure.txt").read_text().startswith("expected bob to see the card of nobody/self")

    picture = Image.open(folder / "frames" / "bob-sees-alice-self.png").convert("L")
    reading = read_card(np.ascontiguousarray(np.asarray(picture)))
    assert reading is not None
    with wave.open(io.BytesIO((folder / "audio" / "bob-hears.wav").read_bytes())) as audio:
        assert audio.getframerate() == 48000
        samples = np.frombuffer(audio.readframes(audio.getnframes()), np.int16)
    assert list(tones_in(samples)) == [0]  # alice is the first participant of the test
    assert read(folder / "statistics.json")
    capture = (folder / "media.pcapng").read_bytes()
    assert capture.startswith(b"\x0a\x0d\x0d\x0a")  # pcapng's section header block
    assert len(capture) > 10_000
    webhooks = read(folder / "webhooks.json")
    assert {one["event_type"] for one in webhooks["deliveries"]} >= {"video.room.participant.joined"}
    assert webhooks["received"][0]["signature"] == {"valid": True}
    assert read(folder / "problems.json") == {"problems": [], "findings": []}


def document_of(project: pytest.Pytester, tests: str, **outcomes: int) -> Any:
    """What the page of the one test tells."""
    project.makepyfile(test_it=tests)
    project.runpytest_inprocess("--rooms-emulator-artifacts=on").assert_outcomes(**outcomes)
    (folder,) = folders(project).values()
    data = (folder / "timeline.html").read_text().partition('id="timeline">')[2].partition("</script>")[0]
    return json.loads(data)


def test_page_tells_every_call_and_when_the_one_that_failed_really_began(project: pytest.Pytester) -> None:
    document = document_of(
        project,
        """
        import pytest

        def test_it(rooms_participant, rooms_webhooks, rooms_clock):
            alice = rooms_participant("alice", publish="self")
            bob = rooms_participant("bob", subscribe="all")
            bob.hears(alice)
            rooms_webhooks.received()
            rooms_webhooks.wait_for("participant.joined", {"participant_id": alice})
            with pytest.raises(AssertionError):
                bob.sees("nobody", within=0)
            bob.hears_not(alice, within=0.3)
    """,
        failed=1,
    )
    assert document["script"] == "Test"
    told = [(one["who"], one["what"], one["outcome"], one["place"]) for one in document["checks"]]
    assert told == [
        ("rooms", "create_room()", "done", ""),
        ("alice", "participant('alice', publish='self')", "done", "test_it.py:4"),
        ("bob", "participant('bob', subscribe='all')", "done", "test_it.py:5"),
        ("bob", "hears(alice)", "done", "test_it.py:6"),
        ("webhooks", "wait_for('participant.joined', {'participant_id': alice})", "done", "test_it.py:8"),
        ("bob", "sees('nobody', within=0)", "done", "test_it.py:10"),
        ("bob", "hears_not(alice, within=0.3)", "failed", "test_it.py:11"),
    ]
    wanted, failed = document["checks"][-2:]
    assert wanted["message"].startswith("raised, and the test went on: expected bob to see")
    assert failed["heading"].startswith("bob was expected not to hear alice (tone ")
    assert failed["heading"].endswith(" any more after 0.3 s, for 1 s")
    begun = max(row["spans"][0]["start"] for row in document["rows"] if row["kind"] == "web")
    assert begun < wanted["end"] <= failed["at"]
    assert failed["end"] - failed["at"] > 0.3
    assert failed["end"] <= document["seconds"]


def test_page_of_a_webhook_that_did_not_come_calls_people_by_their_names(project: pytest.Pytester) -> None:
    document = document_of(
        project,
        """
        import pytest

        @pytest.mark.asyncio
        async def test_it(rooms_participant_async, rooms_webhooks_async):
            alice = await rooms_participant_async("alice")
            await rooms_webhooks_async.wait_for("participant.left", {"participant_id": alice}, timeout=0.5)
    """,
        failed=1,
    )
    failed = document["checks"][-1]
    assert (failed["who"], failed["place"]) == ("webhooks", "test_it.py:6")
    wanted = "expected the webhook participant.left where participant_id is 'alice' within 0.5 s"
    assert failed["heading"] == f"the test failed: {wanted}"
    assert document["summary"].startswith(wanted)
    assert failed["end"] - failed["at"] >= 0.5


def test_page_of_a_test_that_failed_of_its_own_says_so_at_a_moment(project: pytest.Pytester) -> None:
    document = document_of(
        project,
        """
        def test_it(rooms_participant):
            rooms_participant("alice").leave()
            assert 1 == 2, "my own check"
    """,
        failed=1,
    )
    *calls, failed = document["checks"]
    assert [one["outcome"] for one in calls] == ["done", "done", "done"]
    assert (failed["who"], failed["heading"]) == ("the test", "the test failed: my own check")
    assert (failed["place"], failed["at"]) == ("test_it.py:3", failed["end"])
    assert failed["message"].startswith("my own check\nassert 1 == 2")


def test_each_line_of_what_happened_can_be_understood_by_itself(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from conftest_plugin.errors import RequestRefused

        def test_it(rooms_emulator, rooms_participant, rooms_webhooks, rooms_faults):
            rooms_faults.add("rest", "status", {"status": 503}, count=1)
            with pytest.raises(RequestRefused):
                rooms_emulator.create_room()
            alice, bob = rooms_participant("alice", publish="self"), rooms_participant("bob")
            rooms_webhooks.wait_for("participant.joined")
            bob.hears(alice)
            alice.update_stream(audio=False)
            bob.hears_not(alice, within=5)
            rooms_faults.clear()
            assert False
    """
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    for line in (
        r"account: rest fault: status from now on",
        r"account: rest fault: status fires",
        r"account: rest fault: status is over",
        r"room \w+: webhook participant.joined: 200",
        r"alice: speaks",
        r"alice: is silent",
    ):
        assert re.search(rf"^ +\d+\.\d{{3}}  {line}$", told, re.MULTILINE), line


def test_what_was_kept_of_a_failure_goes_when_the_test_passes(project: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(rooms_room, number):
            assert not {wrong}
    """
    project.makepyfile(test_it=tests.format(wrong="number"))
    keep = "--rooms-emulator-artifacts=retain-on-failure"
    project.runpytest_inprocess(keep).assert_outcomes(failed=2)
    first, second = (folders(project)[f"test_it.py::test_it[{number}]"] for number in (1, 2))
    output = first.parent
    stranger = output / "notes"
    stranger.mkdir()
    (stranger / "about.json").write_text('{"test": "test_it.py::test_it[2]"}')
    project.makepyfile(test_it=tests.format(wrong="0"))
    # Without artefacts nothing is touched; nor is what another test, or somebody else, has put there.
    project.runpytest_inprocess().assert_outcomes(passed=2)
    (second / "about.json").write_text('{"test": "another"}')
    assert first.exists()
    project.runpytest_inprocess(keep).assert_outcomes(passed=2)
    assert sorted(output.iterdir()) == sorted([second, stranger])


def test_files_are_kept_of_every_test_or_of_none(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-k", "fails")
    assert folders(project) == {}
    result.stdout.fnmatch_lines(["more       --rooms-emulator-artifacts=retain-on-failure*"])
    project.makefile(".ini", pytest=INI + "rooms_emulator_artifacts = on\n")
    project.runpytest_inprocess("-k", "passes").assert_outcomes(passed=1)
    (folder,) = folders(project).values()
    assert read(folder / "about.json")["outcome"] == "passed"
    assert not (folder / "failure.txt").exists()
    result = project.runpytest_inprocess("--rooms-emulator-artifacts=sometimes", "-k", "passes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--rooms-emulator-artifacts: expected on, off, retain-on-failure, got 'sometimes'" in result.stderr.str()


def test_silence_is_told_and_not_kept(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        def test_it(rooms_participant):
            bob, carol = rooms_participant("bob"), rooms_participant("carol", publish="self")
            bob.hears(carol)
    """
    )
    project.runpytest_inprocess("--rooms-emulator-artifacts=on").assert_outcomes(passed=1)
    (folder,) = folders(project).values()
    assert [path.name for path in (folder / "audio").iterdir()] == ["bob-hears.wav"]
    assert read(folder / "about.json")["heard_nothing"] == ["carol"]


def test_scenario_is_kept_as_it_was_played(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        def test_it(rooms_emulator):
            rooms_emulator.scenario({"version": 1, "name": "short", "seed": 3, "participants": {"alice": {}},
                                     "timeline": [{"at": "0s", "do": {"alice": "join"}}]})
            rooms_emulator.scenario("version: 1\\nname: other\\nparticipants: {alice: {}}\\n"
                                    "timeline:\\n  - {at: 0s, do: {alice: join}}\\n")
            assert False
    """
    )
    project.runpytest_inprocess("--rooms-emulator-artifacts=retain-on-failure").assert_outcomes(failed=1)
    (folder,) = folders(project).values()
    assert (folder / "scenario.yaml").read_text().startswith("version: 1\nname: other\n")


def test_account_that_was_not_used_has_no_story(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_it(rooms_emulator):\n    assert False\n")
    result = project.runpytest_inprocess("--rooms-emulator-artifacts=on")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*- rooms emulator -*")
    assert folders(project) == {}


def test_evidence_that_cannot_be_written_does_not_hide_the_failure(project: pytest.Pytester) -> None:
    (project.path / "rooms-emulator-output").write_text("a file stands in the way")
    result = project.runpytest_inprocess("--rooms-emulator-artifacts=on", "-k", "fails")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *AssertionError: expected bob to see*", "the evidence could not be gathered: *Error: *"]
    )


PROBLEMATIC = """
    import pytest

    def test_accepts_everything(rooms_webhooks, rooms_faults, rooms_participant):
        rooms_faults.add("webhooks", "bad_signature", match={"event_type": "*joined"})
        rooms_participant("alice")
        rooms_webhooks.wait_for("participant.joined", signed=False)

    @pytest.mark.rooms(problems="ignore")
    def test_knows_what_it_does(rooms_webhooks, rooms_faults, rooms_participant):
        rooms_faults.add("webhooks", "bad_signature", match={"event_type": "*joined"})
        rooms_participant("alice")
        rooms_webhooks.wait_for("participant.joined", signed=False)
"""


@pytest.mark.parametrize(("value", "outcome"), [("fail", {"errors": 1}), ("warn", {"warnings": 1}), ("ignore", {})])
def test_problems_can_fail_a_test(project: pytest.Pytester, value: str, outcome: dict[str, int]) -> None:
    project.makefile(".ini", pytest=INI.replace("error", "default") + f"rooms_emulator_problems = {value}\n")
    project.makepyfile(test_it=PROBLEMATIC)
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=2, **outcome)
    told = "video.room.participant.joined (attempt 1), sent with bad signature: it must verify signatures"
    assert (told in result.stdout.str()) == bool(outcome)


def test_refused_requests_stand_in_the_report_of_a_failed_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        def test_it(rooms_emulator):
            room = rooms_emulator.create_room(max_participants=2)
            for name in ("alice", "bob", "carol"):
                rooms_emulator.participant(room, name)
    """
    )
    result = project.runpytest_inprocess("--rooms-emulator-problems=fail")
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["what the emulator saw that should not be:", "  signaling: refused * 403 The room is full*"]
    )


def test_tests_never_share_a_folder() -> None:
    output = Path("/out")
    assert folder_of(output, "test_a.py::test[ä]") != folder_of(output, "test_a.py::test[ö]")
    assert folder_of(output, "a/../../b.py::test").parent == output
    assert len(folder_of(output, "x" * 1000).name) < 150


def test_moments_are_in_order_with_the_names_of_their_rows() -> None:
    span = {"lane": "presence", "start": 1.0, "end": 3.0, "label": "in the room"}
    rows = [
        {"name": "alice", "spans": [span], "points": []},
        {"name": "lunch", "spans": [], "points": [{"at": 0.5, "lane": "calls", "label": "room created"}]},
    ]
    assert moments({"rows": rows}) == [
        "     0.500  lunch: room created",
        "     1.000  alice: in the room",
        "     3.000  alice: gone",
    ]
