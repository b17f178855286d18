"""The errors of the media transport.

MediaError
├── BindError            a socket could not be opened as asked
├── TransportStateError  a call came at a time when it cannot work
├── StunError            a datagram is no STUN message (RFC 8489)
├── NegotiationError     an offer or answer cannot be agreed on (RFC 8829, RFC 9143)
│   └── CodecMismatch    the two ends have no codec in common
└── DataChannelError     a message cannot be sent (RFC 8831)
"""


class MediaError(Exception):
    """Base of everything the media transport raises; what a caller of the media plane catches."""


class BindError(MediaError):
    """The address cannot be bound, or must not be (wildcard addresses, names instead of addresses)."""


class TransportStateError(MediaError):
    """The call is not possible in the present state, e.g. a second `set_remote`."""


class StunError(MediaError):
    """Bytes that are not a well-formed STUN message; says at which byte and what was expected."""


class NegotiationError(MediaError):
    """A session description that parses but cannot be agreed on; says which m-line and why."""


class CodecMismatch(NegotiationError):
    """An m-line without a codec that both ends have; says which ones are wanted and which are offered."""


class DataChannelError(MediaError):
    """The channel is not open, the message too large for the other end, or too much waits for it already."""
