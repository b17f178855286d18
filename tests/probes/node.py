"""Runs the pure functions of probe.js in Node."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import emulator.probes

PROBE = Path(emulator.probes.__file__).with_name("probe.js")

# Standard input: a line of JSON (the calls), then the bytes of all arrays. Standard output: a list of results.
RUNNER = """
const probe = require(process.argv[1]);
const input = require('fs').readFileSync(0);
const end = input.indexOf(10);
let place = end + 1;
const results = JSON.parse(input.subarray(0, end)).map((call) => {
  const bytes = Uint8Array.from(input.subarray(place, place += call.size));
  try {
    if (call.luma) return probe.readLuma(bytes, call.luma[0], call.luma[1], call.options);
    const samples = call.floats ? new Float32Array(bytes.buffer) : new Int16Array(bytes.buffer);
    return probe.detectTones(samples, call.rate, call.candidates);
  } catch (error) {
    return {error: `${error.name}: ${error.message}`};
  }
});
process.stdout.write(JSON.stringify(results));
"""


class Node:
    """Collects calls, then makes them all in one process."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._arrays: list[bytes] = []

    def read_luma(self, luma: NDArray[np.uint8], **options: Any) -> None:
        height, width = luma.shape
        self._add({"luma": [width, height], "options": options}, luma.tobytes())

    def detect_tones(self, samples: NDArray[Any], rate: int = 48000, candidates: list[int] | None = None) -> None:
        floats = samples.dtype != np.int16
        data = (samples.astype(np.float32) if floats else samples).tobytes()
        call: dict[str, Any] = {"rate": rate, "floats": floats}
        if candidates is not None:
            call["candidates"] = candidates
        self._add(call, data)

    def run(self) -> list[Any]:
        node = shutil.which("node")
        if node is None:
            pytest.fail("Node is needed to run probe.js and is not installed")
        stdin = json.dumps(self._calls).encode() + b"\n" + b"".join(self._arrays)
        done = subprocess.run(
            [node, "-e", RUNNER, str(PROBE)], input=stdin, capture_output=True, timeout=60, check=True
        )
        results: list[Any] = json.loads(done.stdout)
        return results

    def _add(self, call: dict[str, Any], data: bytes) -> None:
        self._calls.append({**call, "size": len(data)})
        self._arrays.append(data)
