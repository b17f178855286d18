"""Films are made in a process of their own, one at a time, at a lower priority than everything else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulator.recording.errors import RecordingError

MAX_COMPLAINT = 2_000
_ROOT = Path(__file__).parents[3]


class FilmError(RecordingError):
    """A film cannot be made; the text says why."""


class Workshop:
    """Makes one film at a time, for whoever asks first."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def make(self, script: str, path: Path, on_progress: Callable[[float], object]) -> float:
        """Write the film of a script (JSON) to `path`. Returns its length in seconds. Raises FilmError.

        `on_progress` hears the share that is done and may raise: then the film is given up, as when this is cancelled.
        """
        async with self._turn:
            # What runs this one also runs that one, wherever it was started from.
            paths = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "emulator.recording.film", str(path)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={**os.environ, "PYTHONPATH": paths},
            )
            try:
                return await _work(process, script, on_progress)
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()


async def _work(process: Process, script: str, on_progress: Callable[[float], object]) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    try:
        with contextlib.suppress(ConnectionError):  # it has died; its end says why
            process.stdin.write(script.encode())
            await process.stdin.drain()
            process.stdin.write_eof()
        duration: float | None = None
        async for line in process.stdout:
            told: dict[str, Any] = json.loads(line)
            if "duration" in told:
                duration = float(told["duration"])
            else:
                on_progress(float(told["progress"]))
        code = await process.wait()
        if code == 0 and duration is not None:
            return duration
        said = (await complaints).decode("utf-8", "replace").strip()[-MAX_COMPLAINT:]
        raise FilmError(said.splitlines()[-1] if said else f"the process that makes it ended with {code}")
    finally:
        complaints.cancel()
        await asyncio.gather(complaints, return_exceptions=True)
