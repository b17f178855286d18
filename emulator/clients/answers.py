"""Reading what a server answers: the parts the official SDK reads, and what it would choke on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.clients.errors import PluginRefusal, ProtocolViolation
from emulator.wire.janus import MAX_ID, Jsep

# The code a browser reports -> the SDK's `disconnected` reason (signaling.md 1.4).
_REASONS = {1000: "user_initiated", 1006: "network_error", 3999: "timed_out", 4000: "session_terminated"}


def reason_for(code: int) -> str:
    """The `disconnected` reason the official SDK gives for a close code."""
    return _REASONS.get(code, "unknown")


@dataclass(frozen=True, slots=True)
class PluginAnswer:
    """`plugindata.data` of an answer, and the session description that came with it."""

    data: dict[str, Any]
    jsep: Jsep | None


@dataclass(frozen=True, slots=True)
class PluginEvent:
    """A broadcast on one handle: `plugindata.data`."""

    handle_id: int
    data: dict[str, Any]


def new_id(name: str, frame: dict[str, Any]) -> int:
    """The id a `create` or `attach` was answered with. Raises ProtocolViolation (S-5, S-110)."""
    data = frame.get("data")
    number = data.get("id") if isinstance(data, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_ID:
        raise ProtocolViolation(name, f"expected data.id to be an integer from 1 to 2^53-1, got {number!r:.60}")
    return number


def plugin_data(name: str, frame: dict[str, Any], expect: dict[str, Any]) -> dict[str, Any]:
    """The data of a plugin's answer. Raises PluginRefusal or ProtocolViolation."""
    if frame.get("janus") != "event":
        raise ProtocolViolation(name, "expected an asynchronous answer (janus 'event'), got a synchronous one (T-44)")
    plugindata = frame.get("plugindata")
    data = plugindata.get("data") if isinstance(plugindata, dict) else None
    if not isinstance(data, dict):
        raise ProtocolViolation(name, f"expected plugindata.data to be an object, got {frame!r:.200}")
    if "error_code" in data:
        code = data["error_code"]
        raise PluginRefusal(name, code if isinstance(code, int) else 0, str(data.get("error", "no reason given")))
    wrong = {key: data.get(key) for key, value in expect.items() if data.get(key) != value}
    if wrong:
        raise ProtocolViolation(name, f"expected {expect!r}, got {data!r:.200}")
    return data


def jsep_of(name: str, frame: dict[str, Any]) -> Jsep | None:
    """The session description that came with an answer. Raises ProtocolViolation."""
    raw = frame.get("jsep")
    if raw is None:
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str) or not isinstance(raw.get("sdp"), str):
        raise ProtocolViolation(name, f"expected jsep with type and sdp, got {raw!r:.120}")
    return Jsep(raw["type"], raw["sdp"])
