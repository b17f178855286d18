"""What can go wrong for a synthetic participant.

ClientError
├── SignalingError
│   ├── ConnectError        no WebSocket: refused, not found, or without the subprotocol
│   ├── Refused             a `status_code` frame (signaling.md 1.3): bad token, unknown or full room
│   ├── JanusRefusal        a Janus `error` frame
│   ├── PluginRefusal       a plugin's event with `error_code`
│   ├── ProtocolViolation   an answer that is no answer to its request
│   ├── RequestTimeout      no answer in time
│   └── ConnectionLost      the socket ended before the answer came
├── MediaError              a peer connection did not come up, or broke
├── SourceError             an unknown source, or options it does not take
├── BehaviourError          the same for a behaviour
├── OptionError             the value of an option that is none
└── ClientStateError        the call does not fit what the client is doing
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of everything a synthetic participant raises, assertions excepted."""


class SignalingError(ClientError):
    """The server did not do what was asked; `request` names what that was, e.g. `REG join`."""

    def __init__(self, request: str, text: str) -> None:
        super().__init__(f"{request}: {text}")
        self.request = request


class ConnectError(SignalingError):
    """`status` is the HTTP status of a refused handshake, None when there was no HTTP answer at all."""

    def __init__(self, url: str, text: str, status: int | None = None) -> None:
        super().__init__(f"connecting to {url}", text)
        self.status = status


class Refused(SignalingError):
    """The server sent an error frame; the connection is being closed. `status_code` is e.g. 401 or 403."""

    def __init__(self, request: str, status_code: int, message: str) -> None:
        super().__init__(request, f"refused with status_code {status_code}: {message}")
        self.status_code = status_code
        self.message = message


class JanusRefusal(SignalingError):
    def __init__(self, request: str, code: int, reason: str) -> None:
        super().__init__(request, f"Janus error {code}: {reason}")
        self.code = code
        self.reason = reason


class PluginRefusal(SignalingError):
    def __init__(self, request: str, code: int, reason: str) -> None:
        super().__init__(request, f"error_code {code}: {reason}")
        self.code = code
        self.reason = reason


class ProtocolViolation(SignalingError):
    """The official SDK would wait for ever (or throw) at this answer; a test wants to know at once."""


class RequestTimeout(SignalingError):
    def __init__(self, request: str, seconds: float) -> None:
        super().__init__(request, f"no answer within {seconds:g} s")
        self.seconds = seconds


class ConnectionLost(SignalingError):
    """`code` is the close code as a browser would report it: 1005 for an empty Close, 1006 for none at all."""

    def __init__(self, request: str, code: int, reason: str) -> None:
        super().__init__(request, f"the connection ended with {code} ({reason})")
        self.code = code
        self.reason = reason


class MediaError(ClientError):
    """A peer connection failed; the text says which one and why."""


class SourceError(ClientError):
    """The text names the source or the option, and what there is."""


class BehaviourError(ClientError):
    """The text names the behaviour or the option, and what there is."""


class OptionError(ClientError):
    """The text names the option, and what was expected. Who knows whose option it is, says so."""


class ClientStateError(ClientError):
    """E.g. publishing before `connect`, or a stream key that is not published."""
