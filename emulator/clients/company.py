"""The company a client is in: what the others are called, and who is meant by a name, an id or a tone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from emulator.values import value_class

NAMES = ("username", "name", "displayName", "display_name", "userName", "nickname")
"""Members of a context that tell people apart, the most likely first; apps choose them freely."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Known(Protocol):
    """Somebody of whom more is known than a room tells; `tone` is None of who has none."""

    @property
    def participant_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def tone(self) -> int | None: ...


@value_class(frozen=True, slots=True)
class Person:
    """`tone` is the index of the chord by which a synthetic participant is heard; None of others."""

    participant_id: str
    name: str
    tone: int | None = None


class Company:
    """Of one client. `present` gives the contexts of those in the room, by id; `met` of those who have come so far."""

    def __init__(
        self,
        present: Callable[[], Mapping[str, str | None]],
        met: Callable[[], Mapping[str, str | None]],
    ) -> None:
        self.known: Callable[[], Iterable[Known]] = tuple
        """Whoever made the others knows their names and tones."""
        self._present = present
        self._met = met

    def name_of(self, participant_id: str) -> str:
        """The id itself of somebody who was never there."""
        for one in self.known():
            if one.participant_id == participant_id:
                return one.name
        everybody = {**self._met(), **self._present()}
        return named(everybody[participant_id], participant_id) if participant_id in everybody else participant_id

    def is_present(self, participant_id: str) -> bool:
        return participant_id in self._present()

    def id_of(self, name: str) -> str | None:
        """Who is in the room under this name, else whoever had it last. An id stands for itself."""
        present = self._present()
        if is_id(name) or name in present:
            return name
        known, met = tuple(self.known()), self._met()
        ids = {one.participant_id for one in known if one.name == name}
        ids.update(one for one, context in {**met, **present}.items() if named(context, one) == name)
        return min(ids, key=lambda one: one not in present) if ids else None

    def tone_of(self, name: str) -> int | None:
        participant_id = self.id_of(name)
        return next((one.tone for one in self.known() if one.participant_id == participant_id), None)

    def voice(self, tone: int) -> str:
        """`carol (tone 1)`, or `tone 1` when nobody is known to have it."""
        name = next((one.name for one in self.known() if one.tone == tone), None)
        return f"tone {tone}" if name is None else f"{name} (tone {tone})"

    def there(self, *, but: str) -> str:
        """Who else is in the room: `there is alice`."""
        names = sorted({self.name_of(one) for one in self._present() if one != but})
        return f"there {'are' if len(names) > 1 else 'is'} {', '.join(names) or 'nobody else'}"


def is_id(text: str) -> bool:
    """Whether it has the form of one; a name that has it is nobody's."""
    return _UUID.fullmatch(text) is not None


def named(context: str | None, participant_id: str) -> str:
    """What people call a participant with this context; the beginning of the id if it says nothing."""
    try:
        told = json.loads(context or "")
    except ValueError:
        told = context
    if isinstance(told, Mapping):
        told = next((told[name] for name in NAMES if isinstance(told.get(name), str) and told[name]), None)
    return told[:60] if isinstance(told, str) and told else participant_id[:8]
