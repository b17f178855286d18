"""Wrong scenario files: each with what is said of it, line by line, beside it."""

from pathlib import Path

import pytest

from emulator.cli import main
from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.loader import load

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "wrong"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


def test_there_are_at_least_sixty_and_each_has_its_text() -> None:
    assert len(FILES) >= 60
    assert [path.stem for path in sorted(FOLDER.glob("*.txt"))] == [Path(name).stem for name in FILES]


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_with_a_line_for_each_mistake_and_a_caret_below_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ScenarioInvalid) as caught:
        load(name)
    said = str(caught.value).splitlines()
    told = [line for line in said if line.startswith(f"{name}:")]
    assert told == Path(name).with_suffix(".txt").read_text().splitlines()
    lines = Path(name).read_text().split("\n")
    for issue, place in zip(caught.value.issues, range(0, len(said), 3), strict=True):
        _, shown, caret = said[place : place + 3]
        assert shown.partition("| ")[2] in lines[issue.mark.line - 1]
        assert set(caret.partition("| ")[2].strip()) == {"^"}


def test_validate_tells_all_of_them_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FOLDER)
    assert main(["validate", *FILES[:5], "two_people"]) == 2
    told = capsys.readouterr().out
    for name in FILES[:5]:
        assert Path(name).with_suffix(".txt").read_text().splitlines()[0] in told
    assert told.splitlines()[-1] == "6 checked, 5 wrong"
    assert main(["validate", "two_people", "lobby"]) == 0
    assert capsys.readouterr().out == "2 checked, all well\n"


def test_validate_takes_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "version: 1\nname: x\ninputs: {wait: {type: duration}}\nparticipants: {ann: }\n"
        'timeline: [{at: "${wait}", do: {ann: join}}]\n'
    )
    assert main(["validate", str(file)]) == 2
    assert "a value must be given: --set wait=..." in capsys.readouterr().out
    assert main(["validate", str(file), "--set", "wait=3s"]) == 0
    assert capsys.readouterr().out == "1 checked, all well\n"
    assert main(["validate", str(file), "--set", "wiat=3s"]) == 2
    assert f'{file}: unknown input "wiat"' in capsys.readouterr().out


def test_plan_prints_what_happens_or_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(
        "version: 1\nname: x\ninputs: {wait: {type: duration, default: 1s}}\nparticipants: {ann: }\n"
        'timeline: [{at: "${wait}", do: {ann: join}}]\n'
    )
    assert main(["plan", "x.yaml", "--set", "wait=3s"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  3s: ann join"
    assert main(["plan", "x.yaml", "--set", "wiat=3s"]) == 2
    assert capsys.readouterr().err == 'rooms-emulator: unknown input "wiat"; did you mean "wait"?\n'


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert '"$schema": "https://json-schema.org/draft/2020-12/schema"' in capsys.readouterr().out
