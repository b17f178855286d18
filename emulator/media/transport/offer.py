"""Offers: one description with everything in it, candidates included (RFC 8829 section 5.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from emulator.values import value_class
from emulator.wire.sdp import (
    Codec,
    Direction,
    Group,
    MediaDescription,
    Msid,
    Origin,
    Rid,
    SessionDescription,
    Setup,
    Simulcast,
    Source,
    SourceGroup,
)

from .negotiation import (
    AUDIO_LEVEL,
    MID,
    OPUS,
    REPAIRED_RID,
    RID,
    VP8,
    LocalSource,
)
from .parameters import TransportParameters

RTP_PROTOCOL = "UDP/TLS/RTP/SAVPF"
DATA_PROTOCOL = "UDP/DTLS/SCTP"
DATA_FORMAT = "webrtc-datachannel"
SCTP_PORT = 5000
MAX_MESSAGE_SIZE = 262144


@value_class(frozen=True, slots=True)
class OfferedMedia:
    """One m-line of an offer of ours. Use `audio`, `video` and `data` to make the usual ones."""

    kind: str
    mid: str
    direction: Direction = Direction.SENDRECV
    codecs: tuple[Codec, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)  # URI -> id
    source: LocalSource | None = None
    rids: tuple[str, ...] = ()  # simulcast layers to send, best first

    @classmethod
    def audio(
        cls,
        mid: str,
        direction: Direction = Direction.SENDRECV,
        *,
        codecs: tuple[Codec, ...] = (OPUS,),
        source: LocalSource | None = None,
    ) -> OfferedMedia:
        return cls("audio", mid, direction, codecs, {AUDIO_LEVEL: 1, MID: 4}, source=source)

    @classmethod
    def video(
        cls,
        mid: str,
        direction: Direction = Direction.SENDRECV,
        *,
        codecs: tuple[Codec, ...] = (VP8,),
        source: LocalSource | None = None,
        rids: tuple[str, ...] = (),
    ) -> OfferedMedia:
        # Ids must agree between bundled m-lines (RFC 9143 section 9.2).
        extensions = {MID: 4}
        if rids:
            extensions |= {RID: 10, REPAIRED_RID: 11}
        return cls("video", mid, direction, codecs, extensions, source=source, rids=rids)

    @classmethod
    def data(cls, mid: str) -> OfferedMedia:
        """An SCTP data channel m-line (RFC 8841)."""
        return cls("application", mid)


def make_offer(media: Sequence[OfferedMedia], local: TransportParameters) -> str:
    """The text of an offer: all m-lines in one BUNDLE, `a=setup:actpass`, all candidates.

    Raises `ValueError` without media or with a mid used twice.
    """
    mids = [each.mid for each in media]
    if not mids or len(set(mids)) != len(mids):
        raise ValueError(f"expected m-lines with different mids, got {mids}")
    offering = replace(local, setup=Setup.ACTPASS)
    description = new_description(offering, tuple(mids))
    for index, each in enumerate(media):
        line = new_media_line(each.kind, each.mid, offering, with_candidates=index == 0)
        if each.kind == "application":
            line.sctp_port, line.max_message_size = SCTP_PORT, MAX_MESSAGE_SIZE
        else:
            line.direction = each.direction
            line.codecs = list(each.codecs)
            line.formats = [str(codec.payload_type) for codec in each.codecs]
            line.extensions = {number: uri for uri, number in each.extensions.items()}
            if each.source is not None and each.direction.sends:
                announce(line, each.source, with_ssrc=not each.rids)
            if each.rids:
                line.rids = [Rid(rid, "send") for rid in each.rids]
                line.simulcast = Simulcast(send=tuple((rid,) for rid in each.rids))
        description.media.append(line)
    return description.serialise()


# -- shared with answers -----------------------------------------------------------------------------------


def new_description(local: TransportParameters, bundle: tuple[str, ...]) -> SessionDescription:
    """A description without m-lines yet. The session id follows from the ufrag: no random source is needed."""
    session_id = int.from_bytes(hashlib.sha256(local.ufrag.encode()).digest()[:8], "big") >> 2
    return SessionDescription(
        Origin(session_id),
        groups=[Group("BUNDLE", bundle)] if bundle else [],
        ice_lite=local.ice_lite,
        attributes=[("msid-semantic", " WMS *")],
    )


def new_media_line(kind: str, mid: str, local: TransportParameters, *, with_candidates: bool) -> MediaDescription:
    """An m-line with its transport. Of bundled ones only the first carries candidates (RFC 9143 section 7)."""
    is_data = kind == "application"
    line = MediaDescription(
        kind=kind,
        port=9,  # the discard port (RFC 8840 section 4.1.1)
        protocol=DATA_PROTOCOL if is_data else RTP_PROTOCOL,
        formats=[DATA_FORMAT] if is_data else [],
        connection="0.0.0.0",  # noqa: S104 - what a description says with port 9, not an address to bind
        mid=mid,
        ice_ufrag=local.ufrag,
        ice_pwd=local.pwd,
        fingerprints=[local.fingerprint],
        setup=local.setup,
        rtcp_mux=not is_data,
        rtcp_rsize=not is_data,
    )
    if with_candidates and local.candidates:
        default = local.candidates[0]
        line.port, line.connection = default.port, default.address
        line.candidates = list(local.candidates)
        line.end_of_candidates = True
    return line


def announce(line: MediaDescription, source: LocalSource, *, with_ssrc: bool = True) -> None:
    """Says which stream and track an m-line sends, and with which SSRC."""
    msid = Msid(source.stream_id, source.track_id)
    line.msids = [msid]
    if not with_ssrc:
        return
    ssrcs = [source.ssrc] if source.rtx_ssrc is None else [source.ssrc, source.rtx_ssrc]
    line.sources = [Source(ssrc, {"cname": source.cname, "msid": str(msid)}) for ssrc in ssrcs]
    if len(ssrcs) > 1:
        line.source_groups = [SourceGroup("FID", tuple(ssrcs))]
