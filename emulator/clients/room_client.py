"""The synthetic participant: a `RoomMember` that can say what it sees and hears."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from emulator.clients import watching
from emulator.clients.audio_reception import AudioReception
from emulator.clients.errors import ClientStateError
from emulator.clients.room_member import RoomMember
from emulator.clients.room_session import RoomSession, participant_id_of
from emulator.clients.subscription import ReceptionStatistics, Subscription
from emulator.clients.video_reception import DecodedFrame, Sighting

Who = RoomSession | str
"""Another client, or a participant id."""


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
        return await watching.see(
            self._finder(participant, key),
            _card_of(participant, key),
            f"{self.name} to see the card of {_named(participant, key)}",
            within=within,
        )

    async def sees_picture(self, participant: Who, key: str = "self", *, within: float = 5.0) -> Sighting:
        """A picture comes that is not black, whatever it shows: browsers have no test cards."""
        return await watching.see(
            self._finder(participant, key),
            lambda sighting: not sighting.black,
            f"{self.name} to see a picture from {_named(participant, key)}",
            within=within,
        )

    async def sees_black(self, participant: Who, key: str = "self", *, within: float = 5.0) -> Sighting:
        """A black picture comes: the fallback of a camera that is off."""
        return await watching.see(
            self._finder(participant, key),
            lambda sighting: sighting.black,
            f"{self.name} to see black from {_named(participant, key)}",
            within=within,
        )

    async def sees_not(
        self, participant: Who, key: str = "self", *, for_seconds: float = 1.0, within: float = 0.0
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, that card does not come."""
        await watching.stop_seeing(
            self._finder(participant, key),
            _card_of(participant, key),
            f"{self.name} not to see the card of {_named(participant, key)}",
            for_seconds=for_seconds,
            within=within,
        )

    async def frozen(
        self, participant: Who, key: str = "self", *, for_seconds: float = 1.0, within: float = 0.0
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, no picture comes at all."""
        await watching.stop_seeing(
            self._finder(participant, key),
            lambda _sighting: True,
            f"{self.name} to see no picture from {_named(participant, key)}",
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
        return await watching.frame_rate(
            self._finder(participant, key),
            f"{self.name} to see {_named(participant, key)}",
            at_least=at_least,
            at_most=at_most,
            over=over,
        )

    # -- hearing --------------------------------------------------------------------------------------------------

    async def hears(self, who: RoomSession | int, *, within: float = 5.0, through: Subscription | None = None) -> float:
        """That client's tone (or the tone with that index) is in the mixed audio, or in one subscription's.

        Returns its level in dBFS. Raises ClientStateError for the mixed audio of a client made with `listens=False`.
        """
        return await watching.hear(
            self._ear(through), _tone_of(who), f"{self.name} to hear {_voice(who)}", within=within
        )

    async def hears_not(
        self,
        who: RoomSession | int,
        *,
        for_seconds: float = 1.0,
        within: float = 0.0,
        through: Subscription | None = None,
    ) -> None:
        """For `for_seconds`, which begin after `within` seconds at the latest, that tone is not to be heard."""
        await watching.stop_hearing(
            self._ear(through),
            _tone_of(who),
            f"{self.name} not to hear {_voice(who)}",
            for_seconds=for_seconds,
            within=within,
        )

    # -- finding --------------------------------------------------------------------------------------------------

    def _finder(self, participant: Who, key: str) -> watching.FindSubscription:
        """Looked up anew each time: a subscription may come, or come again, while an assertion waits."""
        return functools.partial(self._find, (participant_id_of(participant), key))

    def _find(self, place: tuple[str, str]) -> Subscription | None:
        return self.subscriptions.get(place)

    def _ear(self, through: Subscription | None) -> AudioReception:
        if through is not None:
            return through.heard
        if not self._listens:
            raise ClientStateError(f"{self.name}: made with listens=False, it is not sent the mixed audio")
        return self.heard


def _card_of(participant: Who, key: str) -> functools.partial[bool]:
    return functools.partial(_shows, participant_id_of(participant), key)


def _shows(participant_id: str, key: str, sighting: Sighting) -> bool:
    reading = sighting.reading
    return reading is not None and reading.participant_id == participant_id and reading.key == key


def _named(participant: Who, key: str) -> str:
    return f"{participant if isinstance(participant, str) else participant.name}/{key}"


def _tone_of(who: RoomSession | int) -> int:
    if isinstance(who, RoomSession):
        return who.tone
    if isinstance(who, int):
        return who
    raise TypeError(f"expected a client or the index of a tone (an id does not tell its tone), got {who!r:.60}")


def _voice(who: RoomSession | int) -> str:
    return "a tone" if isinstance(who, int) else who.name
