"""Complaints about a scenario, collected so that a person can mend several at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from emulator.scenario.errors import Issue, ScenarioInvalid
from emulator.scenario.reading.nodes import Mark, Word

MAX_ISSUES = 20
"""More than this helps nobody; the rest is counted."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML's marks count as line breaks
_WINDOW = 110  # columns of a source line that are shown


class Misread(Exception):
    """A part could not be read; the issue is noted already. Never leaves the loader."""


class Issues:
    """The issues of one scenario. `name` is how messages call its text, usually the path."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = {"": _LINE_BREAK.split(text)}
        self._found: list[Issue] = []
        self._settled: set[Mark] = set()

    def add_file(self, name: str, text: str) -> None:
        """Another file that the scenario is made of; marks call it by this name."""
        self._lines[name] = _LINE_BREAK.split(text)

    @property
    def name(self) -> str:
        return self._name

    @property
    def found(self) -> bool:
        return bool(self._found)

    def add(self, mark: Mark, message: str) -> None:
        issue = Issue(mark, message)
        # An anchored part is read once for each alias.
        if issue not in self._found and mark not in self._settled:
            self._found.append(issue)

    def settle(self, mark: Mark) -> None:
        """All there is to say about this place has been said: what else is wrong there only follows from it."""
        self._settled.add(mark)

    def misread(self, mark: Mark, message: str) -> Misread:
        """Note an issue; the caller raises what comes back."""
        self.add(mark, message)
        return Misread(message)

    def unknown(self, word: Word, what: str, known: Iterable[str], *, where: str = "") -> Misread:
        """Note that a word is none of the known ones, with the nearest of them, or all of them."""
        return self.misread(word.mark, f'unknown {what} "{word}"{where}{hint(word.text, known)}')

    def raise_if_any(self) -> None:
        """Raises ScenarioInvalid with all issues, file by file in the order of the text."""
        if self._found:
            found = tuple(sorted(self._found, key=lambda issue: (issue.mark.file, issue.mark.line, issue.mark.column)))
            raise ScenarioInvalid(self._render(found), found)

    def _render(self, found: tuple[Issue, ...]) -> str:
        parts = [self._show(issue) for issue in found[:MAX_ISSUES]]
        if len(found) > MAX_ISSUES:
            parts.append(f"{self._name}: and {len(found) - MAX_ISSUES} more")
        return "\n".join(parts)

    def _show(self, issue: Issue) -> str:
        mark = issue.mark
        head = f"{mark.file or self._name}:{mark.line}:{mark.column}: {issue.message}"
        lines = self._lines[mark.file]
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        first = max(0, mark.column - 1 - _WINDOW // 2) if len(line) > _WINDOW else 0
        shown = line[first : first + _WINDOW]
        place = mark.column - 1 - first
        # Tabs are kept before the caret, so that it stands below the same character in any terminal.
        gap = "".join("\t" if character == "\t" else " " for character in shown[:place].ljust(place))
        carets = "^" * max(1, min(mark.width, len(shown) - place))
        number = f"{mark.line:5d} | "
        return f"{head}\n{number}{shown}\n{' ' * (len(number) - 2)}| {gap}{carets}"


def close(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def hint(word: str, known: Iterable[str]) -> str:
    """`; did you mean "streams"?`, or `; known: ...` when nothing is near."""
    known = list(known)
    near = close(word, known)
    if near is not None:
        return f'; did you mean "{near}"?'
    return f"; known: {', '.join(known)}" if known else ""
