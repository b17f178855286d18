"""CPU per forwarded packet, packets and connections per CPU-second, in turns with Debian's Janus.

    python -m tests.benchmarks.beside_janus [--only packets overload connections] [--pairs 9] [--seconds 3]

One publisher, n subscribers, all in this process; the servers in one each. Real ICE, DTLS and SRTP; the packets are
ready-made, Opus and VP8 of 1,100 bytes, with receiver reports once a second; subscribers count what comes and decrypt
only before and after. CPU is the server process's, everything in it. `ratio` is that of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from tests.benchmarks.beside_janus.media import Stream
from tests.benchmarks.beside_janus.runs import Cost, Load, SetUp, forwarding, setting_up
from tests.benchmarks.beside_janus.servers import Server, janus, ours
from tests.benchmarks.table import Row, machine, show

THIN, THICK = Stream(15, 3), Stream(30, 30)
LOADS = (
    Load("1 to 5, 95 packets/s in", THIN, 5),
    Load("1 to 5, 950 packets/s in", THICK, 5),
    Load("1 to 20, 95 packets/s in", THIN, 20),
    Load("1 to 20, 950 packets/s in", THICK, 20),
)
OVERLOAD = Load("overload, 1 to 5", Stream(100, 220), 5)
PARTS = ("packets", "overload", "connections")
SET_UP_ROUNDS = 8

Pairs = dict[str, dict[str, list[Cost]]]


async def _in_turns(servers: Sequence[Server], pairs: int, measure: Callable[[Server], Awaitable[None]]) -> None:
    """A B, B A, A B, ..., so that neither is always the first."""
    for number in range(pairs):
        for server in servers if number % 2 == 0 else reversed(servers):
            gc.collect()
            await measure(server)


def _tell(server: Server, text: str) -> None:
    print(f"{server.name:>10}  {text}", file=sys.stderr, flush=True)


async def rows(parts: Sequence[str], *, pairs: int, seconds: float, name: str = "") -> list[Row]:
    costs: Pairs = defaultdict(lambda: defaultdict(list))
    set_ups: dict[str, list[SetUp]] = defaultdict(list)
    loads = [load for load in LOADS if "packets" in parts and load.name.startswith(name)]
    async with ours() as here, janus() as there:

        async def measure(server: Server) -> None:
            for load in [*loads, *([OVERLOAD] if "overload" in parts else [])]:
                cost = await forwarding(server, load, seconds)
                costs[load.name][server.name].append(cost)
                _tell(server, f"{load.name:<28} {cost}")
            if "connections" in parts:
                set_up = await setting_up(server, SET_UP_ROUNDS)
                set_ups[server.name].append(set_up)
                _tell(server, str(set_up))

        await _in_turns((here, there), pairs, measure)
    table: list[Row] = []

    def row(text: str, unit: str, mine: Sequence[float], theirs: Sequence[float]) -> None:
        table.append(Row(text, tuple(mine), unit, tuple(theirs), "Janus 1.1.2", live=True))

    for load in loads:
        mine, theirs = costs[load.name]["emulator"], costs[load.name]["Janus"]
        row(f"CPU per forwarded packet, {load.name}", "us", *([c.per_packet for c in each] for each in (mine, theirs)))
    if "overload" in parts:
        mine, theirs = costs[OVERLOAD.name]["emulator"], costs[OVERLOAD.name]["Janus"]
        row(
            f"packets per CPU-second, {OVERLOAD.name}",
            "1/s",
            *([c.per_cpu_second for c in each] for each in (mine, theirs)),
        )
        row("    of a core used", "", *([c.cores for c in each] for each in (mine, theirs)))
    if "connections" in parts:
        made = set_ups["emulator"], set_ups["Janus"]
        row("connections per CPU-second, attach to connected", "1/s", *([s.per_cpu_second for s in e] for e in made))
        row("    wall time of ten at once", "ms", *([s.seconds / SET_UP_ROUNDS * 1e3 for s in e] for e in made))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description="The emulator beside Janus.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--load", default="", help='of the packets, those whose name begins so, as "1 to 5"')
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured of each load (default 3)")
    options = parser.parse_args()
    print(machine(), flush=True)
    found = asyncio.run(rows(options.only, pairs=options.pairs, seconds=options.seconds, name=options.load))
    print(show(found))
    print(machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
