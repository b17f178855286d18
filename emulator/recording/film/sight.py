"""A recording's pictures, one after the other, each scaled to its place in the frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from emulator.recording.film.grid import Box
from emulator.recording.film.script import Appearance

Plane = NDArray[np.uint8]

STILL_SECS = 2.5
"""A picture stays until the next one comes, but no longer: then the camera is off."""

BLACK = (16, 128, 128)


@dataclass(frozen=True, slots=True)
class Picture:
    """The planes of a scaled picture, and the box they fill."""

    box: Box
    planes: tuple[Plane, Plane, Plane]


class Sight:
    """Decodes as far as it is asked for; what cannot be decoded is left out, and the picture before stays."""

    def __init__(self, appearance: Appearance) -> None:
        self.appearance = appearance
        self._container = av.open(appearance.path)
        self._frames = self._decoded()
        self._next: VideoFrame | None = None
        self._next_at = float("-inf")
        self._shown: VideoFrame | None = None
        self._shown_at = float("-inf")
        self._picture: Picture | None = None
        self._advance()

    def _decoded(self) -> Iterator[VideoFrame]:
        packets = self._container.demux(video=0)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue

    def _advance(self) -> None:
        self._shown, self._shown_at = self._next, self._next_at
        self._next = next(self._frames, None)
        at = None if self._next is None else self._next.time
        self._next_at = float("inf") if at is None else at + self.appearance.offset

    def at(self, time: float) -> Picture | None:
        """What is seen at that time of the film (never earlier than asked before); None for nothing."""
        while self._next_at <= time:
            self._advance()
            self._picture = None
        here = self.appearance
        if self._shown is None or not here.begin <= time < here.end or time - self._shown_at > STILL_SECS:
            return None
        if self._picture is None:
            box = here.box.fitted(self._shown.width, self._shown.height)
            self._picture = Picture(box, planes(self._shown.reformat(box.width, box.height, "yuv420p")))
        return self._picture

    def close(self) -> None:
        self._container.close()


def planes(frame: VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Views of a yuv420p frame with even sides."""
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        found.append(rows[: plane.height, : plane.width])
    return found[0], found[1], found[2]


def draw(picture: Picture, canvas: tuple[Plane, Plane, Plane]) -> None:
    """Put it into the frame, as far as it lies in it."""
    for share, part, whole in zip((1, 2, 2), picture.planes, canvas, strict=True):
        x, y = picture.box.x // share, picture.box.y // share
        left, top = max(0, -x), max(0, -y)
        right, bottom = min(part.shape[1], whole.shape[1] - x), min(part.shape[0], whole.shape[0] - y)
        if left < right and top < bottom:
            whole[y + top : y + bottom, x + left : x + right] = part[top:bottom, left:right]
