"""Who takes part: participants, what they can publish, and what they watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Word

MODERATOR = "moderator"
"""Stands for whoever holds the API key; nobody of the cast can have this name."""


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """A source of `emulator.clients.sources.registry` and its options, times in seconds and bitrates in bit/s."""

    source: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream somebody can publish; a medium that is None is not there."""

    key: str
    video: MediaSpec | None
    audio: MediaSpec | None


@dataclass(frozen=True, slots=True)
class StreamName:
    """A stream as scenarios write it: `alice/self`, or `alice` when she has just one (`key` is None then)."""

    participant: Word
    key: str | None

    @property
    def mark(self) -> Mark:
        return self.participant.mark

    def __str__(self) -> str:
        return self.participant.text if self.key is None else f"{self.participant}/{self.key}"


Policy = Literal["all", "none"]
Kind = Literal["web", "telephone"]


@dataclass(frozen=True, slots=True)
class Participant:
    """`index` counts the order of declaration and picks the tone; `context` is the text sent at joining. `messages`
    says whether messages are wanted; None: if there are any in the scenario. A telephone only speaks and hears.
    """

    name: str
    index: int
    mark: Mark
    context: str | None = None
    streams: Mapping[str, StreamSpec] = field(default_factory=dict)
    subscribe: Policy | tuple[StreamName, ...] = "none"
    messages: bool | None = None
    kind: Kind = "web"

    @property
    def takes_messages(self) -> bool:
        return self.messages is not False

    @property
    def telephone(self) -> bool:
        """Somebody who calls in: heard in the mix, not seen, and seeing nothing."""
        return self.kind == "telephone"

    def watches(self, participant: str, key: str) -> bool:
        """Whether the subscription by declaration takes in this stream."""
        if isinstance(self.subscribe, str):
            return self.subscribe == "all"
        return any(name.participant.text == participant and name.key in (None, key) for name in self.subscribe)


class Cast:
    """All participants, in the order of declaration."""

    def __init__(self, participants: Mapping[str, Participant]) -> None:
        self._participants = dict(participants)

    def __iter__(self) -> Iterator[Participant]:
        return iter(self._participants.values())

    def __len__(self) -> int:
        return len(self._participants)

    def __contains__(self, name: object) -> bool:
        return name in self._participants

    def __getitem__(self, name: str) -> Participant:
        return self._participants[name]

    def with_messages(self, wanted: bool) -> Cast:
        """The same people; those who do not say whether they want messages, want them as told."""
        return Cast(
            {
                name: who if who.messages is not None else replace(who, messages=wanted)
                for name, who in self._participants.items()
            }
        )

    def names(self) -> list[str]:
        return list(self._participants)

    def find(self, name: Word, issues: Issues) -> Participant:
        """Raises Misread, noting who there is."""
        if name.text not in self._participants:
            raise issues.unknown(name, "participant", self._participants)
        return self._participants[name.text]

    def find_key(self, participant: str, key: Word, issues: Issues) -> StreamSpec:
        """The stream a participant declares under this key. Raises Misread."""
        streams = self._participants[participant].streams
        if key.text not in streams:
            if not streams:
                raise issues.misread(key.mark, f'unknown stream "{key}"; {participant} declares no streams')
            raise issues.unknown(key, "stream", streams, where=f" of {participant}")
        return streams[key.text]

    def find_stream(self, name: StreamName, issues: Issues) -> StreamSpec:
        """Raises Misread, also when a bare participant's name could mean several streams."""
        participant = self.find(name.participant, issues)
        if participant.telephone:
            raise issues.misread(name.mark, f"{participant.name} is a telephone: it is heard, and has no stream")
        if name.key is not None:
            return self.find_key(participant.name, Word(name.key, name.mark), issues)
        if len(participant.streams) != 1:
            declared = ", ".join(f"{participant.name}/{key}" for key in participant.streams) or "none"
            raise issues.misread(
                name.mark, f"which stream of {participant.name}? Expected participant/key; declared: {declared}"
            )
        return next(iter(participant.streams.values()))

    def key_of(self, name: StreamName) -> str:
        """The stream key meant by a name that has been checked."""
        return name.key if name.key is not None else next(iter(self[name.participant.text].streams))
