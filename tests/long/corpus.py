"""Inputs worth keeping: one for each thing that a parser makes of its inputs, in `fixtures/corpus`.

`python -m tests.long.corpus [seed [inputs]]` looks for more, and adds what it finds. The ordinary suite replays them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.long.parsers import PARSERS, Parser

FOLDER = Path(__file__).parents[2] / "fixtures" / "corpus"
MOST = 200
"""Kept of one parser."""

Kept = dict[str, str]
"""Outcome -> the shortest input that leads to it: text as it is, bytes in hexadecimal digits."""


def outcome(read: Callable[[Any], str], allowed: tuple[type[Exception], ...], given: bytes | str) -> str:
    """What is made of an input: what `read` says, or the error, without what is the input's own."""
    try:
        return read(given)
    except allowed as error:
        return f"{type(error).__name__}: {_shape(str(error))}"


def _shape(text: str) -> str:
    text = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "'...'", text)
    return re.sub(r"0x[0-9a-f]+|[0-9a-f]{6,}|\d+", "0", text)[:100]


def path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def load(name: str) -> Kept:
    file = path(name)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def encoded(given: bytes | str) -> str:
    return given.hex() if isinstance(given, bytes) else given


def decoded(name: str, kept: str) -> bytes | str:
    return kept if name == "sdp" else bytes.fromhex(kept)


def explore(name: str, parser: Parser[bytes] | Parser[str], seed: int, inputs: int) -> Kept:
    kept = load(name)
    make = parser.maker(seed)
    for _ in range(inputs):
        given = make()
        text = encoded(given)
        if isinstance(given, str) and not given.isascii() and given.encode("utf-8", "replace").decode() != given:
            continue  # half a surrogate pair cannot be written down
        found = outcome(parser.reader(), parser.allowed, given)
        if found in kept and len(kept[found]) <= len(text):
            continue
        if found in kept or len(kept) < MOST:
            kept[found] = text
    return kept


def main(arguments: list[str]) -> None:
    seed, inputs = int(arguments[0]) if arguments else 1, int(arguments[1]) if len(arguments) > 1 else 3000
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, parser in PARSERS.items():
        kept = explore(name, parser, seed, inputs)
        path(name).write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {len(kept)} kept")


if __name__ == "__main__":
    main(sys.argv[1:])
