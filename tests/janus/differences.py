"""Where we and Debian's Janus 1.1.2 are allowed to differ, and which word of the reference allows it.

Numbers and sections are those of the signaling reference; `media` is the media reference. A row whose difference no
longer occurs fails the test, as does a difference without a row.
"""

from __future__ import annotations

from tests.janus.comparison import ABSENT, ANY, PRESENT, Row

S107 = "S-107: what is unknown or malformed is answered with a Janus error that has the transaction; no code is given"
T44 = "T-44: a plugin's refusal must not come as a `success` with plugindata; S-107: a Janus error instead"
ONE_SESSION = "introduction: one WebSocket is one session is one participant"
IGNORED = "4.5: the client ignores these frames; they may be left out"
TWO_LISTENERS = "section 5: the SDK looks at REG and LST only; sending to those two is enough"
NOT_TO_ITSELF = "5.1: the own one is ignored; 'everyone else'"
ROOM_UNREAD = "Appendix B: `room` in events is never read by the SDK, either form is safe"
JANUS_1X = "T-37 and Appendix B: shapes of Janus 1.x beside the 0.x ones; extra fields are harmless"
NO_TRANSPORT_CC = "media 4: transport-cc stays out of the SDP unless it is really sent"
NO_SEND_TIMES = "media 4: transport-cc as above; send times are on no packet of ours, receivers go by RTP timestamps"
BUNDLED = "section 4: all candidates inside the SDP, BUNDLE: those of the first m-line are everybody's"
DTLS_SERVER = "media 1: be the DTLS server (`a=setup:passive` in answers)"
LISTENER = "4.2: LST never publishes, it is never listed, and no one hears of it"

SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
KEYFRAMES = ["ccm fir", "goog-remb", "nack", "nack pli"]

WRONG_IN_BODY = (
    "(S videoroom join as a wrong type|B SUB join feed of a wrong type|"
    "A PUB bitrate of a wrong type|A MIX muted of a wrong type)"
)
WRONG_REQUEST = "S (audiobridge|videoroom|textroom) (no request|unknown request|request of a wrong type)"

ALLOWED = [
    # -- frames that are no requests ------------------------------------------------------------------------------
    Row("S array: error.code", 455, 456, "1.1: one JSON object in each frame; 455 says so"),
    Row("S number: error.code", 455, 454, "1.1: one JSON object in each frame; 455 says so"),
    Row("S no request: transaction", "t1", ABSENT, "S-6, S-109: a reply that does not echo the transaction is lost"),
    Row("S request of a wrong type: transaction", "t2", ABSENT, "S-6, S-109: as above"),
    Row("S session of a wrong type: error.code", 467, 457, S107),
    Row("S * jsep of a wrong type: error.code", 467, 455, S107),
    Row(WRONG_REQUEST + ": janus", "error", "success", T44),
    Row(WRONG_REQUEST + ": error", ANY, ABSENT, T44),
    Row(WRONG_REQUEST + ": (plugindata|sender)", ABSENT, ANY, T44),
    Row(WRONG_IN_BODY + ": janus", "error", "event", S107),
    Row(WRONG_IN_BODY + ": error", ANY, ABSENT, S107),
    Row(WRONG_IN_BODY + ": (plugindata|sender)", ABSENT, ANY, S107),
    Row("S audiobridge join without a display: janus", "error", "event", "R7: each entry needs `display`; S-107"),
    Row("S audiobridge join without a display: error", ANY, ABSENT, "R7, as above"),
    Row("S audiobridge join without a display: (plugindata|sender)", ABSENT, ANY, "R7, as above"),
    # -- sessions and handles -------------------------------------------------------------------------------------
    Row("S create again: error.code", 468, 453, ONE_SESSION),
    Row("S (wrong session|session of a wrong type): session_id", "<S.session>", ANY, S107),
    Row("B session of another client: janus", "error", "ack", "S-115: never executed; " + ONE_SESSION),
    Row("B session of another client: error", ANY, ABSENT, "S-115, as above"),
    Row("B session of another client: session_id", "<B.session>", "<A.session>", "S-115, as above"),
    Row("S * trickle nothing: janus", "ack", "error", "R18: what a trickle holds can be ignored entirely"),
    Row("S * trickle nothing: error", ABSENT, ANY, "R18, as above"),
    Row("S * trickle late: janus", "ack", "error", "S-116: after `detach` it is answered, with an error or ack"),
    Row("S * trickle late: error", ABSENT, ANY, "S-116, as above"),
    Row("frames of the kind interim ack", ABSENT, PRESENT, "1.2: the interim ack before an event reply is optional"),
    Row("frames of the kind (detached|hangup|media|webrtcup)", ABSENT, PRESENT, IGNORED),
    # -- audiobridge ----------------------------------------------------------------------------------------------
    Row(
        "A MIX join: plugindata.data.participants[<A.REG id>]", ABSENT, PRESENT, "S-49: never the caller; R9: not read"
    ),
    Row(
        "B MIX join: plugindata.data.participants[<B.REG id>]", ABSENT, PRESENT, "S-49: never the caller; R9: not read"
    ),
    Row(
        "B (REG|MIX) join: plugindata.data.participants[].talking", ABSENT, False, "R7: an entry needs `id`, `display`"
    ),
    Row("* MIX configure (empty|with an offer): plugindata.data.room", "<room>", ABSENT, ROOM_UNREAD),
    Row("events on (A|B).MIX", ABSENT, PRESENT, TWO_LISTENERS),
    Row("A.REG (joined|leaving) <A.MIX id>", ABSENT, PRESENT, NOT_TO_ITSELF),
    Row("B.REG joined <B.MIX id>", ABSENT, PRESENT, NOT_TO_ITSELF),
    Row("* participants <*.MIX id>", ABSENT, PRESENT, "E17: no SDK event comes of mute, set-up or display changes"),
    # -- videoroom ------------------------------------------------------------------------------------------------
    Row("*: plugindata.data.(|publishers[].)streams", ABSENT, ANY, JANUS_1X),
    Row(
        "A TWO join: plugindata.data.publishers[<A.PUB id>]",
        ABSENT,
        PRESENT,
        "R12: `publishers` is ignored on PUB handles",
    ),
    Row(
        "B.LST publishers <A.TWO id>: plugindata.data.publishers[].talking", False, ABSENT, "5.1: all optional but `id`"
    ),
    Row("B SUB join: plugindata.data.warning", ABSENT, "deprecated_api", JANUS_1X),
    Row("A.LST (display|publishers|unpublished|leaving) <A.(PUB|TWO) id>", ABSENT, PRESENT, NOT_TO_ITSELF),
    Row("events on A.(PUB|TWO)", ABSENT, PRESENT, TWO_LISTENERS),
    Row(
        "B.LST display <A.TWO id>", ABSENT, PRESENT, "5.4, rule 5: E10 before E6 is useless; E6 has the latest display"
    ),
    Row("B.LST display <A.PUB id>: plugindata.data.room", "<room>", ABSENT, ROOM_UNREAD),
    Row(
        "B.LST unpublished <A.(PUB|TWO) id>", ABSENT, PRESENT, "S-92: E7 exactly once for each stream; Janus repeats it"
    ),
    Row("B.LST (unpublished|leaving) <A.LST id>", ABSENT, PRESENT, LISTENER),
    # -- the text room --------------------------------------------------------------------------------------------
    Row("(A|B).text join *", ABSENT, PRESENT, "4.4: `join` is ignored; here it is the joiner's own"),
    Row("* TXT setup: jsep.sdp.media[].direction", [], ["sendrecv"], "S-36: one datachannel m-line, and that has none"),
    # -- SDP ------------------------------------------------------------------------------------------------------
    Row("* configure with an offer: jsep.sdp.media[].setup", ["passive"], ["active"], DTLS_SERVER),
    Row("*: jsep.sdp.media[].(candidates|end-of-candidates)", False, True, BUNDLED),
    Row(
        "A * configure with an offer: jsep.sdp.media[].feedback",
        ["goog-remb", "nack", "nack pli"],
        ANY,
        NO_TRANSPORT_CC,
    ),
    Row("B SUB join: jsep.sdp.media[].feedback", [], ["transport-cc"], NO_TRANSPORT_CC),
    Row("B SUB join: jsep.sdp.media[].feedback", KEYFRAMES, [*KEYFRAMES, "transport-cc"], NO_TRANSPORT_CC),
    Row("B SUB join: jsep.sdp.media[].extensions", [MID], [TRANSPORT_CC, SEND_TIME, MID], NO_SEND_TIMES),
]
