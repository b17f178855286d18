"""What a participant says into the mixed audio: its one audio track, or several mixed (signaling.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emulator.clients.audio_track import AudioTrack, EncodedBlock, TimedBlock, encode_block
from emulator.clients.silence_gate import BARE, SILENT_LEVEL, SilenceGate
from emulator.clients.sources.base import FRAME_SAMPLES
from emulator.media.audio.opus import SILENCE, OpusEncoder
from emulator.media.audio.pacer import PERIOD


class MixInput:
    """Passes one track's packets on as they are; of several it sends the sum, whenever one of them has a packet."""

    def __init__(self, send: Callable[[TimedBlock], None]) -> None:
        self._send = send
        self._tracks: dict[str, AudioTrack] = {}
        self._newest: dict[str, TimedBlock] = {}  # key -> the track's newest block
        self._sinks: dict[str, Callable[[TimedBlock], None]] = {}
        self._encoder: OpusEncoder | None = None
        self._slot = -1  # the last period of which the sum was sent
        self._gate = SilenceGate()  # of what is sent: it only counts

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
        self._newest[key] = block
        if len(self._newest) > 1:
            silent = block.encoded.level == SILENT_LEVEL
            if silent and any(each.encoded.level != SILENT_LEVEL for each in self._newest.values()):
                return  # those who say something keep the beat
            slot = round(block.at / PERIOD)
            if slot <= self._slot:
                return
            self._slot = slot
            block = TimedBlock(block.number, block.at, self._mixed(block.at))
        else:
            self._encoder = None
        self._send(self._whole(block))

    def _whole(self, block: TimedBlock) -> TimedBlock:
        """A silence begins whole here, too: whoever is left alone may have been silent for long (`silence_gate.py`)."""
        packet, level = block.encoded.packet, block.encoded.level
        self._gate.note(packet, level)
        if len(packet) < BARE and not self._gate.at_rest:
            return block._replace(encoded=EncodedBlock(SILENCE, level))
        return block

    def _mixed(self, at: float) -> EncodedBlock:
        """The sum of what all tracks say at that time, whether or not their own timers have fired already."""
        if self._encoder is None:
            self._encoder = OpusEncoder()
        total = np.zeros(FRAME_SAMPLES, np.int32)
        for key, newest in self._newest.items():
            number = max(0, newest.number + round((at - newest.at) / PERIOD))
            total += self._tracks[key].samples(number)
        return encode_block(self._encoder, np.clip(total, -32768, 32767).astype(np.int16))
