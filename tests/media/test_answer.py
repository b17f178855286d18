"""Negotiation on texts alone: what is kept of an offer, what an answer agrees to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.errors import NegotiationError
from emulator.media.transport.negotiation import (
    AUDIO_LEVEL,
    H264,
    MID,
    MIX_POLICY,
    PUBLISHER_POLICY,
    REPAIRED_RID,
    RID,
    VIEWER_POLICY,
    VP8,
    LocalSource,
    h264_of,
    rtx_for,
)
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import DtlsRole, TransportParameters
from emulator.wire.sdp import Candidate, Direction, Fingerprint, Msid, SdpError, SessionDescription, Setup
from tests.wire import sdp_samples as samples

LOCAL = TransportParameters(
    ufrag="ourufrag",
    pwd="p" * 24,
    fingerprint=Fingerprint("sha-256", samples.FINGERPRINT),
    candidates=(Candidate.host("127.0.0.1", 5000),),
    setup=Setup.PASSIVE,
    ice_lite=True,
)
SOURCE = LocalSource(4711, "cname", "stream", "track")
VIEWED = [OfferedMedia.audio("0", Direction.SENDONLY, source=SOURCE), OfferedMedia.video("1", Direction.SENDONLY)]


def without(text: str, line: str) -> str:
    assert line in text
    return text.replace(line + "\r\n", "")


def test_a_publishers_m_lines_are_both_received_with_their_mids_and_bundle() -> None:
    answer, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, PUBLISHER_POLICY)
    description = SessionDescription.parse(answer)

    assert description.bundle == ("0", "1")
    assert description.ice_lite
    assert [(each.mid, each.direction, each.setup) for each in description.media] == [
        ("0", Direction.RECVONLY, Setup.PASSIVE),
        ("1", Direction.RECVONLY, Setup.PASSIVE),
    ]
    assert all(each.rtcp_mux and each.port for each in description.media)
    assert description.media[0].candidates == list(LOCAL.candidates)
    assert description.media[0].end_of_candidates
    assert negotiated.dtls_role is DtlsRole.SERVER
    assert (negotiated.remote.ufrag, negotiated.remote.setup) == ("MXCm", Setup.ACTPASS)


def test_one_codec_per_m_line_remb_and_neither_transport_cc_nor_send_times() -> None:
    answer, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, PUBLISHER_POLICY)
    audio, video = SessionDescription.parse(answer).media

    assert (audio.formats, video.formats) == (["111"], ["96", "97"])  # and its retransmissions
    assert set(video.codecs[0].rtcp_fb) == {"goog-remb", "ccm fir", "nack", "nack pli"}
    assert audio.codecs[0].rtcp_fb == ()
    assert "transport" not in answer
    assert set(audio.extensions.values()) == {MID, AUDIO_LEVEL}
    assert set(video.extensions.values()) == {MID}
    assert negotiated.by_mid("1").extensions == {MID: 4}


def test_what_the_publisher_announces_is_reported() -> None:
    _, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, PUBLISHER_POLICY)
    audio, video = negotiated.media
    assert audio.remote_ssrcs == (3570614608,)
    assert video.remote_ssrcs == (2231627014, 632943048)
    assert video.remote_source_groups[0].ssrcs == video.remote_ssrcs
    assert audio.remote_cname == "4TOk42mSjXCkVIa6"
    assert audio.msid == Msid("7f5d1d2e-stream", "0a9c-audio")


def test_the_preferred_codec_wins_over_the_order_of_the_offer() -> None:
    policy = replace(PUBLISHER_POLICY, video_codecs=("H264", "VP8"))
    answer, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, policy)

    # Constrained baseline with packetization mode 1, though others come first.
    assert negotiated.by_mid("1").codec.payload_type == 109
    assert "a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" in answer


def test_retransmission_formats_are_kept_when_wanted() -> None:
    answer, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, PUBLISHER_POLICY)
    assert [codec.payload_type for codec in negotiated.by_mid("1").codecs] == [96, 97]
    assert "a=fmtp:97 apt=96" in answer
    answer, negotiated = make_answer(samples.CHROMIUM_PUBLISHER, LOCAL, replace(PUBLISHER_POLICY, rtx=False))
    assert [codec.payload_type for codec in negotiated.by_mid("1").codecs] == [96]


def test_simulcast_is_accepted() -> None:
    """S-73"""
    answer, negotiated = make_answer(samples.CHROMIUM_SIMULCAST, LOCAL, PUBLISHER_POLICY)
    video = negotiated.by_mid("1")
    assert video.rids == ("h", "m", "l")
    assert (video.extensions[RID], video.extensions[REPAIRED_RID]) == (10, 11)
    assert "a=simulcast:recv h;m;l" in answer
    assert "a=rid:m recv" in answer


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("h;m;l", "h;m;l"),
        ("h,x;~m;l", "h;m;l"),  # of alternatives the first; paused ones, too
        ("h;m;l;x", "h;m;l"),  # three at most
        ("h;ghost;l", "h;l"),  # without its a=rid line it is no layer
        ("h;h", "h"),
    ],
)
def test_layers_are_the_offers_as_far_as_they_can_be_told_apart(offered: str, kept: str) -> None:
    text = samples.CHROMIUM_SIMULCAST.replace("a=simulcast:send h;m;l", f"a=rid:x send\r\na=simulcast:send {offered}")
    answer, negotiated = make_answer(text, LOCAL, PUBLISHER_POLICY)
    assert f"a=simulcast:recv {kept}\r\n" in answer
    assert negotiated.by_mid("1").rids == tuple(kept.split(";"))


def test_simulcast_is_answered_without_it_if_packets_could_not_name_their_layer_or_it_is_not_wanted() -> None:
    (extension,) = (line for line in samples.CHROMIUM_SIMULCAST.split("\r\n") if line.endswith(f" {RID}"))
    for text, policy in (
        (without(samples.CHROMIUM_SIMULCAST, extension), PUBLISHER_POLICY),
        (samples.CHROMIUM_SIMULCAST, replace(PUBLISHER_POLICY, simulcast=False)),
    ):
        answer, negotiated = make_answer(text, LOCAL, policy)
        assert "simulcast" not in answer
        assert "a=rid" not in answer
        assert RID not in answer
        assert negotiated.by_mid("1").rids == ()


@pytest.mark.parametrize(("offered", "mode"), [("1", "1"), ("0", "0"), (None, "0")])
def test_subscribers_are_offered_the_h264_that_the_publisher_sends(offered: str | None, mode: str) -> None:
    """RFC 6184 section 8.1: a mode that is not named is 0."""
    named = () if offered is None else (("packetization-mode", offered),)
    theirs = replace(H264, payload_type=109, fmtp=(*named, ("profile-level-id", "42E00D")))
    ours = h264_of(theirs)
    assert (ours.payload_type, ours.rtcp_fb) == (H264.payload_type, H264.rtcp_fb)
    assert (ours.parameter("packetization-mode"), ours.parameter("profile-level-id")) == (mode, "42e00d")


def test_the_mix_goes_both_ways_even_without_a_track() -> None:
    """S-58, S-61"""
    answer, negotiated = make_answer(samples.CHROMIUM_MIX, LOCAL, replace(MIX_POLICY, sources={"0": SOURCE}))
    audio = SessionDescription.parse(answer).media[0]
    assert audio.direction is negotiated.media[0].direction is Direction.SENDRECV
    assert negotiated.media[0].msid == Msid("-", "6f1c3a52")
    assert audio.msids == [Msid("stream", "track")]
    assert [(source.ssrc, source.cname) for source in audio.sources] == [(4711, "cname")]


def test_bundle_only_m_lines_are_accepted() -> None:
    _, negotiated = make_answer(samples.FIREFOX_PUBLISHER, LOCAL, PUBLISHER_POLICY)
    assert [each.accepted for each in negotiated.media] == [True, True]


def test_m_lines_that_are_not_understood_are_rejected_in_place() -> None:
    offer = samples.CHROMIUM_PUBLISHER.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3") + (
        "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:2\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:3\r\n"
    )
    answer, negotiated = make_answer(offer, LOCAL, PUBLISHER_POLICY)
    description = SessionDescription.parse(answer)

    assert [(each.mid, each.port == 0) for each in description.media] == [
        ("0", False),
        ("1", False),
        ("2", True),
        ("3", True),
    ]
    assert description.bundle == ("0", "1")
    assert [each.accepted for each in negotiated.media] == [True, True, False, False]


def test_an_offered_data_channel_is_accepted_or_rejected_as_the_policy_says() -> None:
    offer = make_offer([OfferedMedia.data("d")], replace(LOCAL, ice_lite=False))
    _, negotiated = make_answer(offer, LOCAL, PUBLISHER_POLICY)
    assert (negotiated.media[0].sctp_port, negotiated.media[0].max_message_size) == (5000, 262144)
    with pytest.raises(NegotiationError, match="application"):
        make_answer(offer, LOCAL, MIX_POLICY)


@pytest.mark.parametrize(
    ("theirs", "preferred", "ours", "role"),
    [
        ("actpass", Setup.PASSIVE, Setup.PASSIVE, DtlsRole.SERVER),
        ("actpass", Setup.ACTIVE, Setup.ACTIVE, DtlsRole.CLIENT),
        ("active", Setup.ACTIVE, Setup.PASSIVE, DtlsRole.SERVER),
        ("passive", Setup.PASSIVE, Setup.ACTIVE, DtlsRole.CLIENT),
    ],
)
def test_dtls_roles_are_opposite(theirs: str, preferred: Setup, ours: Setup, role: DtlsRole) -> None:
    offer = samples.CHROMIUM_MIX.replace("a=setup:actpass", f"a=setup:{theirs}")
    answer, negotiated = make_answer(offer, replace(LOCAL, setup=preferred), MIX_POLICY)
    assert SessionDescription.parse(answer).media[0].setup is ours
    assert negotiated.dtls_role is role


@pytest.mark.parametrize(
    ("offer", "complaint"),
    [
        (samples.CHROMIUM_PUBLISHER.replace("VP8/", "AV1/").replace("H264/", "H265/"), "VP8, H264.*AV1"),
        (samples.CHROMIUM_MIX.replace("opus/48000/2", "L16/48000"), "codecs opus"),
        (without(samples.CHROMIUM_MIX, "a=rtcp-mux"), "rtcp-mux"),
        (without(samples.CHROMIUM_MIX, "a=mid:0"), "a=mid"),
        (samples.CHROMIUM_PUBLISHER.replace("a=mid:1", "a=mid:0"), "different mid"),
        (without(samples.CHROMIUM_MIX, "a=ice-ufrag:EsAw"), "ice-ufrag"),
        (without(samples.CHROMIUM_MIX, f"a=fingerprint:sha-256 {samples.FINGERPRINT}"), "fingerprint"),
        (samples.CHROMIUM_MIX.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), "sha-256"),
        (samples.CHROMIUM_MIX.replace("a=setup:actpass", "a=setup:holdconn"), "holdconn"),
        (samples.CHROMIUM_MIX[: samples.CHROMIUM_MIX.index("m=")], "nothing"),
    ],
)
def test_an_unusable_offer_says_what_is_missing(offer: str, complaint: str) -> None:
    with pytest.raises(NegotiationError, match=complaint):
        make_answer(offer, LOCAL, replace(PUBLISHER_POLICY, audio=Direction.SENDRECV))


def test_text_that_is_no_description_is_an_sdp_error() -> None:
    with pytest.raises(SdpError):
        make_answer("nonsense", LOCAL, PUBLISHER_POLICY)
    with pytest.raises(SdpError):
        accept_answer("nonsense", VIEWED)


def test_an_offer_of_streams_is_complete() -> None:
    """S-82"""
    description = SessionDescription.parse(make_offer(VIEWED, LOCAL))
    audio, video = description.media
    assert description.ice_lite
    assert description.bundle == ("0", "1")
    assert [each.direction for each in description.media] == [Direction.SENDONLY] * 2
    assert {each.setup for each in description.media} == {Setup.ACTPASS}
    assert audio.candidates == list(LOCAL.candidates)
    assert audio.end_of_candidates
    assert audio.msids == [Msid("stream", "track")]
    assert video.codecs == [VP8]


def test_a_viewers_answer_is_read() -> None:
    negotiated = accept_answer(samples.CHROMIUM_VIEWER_ANSWER, VIEWED)
    audio, video = negotiated.media
    assert negotiated.dtls_role is DtlsRole.SERVER
    assert audio.direction is video.direction is Direction.SENDONLY
    assert (audio.codec.name, video.codec.name) == ("opus", "VP8")
    assert audio.extensions == {AUDIO_LEVEL: 1, MID: 4}


def test_a_data_channel_answer_is_read() -> None:
    negotiated = accept_answer(samples.CHROMIUM_DATA_ANSWER, [OfferedMedia.data("data")])
    assert (negotiated.remote.ufrag, negotiated.dtls_role) == ("jVd6", DtlsRole.SERVER)
    assert (negotiated.media[0].sctp_port, negotiated.media[0].max_message_size) == (5000, 262144)
    with pytest.raises(LookupError):
        _ = negotiated.media[0].codec


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (samples.CHROMIUM_MIX, "2 m-lines"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("a=setup:active", "a=setup:actpass"), "actpass"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("a=mid:1", "a=mid:7"), "mid 7"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("BUNDLE 0 1", "BUNDLE 0"), "BUNDLE"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("VP8/90000", "VP9/90000"), "VP8/90000"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("SAVPF 96", "SAVPF 97"), "VP8/90000"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0"), "all"),
        (samples.CHROMIUM_VIEWER_ANSWER.replace("a=rtcp-mux", "a=rtcp-demux"), "rtcp-mux"),
    ],
)
def test_an_answer_that_does_not_fit_the_offer_is_refused(answer: str, complaint: str) -> None:
    with pytest.raises(NegotiationError, match=complaint):
        accept_answer(answer, VIEWED)


def test_a_partly_rejected_answer_is_accepted_for_the_rest() -> None:
    rejected_audio = samples.CHROMIUM_VIEWER_ANSWER.replace("m=audio 9", "m=audio 0").replace("BUNDLE 0 1", "BUNDLE 1")
    negotiated = accept_answer(rejected_audio, VIEWED)
    assert [each.accepted for each in negotiated.media] == [False, True]
    assert negotiated.of_kind("audio") == ()


@pytest.mark.parametrize("codecs", [(VP8,), (H264,), (VP8, H264), (VP8, rtx_for(VP8, 97))])
def test_our_offers_and_answers_agree(codecs: tuple) -> None:  # type: ignore[type-arg]  # of codecs
    offered = [
        OfferedMedia.audio("a", Direction.SENDONLY, source=SOURCE),
        OfferedMedia.video("v", Direction.SENDONLY, codecs=codecs, source=replace(SOURCE, ssrc=9, rtx_ssrc=10)),
    ]
    client = replace(LOCAL, ufrag="client", ice_lite=False, setup=Setup.ACTIVE)
    answer, of_server = make_answer(make_offer(offered, client), LOCAL, replace(VIEWER_POLICY, rtx=True))
    of_client = accept_answer(answer, offered)

    assert of_server.remote.ufrag == "client"
    assert of_client.remote == replace(LOCAL, setup=Setup.PASSIVE)
    assert (of_client.dtls_role, of_server.dtls_role) == (DtlsRole.CLIENT, DtlsRole.SERVER)
    for ours, theirs in zip(of_client.media, of_server.media, strict=True):
        assert ours.direction.reversed is theirs.direction
        assert ours.codecs == theirs.codecs
        assert ours.extensions == theirs.extensions
    assert of_server.by_mid("v").remote_ssrcs == (9, 10)


def test_layers_offered_are_agreed_on() -> None:
    offered = [OfferedMedia.video("v", Direction.SENDONLY, source=SOURCE, rids=("h", "m", "l"))]
    client = replace(LOCAL, ice_lite=False, setup=Setup.ACTIVE)
    offer = make_offer(offered, client)
    assert "a=ssrc" not in offer
    wanted, _ = make_answer(offer, LOCAL, PUBLISHER_POLICY)
    unwanted, _ = make_answer(offer, LOCAL, replace(PUBLISHER_POLICY, simulcast=False))
    assert accept_answer(wanted, offered).media[0].rids == ("h", "m", "l")
    assert accept_answer(unwanted, offered).media[0].rids == ()


@pytest.mark.parametrize("media", [[], [OfferedMedia.data("0"), OfferedMedia.audio("0")]])
def test_an_offer_needs_m_lines_with_different_mids(media: list[OfferedMedia]) -> None:
    with pytest.raises(ValueError, match="different mids"):
        make_offer(media, LOCAL)
