"""The rules at stake when signaling refuses something, and what an application does to keep each of them.

The official SDK shows no error when a server refuses a request: the call hangs (signaling.md 1.2, T-14). These are the
sentences that tell a developer why. Numbers are those of the reference (S- and T- of signaling.md, R- of
rest-and-webhooks.md).
"""

from __future__ import annotations

from emulator.values import value_class
from emulator.wire.janus import ErrorCode


@value_class(frozen=True, slots=True)
class Rule:
    number: str
    """A statement of the reference, e.g. `S-9`."""
    mend: str
    """What the application should do, in one sentence."""


# -- frames -----------------------------------------------------------------------------------------------------------

FRAME = Rule("S-4", "Send each request as one JSON object in one text frame.")
ENVELOPE = Rule("S-107", "Give the frame a string 'transaction' and each element its type (signaling.md, section 2).")
REQUEST = Rule("S-107", "Send one of create, keepalive, attach, message, trickle, detach, hangup, destroy.")
JSEP = Rule("S-107", "Send 'jsep' as {type: 'offer' or 'answer', sdp: text}, as the browser's description has them.")
FRAME_SIZE = Rule(
    "S-107", "Send smaller frames: a shorter context or SDP, or let the emulator take more (--max-frame-bytes)."
)
FRAME_PACE = Rule(
    "S-107", "Send fewer frames: something in the page asks again and again, often a loop of updateStream."
)
FRAME_RULES = {
    ErrorCode.INVALID_JSON: FRAME,
    ErrorCode.INVALID_JSON_OBJECT: FRAME,
    ErrorCode.JSEP_UNKNOWN_TYPE: JSEP,
    ErrorCode.INVALID_SDP: JSEP,
}
"""For a frame that is no request; every other code is a matter of the `ENVELOPE`."""

# -- tokens and rooms -------------------------------------------------------------------------------------------------

TOKEN_MISSING = Rule("S-10", "Put a client token into the element 'client_token' of every frame.")
TOKEN_WRONG = Rule(
    "S-9", "Join with the 'token' of generate_join_client_token from this emulator, whole, and not its 'refresh_token'."
)
TOKEN_EXPIRED = Rule(
    "S-10",
    "Before it expires, get a new one with actions/refresh_client_token and call updateClientToken; now, initialize() "
    "anew with a fresh token, or ask for a longer token_ttl_secs.",
)
TOKEN_OF_ANOTHER_ROOM = Rule("S-9", "Make the token for the room that is joined: its id stands in both.")
TOKEN_OF_ANOTHER_ACCOUNT = Rule("S-9", "Refresh a token with the API key that made the first one.")
ROOM_UNKNOWN = Rule("R-39", "Join a room that exists: make it with POST /v2/rooms and use the id it answers with.")
ROOM_FULL = Rule("R-84", "Wait until somebody leaves, or raise the room's max_participants.")
PRESENT_ELSEWHERE = Rule("S-54", "Leave the other room first, or join as a new participant: initialize() makes one.")
REMOVED = Rule("S-96", "This Room is dead: join anew with initialize() and connect().")

INJECTED = Rule("S-109", "Nothing: a fault rule did this on purpose; see /_emulator/faults.")

# -- sessions and handles ---------------------------------------------------------------------------------------------

SESSION_UNKNOWN = Rule(
    "S-5", "Send 'create' first on each socket and put its data.id into 'session_id': sessions cannot be taken over."
)
SESSION_TWICE = Rule("S-5", "Send 'create' once on each socket; open another socket for another participant.")
HANDLE_UNKNOWN = Rule("S-115", "Use a handle_id that 'attach' gave to this session and that is not detached.")
PLUGIN_UNKNOWN = Rule("S-25", "Attach janus.plugin.audiobridge, janus.plugin.videoroom or janus.plugin.textroom.")
HANDLES_SPENT = Rule("S-27", "Detach the handles of streams and subscriptions that are over.")
BODY_MISSING = Rule("S-107", "Give a 'message' a 'body' with the plugin's request.")
NO_MEDIA = Rule(
    "S-107", "Connect over the WebSocket to send media: this connection in the emulator's process has none."
)
STORE = Rule("S-109", "Make room on the disk of the data directory (--data-dir), then try again.")
IDLE = Rule("S-21", "Send 'keepalive' every few seconds; a page that is paused in a debugger sends none.")
UNREAD = Rule("S-109", "Read the socket while sending: frames the client left unread have filled the queue.")

# -- the plugins ------------------------------------------------------------------------------------------------------

PLUGIN_REQUEST = Rule("S-107", "Send a request of this plugin as the SDK does (signaling.md, section 2).")
DISPLAY = Rule(
    "S-111", "Send 'display' as standard base64 of a JSON object that has participantId (signaling.md, section 3)."
)
ELEMENT = Rule("S-107", "Give the body's elements the types they have in signaling.md, section 2.")
OWN_DISPLAY = Rule("S-54", "Use this session's own participantId in the displays of all its handles.")
OWN_STREAM = Rule("S-75", "Keep participantId, stream.id and stream.key of the display the handle joined with.")
JOIN_ONCE = Rule("S-55", "Attach a new handle for each join: one REG, one LST, one MIX, one for each stream.")
PARTICIPANT_ONCE = Rule("S-114", "Open another socket for another participant: one connection is one participant.")
SAME_ROOM = Rule("S-1", "Name the room that the connection's path names, or none.")
REGISTER_FIRST = Rule("S-46", "Join the register handle (audiobridge, D1) first: await connect() before anything else.")
JOIN_FIRST = Rule("S-70", "Join the handle, and await the answer, before anything else is sent on it.")
GONE = Rule("S-96", "The participant has left the room: join anew with initialize() and connect().")
KEY_TWICE = Rule("S-77", "Publish each key once: await removeStream(key), or change the stream with updateStream(key).")
STREAMS_SPENT = Rule("S-77", "Remove a stream before another is published.")
NO_FEED = Rule(
    "S-89",
    "Subscribe after stream_published, and only to streams that are in the state at that moment.",
)
RENEGOTIATION = Rule("S-78", "Negotiate a publisher once: removeStream and addStream again to change its m-lines.")
OFFER = Rule("S-71", "Send the browser's offer unchanged: Opus, and VP8 or H.264, bundled, with rtcp-mux and DTLS.")
CODECS = Rule(
    "S-72",
    "Offer Opus, and VP8 or constrained baseline H.264, whichever the room's video_codecs allow (PATCH /v2/rooms/{id} "
    "changes them).",
)
CODECS_SEEN = Rule(
    "S-82", "Subscribe with a browser that decodes what is published, or bound the room's video_codecs to what all can."
)
MIX_OFFER = Rule("S-57", "Send the browser's offer unchanged: one audio m-line with Opus, rtcp-mux and DTLS.")
ANSWER = Rule("S-84", "Answer the offer of this subscription, unchanged, with what the browser's createAnswer gives.")

# -- the text room ----------------------------------------------------------------------------------------------------

TEXT_REQUEST = Rule("S-36", "Send 'setup', answer its offer with 'ack'; all else goes over the data channel.")
TEXT_ROOM = Rule("S-36", "Name the room as 'setup' told it (janus_room_id), or by its id.")
TEXT_ONCE = Rule("S-36", "Set up one textroom handle for each connection; detach it before another one is set up.")
TEXT_ANSWER = Rule("S-37", "Answer the offer of 'setup', unchanged, with what the browser's createAnswer gives.")
TEXT_JOIN = Rule("S-39", "Send 'join' with the participant id as username once, when the data channel opens.")
TEXT_FRAME = Rule("S-43", "Send one JSON object in each text message, as the SDK does (signaling.md 4.4).")
TEXT_RATE = Rule("S-43", "Send fewer or smaller messages: sendMessage hangs on those that are too many.")
TEXT_UNREAD = Rule("S-40", "Read the data channel: messages the client left unread have filled the queue.")
