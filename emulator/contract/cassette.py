"""Exchanges with an API as a file: JSON lines without secrets, and what two of them differ in.

Ids, times, tokens and the names that a run makes are another each time. For a comparison they are written as `<id 1>`,
`<time>`, `<token>`, `<run>`; the same id is the same number within one check.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = 1
MAX_LINES = 100_000
MAX_LINE_CHARS = 4 * 1024 * 1024

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
_SECRET_FIELDS = frozenset({"token", "refresh_token", "download_url"})

HEADERS = ("content-type", "allow", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
"""Those that mean something to clients; the others depend on what stands in between."""


class CassetteError(ValueError):
    """The file is no cassette; the text says which line, and why."""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, with secrets taken out. `key`: `given`, `wrong` or `none`."""

    check: str
    method: str
    path: str
    """With the query."""
    key: str
    request: Any
    status: int
    headers: Mapping[str, str]
    answer: Any

    def as_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "request": {"method": self.method, "path": self.path, "key": self.key, "body": self.request},
            "answer": {"status": self.status, "headers": dict(self.headers), "body": self.answer},
        }


@dataclass
class Cassette:
    """What was said in one run. `run` is what its rooms' names begin with."""

    base_url: str
    run: str
    exchanges: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def of(self, check: str) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.check == check]

    def write(self, path: Path) -> None:
        """Raises OSError."""
        lines = [{"cassette": VERSION, "base_url": self.base_url, "run": self.run}]
        lines += [exchange.as_json() for exchange in self.exchanges]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Cassette:
        """Raises OSError, CassetteError."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise CassetteError(f"{path}: no cassette, which is text in UTF-8: {error.reason}") from None
        if len(lines) > MAX_LINES:
            raise CassetteError(f"{path}: {len(lines)} lines; a cassette has at most {MAX_LINES}")
        parsed = [_line(path, number, text) for number, text in enumerate(lines, 1)]
        head = parsed[0] if parsed else {}
        if head.get("cassette") != VERSION:
            raise CassetteError(f'{path}:1: a cassette of version {VERSION} begins with {{"cassette": {VERSION}, ...}}')
        cassette = cls(str(head.get("base_url", "")), str(head.get("run", "")))
        for number, line in enumerate(parsed[1:], 2):
            cassette.add(_exchange(path, number, line))
        return cassette


def _line(path: Path, number: int, text: str) -> dict[str, Any]:
    if len(text) > MAX_LINE_CHARS:
        raise CassetteError(f"{path}:{number}: longer than {MAX_LINE_CHARS} characters")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path}:{number}: no JSON: {error}") from None
    if not isinstance(value, dict):
        raise CassetteError(f"{path}:{number}: expected an object, got {type(value).__name__}")
    return value


def _exchange(path: Path, number: int, line: dict[str, Any]) -> Exchange:
    try:
        request, answer = line["request"], line["answer"]
        return Exchange(
            str(line["check"]),
            str(request["method"]),
            str(request["path"]),
            str(request["key"]),
            request["body"],
            int(answer["status"]),
            {str(name): str(value) for name, value in answer["headers"].items()},
            answer["body"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CassetteError(f"{path}:{number}: no exchange: {error!r:.80}") from None


# -- secrets ----------------------------------------------------------------------------------------------------------


def redacted(value: Any) -> Any:
    """A JSON value without tokens and presigned URLs."""
    if isinstance(value, dict):
        return {
            name: "<secret>" if name in _SECRET_FIELDS and isinstance(inner, str) and inner else redacted(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(inner) for inner in value]
    if isinstance(value, str):
        return _JWT.sub("<token>", value)
    return value


# -- what two runs differ in ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drift:
    """The difference of one check's exchanges, as a unified diff."""

    check: str
    diff: str


def drift(old: Cassette, new: Cassette) -> list[Drift]:
    """Per check that both have or one has; empty when they say the same."""
    names = list(dict.fromkeys(exchange.check for cassette in (old, new) for exchange in cassette.exchanges))
    found = []
    for name in names:
        before, after = _readable(old.of(name), old.run), _readable(new.of(name), new.run)
        diff = "\n".join(difflib.unified_diff(before, after, old.base_url, new.base_url, lineterm="", n=2))
        if diff:
            found.append(Drift(name, diff))
    return found


def _readable(exchanges: Sequence[Exchange], run: str) -> list[str]:
    ids: dict[str, str] = {}

    def normal(text: str) -> str:
        text = _UUID.sub(lambda match: ids.setdefault(match[0].lower(), _placeholder(match[0], len(ids) + 1)), text)
        text = _TIME.sub(lambda match: _time_form(match[0]), text)
        text = _DATE.sub("<date>", text)
        return text.replace(run, "<run>") if run else text

    lines = []
    for exchange in exchanges:
        lines.append(f"{exchange.method} {exchange.path} (key: {exchange.key})")
        lines += _pretty("  > ", exchange.request)
        lines.append(f"  < {exchange.status}")
        lines += [f"  < {name}: {value}" for name, value in sorted(exchange.headers.items())]
        lines += _pretty("  < ", exchange.answer)
    return [normal(line) for line in lines]


def _placeholder(text: str, number: int) -> str:
    """Capital letters are a difference, since ids have none."""
    return f"<id {number}>" if text == text.lower() else f"<ID {number}>"


def _time_form(text: str) -> str:
    """How a time is written is a difference; which time it is, is none."""
    return (
        "<time"
        + ("." + "0" * len(text.partition(".")[2].rstrip("Z")) if "." in text and text[-1] == "Z" else "")
        + ("Z>" if text[-1] == "Z" else " with offset>")
    )


def _pretty(prefix: str, body: Any) -> Iterable[str]:
    if body is None:
        return []
    return [prefix + line for line in json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False).splitlines()]
