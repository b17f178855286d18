"""The sources by name, as scenarios and tests write them: `"test_card"` or `{"source": "test_card", "fps": 30}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from emulator.clients.errors import SourceError
from emulator.clients.sources.base import AudioSource, Identity, VideoCodec, VideoFormat, VideoSource
from emulator.clients.sources.black import BlackSource
from emulator.clients.sources.silence import SilenceSource
from emulator.clients.sources.speech import SpeechSource
from emulator.clients.sources.test_card import DEFAULT_FORMAT, LoopingCardSource, TestCardSource
from emulator.clients.sources.tone import ToneSource
from emulator.probes.errors import ProbeError

Options = Mapping[str, Any]
VideoSpec = VideoSource | str | Options | None
AudioSpec = AudioSource | str | Options | None

SourceT = TypeVar("SourceT")

_SIZE = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")
_BITS_PER_PIXEL = 0.1
LOOP_SECS = (1, 60)
_MAX_BITRATE = 500_000
"""Unless asked for more: what the SDK lets a publisher send (R13)."""


def _test_card(identity: Identity, options: dict[str, Any]) -> VideoSource:
    """size (`640x360`), fps (1 to 60), bitrate (bit/s), codec (`VP8` or `H264`), loop (seconds; for crowds)."""
    form = DEFAULT_FORMAT
    if "size" in options:
        width, height = _size(options.pop("size"))
        form = replace(form, width=width, height=height)
    if "fps" in options:
        form = replace(form, fps=_number("fps", options.pop("fps"), 1, 60))
    fair = round(form.width * form.height * form.fps * _BITS_PER_PIXEL)
    bitrate = min(_MAX_BITRATE, max(DEFAULT_FORMAT.bitrate, fair))
    if "bitrate" in options:
        bitrate = round(_number("bitrate", options.pop("bitrate"), 20_000, 20_000_000))
    form = _even(replace(form, bitrate=bitrate, codec=_codec(options.pop("codec", "VP8"))))
    if "loop" in options:
        seconds = _number("loop", options.pop("loop"), *LOOP_SECS)
        return LoopingCardSource(identity, form, loop=max(1, round(seconds * form.fps)))
    return TestCardSource(identity, form)


def _black(_identity: Identity, options: dict[str, Any]) -> VideoSource:
    """codec (`VP8` or `H264`)."""
    return BlackSource.of(_codec(options.pop("codec", "VP8")))


def _tone(identity: Identity, options: dict[str, Any]) -> AudioSource:
    """index (0 to 63, the participant's own unless given), amplitude (share of full scale)."""
    index = int(_number("index", options.pop("index", identity.tone), 0, 63))
    return ToneSource(index, _number("amplitude", options.pop("amplitude", 0.1), 0, 1))


def _speech(identity: Identity, options: dict[str, Any]) -> AudioSource:
    """talk and pause (seconds), index and amplitude as for `tone`."""
    talk = options.pop("talk", None)
    pause = _number("pause", options.pop("pause", 0.0), 0, 3600)
    index = int(_number("index", options.pop("index", identity.tone), 0, 63))
    amplitude = _number("amplitude", options.pop("amplitude", 0.1), 0, 1)
    return SpeechSource(index, None if talk is None else _number("talk", talk, 0.02, 3600), pause, amplitude)


def _silence(_identity: Identity, _options: dict[str, Any]) -> AudioSource:
    """No options."""
    return SilenceSource()


VIDEO_SOURCES: Mapping[str, Callable[[Identity, dict[str, Any]], VideoSource]] = {
    "test_card": _test_card,
    "black": _black,
}
AUDIO_SOURCES: Mapping[str, Callable[[Identity, dict[str, Any]], AudioSource]] = {
    "tone": _tone,
    "speech": _speech,
    "silence": _silence,
}


def video_source(spec: VideoSpec, identity: Identity) -> VideoSource | None:
    """The source a spec means, None for None. Raises SourceError."""
    if spec is None or isinstance(spec, VideoSource):
        return spec
    name, options = _parse("video", spec, VIDEO_SOURCES)
    return _made("video", name, VIDEO_SOURCES[name], identity, options)


def audio_source(spec: AudioSpec, identity: Identity) -> AudioSource | None:
    """The source a spec means, None for None. Raises SourceError."""
    if spec is None or isinstance(spec, AudioSource):
        return spec
    name, options = _parse("audio", spec, AUDIO_SOURCES)
    return _made("audio", name, AUDIO_SOURCES[name], identity, options)


def _made(
    kind: str,
    name: str,
    make: Callable[[Identity, dict[str, Any]], SourceT],
    identity: Identity,
    options: dict[str, Any],
) -> SourceT:
    try:
        source = make(identity, options)
    except ProbeError as error:
        raise SourceError(f"{kind} source {name!r}: {error}") from error
    if options:
        unknown = ", ".join(map(repr, options))
        raise SourceError(f"{kind} source {name!r} has no option {unknown}; it takes: {make.__doc__}")
    return source


def _parse(kind: str, spec: object, known: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    name: object = spec
    options: dict[str, Any] = {}
    if isinstance(spec, Mapping):
        options = dict(spec)
        name = options.pop("source", None)
    if not isinstance(name, str) or name not in known:
        raise SourceError(
            f"expected {'an' if kind == 'audio' else 'a'} {kind} source ({', '.join(known)}), got {name!r:.60}"
        )
    return name, options


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SourceError(f"{name}: expected a number from {low:g} to {high:g}, got {value!r:.60}")
    return value


def _size(value: object) -> tuple[int, int]:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise SourceError(f"size: expected a text like '640x360', got {value!r:.60}")
    return int(match[1]), int(match[2])


def _even(form: VideoFormat) -> VideoFormat:
    if form.width % 2 or form.height % 2:
        raise SourceError(f"size: expected an even width and height, got {form.width}x{form.height}")
    return form


def _codec(value: object) -> VideoCodec:
    match value:
        case "VP8" | "H264":
            return value
    raise SourceError(f"codec: expected 'VP8' or 'H264', got {value!r:.60}")
