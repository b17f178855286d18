"""The process that makes one film: `python -m emulator.recording.film PATH`, the script as JSON on standard input.

It says how far it is, one JSON object a line: `{"progress": 0.25}`, at the end `{"duration": 60.04}`. It gives way to
everybody else, and ends with whoever asked for it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

NICE = 10
_PR_SET_PDEATHSIG = 1
"""prctl(2): send this signal when the parent dies."""


def main() -> int:
    os.nice(NICE)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Heavy modules come after it has become nice.
    from emulator.recording.film.maker import make
    from emulator.recording.film.script import Script

    def say(**told: float) -> None:
        print(json.dumps(told), flush=True)

    script = Script.from_json(sys.stdin.buffer.read())
    try:
        duration = make(script, sys.argv[1], lambda share: say(progress=round(share, 4)))
    except (OSError, ValueError) as error:  # FFmpeg's errors are ValueErrors or OSErrors
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    say(duration=duration)
    return 0


if __name__ == "__main__":
    sys.exit(main())
