"""What a video packet's payload says that forwarding has to know: keyframes, VP8 picture ids."""

from __future__ import annotations

from emulator.media.rtp import h264
from emulator.media.rtp.errors import PayloadError
from emulator.media.rtp.inbound import MediaPacket
from emulator.media.rtp.vp8 import Vp8Descriptor

VIDEO_CODECS = ("vp8", "h264")


class VideoPayloads:
    """Reads one feed's video payloads; remembers picture ids, so as to extend short ones."""

    __slots__ = ("_last", "_last_head", "_last_picture_id", "_last_size")

    def __init__(self) -> None:
        self._last_picture_id = 0  # extended from 7 bits, for publishers that send those
        # The last descriptor: those of a frame's packets, but for its first one, are the same.
        self._last_head = b""
        self._last_size = 0
        self._last: Vp8Descriptor | None = None

    def read(
        self, data: bytes, start: int, end: int, accepted: tuple[int, int], marker: int, codec: str
    ) -> MediaPacket:
        """The packet with `accepted` sequence number and timestamp and the payload `data[start:end]`; codec is "vp8" or
        "h264". Raises PayloadError.
        """
        sequence, timestamp = accepted
        if start >= end:
            # A padding probe takes a sequence number. It is sent on, empty, so that nobody misses it.
            return MediaPacket(sequence, timestamp, marker, b"")
        if codec == "h264":
            payload = data[start:end]
            return MediaPacket(sequence, timestamp, marker, payload, h264.starts_keyframe(payload))
        tail_start = start + self._last_size
        head, vp8 = self._last_head, self._last
        if vp8 is None or data[start:tail_start] != head:  # no descriptor is the beginning of another one
            vp8 = Vp8Descriptor.parse(data, start)
            tail_start = start + vp8.length
            head = data[start:tail_start]
            if vp8.picture_id_bits == 7:
                head, self._last = self._widen_picture_id(vp8), None
            else:
                self._last_head, self._last_size, self._last = head, vp8.length, vp8
        if tail_start > end:
            raise PayloadError(f"VP8 payload descriptor is cut off after {end - start} bytes")
        tail = data[tail_start:end]
        # As vp8.starts_keyframe(), written out: this is done for every packet.
        keyframe = vp8.first & 0x17 == 0x10 and tail != b"" and not tail[0] & 1
        return MediaPacket(sequence, timestamp, marker, tail, keyframe, head, vp8)

    def _widen_picture_id(self, vp8: Vp8Descriptor) -> bytes:
        """Give the descriptor a 15-bit picture id, so that all that is sent on has one width. Returns its new bytes."""
        assert vp8.picture_id is not None
        step = ((vp8.picture_id - self._last_picture_id + 64) & 0x7F) - 64
        extended = (self._last_picture_id + step) & 0x7FFF
        if step > 0:
            self._last_picture_id = extended
        vp8.picture_id = extended
        vp8.picture_id_bits = 15
        return vp8.serialise()
