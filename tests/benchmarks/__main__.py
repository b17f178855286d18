"""All figures in one table, with the reference figures beside them.

    python -m tests.benchmarks [--only NAME ...] [--quick]

Medians of interleaved runs; `ratio` is ours to the reference. References marked `this run` were taken in turns with
ours. The others come from reference/media.md, sections 5 and 6: another day on a machine of this kind, so only their
order of magnitude counts. Run it on a quiet machine: the first and last lines say how quiet and how fast it was.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.table import Row, machine, show

NAMES = ("start", "rest", "store", "sdk", "views", "cpu", "crowd")
"""Modules with a `rows(quick=...)`."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Figures of the emulator.")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: does it work at all?")
    options = parser.parse_args(arguments)
    print(machine(), flush=True)
    found: list[Row] = []
    for name in NAMES:
        if name in options.only:
            began = time.perf_counter()
            found += importlib.import_module(f"tests.benchmarks.{name}").rows(quick=options.quick)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(show(found))
    print(machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
