"""The sources by name, as scenarios and tests write them: `"test_card"` or `{"source": "test_card", "fps": 30}`.

A kind is one small file beside this one: a function under a line that gives its word and its options.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from emulator.clients.errors import OptionError, SourceError
from emulator.clients.options import Option
from emulator.clients.sources.base import AudioSource, Identity, VideoSource
from emulator.probes.errors import ProbeError

Options = Mapping[str, Any]
VideoSpec = VideoSource | str | Options | None
AudioSpec = AudioSource | str | Options | None

SourceT = TypeVar("SourceT", VideoSource, AudioSource)
B = TypeVar("B", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[SourceT]):
    """`build` takes an Identity, and the options that were given by name; what is not given is its default.

    `tells`: who sees or hears it can tell whose it is, as `sees` and `hears` do. `required` are options that must be
    given.
    """

    word: str
    options: Mapping[str, Option]
    build: Callable[..., SourceT]
    tells: bool
    required: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first paragraph of its file's docstring, behind the word."""
        doc = sys.modules[self.build.__module__].__doc__ or ""
        return " ".join(doc.strip().partition("\n\n")[0].partition("`: ")[2].split())


VIDEO_SOURCES: dict[str, SourceKind[VideoSource]] = {}
AUDIO_SOURCES: dict[str, SourceKind[AudioSource]] = {}


def video(
    word: str, options: Mapping[str, Option], *, tells: bool = False, required: tuple[str, ...] = ()
) -> Callable[[B], B]:
    """Function decorator: what is decorated makes the video source written with this word."""

    def register(build: B) -> B:
        _add(VIDEO_SOURCES, SourceKind(word, options, build, tells, required))
        return build

    return register


def audio(
    word: str, options: Mapping[str, Option], *, tells: bool = False, required: tuple[str, ...] = ()
) -> Callable[[B], B]:
    """Function decorator: what is decorated makes the audio source written with this word."""

    def register(build: B) -> B:
        _add(AUDIO_SOURCES, SourceKind(word, options, build, tells, required))
        return build

    return register


def _add(kinds: dict[str, SourceKind[SourceT]], kind: SourceKind[SourceT]) -> None:
    if kind.word in kinds:
        raise ValueError(f"two sources are called {kind.word!r}")
    kinds[kind.word] = kind


def video_source(spec: VideoSpec, identity: Identity) -> VideoSource | None:
    """The source a spec means, None for None. Raises SourceError."""
    if spec is None or isinstance(spec, VideoSource):
        return spec
    return _made("video", "a video source", spec, VIDEO_SOURCES, identity)


def audio_source(spec: AudioSpec, identity: Identity) -> AudioSource | None:
    """The source a spec means, None for None. Raises SourceError."""
    if spec is None or isinstance(spec, AudioSource):
        return spec
    return _made("audio", "an audio source", spec, AUDIO_SOURCES, identity)


def _made(
    medium: str, what: str, spec: object, kinds: Mapping[str, SourceKind[SourceT]], identity: Identity
) -> SourceT:
    options = dict(spec) if isinstance(spec, Mapping) else {"source": spec}
    word = options.pop("source", None)
    if not isinstance(word, str) or word not in kinds:
        raise SourceError(f"expected {what} ({', '.join(kinds)}), got {word!r:.60}")
    kind = kinds[word]
    source = f"{medium} source {word!r}"
    unknown = [name for name in options if name not in kind.options]
    if unknown:
        takes = ", ".join(kind.options) or "none"
        raise SourceError(f"{source} has no option {', '.join(map(repr, unknown))}; it takes: {takes}")
    missing = [name for name in kind.required if name not in options]
    if missing:
        raise SourceError(f"{source} needs the option {missing[0]!r}")
    try:
        given = {name: kind.options[name].read(name, value) for name, value in options.items()}
        return kind.build(identity, **given)
    except (ProbeError, SourceError, OptionError) as error:
        raise SourceError(f"{source}: {error}") from error
