"""The `display` of a Janus handle: who it is and which stream it carries (signaling.md, section 3).

Standard base64 of the UTF-8 bytes of a compact JSON object. Five shapes occur, told apart by their fields:

| shape | where                       | fields beside `participantId`                      |
|-------|-----------------------------|----------------------------------------------------|
| D1    | REG join                    | `external` (optional), `canReceiveMessages`        |
| D2    | LST join                    | none                                               |
| D3    | MIX join and configure      | `stream` with the key `audiobridge`                |
| D4    | PUB join and each configure | `stream`                                           |
| D5    | a telephone's only entry    | `telephonyEngineParticipant`, `external`, `stream` |

A server relays the text it received verbatim and never a re-encoded one: `encode` is for whoever makes a display.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from emulator.values import value_class

MAX_DISPLAY_CHARS = 256 * 1024
"""Bound on one display. Contexts of several kilobytes must pass (S-112); nobody needs more than this."""

MIXER_KEY = "audiobridge"
"""Stream key of a mixer leg (D3) and of a telephone (D5)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class DisplayError(ValueError):
    """A text that is no display; the message says what was expected and what came."""


@value_class(frozen=True, slots=True)
class StreamInfo:
    """The `stream` of D3, D4 and D5. The flags say what the application wants sent, not which m-lines there are."""

    id: str
    key: str
    audio_enabled: bool
    video_enabled: bool


@value_class(frozen=True, slots=True)
class Display:
    """A decoded display. `can_receive_messages` is None in all shapes but D1."""

    participant_id: str
    external: str | None = None
    can_receive_messages: bool | None = None
    telephony: bool = False
    stream: StreamInfo | None = None


def participant(participant_id: str, *, external: str | None, can_receive_messages: bool = False) -> Display:
    """D1: a person comes in (REG join)."""
    return Display(participant_id, external=external, can_receive_messages=can_receive_messages)


def listener(participant_id: str) -> Display:
    """D2: the event feed (LST join)."""
    return Display(participant_id)


def mixer_leg(participant_id: str, stream_id: str) -> Display:
    """D3: the mixed audio's leg; its flags are constants."""
    return Display(participant_id, stream=StreamInfo(stream_id, MIXER_KEY, audio_enabled=True, video_enabled=False))


def published(participant_id: str, stream: StreamInfo) -> Display:
    """D4: a published stream with its present flags."""
    return Display(participant_id, stream=stream)


def telephone(participant_id: str, stream_id: str, *, external: str | None) -> Display:
    """D5: a telephone, which is participant and audio in one."""
    info = StreamInfo(stream_id, MIXER_KEY, audio_enabled=True, video_enabled=False)
    return Display(participant_id, external=external, telephony=True, stream=info)


def encode(display: Display) -> str:
    """The wire text, field for field as the official SDK writes it."""
    fields: dict[str, Any] = {"participantId": display.participant_id}
    if display.telephony:
        fields["telephonyEngineParticipant"] = True
    if display.external is not None:
        fields["external"] = display.external
    if display.can_receive_messages is not None:
        fields["canReceiveMessages"] = display.can_receive_messages
    if display.stream is not None:
        fields["stream"] = {
            "id": display.stream.id,
            "key": display.stream.key,
            "isAudioEnabled": display.stream.audio_enabled,
            "isVideoEnabled": display.stream.video_enabled,
        }
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    # JavaScript strings may hold half a surrogate pair; JSON.stringify writes it as an escape, UTF-8 cannot.
    text = _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def decode(text: str) -> Display:
    """Raises DisplayError. Unknown fields are ignored; `canReceiveMessages` counts only as a strict `true`."""
    if len(text) > MAX_DISPLAY_CHARS:
        raise DisplayError(f"expected at most {MAX_DISPLAY_CHARS} characters, got {len(text)}")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DisplayError(f"expected padded standard base64, got {text!r:.60}: {error}") from error
    try:
        fields = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DisplayError(f"expected UTF-8 inside the base64: {error}") from error
    except (ValueError, RecursionError) as error:
        raise DisplayError(f"expected JSON inside the base64, got {raw!r:.60}: {error}") from error
    if not isinstance(fields, dict):
        raise DisplayError(f"expected a JSON object inside the base64, got {fields!r:.60}")
    participant_id = fields.get("participantId")
    if not isinstance(participant_id, str) or not participant_id:
        raise DisplayError(f"participantId: expected a non-empty string, got {participant_id!r:.60}")
    external = fields.get("external")
    if external is not None and not isinstance(external, str):
        raise DisplayError(f"external: expected a string, got {external!r:.60}")
    messages = fields.get("canReceiveMessages")
    return Display(
        participant_id=participant_id,
        external=external,
        can_receive_messages=None if messages is None else messages is True,
        telephony=bool(fields.get("telephonyEngineParticipant")),
        stream=_stream(fields.get("stream")),
    )


def _stream(raw: object) -> StreamInfo | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise DisplayError(f"stream: expected an object, got {raw!r:.60}")
    texts = []
    for name in ("id", "key"):
        value = raw.get(name)
        if not isinstance(value, str):
            raise DisplayError(f"stream.{name}: expected a string, got {value!r:.60}")
        texts.append(value)
    flags = []
    for name in ("isAudioEnabled", "isVideoEnabled"):
        value = raw.get(name, False)
        if not isinstance(value, bool):
            raise DisplayError(f"stream.{name}: expected a boolean, got {value!r:.60}")
        flags.append(value)
    return StreamInfo(texts[0], texts[1], flags[0], flags[1])
