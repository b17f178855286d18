"""What the clients of one room know of each other: audiobridge entries and published feeds, with their displays.

Displays are relayed verbatim (signaling.md, section 3); ids keep the JSON type they were announced with (S-53).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Member(Protocol):
    """A client's session as the room sees it."""

    id: int
    connection: str

    def notify_register(self, data: dict[str, Any]) -> None:
        """An audiobridge event, to the handle that listens to those."""
        ...

    def notify_listener(self, data: dict[str, Any]) -> None:
        """A videoroom event, to the handle that listens to those."""
        ...

    def participant_left(self) -> None:
        """The person has gone: nothing more is said or heard in its name."""
        ...

    def close(self, code: int) -> None:
        """Close the socket behind every event already made."""
        ...

    def expel(self, grace_secs: float, code: int) -> None:
        """Refuse further requests; close if the client does not within the grace."""
        ...


@dataclass(slots=True)
class AudioEntry:
    """One audiobridge participant: a register handle, a mixer leg or a phone."""

    id: int
    display: str
    participant_id: str
    session: Member
    handle_id: int
    presence: bool
    """True for the entry whose coming and going is the person's: the register handle, or a phone's only one."""
    setup: bool = False
    muted: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "display": self.display, "setup": self.setup, "muted": self.muted}


@dataclass(slots=True)
class FeedEntry:
    """One published stream; `id` is what subscribers call `feed`."""

    id: int
    display: str
    participant_id: str
    stream_id: str
    key: str
    session: Member
    handle_id: int
    announced: bool = False
    audio_moderated: bool = False
    audio_codec: str | None = None
    video_codec: str | None = None
    simulcast: bool = False

    def as_json(self) -> dict[str, Any]:
        """A publisher entry as stock Janus lists it (signaling.md 5.1)."""
        entry: dict[str, Any] = {"id": self.id, "display": self.display, "talking": False}
        if self.audio_codec is not None:
            entry["audio_codec"] = self.audio_codec
        if self.video_codec is not None:
            entry["video_codec"] = self.video_codec
        if self.simulcast:
            entry["simulcast"] = True
        if self.audio_moderated:  # the SDK counts a strict true only; S-66: exactly while moderated
            entry["audio_moderated"] = True
        return entry
