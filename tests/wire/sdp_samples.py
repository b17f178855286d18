"""Session descriptions as browsers write them, shortened where they repeat themselves."""

from __future__ import annotations

FINGERPRINT = "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"


def _text(lines: str) -> str:
    return lines.strip().replace("FINGERPRINT", FINGERPRINT).replace("\n", "\r\n") + "\r\n"


CHROMIUM_PUBLISHER = _text("""
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 7f5d1d2e-stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:MXCm
a=ice-pwd:Fv2gJDsVGKDFk6xyC2IbKjYN
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:7f5d1d2e-stream 0a9c-audio
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=ssrc:3570614608 msid:7f5d1d2e-stream 0a9c-audio
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 98 99 116
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:MXCm
a=ice-pwd:Fv2gJDsVGKDFk6xyC2IbKjYN
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=sendonly
a=msid:7f5d1d2e-stream 77b1-video
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 goog-remb
a=rtcp-fb:103 nack
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:107 H264/90000
a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:108 rtx/90000
a=fmtp:108 apt=107
a=rtpmap:109 H264/90000
a=rtcp-fb:109 goog-remb
a=rtcp-fb:109 transport-cc
a=rtcp-fb:109 ccm fir
a=rtcp-fb:109 nack
a=rtcp-fb:109 nack pli
a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:114 rtx/90000
a=fmtp:114 apt=109
a=rtpmap:98 VP9/90000
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:116 ulpfec/90000
a=ssrc-group:FID 2231627014 632943048
a=ssrc:2231627014 cname:4TOk42mSjXCkVIa6
a=ssrc:2231627014 msid:7f5d1d2e-stream 77b1-video
a=ssrc:632943048 cname:4TOk42mSjXCkVIa6
a=ssrc:632943048 msid:7f5d1d2e-stream 77b1-video
""")

# S-73: with RID simulcast there are no SSRC lines
CHROMIUM_SIMULCAST = (
    CHROMIUM_PUBLISHER[: CHROMIUM_PUBLISHER.index("a=ssrc-group")]
    + "a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n"
)

# S-61: a sender that has no track yet
CHROMIUM_MIX = _text("""
v=0
o=- 2890844526 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 3f2a0c4e-9d7f-4b5b-8d3e-0d9b4c9d2d11.local 46243 typ host generation 0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:- 6f1c3a52
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:1001 cname:abc
a=ssrc:1001 msid:- 6f1c3a52
""")

CHROMIUM_DATA_ANSWER = _text("""
v=0
o=- 8146412034180418862 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE data
a=extmap-allow-mixed
a=msid-semantic: WMS
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:jVd6
a=ice-pwd:Cq9mZ2j0fDcVmo4xjQW3pY3L
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:active
a=mid:data
a=sctp-port:5000
a=max-message-size:262144
""")

CHROMIUM_VIEWER_ANSWER = _text("""
v=0
o=- 8146412034180418862 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:jVd6
a=ice-pwd:Cq9mZ2j0fDcVmo4xjQW3pY3L
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:active
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:jVd6
a=ice-pwd:Cq9mZ2j0fDcVmo4xjQW3pY3L
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:active
a=mid:1
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
""")

# Firefox gives the fingerprint, and ends the lines of a session, once for all m-lines
FIREFOX_PUBLISHER = _text("""
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 4972437286937391391 0 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 FINGERPRINT
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 101
c=IN IP4 0.0.0.0
a=sendonly
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49
a=ice-ufrag:3ef2ba64
a=mid:0
a=msid:{d57d3917-64e9-4f49-adfb-b049d165c312} {c3d8d5c1-55b6-4f0c-a1de-6a3f5d2f5f0a}
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
a=ssrc:2655508255 cname:{735484ea-4f6c-f74a-bd66-7425f8476c2e}
m=video 0 UDP/TLS/RTP/SAVPF 120 124
c=IN IP4 0.0.0.0
a=bundle-only
a=sendonly
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=fmtp:120 max-fs=12288;max-fr=60
a=fmtp:124 apt=120
a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49
a=ice-ufrag:3ef2ba64
a=mid:1
a=rtcp-fb:* nack
a=rtcp-fb:120 nack pli
a=rtcp-mux
a=rtpmap:120 VP8/90000
a=rtpmap:124 rtx/90000
a=setup:actpass
""")

ALL = {
    "chromium publisher": CHROMIUM_PUBLISHER,
    "chromium simulcast": CHROMIUM_SIMULCAST,
    "chromium mix": CHROMIUM_MIX,
    "chromium data answer": CHROMIUM_DATA_ANSWER,
    "chromium viewer answer": CHROMIUM_VIEWER_ANSWER,
    "firefox publisher": FIREFOX_PUBLISHER,
}
