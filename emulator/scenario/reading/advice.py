"""What PyYAML's complaints come to for somebody who does not know its words: the likeliest mistake, and where it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

_BARE_REFERENCE = re.compile(r"(^|[\s:,\[{])\$\{")
_FOUND = re.compile(r"but (?:found|got) '(.+)'$")
_INDENTATION = "is the indentation right? Lines that belong together begin in the same column"
_BRACKET_FOR_COLON = re.compile(r"\s*(?:- +)*([\w-]+) +([{\[])")
_CLOSING = {"{": "}", "[": "]"}
_OPENED = {"while parsing a flow mapping": "{", "while parsing a flow sequence": "["}


def advice(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> tuple[yaml.Mark | None, str]:
    """Where the mistake is, which is not always where it was noticed; and what to say of it."""
    mark = error.problem_mark or error.context_mark
    problem, around = str(error.problem), f" {error.context}" if error.context else ""
    line = _line(lines, mark)
    if problem == "could not find expected ':'" and error.context_mark is not None:
        return error.context_mark, _colon_missing(_line(lines, error.context_mark)[error.context_mark.column :])
    if problem == "mapping values are not allowed here" and mark is not None:
        return mark, _colon_too_many(lines, mark)
    if problem.startswith(("expected <block end>", "expected '<document start>', but found '<block mapping start>'")):
        return mark, _block_broken(problem, line)
    if problem == "found character '\\t' that cannot start any token":
        return mark, "here is a tab; indentation is made of blanks"
    if problem == "found unexpected end of stream" and "quoted" in around and error.context_mark is not None:
        return error.context_mark, "this quote is never closed"
    if problem.startswith("found character") and "cannot start" in problem and mark is not None:
        return mark, f"a text that begins with {line[mark.column : mark.column + 1]} is put into quotes"
    if _BARE_REFERENCE.search(line):  # the likeliest mistake there is
        return mark, f'{problem}{around}; "${{...}}" is put into quotes'
    return mark, f"{problem}{around}{_opened(error)}"


def _opened(error: yaml.MarkedYAMLError) -> str:
    """Of brackets: one that was opened in an earlier line was probably not closed there."""
    opened = _OPENED.get(str(error.context))
    if opened is None or error.context_mark is None or error.problem_mark is None:
        return ""
    if error.context_mark.line == error.problem_mark.line:
        closed = str(error.problem).endswith(("'}'", "']'"))
        return f'; is a "{_CLOSING[opened] if closed else ","}" missing before it?'
    return f'; the "{opened}" is in line {error.context_mark.line + 1}'


def _line(lines: Sequence[str], mark: yaml.Mark | None) -> str:
    return lines[mark.line] if mark is not None and mark.line < len(lines) else ""


def _colon_missing(text: str) -> str:
    """`text` is what the key begins."""
    word = re.split(r"[,{}\[\]#]", text)[0].strip()
    if re.match(r"[\w-]+:\S", word):
        return 'a blank is missing after the ":"'
    return f'a ":" is missing after "{word[:60]}"'


def _colon_too_many(lines: Sequence[str], mark: yaml.Mark) -> str:
    """Of two in a line the first makes it a value, and so does what stands in the line above."""
    before = _line(lines, mark)[: mark.column]
    if ": " in before and not before.rstrip().endswith(":"):
        return _bracket_for_colon(before) or 'a text with ": " in it is put into quotes'
    above = next((line for line in reversed(lines[: mark.line]) if line.split("#")[0].strip()), "")
    if ":" not in above:
        return f'the line above lacks a ":" after "{above.strip().lstrip("- ")[:60]}"'
    return f"the line above has a value already; {_INDENTATION}"


def _bracket_for_colon(line: str) -> str:
    """`alice {streams: ...}` begins like a text."""
    found = _BRACKET_FOR_COLON.match(line)
    return f'a ":" is missing after "{found[1]}", before the "{found[2]}"' if found else ""


def _block_broken(problem: str, line: str) -> str:
    found = _FOUND.search(problem)
    what = found[1] if found is not None else ""
    if what in ("}", "]"):
        return _bracket_for_colon(line) or f'here is a "{what}" too many'
    if what == "?" or what == "<block mapping start>":
        dash = "" if line.lstrip().startswith("-") else ', and those of a list with "-"'
        return f"this line does not go on with what is above it; {_INDENTATION}{dash}"
    if what in ("<block sequence start>", "-"):
        return f"this line does not go on with what is above it; {_INDENTATION}"
    return f"this does not go on with what is before it; a text with signs in it is put into quotes ({problem})"
