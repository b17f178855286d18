"""What was said between the script and one server, without what differs from run to run."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Frame = dict[str, Any]

DRAWN = 10_000
"""Integers from here on are ids that a server drew; unless the script gave them a name they are told apart no more."""


class Conversation:
    def __init__(self, room_id: str) -> None:
        self._room_id = room_id
        self.notices: dict[str, set[str]] = defaultdict(set)
        """Frames that are neither replies nor plugin events: kind -> on which handles."""
        self._replies: dict[str, Frame] = {}
        self._events: dict[str, list[Frame]] = defaultdict(list)
        self.names: dict[int, str] = {}

    def name(self, number: int, name: str) -> None:
        self.names[number] = name

    def reply(self, step: str, frame: Frame) -> None:
        assert step not in self._replies, f"two steps are called {step!r}"
        self._replies[step] = frame

    def event(self, channel: str, frame: Frame) -> None:
        self._events[channel].append(frame)

    def notice(self, kind: str, channel: str) -> None:
        self.notices[kind].add(channel)

    # -- afterwards -----------------------------------------------------------------------------------------------

    def replies(self) -> dict[str, Frame]:
        return {step: self._plain(frame) for step, frame in self._replies.items()}

    def channels(self) -> dict[str, list[Frame]]:
        """`B.REG` and so on -> the events there, in order."""
        return {channel: [self._plain(frame) for frame in frames] for channel, frames in self._events.items()}

    def gists(self, channel: str) -> list[str]:
        return [gist(self._plain(frame)) for frame in self._events.get(channel, ())]

    def heard(self, client: str) -> dict[str, list[str]]:
        return {channel: self.gists(channel) for channel in self._events if channel.startswith(client)}

    def _plain(self, value: Any, key: str = "") -> Any:
        match key, value:
            case (("reason" | "error" | "date"), str()):
                return "<text>"  # each server has its own words for people
            case "sdp", str():
                return description(value)
            case _, self._room_id:
                return "<room>"
            case _, dict():
                return {name: self._plain(each, name) for name, each in value.items()}
            case (("participants" | "publishers"), list()):  # in no order: Janus keeps them in a hash table
                return sorted((self._plain(each) for each in value), key=lambda each: str(each.get("id")))
            case _, list():
                return [self._plain(each) for each in value]
            case _, int() if not isinstance(value, bool):
                return self.names.get(value, "<number>" if value >= DRAWN else value)
        return value


def gist(frame: Frame) -> str:
    """An event in a few words, e.g. `leaving <A.MIX id>`: what it is about, without how it is put."""
    data = frame.get("plugindata", {}).get("data", frame)
    kind = data.get("audiobridge") or data.get("videoroom") or data.get("textroom")
    for name in ("participants", "publishers", "attendees"):
        if name in data:
            verb = kind if kind == "joined" else name
            return " ".join([verb, *(str(each["id"]) for each in data[name])])
    for name in ("leaving", "unpublished", "kicked"):
        if name in data:
            return f"{name} {data[name]}"
    if kind == "event" and "display" in data:
        return f"display {data['id']}"
    about = data.get("text") or data.get("username") or data.get("id") or ""
    return f"{kind} {about}".strip()


def description(text: str) -> Any:
    """Of an SDP what a client depends on."""
    lines = text.replace("\r", "").split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    session = lines[: starts[0]] if starts else lines
    sections = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return {
        "bundle": next((line.split()[1:] for line in session if line.startswith("a=group:BUNDLE")), None),
        "ice-lite": "a=ice-lite" in session,
        "media": [_section(section) for section in sections],
    }


def _section(lines: list[str]) -> dict[str, Any]:
    attributes = [line[2:] for line in lines if line.startswith("a=")]
    directions = [each for each in attributes if each in ("sendrecv", "sendonly", "recvonly", "inactive")]

    def values(name: str) -> list[str]:
        return [each.partition(":")[2] for each in attributes if each.startswith(f"{name}:")]

    codecs = [each.split()[1] for each in values("rtpmap")]
    return {
        "kind": lines[0].split()[0].removeprefix("m="),
        "mid": values("mid"),
        "direction": directions,
        "codecs": codecs,
        "setup": values("setup"),
        "rtcp-mux": "rtcp-mux" in attributes,
        "candidates": bool(values("candidate")),
        "end-of-candidates": "end-of-candidates" in attributes,
        "extensions": sorted(each.split()[1] for each in values("extmap")),
        "feedback": sorted({" ".join(each.split()[1:]) for each in values("rtcp-fb")}),
    }
