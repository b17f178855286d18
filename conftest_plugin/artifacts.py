"""The evidence of a test as a section of its report, and as files in a folder of its own."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from conftest_plugin.evidence import Evidence, Picture, slug
from conftest_plugin.script import offset_of, script
from emulator.timeline.model import Json, Tile, Told, told_over
from emulator.timeline.page import page

SHOWN_MOMENTS = 25
SHOWN_FINDINGS = 20
HOW_LONG_A_NAME = 120

_HAPPENED = {"webhooks": "webhook {}", "trouble": "{} fires"}
_BEGAN = {"trouble": "{} from now on"}
_OVER = {
    ("presence", ""): "gone",
    ("voice", "speaks"): "is silent",
    ("voice", "muted by moderator"): "unmuted by moderator",
    ("trouble", ""): "{} is over",
}
"""What a lane's labels need to be understood in a line by themselves; of what ends, by lane and label."""

Outcome = Literal["passed", "failed"]


@dataclass(frozen=True, slots=True)
class Story:
    """The test that the evidence is about; `failure` is the text of what was raised, `scenario` as YAML or JSON."""

    node_id: str
    place: str
    """File and line where it failed."""
    outcome: Outcome
    failure: str
    seed: int | None
    scenario: str | None
    inputs: Mapping[str, object]
    root: Path

    @property
    def command(self) -> str:
        """Run this one test again, with the same ids."""
        words = ["python", "-m", "pytest", self.node_id]
        if self.seed is not None:
            words.append(f"--rooms-emulator-seed={self.seed}")
        return shlex.join(words)


def section(evidence: Evidence, story: Story, folder: Path | None) -> str:
    """What people read below the failure. `folder`: where the files are, None if there are none."""
    lines = moments(evidence.timeline)
    left = len(lines) - SHOWN_MOMENTS
    told = [f"what happened (seconds; the last {SHOWN_MOMENTS} of {len(lines)}):" if left > 0 else "what happened:"]
    told += lines[-SHOWN_MOMENTS:] or ["  nothing: the account was not used"]
    found = evidence.findings
    if found:
        told += ["", "what the emulator saw that should not be:", *(f"  {line}" for line in found[:SHOWN_FINDINGS])]
        if len(found) > SHOWN_FINDINGS:
            told.append(f"  and {len(found) - SHOWN_FINDINGS} more")
    told += [""]
    if folder is not None:
        told.append(f"open       {folder / 'timeline.html'}")
    else:
        told.append(
            "more       --rooms-emulator-artifacts=retain-on-failure writes timeline, wire log, pictures, sound"
        )
    told.append(f"once more  {story.command}")
    return "\n".join(told)


def moments(document: Mapping[str, Any]) -> list[str]:
    """The rows of a timeline, one line for each thing that happened or began, in order."""
    found: list[tuple[float, str]] = []
    for row in document.get("rows", ()):
        for point in row["points"]:
            happened = _HAPPENED.get(point["lane"], "{}")
            found.append((point["at"], f"{row['name']}: {happened.format(point['label'])}"))
        for span in row["spans"]:
            began = _BEGAN.get(span["lane"], "{}")
            found.append((span["start"], f"{row['name']}: {began.format(span['label'])}"))
            over = _OVER.get((span["lane"], span["label"])) or _OVER.get((span["lane"], ""))
            if span["end"] is not None and over is not None:
                found.append((span["end"], f"{row['name']}: {over.format(span['label'])}"))
    return [f"  {at:8.3f}  {text}" for at, text in sorted(found, key=lambda one: one[0])]


def write(folder: Path, evidence: Evidence, story: Story) -> Path:
    """All of it, in a folder that is the test's own and is emptied first. Raises OSError."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "timeline.html").write_text(page(_document(evidence, story)), encoding="utf-8")
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in evidence.wire)
    (folder / "wire.jsonl").write_text(lines, encoding="utf-8")
    _write_json(folder / "statistics.json", evidence.statistics)
    _write_json(folder / "webhooks.json", {"deliveries": evidence.deliveries, "received": evidence.received})
    problems = [{**asdict(problem), "at": problem.at.isoformat()} for problem in evidence.problems]
    _write_json(folder / "problems.json", {"problems": problems, "findings": evidence.findings})
    about = {
        "test": story.node_id,
        "outcome": story.outcome,
        "seed": story.seed,
        "command": story.command,
        "inputs": dict(story.inputs),
        "missing": evidence.missing,
        "heard_nothing": evidence.silent,
    }
    _write_json(folder / "about.json", about)
    if story.failure:
        (folder / "failure.txt").write_text(story.failure + "\n", encoding="utf-8")
    if story.scenario is not None:
        (folder / "scenario.yaml").write_text(story.scenario, encoding="utf-8")
    if evidence.capture is not None:
        (folder / "media.pcapng").write_bytes(evidence.capture)
    for name, text in evidence.sdp().items():
        _below(folder, "sdp", name).write_text(text, encoding="utf-8")
    for picture in evidence.pictures:
        _below(folder, "frames", f"{slug(picture.who)}-sees-{slug(picture.shows)}.png").write_bytes(picture.png)
    for sound in evidence.sounds:
        _below(folder, "audio", f"{slug(sound.who)}-hears.wav").write_bytes(sound.wav)
    return folder


def discard(folder: Path, node_id: str) -> None:
    """Remove what an earlier run has left of this test, and nothing else. Raises OSError."""
    about = folder / "about.json"
    try:
        told = json.loads(about.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return  # there is none, or it is not of our making
    if isinstance(told, dict) and told.get("test") == node_id:
        shutil.rmtree(folder)


def folder_of(output: Path, node_id: str) -> Path:
    """Names of tests may be long and of any letters; two tests never share a folder."""
    name = slug(node_id.replace("/", "-").replace("::", "-"))
    digest = base64.b32encode(_digest(node_id))[:6].decode().lower()
    return output / f"{name[:HOW_LONG_A_NAME]}-{digest}"


def _digest(text: str) -> bytes:
    import hashlib

    return hashlib.sha256(text.encode()).digest()


def _document(evidence: Evidence, story: Story) -> Json:
    """The timeline with what the test knows."""
    now = float(evidence.timeline.get("seconds", 0.0))
    facts = {"test": story.node_id, "once more": story.command}
    if story.seed is not None:
        facts["seed"] = str(story.seed)
    for number, line in enumerate(evidence.findings[:SHOWN_FINDINGS], 1):
        facts[f"problem {number}"] = line
    checks = script(
        evidence.calls,
        offset_of(evidence.timeline, evidence.moment),
        now,
        failure=story.failure if story.outcome == "failed" else "",
        place=story.place,
        names=evidence.names.values(),
        root=story.root,
    )
    told = Told(
        title=story.node_id,
        outcome=story.outcome,
        summary=story.failure.partition("\n")[0],
        facts=facts,
        checks=checks,
        tiles=[_tile(picture, now) for picture in evidence.pictures],
        names=evidence.names,
        script="Test",
    )
    return told_over(dict(evidence.timeline), told)


def _tile(picture: Picture, at: float) -> Tile:
    return Tile(picture.who, picture.shows, at, "data:image/png;base64," + base64.b64encode(picture.png).decode())


def _write_json(path: Path, document: Mapping[str, Any] | Sequence[Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _below(folder: Path, part: str, name: str) -> Path:
    (folder / part).mkdir(exist_ok=True)
    return folder / part / name
