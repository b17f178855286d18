"""What a process costs on Linux: CPU time by thread, waiting for a core, resident memory. Read from /proc.

Also a benchmark of its own: CPU of the server per forwarded packet, by number of subscribers.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ThreadTime:
    """Seconds since the thread began: on a core, and ready to run without getting one."""

    cpu: float
    waiting: float

    def __sub__(self, earlier: ThreadTime) -> ThreadTime:
        return ThreadTime(self.cpu - earlier.cpu, self.waiting - earlier.waiting)


def threads(pid: int) -> dict[int, ThreadTime]:
    """By thread id. Threads that end meanwhile are left out, as is what ended ones have used."""
    found: dict[int, ThreadTime] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            cpu, waiting, _ = (task / "schedstat").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(task.name)] = ThreadTime(int(cpu) / 1e9, int(waiting) / 1e9)
    return found


def used(pid: int) -> float:
    """CPU seconds of a process's present threads."""
    return sum(each.cpu for each in threads(pid).values())


def used_by_part(before: dict[int, ThreadTime]) -> Counter[str]:
    """CPU seconds of this process since `before`, by the names of its threads; numbers at their ends are dropped."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    parts: Counter[str] = Counter()
    for number, now in threads(os.getpid()).items():
        name = names.get(number, "libraries' threads").rstrip("0123456789_-")
        parts["event loop" if name == "MainThread" else name] += now.cpu - before.get(number, ThreadTime(0, 0)).cpu
    return parts


def resident(pid: int) -> int:
    """Bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"/proc/{pid}/status has no VmRSS")
