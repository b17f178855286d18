"""Errors of the RTP plane.

RtpPlaneError
 ├── RtpError      an RTP packet or its header extensions cannot be read or built
 ├── RtcpError     an RTCP compound cannot be read or built
 └── PayloadError  a codec's RTP payload, or a frame to be packetised, is not what its RFC says
"""

from __future__ import annotations


class RtpPlaneError(ValueError):
    """Base class: what arrived (or was asked for) is not what the standard describes."""


class RtpError(RtpPlaneError):
    """An RTP packet that RFC 3550 section 5 or RFC 8285 does not allow."""


class RtcpError(RtpPlaneError):
    """An RTCP compound that RFC 3550 section 6, RFC 4585 or RFC 5104 does not allow."""


class PayloadError(RtpPlaneError):
    """A payload that RFC 7741 (VP8) or RFC 6184 (H.264) does not allow."""
