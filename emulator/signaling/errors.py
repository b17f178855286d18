"""What signaling refuses, and in which form the refusal reaches the client.

SignalingError
├── Refused         the gateway's `status_code` frame: the client closes its socket (signaling.md 1.3)
├── JanusError      a Janus `error` frame (unknown requests, malformed bodies: S-107)
└── PluginError     a plugin's own `event` with `error_code` (stock Janus's way of saying no)
"""

from __future__ import annotations


class SignalingError(Exception):
    """`rule` names the statement of the reference that is at stake, for the log."""

    def __init__(self, code: int, reason: str, *, rule: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.rule = rule


class Refused(SignalingError):
    pass


class JanusError(SignalingError):
    pass


class PluginError(SignalingError):
    pass
