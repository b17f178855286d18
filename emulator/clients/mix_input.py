"""What a participant says into the mixed audio: its one audio track, or several mixed (signaling.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emulator.clients.audio_track import AudioTrack, EncodedBlock, TimedBlock, encode_block
from emulator.media.audio.opus import OpusEncoder


class MixInput:
    """Passes one track's packets on as they are; of several it sends the sum, in step with the one that came first."""

    def __init__(self, send: Callable[[TimedBlock], None]) -> None:
        self._send = send
        self._tracks: dict[str, AudioTrack] = {}
        self._newest: dict[str, int] = {}  # key -> number of the track's newest block
        self._sinks: dict[str, Callable[[TimedBlock], None]] = {}
        self._encoder: OpusEncoder | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The stream keys whose audio goes into the mix."""
        return tuple(self._tracks)

    def put(self, key: str, track: AudioTrack) -> None:
        """This stream's audio is `track` from now on."""
        self.remove(key)

        def sink(block: TimedBlock) -> None:
            self._receive(key, block)

        self._tracks[key] = track
        self._sinks[key] = sink
        track.sinks.append(sink)

    def remove(self, key: str) -> None:
        """This stream says nothing any more. Unknown keys are fine."""
        track = self._tracks.pop(key, None)
        if track is not None:
            track.sinks.remove(self._sinks.pop(key))
            self._newest.pop(key, None)

    def close(self) -> None:
        for key in self.keys:
            self.remove(key)

    def _receive(self, key: str, block: TimedBlock) -> None:
        self._newest[key] = block.number
        if key != next(iter(self._tracks)):
            return
        if len(self._newest) > 1:
            block = TimedBlock(block.number, block.at, self._mixed())
        else:
            self._encoder = None
        self._send(block)

    def _mixed(self) -> EncodedBlock:
        if self._encoder is None:
            self._encoder = OpusEncoder()
        blocks = [self._tracks[key].samples(number).astype(np.int32) for key, number in self._newest.items()]
        return encode_block(self._encoder, np.clip(np.sum(blocks, axis=0), -32768, 32767).astype(np.int16))
