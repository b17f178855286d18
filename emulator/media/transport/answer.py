"""Answers: making one to an offer, and reading the one to an offer of ours (RFC 8829 sections 5.3 and 5.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emulator.wire.sdp import (
    Codec,
    Direction,
    Fingerprint,
    MediaDescription,
    Rid,
    SessionDescription,
    Setup,
    Simulcast,
)

from .dtls import FINGERPRINT_HASHES
from .errors import CodecMismatch, NegotiationError
from .negotiation import (
    MAX_LAYERS,
    RID,
    SIMULCAST_EXTENSIONS,
    AnswerPolicy,
    Negotiated,
    NegotiatedMedia,
    answered_direction,
    choose_codec,
    described,
)
from .offer import (
    DATA_FORMAT,
    MAX_MESSAGE_SIZE,
    SCTP_PORT,
    OfferedMedia,
    announce,
    new_description,
    new_media_line,
)
from .parameters import DtlsRole, TransportParameters


def make_answer(offer_text: str, local: TransportParameters, policy: AnswerPolicy) -> tuple[str, Negotiated]:
    """The answer to an offer, and what was agreed.

    All m-lines and mids of the offer are kept; those the policy or we do not understand are rejected with port 0.
    `local.setup` says which DTLS role to take if the offer leaves the choice (`actpass`).

    Raises `SdpError` for text that is no description, `NegotiationError` if an m-line the policy wants has no usable
    codec, if nothing at all can be accepted, or if transport parameters are missing.
    """
    offer = SessionDescription.parse(offer_text)
    _check_mids(offer)
    bundle = offer.bundle
    negotiated = [_negotiate(media, policy, _bundled(media, bundle, offer)) for media in offer.media]
    accepted = [index for index, each in enumerate(negotiated) if each.accepted]
    if not accepted:
        kinds = ", ".join(f"{media.kind} ({media.protocol})" for media in offer.media) or "nothing"
        raise NegotiationError(f"expected an m-line that can be accepted, the offer has {kinds}")
    remote = _remote_transport(offer, offer.media[accepted[0]])
    role, setup = _answer_role(remote.setup, local.setup)
    answering = replace(local, setup=setup)
    grouped = tuple(each.mid for each in negotiated if each.accepted and each.mid in bundle)
    description = new_description(answering, grouped)
    for index, (media, agreed) in enumerate(zip(offer.media, negotiated, strict=True)):
        if agreed.accepted:
            line = _answer_line(media, agreed, answering, policy, with_candidates=index == accepted[0])
        else:
            line = MediaDescription(
                media.kind, 0, media.protocol, list(media.formats), mid=media.mid, direction=Direction.INACTIVE
            )
        description.media.append(line)
    return description.serialise(), Negotiated(remote, role, tuple(negotiated))


def accept_answer(answer_text: str, offered: Sequence[OfferedMedia]) -> Negotiated:
    """What the other end made of an offer of ours.

    Raises `SdpError` for text that is no description, `NegotiationError` if it does not fit the offer.
    """
    answer = SessionDescription.parse(answer_text)
    if len(answer.media) != len(offered):
        raise NegotiationError(f"expected {len(offered)} m-lines as offered, the answer has {len(answer.media)}")
    negotiated = tuple(
        _read_answer(index, media, ours) for index, (media, ours) in enumerate(zip(answer.media, offered, strict=True))
    )
    first = next((index for index, each in enumerate(negotiated) if each.accepted), None)
    if first is None:
        raise NegotiationError("expected an accepted m-line, the answer rejects all")
    unbundled = [each.mid for each in negotiated if each.accepted and each.mid not in answer.bundle]
    if unbundled and sum(each.accepted for each in negotiated) > 1:
        raise NegotiationError(f"expected all accepted m-lines in one BUNDLE group, these are not: {unbundled}")
    remote = _remote_transport(answer, answer.media[first])
    if remote.setup not in (Setup.ACTIVE, Setup.PASSIVE):
        raise NegotiationError(f"expected a=setup:active or passive in an answer, got {remote.setup.value}")
    role = DtlsRole.SERVER if remote.setup is Setup.ACTIVE else DtlsRole.CLIENT
    return Negotiated(remote, role, negotiated)


# -- reading what the other end says -----------------------------------------------------------------------


def _check_mids(offer: SessionDescription) -> None:
    mids = [media.mid for media in offer.media]
    for index, mid in enumerate(mids):
        if mid is None:
            raise NegotiationError(f"expected a=mid in m-line {index} ({offer.media[index].kind})")
    if len(set(mids)) != len(mids):
        raise NegotiationError(f"expected a different mid for each m-line, got {mids}")


def _bundled(media: MediaDescription, bundle: tuple[str, ...], offer: SessionDescription) -> bool:
    """Whether an m-line can share our one transport: it is in the BUNDLE group, or there is only one."""
    return media.mid in bundle or len(offer.media) == 1


def _remote_transport(description: SessionDescription, media: MediaDescription) -> TransportParameters:
    where = f"m-line {media.mid} ({media.kind})"
    if media.ice_ufrag is None or media.ice_pwd is None:
        raise NegotiationError(f"expected a=ice-ufrag and a=ice-pwd in {where}")
    usable = [each for each in media.fingerprints if each.algorithm in FINGERPRINT_HASHES]
    if not usable:
        known = ", ".join(FINGERPRINT_HASHES)
        raise NegotiationError(f"expected an a=fingerprint with one of {known} in {where}")
    if media.setup is Setup.HOLDCONN:
        raise NegotiationError(f"expected a=setup:actpass, active or passive in {where}, got holdconn")
    return TransportParameters(
        ufrag=media.ice_ufrag,
        pwd=media.ice_pwd,
        fingerprint=min(usable, key=_fingerprint_order),
        candidates=tuple(media.candidates),
        setup=media.setup or Setup.ACTPASS,
        ice_lite=description.ice_lite,
    )


def _fingerprint_order(fingerprint: Fingerprint) -> int:
    return list(FINGERPRINT_HASHES).index(fingerprint.algorithm)


def _answer_role(theirs: Setup, preferred: Setup) -> tuple[DtlsRole, Setup]:
    """RFC 8842 section 5.3: active and passive are answered with the opposite, actpass with what we prefer."""
    active = theirs is Setup.PASSIVE or (theirs is Setup.ACTPASS and preferred is Setup.ACTIVE)
    return (DtlsRole.CLIENT, Setup.ACTIVE) if active else (DtlsRole.SERVER, Setup.PASSIVE)


def _with_sources(agreed: NegotiatedMedia, media: MediaDescription) -> NegotiatedMedia:
    """Adds what the other end announces about the streams it sends."""
    return replace(
        agreed,
        remote_ssrcs=tuple(source.ssrc for source in media.sources),
        remote_source_groups=tuple(media.source_groups),
        remote_cname=next((source.cname for source in media.sources if source.cname), None),
        msid=media.msids[0] if media.msids else None,
    )


# -- deciding ----------------------------------------------------------------------------------------------


def _negotiate(media: MediaDescription, policy: AnswerPolicy, bundled: bool) -> NegotiatedMedia:
    mid = media.mid or ""
    rejected = NegotiatedMedia(mid, media.kind, accepted=False)
    if media.rejected or not bundled:
        return rejected
    if media.kind == "application":
        if not policy.data or "SCTP" not in media.protocol or DATA_FORMAT not in media.formats:
            return rejected
        return NegotiatedMedia(
            mid,
            media.kind,
            accepted=True,
            direction=Direction.SENDRECV,
            sctp_port=media.sctp_port or SCTP_PORT,
            max_message_size=media.max_message_size,
        )
    wanted = policy.direction(media.kind)
    if wanted is None or not media.is_rtp:
        return rejected
    if not media.rtcp_mux:
        raise NegotiationError(f"expected a=rtcp-mux in m-line {mid} ({media.kind})")
    names = policy.audio_codecs if media.kind == "audio" else policy.video_codecs
    codec = choose_codec(media, names)
    if codec is None:
        offered = ", ".join(dict.fromkeys(map(described, media.codecs))) or "none"
        raise CodecMismatch(
            f"expected one of the codecs {', '.join(names)} in m-line {mid} ({media.kind}), offered: {offered}"
        )
    feedback = policy.audio_feedback if media.kind == "audio" else policy.video_feedback
    codecs = [replace(codec, rtcp_fb=tuple(each for each in codec.rtcp_fb if each in feedback))]
    if policy.rtx:
        codecs += [each for each in media.codecs if _repairs(each, codec)][:1]
    rids = _simulcast_rids(media) if policy.simulcast else ()
    uris = policy.extensions + (SIMULCAST_EXTENSIONS if rids else ())
    agreed = NegotiatedMedia(
        mid,
        media.kind,
        accepted=True,
        direction=answered_direction(media.direction, wanted),
        codecs=tuple(codecs),
        extensions={uri: number for number, uri in media.extensions.items() if uri in uris},
        rids=rids,
    )
    return _with_sources(agreed, media)


def _repairs(candidate: Codec, codec: Codec) -> bool:
    return candidate.name.lower() == "rtx" and candidate.parameter("apt") == str(codec.payload_type)


def _simulcast_rids(media: MediaDescription) -> tuple[str, ...]:
    """The layers to receive, best first; () for a single encoding, or for layers that packets could not name."""
    if media.simulcast is None or RID not in media.extensions.values():
        return ()
    sent = {rid.id for rid in media.rids if rid.direction == "send"}
    rids = (stream[0].removeprefix("~") for stream in media.simulcast.send)
    return tuple(dict.fromkeys(rid for rid in rids if rid in sent))[:MAX_LAYERS]


def _answer_line(
    media: MediaDescription,
    agreed: NegotiatedMedia,
    local: TransportParameters,
    policy: AnswerPolicy,
    *,
    with_candidates: bool,
) -> MediaDescription:
    line = new_media_line(media.kind, agreed.mid, local, with_candidates=with_candidates)
    line.protocol = media.protocol
    if agreed.kind == "application":
        line.sctp_port, line.max_message_size = SCTP_PORT, MAX_MESSAGE_SIZE
        return line
    line.direction = agreed.direction
    line.codecs = list(agreed.codecs)
    line.formats = [str(codec.payload_type) for codec in agreed.codecs]
    line.extensions = {number: uri for uri, number in agreed.extensions.items()}
    line.rtcp_rsize = media.rtcp_rsize
    source = policy.sources.get(agreed.mid)
    if source is not None and agreed.direction.sends:
        announce(line, source)
    if agreed.rids:
        line.rids = [Rid(rid, "recv") for rid in agreed.rids]
        line.simulcast = Simulcast(recv=tuple((rid,) for rid in agreed.rids))
    return line


def _read_answer(index: int, media: MediaDescription, ours: OfferedMedia) -> NegotiatedMedia:
    where = f"m-line {index}"
    if media.kind != ours.kind or (media.mid is not None and media.mid != ours.mid):
        raise NegotiationError(
            f"expected {ours.kind} with mid {ours.mid} in {where}, the answer has {media.kind} with mid {media.mid}"
        )
    if media.port == 0:
        return NegotiatedMedia(ours.mid, ours.kind, accepted=False)
    if ours.kind == "application":
        return NegotiatedMedia(
            ours.mid,
            ours.kind,
            accepted=True,
            direction=Direction.SENDRECV,
            sctp_port=media.sctp_port or SCTP_PORT,
            max_message_size=media.max_message_size,
        )
    if not media.rtcp_mux:
        raise NegotiationError(f"expected a=rtcp-mux in {where}")
    offered = {codec.payload_type: codec for codec in ours.codecs}
    codecs = tuple(
        codec
        for codec in media.codecs
        if codec.payload_type in offered and offered[codec.payload_type].name.lower() == codec.name.lower()
    )
    if not codecs or codecs[0].name.lower() == "rtx":
        raise CodecMismatch(
            f"expected one of {[codec.rtpmap for codec in ours.codecs]} in {where}, "
            f"got {[codec.rtpmap for codec in media.codecs]}"
        )
    numbers = set(ours.extensions.items())
    accepted_rids = {stream[0].removeprefix("~") for stream in media.simulcast.recv} if media.simulcast else set()
    agreed = NegotiatedMedia(
        ours.mid,
        ours.kind,
        accepted=True,
        direction=answered_direction(media.direction, ours.direction),
        codecs=codecs,
        extensions={uri: number for number, uri in media.extensions.items() if (uri, number) in numbers},
        rids=tuple(rid for rid in ours.rids if rid in accepted_rids),
    )
    return _with_sources(agreed, media)
