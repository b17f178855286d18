"""100,000 short sequences of frames, from the kept corpus and by chance: each frame answered once, nothing left over.

What fails is cut down, told, and kept under `fixtures/corpus/signaling`, where the ordinary suite replays it.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.long.conftest import Tell
from tests.signaling.corpus import FOLDER, Explored, Explorer, everything, write

SEQUENCES = 100_000
PIECE = 2500


def explore(seed: int) -> Explored:
    return Explorer(seed, everything()).explore(PIECE)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_100_000_random_sequences_leave_the_machines_in_a_legal_state(tell: Tell, seed: int) -> None:
    began, answers, seen = time.monotonic(), Counter[str](), set[str]()
    runs = steps = 0
    failed = []
    processes = min(os.cpu_count() or 1, 8)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(explore, range(seed, seed + SEQUENCES // PIECE)):
            runs, steps = runs + found.runs, steps + found.steps
            answers += found.answers
            seen |= set(found.shown)
            failed += found.failed
    for number, (sequence, error) in enumerate(failed):
        write(FOLDER / f"found-{seed}-{number}.json", error, [sequence])
    kinds = ", ".join(f"{count} {kind!r}" for kind, count in answers.most_common())
    tell(
        f"seeds from {seed}: {runs} sequences, {steps} steps in {time.monotonic() - began:.0f} s with {processes} "
        f"processes; {len(seen)} different acts with their answers; {kinds}"
    )
    told = "\n".join(f"  {error}: {sequence}" for sequence, error in failed)
    assert not failed, f"seeds from {seed}; kept in {FOLDER}:\n{told}"
    assert runs == SEQUENCES
