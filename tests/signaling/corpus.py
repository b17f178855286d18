"""Sequences of steps worth keeping: as JSON under `fixtures/corpus/signaling`, replayed by the ordinary suite.

`various.json` shows every act with every answer that was ever seen to it; each other file keeps one finding.
`python -m tests.signaling.corpus [seed [runs]]` looks for more, and adds what it finds to `various.json`.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.signaling.machine import WEIGHTS, Step, cut_down, failure, run

FOLDER = Path(__file__).parents[2] / "fixtures" / "corpus" / "signaling"
VARIOUS = FOLDER / "various.json"
SHORTEST, LONGEST = 3, 15
MOST_KEPT = 2000
"""In one run of the explorer."""

Sequence = list[Step]


def read(path: Path) -> list[Sequence]:
    return [[Step(*step) for step in steps] for steps in json.loads(path.read_text())["sequences"]]


def write(path: Path, about: str, sequences: Iterable[Sequence]) -> None:
    """One sequence in a line."""
    lines = ",\n".join("  " + json.dumps([list(step) for step in steps]) for steps in sequences)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"about": {json.dumps(about)}, "sequences": [\n{lines}\n]}}\n')


def everything() -> list[Sequence]:
    return [steps for path in sorted(FOLDER.glob("*.json")) for steps in read(path)]


@dataclass
class Explored:
    """`failed`: sequences, already cut down, and what they raised."""

    runs: int = 0
    steps: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    shown: dict[str, Sequence] = field(default_factory=dict)
    """What was seen (an act with its answers) -> the first sequence that showed it."""
    pairs: int = 0
    """How many different things were seen right after one another."""
    failed: list[tuple[Sequence, str]] = field(default_factory=list)


class Explorer:
    """Random sequences, and variations of those that showed something new."""

    def __init__(self, seed: int, corpus: list[Sequence]) -> None:
        self._rng = random.Random(seed)
        self._kept = list(corpus)
        self._pairs: set[tuple[str, str]] = set()
        self.found = Explored()

    def explore(self, runs: int, *, most_failures: int = 3) -> Explored:
        found = self.found
        for _ in range(runs):
            steps = self._next()
            try:
                machine = run(steps)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
                fewer = cut_down(steps)
                found.failed.append((fewer, f"{error!r}; cut down: {failure(fewer)!r}"))
                if len(found.failed) >= most_failures:
                    break
                continue
            found.runs += 1
            found.steps += len(steps)
            found.answers += machine.answers
            self._keep(steps, machine.trail)
        found.pairs = len(self._pairs)
        return found

    def _keep(self, steps: Sequence, trail: list[str]) -> None:
        for mark in trail:
            self.found.shown.setdefault(mark, steps)
        pairs = set(zip(["", *trail], trail, strict=False))
        if not pairs <= self._pairs and len(self._kept) < MOST_KEPT:
            self._kept.append(steps)
        self._pairs |= pairs

    def _next(self) -> Sequence:
        rng = self._rng
        if not self._kept or rng.random() < 0.4:
            return [self._step() for _ in range(rng.randint(SHORTEST, LONGEST))]
        steps = list(rng.choice(self._kept))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(steps) + 1)
            match rng.randrange(5):
                case 0 if at < len(steps) and len(steps) > 1:
                    del steps[at]
                case 1 if at < len(steps):
                    steps.insert(rng.randrange(len(steps) + 1), steps[at])
                case 2 if at < len(steps):
                    act, *numbers = steps[at]
                    numbers[rng.randrange(3)] = rng.randrange(840)
                    steps[at] = Step(act, *numbers)
                case 3:
                    steps[at:] = rng.choice(self._kept)[-rng.randint(1, 6) :]
                case _:
                    steps.insert(at, self._step())
        return steps[:LONGEST]

    def _step(self) -> Step:
        rng = self._rng
        [act] = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return Step(act, rng.randrange(840), rng.randrange(840), rng.randrange(840))


def fewest(found: dict[str, Sequence]) -> list[Sequence]:
    """A few of these sequences that show everything that all of them do."""
    left, chosen = set(found), list[Sequence]()
    for mark in sorted(found):
        if mark in left:
            chosen.append(found[mark])
            left -= set(run(found[mark]).trail)
    return chosen


def main() -> None:
    seed, runs = (int(text) for text in [*sys.argv[1:], *["1", "20000"][len(sys.argv) - 1 :]])
    explorer = Explorer(seed, everything())
    for steps in everything():
        explorer._keep(steps, run(steps).trail)
    known = len(explorer.found.shown)
    found = explorer.explore(runs)
    write(VARIOUS, "Every act with every answer that was seen to it.", fewest(found.shown))
    for number, (steps, error) in enumerate(found.failed):
        write(FOLDER / f"found-{seed}-{number}.json", error, [steps])
    print(f"{found.runs} runs, {len(found.failed)} failed; {len(found.shown) - known} new things seen")


if __name__ == "__main__":
    main()
