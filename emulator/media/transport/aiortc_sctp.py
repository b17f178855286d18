"""aiortc's SCTP (RFC 9260), with what it lacks: word of its end, several chunks in a packet, and a short way for short
messages.

Nearly all that goes through a data channel is one whole message in order, and what it sets off: those packets are read
and written here. Everything else (the way up and down, fragments, losses, other kinds of chunks) is aiortc's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from struct import Struct
from typing import Any, cast

from aiortc import rtcsctptransport as aiortc
from aiortc.rtcdatachannel import RTCDataChannel
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import Chunk, DataChunk, RTCSctpTransport, SackChunk
from google_crc32c import value as crc32c

from .dtls import DATA_LIMIT
from .parameters import DtlsRole

PACKET_LIMIT = aiortc.SCTP_MAX_PACKET_LENGTH
"""Bytes; chunks are put together up to that. With all that is around it, it passes every IPv6 path (RFC 8200 5)."""

_DATA, _SACK = DataChunk.type, SackChunk.type
_WHOLE = aiortc.SCTP_DATA_FIRST_FRAG | aiortc.SCTP_DATA_LAST_FRAG
_COMMON_HEADER_BYTES = 12
_HEADER = Struct("!HHL")
_CHECKSUM = Struct("<L")
_CHUNK = Struct("!BBH")
_DATA_HEADER = Struct("!LHHL")  # TSN, stream, number in the stream, payload protocol
_PLAIN_SACK = Struct("!BBHLLHH")  # type, flags, length, cumulative TSN, window, no gaps, no duplicates

Ended = Callable[[bool], None]


class Dtls:
    """What aiortc's SCTP expects of the DTLS under it. Sending never waits."""

    state = "connected"

    def __init__(self, send: Callable[[bytes], object], role: DtlsRole) -> None:
        self.send = send
        self._role = role.value  # aiortc reads it: the DTLS client's channels have even numbers (RFC 8832 section 6)
        self.oversized = 0

    def _register_data_receiver(self, _receiver: object) -> None:
        """Packets are handed to `Transport.take`."""

    def _unregister_data_receiver(self, _receiver: object) -> None:
        """As above."""

    async def _send_data(self, packet: bytes) -> None:
        if len(packet) > DATA_LIMIT:  # a SACK that lists hundreds of gaps; the next one is shorter
            self.oversized += 1
            return
        self.send(packet)


class _Timers:
    """The event loop as aiortc's SCTP uses it. After the end no timer is started any more: a task that aiortc had
    under way would else begin to repeat, for ever, what nobody acknowledges.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self._loop = loop

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        timer = self._loop.call_later(delay, callback, *args)
        if self.ended:
            timer.cancel()
        return timer


class Transport(RTCSctpTransport):
    """One association. `on_end(established)` is called when it has come to its end.

    From `take` to `uncork`, DATA and the acknowledgement that is due wait, to leave together. What the other end
    acknowledges waits, too.
    """

    def __init__(self, dtls: Dtls, port: int, on_end: Ended) -> None:
        # Structurally the part of RTCDtlsTransport that SCTP uses.
        super().__init__(cast("RTCDtlsTransport", dtls), port)
        self._on_end = on_end
        self._dtls = dtls
        self._timers = _Timers(asyncio.get_running_loop())
        self._loop = cast("asyncio.AbstractEventLoop", self._timers)  # it only starts timers
        self._corked = False
        self._working = False
        self._acknowledged: list[SackChunk] = []
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    # -- what comes -----------------------------------------------------------------------------------------------

    def take(self, packet: bytes) -> None:
        """A packet from the other end. Raises whatever aiortc does at nonsense."""
        self._working = self._corked = True
        try:
            chunks = self._chunks(packet)
            if chunks is None:
                finish(self._handle_data(packet))
            else:
                for kind, flags, start, end in chunks:
                    if kind == _SACK:
                        self._acknowledged.append(SackChunk(flags, packet[start:end]))
                    elif not self._take_message(flags, packet, start, end):
                        finish(self._receive_data_chunk(DataChunk(flags, packet[start:end])))
        finally:
            self._working = False
        if self._data_channel_queue:
            self._flush()

    def _chunks(self, packet: bytes) -> list[tuple[int, int, int, int]] | None:
        """Type, flags, begin and end of the body of each, if it is a sound packet of nothing but DATA and SACK."""
        length = len(packet)
        if length < aiortc.SCTP_PACKET_MINIMUM_LENGTH or packet[_COMMON_HEADER_BYTES] not in (_DATA, _SACK):
            return None
        if _HEADER.unpack_from(packet)[2] != self._local_verification_tag:
            return None
        if _CHECKSUM.unpack_from(packet, 8)[0] != crc32c(packet[:8] + b"\0\0\0\0" + packet[12:]):
            return None
        chunks = []
        at = _COMMON_HEADER_BYTES
        while at + _CHUNK.size <= length:
            kind, flags, size = _CHUNK.unpack_from(packet, at)
            end = at + size
            if kind not in (_DATA, _SACK) or size < (16 if kind == _SACK else 17) or end > length:
                return None
            chunks.append((kind, flags, at + _CHUNK.size, end))
            at = end + -size % 4
        return chunks

    def _take_message(self, flags: int, packet: bytes, start: int, end: int) -> bool:
        """Whether it was a whole text, the next one of its channel, with nothing missing before it."""
        last = self._last_received_tsn
        if (
            flags & (_WHOLE | aiortc.SCTP_DATA_UNORDERED) != _WHOLE
            or last is None
            or self._sack_misordered
            or self._sack_duplicates
        ):
            return False
        tsn, stream_id, number, protocol = _DATA_HEADER.unpack_from(packet, start)
        stream = self._inbound_streams.get(stream_id)
        channel = self._data_channels.get(stream_id)
        if (
            protocol != aiortc.WEBRTC_STRING
            or channel is None
            or stream is None
            or stream.reassembly
            or number != stream.sequence_number
            or tsn != aiortc.tsn_plus_one(last)
            or self._reconfig_deferred is not None
        ):
            return False
        self._sack_needed = True
        self._last_received_tsn = tsn
        stream.sequence_number = (number + 1) & 0xFFFF
        channel.emit("message", packet[start + _DATA_HEADER.size : end].decode())
        return True

    # -- what goes ------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what channels were given, as far as the window allows."""
        finish(self._data_channel_flush())

    def uncork(self) -> None:
        """Send what waits; after the end nothing does."""
        while self._acknowledged:  # it makes room for more, and is not what anybody waits for
            finish(self._receive_sack_chunk(self._acknowledged.pop(0)))
        self._corked = False
        if self._sack_needed and not self._timers.ended:
            if self._sack_misordered or self._sack_duplicates:
                finish(self._send_sack())
            else:
                self._sack_needed = False
                if self._gathered_bytes + _PLAIN_SACK.size > PACKET_LIMIT - _COMMON_HEADER_BYTES:
                    self._send_gathered()
                window = max(0, self._advertised_rwnd)
                # Before the DATA: RFC 9260 section 6.10.
                self._gather(_PLAIN_SACK.pack(_SACK, 0, _PLAIN_SACK.size, self._last_received_tsn, window, 0, 0), 0)
        if self._gathered:
            self._send_gathered()

    def _data_channel_send(self, channel: RTCDataChannel, data: bytes | str) -> None:
        """aiortc leaves it to a task of its own, in the loop's next turn, which may take long."""
        if not self._send_message(channel, data):
            super()._data_channel_send(channel, data)
            if not self._working:
                self._flush()

    def _send_message(self, channel: RTCDataChannel, data: bytes | str) -> bool:
        """Whether it was a short text that may leave now, with nothing before it."""
        stream_id = channel.id
        if (
            not isinstance(data, str)
            or stream_id is None
            or self._working
            or self._association_state != self.State.ESTABLISHED
            or self._data_channel_queue
            or self._outbound_queue
            or self._forward_tsn_chunk is not None
            or self._fast_recovery_exit is not None
            or channel.maxPacketLifeTime is not None
            or channel.maxRetransmits is not None
            or not channel.ordered
            or any(chunk._retransmit for chunk in self._sent_queue)
        ):
            return False
        body = data.encode()
        size = len(body)
        if (
            not 0 < size <= aiortc.USERDATA_MAX_LENGTH
            or 0 < self._remote_max_message_size < size
            or self._flight_size + size > self._cwnd
        ):
            return False
        chunk = DataChunk(_WHOLE)
        chunk.tsn = self._local_tsn
        chunk.stream_id = stream_id
        chunk.protocol = aiortc.WEBRTC_STRING
        chunk.user_data = body
        chunk.stream_seq = number = self._outbound_stream_seq.get(stream_id, 0)
        chunk._abandoned = chunk._acked = chunk._in_flight = chunk._retransmit = False
        chunk._expiry = chunk._max_retransmits = None
        chunk._book_size = size
        chunk._misses = 0
        chunk._sent_count = 1
        chunk._sent_time = time.time()
        self._outbound_stream_seq[stream_id] = (number + 1) & 0xFFFF
        self._local_tsn = aiortc.tsn_plus_one(self._local_tsn)
        self._sent_queue.append(chunk)
        self._flight_size_increase(chunk)
        self._post(bytes(chunk))
        if not self._t3_handle:
            self._t3_start()
        return True

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        """aiortc believes that it has sent what is acknowledged, and walks through every number of every gap block."""
        sent = (self._local_tsn - 1 - chunk.cumulative_tsn) % aiortc.SCTP_TSN_MODULO
        if sent >= aiortc.SCTP_TSN_MODULO // 2:
            return  # more than was sent
        gaps = []
        at = 0
        for first, last in chunk.gaps:  # ascending and apart (RFC 9260 section 3.3.4)
            if not at < first <= last <= sent:
                break
            gaps.append((first, last))
            at = last
        chunk.gaps = gaps
        await super()._receive_sack_chunk(chunk)

    async def _send_chunk(self, chunk: Chunk) -> None:
        if self._timers.ended:
            return
        if chunk.type == _DATA:
            self._post(bytes(chunk))
            return
        if self._gathered:  # each may refer to what was sent before it
            self._send_gathered()
        await super()._send_chunk(chunk)

    async def _send_sack(self) -> None:
        if not self._corked:
            await super()._send_sack()

    def _post(self, chunk: bytes) -> None:
        """A DATA chunk on its way: alone at once, or with others when that is due."""
        if self._gathered_bytes + len(chunk) > PACKET_LIMIT - _COMMON_HEADER_BYTES:
            self._send_gathered()
        self._gather(chunk, len(self._gathered))
        if not self._corked:
            self._send_gathered()

    def _gather(self, chunk: bytes, place: int) -> None:
        self._gathered.insert(place, chunk)
        self._gathered_bytes += len(chunk)

    def _send_gathered(self) -> None:
        chunks, self._gathered, self._gathered_bytes = b"".join(self._gathered), [], 0
        if chunks:
            header = _HEADER.pack(self._local_port, self._remote_port, self._remote_verification_tag)
            self._dtls.send(header + _CHECKSUM.pack(crc32c(header + b"\0\0\0\0" + chunks)) + chunks)

    # -- the end --------------------------------------------------------------------------------------------------

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if self._timers.ended:  # aiortc would begin anew if it is told to in the packet that also ends it
            return
        before = self._association_state
        super()._set_state(state)
        if state == self.State.CLOSED:
            self._timers.ended = True
            self._gathered, self._gathered_bytes, self._acknowledged = [], 0, []
        if state == self.State.CLOSED and before != self.State.CLOSED:
            self._on_end(before not in (self.State.COOKIE_WAIT, self.State.COOKIE_ECHOED))


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine that never waits, which aiortc's are when sending does not: no task per packet is needed."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("aiortc's SCTP waited for something; it is only told to send, which does not wait")
