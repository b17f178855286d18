"""All impairments of one participant: the line that their connections share."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict

from emulator.faults.rule import generator
from emulator.faults.values import Json
from emulator.media.impairments.document import Direction, Draft
from emulator.media.impairments.hop import Datagram, Hop, arrive
from emulator.media.transport.parameters import Scheduler


class ActiveImpairment:
    """One impairment at work, with a hop for each direction that it is meant for.

    Draws are keyed by seed, id and direction: neither other impairments nor the other direction change them.
    """

    def __init__(self, impairment_id: str, draft: Draft, scheduler: Scheduler) -> None:
        self.id = impairment_id
        self.draft = draft
        self.hops = {way: self._hop(way, scheduler) for way in draft.directions}
        self._time = scheduler.time
        self._ends_at = None if draft.for_secs is None else scheduler.time() + draft.for_secs

    def _hop(self, way: Direction, scheduler: Scheduler) -> Hop:
        rng: random.Random = generator(self.draft.seed, self.id, way)
        hop = Hop(scheduler, rng, takes_all=self.draft.impairment.traffic == "all")
        hop.carry = self.draft.impairment.begin(hop)
        return hop

    def as_json(self) -> Json:
        """The document that makes the same one again, and what it has done."""
        draft = self.draft
        document: Json = {
            "id": self.id,
            "participant_id": draft.participant_id,
            "direction": draft.direction,
            "kind": draft.kind.word,
            "parameters": draft.kind.write(draft.impairment),
            "seed": draft.seed,
            **{way: asdict(hop.stats) for way, hop in self.hops.items()},
        }
        if self._ends_at is not None:
            document["for_secs"] = draft.for_secs
            document["remaining_secs"] = max(0.0, round(self._ends_at - self._time(), 3))
        return document


class ParticipantLine:
    """Passes datagrams through the hops of each direction, in the order in which the impairments were added.

    Fits `emulator.media.transport.line.Line`.
    """

    def __init__(self) -> None:
        self._impairments: list[ActiveImpairment] = []
        self._enter = {"up": arrive, "down": arrive}

    @property
    def empty(self) -> bool:
        return not self._impairments

    def add(self, impairment: ActiveImpairment) -> None:
        self._impairments.append(impairment)
        self._join()

    def remove(self, impairment: ActiveImpairment) -> None:
        """What it holds back goes on at once."""
        self._impairments.remove(impairment)
        self._join()
        for hop in impairment.hops.values():
            hop.close()

    def _join(self) -> None:
        for way in self._enter:
            following = arrive
            for impairment in reversed(self._impairments):
                for direction, hop in impairment.hops.items():
                    if direction == way:
                        hop.onward = following
                        following = hop.enter
            self._enter[way] = following

    def up(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        self._enter["up"](Datagram(size, is_media, deliver))

    def down(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        self._enter["down"](Datagram(size, is_media, deliver))
