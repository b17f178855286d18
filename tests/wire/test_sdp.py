"""Session descriptions: reading what browsers write, round trips, and only the typed error for nonsense."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.wire.sdp import (
    MAX_BYTES,
    MAX_MEDIA,
    Candidate,
    Codec,
    Direction,
    Msid,
    SdpError,
    SessionDescription,
    Setup,
    SourceGroup,
)

from . import sdp_samples as samples

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MINIMAL = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
AUDIO = MINIMAL + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


def test_a_chromium_offer_is_read_whole() -> None:
    offer = SessionDescription.parse(samples.CHROMIUM_PUBLISHER)
    audio, video = offer.media

    assert offer.bundle == ("0", "1")
    assert offer.attributes == [("extmap-allow-mixed", None), ("msid-semantic", " WMS 7f5d1d2e-stream")]
    assert (audio.kind, audio.mid, audio.direction, audio.setup) == ("audio", "0", Direction.SENDONLY, Setup.ACTPASS)
    assert (audio.ice_ufrag, audio.ice_pwd) == ("MXCm", "Fv2gJDsVGKDFk6xyC2IbKjYN")
    assert [str(each) for each in audio.fingerprints] == [f"sha-256 {samples.FINGERPRINT}"]
    assert audio.codecs[0] == Codec(
        111, "opus", 48000, 2, (("minptime", "10"), ("useinbandfec", "1")), ("transport-cc",)
    )
    assert audio.codecs[1].fmtp_line == "111/111"
    assert audio.msids == [Msid("7f5d1d2e-stream", "0a9c-audio")]
    assert audio.sources[0].cname == "4TOk42mSjXCkVIa6"
    assert audio.rtcp_mux
    assert [codec.payload_type for codec in video.codecs] == [96, 97, 103, 104, 107, 108, 109, 114, 98, 99, 116]
    assert video.codecs[1].parameter("APT") == "96"
    assert video.extensions[13] == "urn:3gpp:video-orientation"
    assert video.source_groups == [SourceGroup("FID", (2231627014, 632943048))]


def test_simulcast_and_rids_are_read() -> None:
    video = SessionDescription.parse(samples.CHROMIUM_SIMULCAST).media[1]
    assert [(rid.id, rid.direction) for rid in video.rids] == [("h", "send"), ("m", "send"), ("l", "send")]
    assert video.simulcast is not None
    assert video.simulcast.send == (("h",), ("m",), ("l",))


def test_a_data_channel_line_is_read() -> None:
    data = SessionDescription.parse(samples.CHROMIUM_DATA_ANSWER).media[0]
    assert (data.kind, data.protocol, data.formats) == ("application", "UDP/DTLS/SCTP", ["webrtc-datachannel"])
    assert (data.sctp_port, data.max_message_size, data.setup) == (5000, 262144, Setup.ACTIVE)


def test_session_level_transport_holds_for_every_m_line() -> None:
    audio, video = SessionDescription.parse(samples.FIREFOX_PUBLISHER).media
    assert audio.fingerprints == video.fingerprints
    assert audio.fingerprints[0].value == samples.FINGERPRINT
    assert audio.ice_options == video.ice_options == "trickle"
    assert video.bundle_only
    assert not video.rejected


def test_feedback_for_all_formats_reaches_each() -> None:
    video = SessionDescription.parse(samples.FIREFOX_PUBLISHER).media[1]
    assert [codec.rtcp_fb for codec in video.codecs] == [("nack", "nack pli"), ("nack",)]


def test_static_payload_types_need_no_rtpmap() -> None:
    audio = SessionDescription.parse(MINIMAL + "m=audio 9 RTP/AVP 0 8 97\r\n").media[0]
    assert [(codec.name, codec.clock_rate) for codec in audio.codecs] == [("PCMU", 8000), ("PCMA", 8000)]
    assert audio.formats == ["0", "8", "97"]


@pytest.mark.parametrize("text", samples.ALL.values(), ids=samples.ALL)
def test_a_round_trip_keeps_everything(text: str) -> None:
    once = SessionDescription.parse(text)
    again = SessionDescription.parse(once.serialise())
    assert again == once
    assert again.serialise() == once.serialise()
    # Every line is still there, but for what moved from the session to the m-lines.
    moved = {"a=ice-options:trickle", "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level"}
    moved |= {"a=rtcp-fb:* nack", "a=rtpmap:101 telephone-event/8000/1", "a=msid-semantic:WMS *"}
    assert set(text.split("\r\n")) - set(once.serialise().split("\r\n")) <= moved


def test_lines_may_end_with_a_bare_newline() -> None:
    text = samples.CHROMIUM_PUBLISHER
    assert SessionDescription.parse(text.replace("\r\n", "\n")) == SessionDescription.parse(text)


def test_a_trickled_candidate_is_read() -> None:
    text = "candidate:1467250027 1 UDP 2122260223 192.168.0.196 46243 typ srflx raddr 10.0.0.1 rport 5 generation 0"
    candidate = Candidate.parse(text)
    assert (candidate.transport, candidate.address, candidate.port, candidate.type) == (
        "udp",
        "192.168.0.196",
        46243,
        "srflx",
    )
    assert candidate.extensions == (("raddr", "10.0.0.1"), ("rport", "5"), ("generation", "0"))
    assert Candidate.parse(str(candidate)) == candidate


@pytest.mark.parametrize(
    ("text", "line_number"),
    [
        ("", 1),
        ("hello", 1),
        ("v=1\r\n", 1),
        ("v=0\r\ns=-\r\n", 2),
        ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n", 3),
        ("v=0\r\no=- x 1 IN IP4 127.0.0.1\r\ns=-\r\n", 2),
        (MINIMAL + "nonsense\r\n", 5),
        (MINIMAL + "x=1\r\n", 5),
        (MINIMAL + "a=mid\0\r\n", 5),
        (MINIMAL + "m=audio\r\n", 5),
        (MINIMAL + "m=audio 70000 UDP/TLS/RTP/SAVPF 0\r\n", 5),
        (MINIMAL + "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n", 5),
        (MINIMAL + "m=audio 9 UDP/TLS/RTP/SAVPF 0 0\r\n", 5),
        (AUDIO + "a=rtpmap:111 opus\r\n", 6),
        (AUDIO + "a=rtpmap:111 opus/0\r\n", 6),
        (AUDIO + "a=fmtp:x y\r\n", 6),
        (AUDIO + "a=extmap:0 urn:x\r\n", 6),
        (AUDIO + "a=ssrc:4294967296 cname:x\r\n", 6),
        (AUDIO + "a=ice-ufrag:abc\r\n", 6),
        (AUDIO + "a=ice-pwd:short\r\n", 6),
        (AUDIO + "a=fingerprint:sha-256 XY:00\r\n", 6),
        (AUDIO + "a=setup:maybe\r\n", 6),
        (AUDIO + "a=candidate:1 1 udp 1 10.0.0.1\r\n", 6),
        (AUDIO + "a=simulcast:send\r\n", 6),
        (AUDIO + "a=rid:x sideways\r\n", 6),
        (AUDIO + "a=sctp-port:1e3\r\n", 6),
        (AUDIO + "a=sctp-port:٥\r\n", 6),
        (AUDIO + "c=IN IP6 127.0.0.1\r\n", 6),
    ],
)
def test_nonsense_is_refused_with_the_number_of_its_line(text: str, line_number: int) -> None:
    with pytest.raises(SdpError) as caught:
        SessionDescription.parse(text)
    assert caught.value.line_number == line_number
    assert f"line {line_number}: expected " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + "a=x:" + "y" * MAX_BYTES,
        MINIMAL + "a=x\r\n" * 10_000,
        MINIMAL + "m=audio 9 RTP/AVP 0\r\n" * (MAX_MEDIA + 1),
        AUDIO + "".join(f"a=ssrc:{ssrc} cname:x\r\n" for ssrc in range(300)),
        MINIMAL + "a=\ud800\r\n",
    ],
    ids=["bytes", "lines", "m-lines", "ssrcs", "surrogate"],
)
def test_sizes_are_bounded(text: str) -> None:
    with pytest.raises(SdpError):
        SessionDescription.parse(text)


def test_a_long_line_is_shortened_in_the_error() -> None:
    with pytest.raises(SdpError) as caught:
        SessionDescription.parse(AUDIO + "a=rtpmap:" + "x" * 10_000)
    assert len(str(caught.value)) < 300


def parses_or_is_refused(text: str) -> None:
    try:
        once = SessionDescription.parse(text)
    except SdpError:
        return
    again = SessionDescription.parse(once.serialise())
    assert again == once
    assert again.serialise() == once.serialise()


@patient
@given(st.text(max_size=400))
def test_any_text_parses_or_is_refused(text: str) -> None:
    parses_or_is_refused(text)
    parses_or_is_refused(AUDIO + text)


lines = sorted({line for text in samples.ALL.values() for line in text.split("\r\n") if line})
words = st.sampled_from(sorted({word for line in lines for word in line.replace(":", " ").split()}))


@patient
@given(st.data())
def test_any_mixture_of_real_lines_parses_or_is_refused(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=40))
    text = MINIMAL + "\r\n".join(chosen)
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(words | st.text(max_size=5)) + text[end:]
    parses_or_is_refused(text)
