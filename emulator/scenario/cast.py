"""Who takes part: participants, what they can publish, and what they watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Word

MODERATOR = "moderator"
"""Stands for whoever holds the API key; nobody of the cast can have this name."""

STAGE = "stage"
"""Who does what nobody of the cast does: faults, waiting, notes. Nor can anybody have this name."""


RESERVED = frozenset(
    (
        *(
            MODERATOR,
            STAGE,
            "note",
            "wait",
            "wait_for",
            "fault",
            "impair",
            "clock",
            "repeat",
            "parallel",
            "span",
            "expect",
        ),
        *(
            "events",
            "latency",
            "rest",
            "sessions",
            "participants",
            "streams",
            "statistics",
            "webhooks",
            "room",
            "event",
        ),
    )
)
"""Words that stand where a participant's name would; a test compares them with the registries."""


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
class Ramp:
    """How the members of a group come: `every` so many seconds one, and each later by a time drawn from `jitter`."""

    every: float = 0.0
    jitter: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A habit of `emulator.clients.behaviours.registry` and its options, times in seconds."""

    word: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Participant:
    """`index` counts the order of declaration and picks the tone; `context` is the text sent at joining. `messages`
    says whether messages are wanted; None: if there are any in the scenario. A telephone only speaks and hears.
    Who does not listen is not sent the mixed audio.

    `watched` are the media that a subscription by declaration takes. `vary` is drawn anew for each member of a group: a
    key of the context and the kind of its value (see `variation`). `token_ttl` is in seconds; None: the token does
    not run out.

    A group stands for its `members`, who are called `crowd[0]`, `crowd[1]`, ...; members are like it in all but names.
    """

    name: str
    index: int
    mark: Mark
    context: str | None = None
    streams: Mapping[str, StreamSpec] = field(default_factory=dict)
    subscribe: Policy | tuple[StreamName, ...] = "none"
    messages: bool | None = None
    listens: bool = True
    kind: Kind = "web"
    watched: tuple[str, ...] = ("audio", "video")
    token_ttl: int | None = None
    behaviours: tuple[Behaviour, ...] = ()
    vary: Mapping[str, str] = field(default_factory=dict)
    ramp: Ramp = Ramp()
    members: tuple[str, ...] = ()

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
        whose = (participant, group_of(participant))
        return any(name.participant.text in whose and name.key in (None, key) for name in self.subscribe)


def group_of(name: str) -> str:
    """The group that a member's name says it is of; the name itself, if it is not a member's."""
    return name.partition("[")[0]


class Cast:
    """All participants, in the order of declaration; groups can be asked for by name, and are not among them."""

    def __init__(self, participants: Mapping[str, Participant]) -> None:
        """`participants` are single people and groups, whose members are made here."""
        self._participants: dict[str, Participant] = {}
        self._groups: dict[str, Participant] = {}
        for who in participants.values():
            if not who.members:
                self._participants[who.name] = replace(who, index=len(self._participants))
                continue
            self._groups[who.name] = who
            for name in who.members:
                self._participants[name] = replace(who, name=name, index=len(self._participants), members=())

    def members(self, name: str) -> tuple[str, ...]:
        """Who is meant by a name: the members of a group, or the one of that name."""
        return self._groups[name].members if name in self._groups else (name,)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self._groups)

    def __iter__(self) -> Iterator[Participant]:
        return iter(self._participants.values())

    def __len__(self) -> int:
        return len(self._participants)

    def __contains__(self, name: object) -> bool:
        return name in self._participants or name in self._groups

    def __getitem__(self, name: str) -> Participant:
        """A participant or a group."""
        return self._groups[name] if name in self._groups else self._participants[name]

    def with_messages(self, wanted: bool) -> Cast:
        """The same people; those who do not say whether they want messages, want them as told."""
        alone = (who for who in self._participants.values() if group_of(who.name) not in self._groups)
        people = sorted((*self._groups.values(), *alone), key=lambda who: self[self.members(who.name)[0]].index)
        return Cast({who.name: who if who.messages is not None else replace(who, messages=wanted) for who in people})

    def names(self) -> list[str]:
        return list(self._participants)

    def find(self, name: Word, issues: Issues) -> Participant:
        """Raises Misread, noting who there is."""
        if name.text in self:
            return self[name.text]
        group = group_of(name.text)
        if group in self._groups:
            last = len(self._groups[group].members) - 1
            raise issues.misread(name.mark, f'there is no "{name}"; {group} has members {group}[0] to {group}[{last}]')
        alone = [who for who in self._participants if group_of(who) not in self._groups]
        raise issues.unknown(name, "participant", (*alone, *self._groups))

    def find_key(self, participant: str, key: Word, issues: Issues) -> StreamSpec:
        """The stream a participant declares under this key. Raises Misread."""
        streams = self[participant].streams
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
