"""The synthetic participant: a `RoomMember` that can say what it sees and hears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.clients import listening, watching
from emulator.clients.audio_reception import AudioReception
from emulator.clients.company import Person
from emulator.clients.errors import ClientStateError
from emulator.clients.room_member import RoomMember
from emulator.clients.room_session import RoomSession, participant_id_of
from emulator.clients.subscription import ReceptionStatistics, Subscription
from emulator.clients.target import Target
from emulator.clients.video_reception import DecodedFrame, Sighting

Who = RoomSession | Person | str
"""Another client, somebody who is known, a participant id, or the name of somebody in the room."""
Voice = RoomSession | Person | int | str
"""Another client, somebody whose tone is known, also by name, or the index of a tone."""


class RoomClient(RoomMember):
    """Joins a room like a browser with the official SDK, and watches what comes.

    The assertions (`sees`, `hears`, ...) wait; they count only what arrives after the call. A failed one raises
    AssertionError that says what was expected, what came closest, and when.
    """

    # -- what came ------------------------------------------------------------------------------------------------

    def subscription(self, participant: Who, key: str = "self") -> Subscription:
        """Raises ClientStateError when there is none."""
        found = self.subscriptions.get((participant_id_of(participant), key))
        if found is None:
            raise ClientStateError(f"{self.name} is not subscribed to {_named(participant, key)}")
        return found

    def frames(self, participant: Who, key: str = "self") -> tuple[DecodedFrame, ...]:
        """The last decoded pictures of a subscription, oldest first; 8 at most. Raises ClientStateError."""
        return self.subscription(participant, key).frames

    def statistics(self, participant: Who, key: str = "self") -> ReceptionStatistics:
        """Raises ClientStateError."""
        return self.subscription(participant, key).statistics

    def audio(self, seconds: float = 1.0) -> NDArray[np.float32]:
        """The last of the mixed audio: mono, 48 kHz, -1 to 1; 10 s at most. Raises ClientStateError."""
        return self._ear(None).samples(seconds=seconds)

    # -- seeing ---------------------------------------------------------------------------------------------------

    async def sees(self, participant: Who, key: str = "self", *, within: float = 5.0) -> Sighting:
        """A picture with that stream's own test card comes."""
        target = self._target(participant, key)
        return await watching.see(target, target.shows, f"{self.name} to see the card of {target}", within=within)

    async def sees_picture(self, participant: Who, key: str = "self", *, within: float = 5.0) -> Sighting:
        """A picture comes that is not black, whatever it shows: browsers have no test cards."""
        target = self._target(participant, key)
        expectation = f"{self.name} to see a picture from {target}"
        return await watching.see(target, lambda sighting: not sighting.black, expectation, within=within)

    async def sees_black(self, participant: Who, key: str = "self", *, within: float = 5.0) -> Sighting:
        """A black picture comes: the fallback of a camera that is off."""
        target = self._target(participant, key)
        expectation = f"{self.name} to see black from {target}"
        return await watching.see(target, lambda sighting: sighting.black, expectation, within=within)

    async def sees_not(
        self, participant: Who, key: str = "self", *, for_seconds: float = 1.0, within: float = 0.0
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, that card does not come."""
        target = self._target(participant, key)
        await watching.stop_seeing(
            target,
            target.shows,
            f"{self.name} not to see the card of {target}",
            for_seconds=for_seconds,
            within=within,
        )

    async def frozen(
        self, participant: Who, key: str = "self", *, for_seconds: float = 1.0, within: float = 0.0
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, no picture comes at all."""
        target = self._target(participant, key)
        await watching.stop_seeing(
            target,
            lambda _sighting: True,
            f"{self.name} to see no picture from {target}",
            for_seconds=for_seconds,
            within=within,
        )

    async def frame_rate(
        self,
        participant: Who,
        key: str = "self",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        over: float = 2.0,
    ) -> float:
        """Decoded pictures per second, measured over the next `over` seconds."""
        target = self._target(participant, key)
        return await watching.frame_rate(
            target, f"{self.name} to see {target}", at_least=at_least, at_most=at_most, over=over
        )

    # -- hearing --------------------------------------------------------------------------------------------------

    async def hears(self, who: Voice, *, within: float = 5.0, through: Subscription | None = None) -> float:
        """That client's tone (or the tone with that index) is in the mixed audio, or in one subscription's.

        Returns its level in dBFS. Raises ClientStateError for the mixed audio of a client made with `listens=False`.
        """
        tone, named = self._tone(who)
        return await listening.hear(
            self._ear(through), tone, f"{self.name} to hear {named}", within=within, voice=self.company.voice
        )

    async def hears_not(
        self,
        who: Voice,
        *,
        for_seconds: float = 1.0,
        within: float = 0.0,
        through: Subscription | None = None,
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, that tone is not to be heard."""
        tone, named = self._tone(who)
        await listening.stop_hearing(
            self._ear(through), tone, f"{self.name} not to hear {named}", for_seconds=for_seconds, within=within
        )

    # -- finding --------------------------------------------------------------------------------------------------

    @property
    def why_blind(self) -> str:
        """Why no picture can ever come; empty if one can."""
        if self.kind == "telephone":
            return f"{self.name} is a telephone, which hears the mixed audio and sees nothing"
        return f"{self.name} is no longer in the room" if self.status == "disconnected" else ""

    @property
    def subscribes(self) -> bool:
        """Whether a subscription is under way."""
        return self._subscribing is not None and self._subscribing.pending

    def _target(self, who: Who, key: str) -> Target:
        """Raises TypeError."""
        if isinstance(who, RoomSession):
            return Target(self, who.participant_id, who.name, key, lambda: who.status == "disconnected")
        person = who if isinstance(who, str) else getattr(who, "participant_id", None)
        if not isinstance(person, str):
            raise TypeError(f"expected a participant, its id or its name, got {who!r:.60}")
        name = self.company.name_of(person)
        return Target(self, person, name, key, lambda: False)  # of an id or a name: its owner may come again

    def _tone(self, who: Voice) -> tuple[int, str]:
        """The tone's index, and what to call it. Raises TypeError."""
        if isinstance(who, int):
            return who, self.company.voice(who)
        tone = self.company.tone_of(who) if isinstance(who, str) else getattr(who, "tone", None)
        if not isinstance(tone, int):
            raise TypeError(f"expected somebody whose tone is known, or the index of a tone, got {who!r:.60}")
        return tone, f"{who.name} (tone {tone})" if not isinstance(who, str) else self.company.voice(tone)

    def _ear(self, through: Subscription | None) -> AudioReception:
        if through is not None:
            return through.heard
        if not self._listens:
            raise ClientStateError(f"{self.name}: made with listens=False, it is not sent the mixed audio")
        return self.heard


def _named(participant: Who, key: str) -> str:
    return f"{participant if isinstance(participant, str) else participant.name}/{key}"
