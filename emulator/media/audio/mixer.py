"""The mixer of a conference: everyone hears the others and not themselves (signaling.md, section 4.1).

Once per 20 ms `Mixer.tick` sums what the legs contribute, limits the sums, and encodes: once for all listeners who are
not part of the mix themselves, once for each who is. Silence is not encoded, nor anything for legs that do not receive.

A listener's decoder carries state from packet to packet, so moving to another encoder in mid-stream would be heard as a
burst. Hence each encoder that takes over is first fed the frames that went before (`WARM_FRAMES`), which CELT needs to
forget the difference (see opus.py); and a listener goes back to the common encoder only after that many frames in which
both encoders got the same input.

Threads: `tick` may run in a worker thread (libopus releases the GIL) while the loop's thread uses `receive`,
`set_muted` and `receiving` of legs, `add_leg`, `remove_leg` and `take_transitions`. One `tick` at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.activity import Talkers, Transition
from emulator.media.audio.leg import FLOOR_DBFS, HOLD_TICKS, SILENCE_DBFS, Leg, rise
from emulator.media.audio.limiter import limit
from emulator.media.audio.opus import BITRATE, COMPLEXITY, FRAME, OpusEncoder, Samples
from emulator.media.audio.pacer import PERIOD
from emulator.values import value_class

K = TypeVar("K", bound=Hashable)

WARM_FRAMES = 4  # frames after which two CELT encoders agree: 3 by measurement, and one to spare

_FADE_IN = rise(480)  # 10 ms: a listener's first sound


class MixerError(ValueError):
    """The mixer was asked for something that contradicts what it holds."""


@value_class(frozen=True, slots=True)
class MixedFrame(Generic[K]):
    """20 ms of Opus for one or more legs. Every receiving leg is in exactly one frame per tick."""

    leg_ids: tuple[K, ...]
    payload: bytes


class _Stream(Generic[K]):
    """One encode: an encoder, the limiter's memory for its mix, and who gets it."""

    def __init__(self, encoder: OpusEncoder | None) -> None:
        self.encoder = encoder
        self.peak = 0.0
        self.gain = 1.0
        self.fades_in = False  # this tick's frame is the first its listeners get
        self.same_for = 0  # frames in a row that equalled the common mix
        self.own: Samples | None = None  # what to leave out of this tick's mix
        self.members: list[Leg[K]] = []


class Mixer(Generic[K]):
    """See the module. `K` is whatever names a leg, such as an audiobridge participant id.

    floor, hold   dBFS below which, after `hold` ticks, a leg is no part of the mix; it then shares the common encode
    talkers       decides who talks; transitions are collected for `take_transitions`
    """

    def __init__(
        self,
        *,
        talkers: Talkers[K] | None = None,
        floor: float = FLOOR_DBFS,
        hold: int = HOLD_TICKS,
        bitrate: int = BITRATE,
        complexity: int = COMPLEXITY,
    ) -> None:
        self._talkers: Talkers[K] = talkers or Talkers()
        self._floor = floor
        self._hold = hold
        self._bitrate = bitrate
        self._complexity = complexity
        self._lock = threading.Lock()  # guards the next two and the transitions
        self._legs: dict[K, Leg[K]] = {}
        self._leaving: list[Leg[K]] = []
        self._transitions: list[Transition[K]] = []
        self._common: _Stream[K] = _Stream(None)
        self._streams: dict[Leg[K], _Stream[K]] = {}
        self._history: deque[Samples] = deque(maxlen=WARM_FRAMES)  # the common mix, limited
        self._ticks = 0
        self.encodes = 0  # packets made since the start, without those for warming up

    def add_leg(self, leg_id: K) -> Leg[K]:
        """A new leg that sends and receives nothing yet. MixerError if there is one of that id."""
        with self._lock:
            if leg_id in self._legs:
                raise MixerError(f"add_leg: there is a leg {leg_id!r} already")
            leg = self._legs[leg_id] = Leg(leg_id, floor=self._floor, hold=self._hold)
        return leg

    def remove_leg(self, leg_id: K) -> None:
        """Gets no further frame; its voice fades out with the next tick. MixerError if there is none of that id."""
        with self._lock:
            leg = self._legs.pop(leg_id, None)
            if leg is None:
                raise MixerError(f"remove_leg: there is no leg {leg_id!r}")
            leg.leave()
            self._leaving.append(leg)

    def take_transitions(self) -> list[Transition[K]]:
        """Who began or stopped to talk since the last call, in order."""
        with self._lock:
            taken, self._transitions = self._transitions, []
        return taken

    def tick(self) -> list[MixedFrame[K]]:
        """Mixes the next 20 ms: one frame for each distinct mix, the common one first."""
        with self._lock:
            legs = list(self._legs.values())
            leaving, self._leaving = self._leaving, []
        contributions = self._contributions(legs, leaving)
        listeners = [leg for leg in legs if leg.receiving]
        streams = self._assign(listeners, contributions)
        mixes = self._mix(streams, contributions)
        frames = [
            MixedFrame(tuple(leg.id for leg in stream.members), self._encode(stream, mix))
            for stream, mix in zip(streams, mixes, strict=True)
            if stream.members
        ]
        if not self._common.members:
            self._common.encoder = None  # nobody follows it: who comes next starts from a warmed one
        self._history.append(mixes[0].copy())
        return frames

    def _contributions(self, legs: Sequence[Leg[K]], leaving: Sequence[Leg[K]]) -> dict[Leg[K], Samples]:
        self._ticks += 1
        now = self._ticks * PERIOD
        contributions: dict[Leg[K], Samples] = {}
        transitions: list[Transition[K] | None] = []
        for leg in leaving:
            frame = leg.contribution()
            if frame is not None:
                contributions[leg] = frame
            transitions.append(self._talkers.forget(leg.id))
            self._streams.pop(leg, None)
        watches = self._talkers.watches
        for leg in legs:
            frame = leg.contribution()
            if frame is not None:
                contributions[leg] = frame
            elif not watches(leg.id):
                continue  # quiet, and was so before: most legs, mostly
            transitions.append(self._talkers.observe(leg.id, SILENCE_DBFS if leg.muted else leg.level, now))
        transitions += self._talkers.expire(now)
        happened = [transition for transition in transitions if transition is not None]
        if happened:
            with self._lock:
                self._transitions += happened
        return contributions

    def _assign(self, listeners: Sequence[Leg[K]], contributions: dict[Leg[K], Samples]) -> list[_Stream[K]]:
        """Decides which stream each listener gets. The common stream is the first of the result, wanted or not."""
        common = self._common
        common.members = []
        newcomers: _Stream[K] | None = None
        before, self._streams = self._streams, {}
        used: dict[_Stream[K], None] = {common: None}
        for leg in listeners:
            stream = before.get(leg)
            own = contributions.get(leg)
            if own is not None:
                if stream is None:
                    stream = self._fresh()
                elif stream is common or len(stream.members) > 1:
                    stream = self._warmed()
                stream.own, stream.same_for = own, 0
            elif stream is None:
                if newcomers is None:
                    newcomers = self._fresh()
                stream = newcomers
            elif stream is not common:
                stream.own = None
            self._streams[leg] = stream
            used[stream] = None
        for stream in used:
            stream.members = []
        for leg, stream in self._streams.items():
            if stream is not common and stream.same_for >= WARM_FRAMES:
                stream = self._streams[leg] = common
            stream.members.append(leg)
        if common.members and common.encoder is None:
            common.encoder = self._encoder()
            self._warm(common.encoder)
        return [stream for stream in used if stream is common or stream.members]

    def _mix(self, streams: Sequence[_Stream[K]], contributions: dict[Leg[K], Samples]) -> NDArray[np.float32]:
        mixes = np.zeros((len(streams), FRAME), dtype=np.float32)
        if contributions:
            total = np.sum(list(contributions.values()), axis=0, dtype=np.float32)
            mixes[:] = total
        common = streams[0]
        for stream, mix in zip(streams[1:], mixes[1:], strict=True):
            if stream.own is not None:
                mix -= stream.own
                if len(contributions) == 1:
                    mix[:] = 0
            else:
                stream.peak = common.peak  # the same mix from here on: let the limiter come to the same gain
                stream.same_for += 1
        peaks = np.array([stream.peak for stream in streams])
        gains = np.array([stream.gain for stream in streams])
        mixes, peaks, gains = limit(mixes, peaks, gains)
        for stream, mix, peak, gain in zip(streams, mixes, peaks, gains, strict=True):
            stream.peak, stream.gain = float(peak), float(gain)
            if stream.fades_in:
                mix[: _FADE_IN.size] *= _FADE_IN
                stream.fades_in = False
        return mixes

    def _fresh(self) -> _Stream[K]:
        """For those whose decoder is as new as the encoder."""
        stream: _Stream[K] = _Stream(self._encoder())
        stream.peak, stream.gain = self._common.peak, self._common.gain
        stream.fades_in = True
        return stream

    def _warmed(self) -> _Stream[K]:
        """For one who heard the common stream until now."""
        stream = self._fresh()
        stream.fades_in = False
        assert stream.encoder is not None
        self._warm(stream.encoder)
        return stream

    def _warm(self, encoder: OpusEncoder) -> None:
        for frame in self._history:
            encoder.encode(frame)

    def _encoder(self) -> OpusEncoder:
        return OpusEncoder(bitrate=self._bitrate, complexity=self._complexity)

    def _encode(self, stream: _Stream[K], mix: Samples) -> bytes:
        assert stream.encoder is not None  # every stream with members has one
        self.encodes += 1
        return stream.encoder.encode(mix)
