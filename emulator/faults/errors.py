"""What the core refuses.

FaultError
├── BadFault        a document is wrong: where, what was expected, what came
├── TooManyFaults   an account has as many rules as it may have
└── UnknownFault    no rule has this id
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

_MAX_SHOWN = 80


class FaultError(Exception):
    """Base of everything the core refuses; its text is fit for the user. What is refused changes nothing."""


class BadFault(FaultError):
    """`pointer` is a JSON pointer (RFC 6901) into the document, `suggestion` the word that was probably meant."""

    def __init__(self, pointer: str, expected: str, got: str, *, suggestion: str | None = None) -> None:
        meant = "" if suggestion is None else f"; did you mean {json.dumps(suggestion)}?"
        super().__init__(f"{pointer or 'The document'}: expected {expected}, got {got}{meant}")
        self.pointer = pointer
        self.expected = expected
        self.got = got
        self.suggestion = suggestion


class TooManyFaults(FaultError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An account has at most {limit} fault rules; remove some first.")
        self.limit = limit


class UnknownFault(FaultError):
    def __init__(self, rule_id: str) -> None:
        super().__init__(f"There is no fault rule with the id {shown(rule_id)}.")
        self.rule_id = rule_id


def misspelt(pointer: str, what: str, word: str, known: Iterable[str]) -> BadFault:
    """The error for a word that is none of the known ones. `what` is such as "a kind"."""
    names = sorted(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word[:_MAX_SHOWN].casefold(), folded, n=1)
    listed = ", ".join(names) or "there is none"
    return BadFault(pointer, f"{what} ({listed})", shown(word), suggestion=folded[near[0]] if near else None)


def below(pointer: str, name: str | int) -> str:
    """The pointer of a member, with what RFC 6901 section 3 escapes."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def shown(value: Any) -> str:
    """A value in a message, cut short; containers only by their kind, so that nothing big is written out."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        value = value[: _MAX_SHOWN + 1]
    elif value is not None and not isinstance(value, bool | float | int):
        return f"a {type(value).__name__}"  # from Python; JSON has no such thing
    elif isinstance(value, int) and value.bit_length() > 256:
        return "a huge integer"
    text = json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
