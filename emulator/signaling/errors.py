"""What signaling refuses, and in which form the refusal reaches the client.

SignalingError
├── Refused         the gateway's `status_code` frame: the client closes its socket (signaling.md 1.3)
├── JanusError      a Janus `error` frame (unknown requests, malformed bodies: S-107)
└── PluginError     a plugin's own `event` with `error_code` (stock Janus's way of saying no)
"""

from __future__ import annotations

from emulator.signaling.rules import Rule


class SignalingError(Exception):
    """`rule` is the statement of the reference that is at stake, with what the application should do about it.

    `code` and `reason` go to the client; the rule goes to the log and to /_emulator/problems (`problems.py`).
    """

    def __init__(self, code: int, reason: str, rule: Rule) -> None:
        super().__init__(reason)
        self.code = int(code)
        self.reason = reason
        self.rule = rule


class Refused(SignalingError):
    pass


class JanusError(SignalingError):
    pass


class PluginError(SignalingError):
    pass
