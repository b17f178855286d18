"""Metrics in the Prometheus text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from emulator.values import value_class

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


@value_class(frozen=True, slots=True)
class Family:
    """One metric with all its label sets. A counter's name ends with `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    about: str
    samples: Sequence[tuple[Labels, float]]


def counter(name: str, about: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, "counter", about, tuple(samples))


def gauge(name: str, about: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, "gauge", about, tuple(samples))


def single(value: float) -> Sequence[tuple[Labels, float]]:
    """The samples of a metric without labels."""
    return (({}, value),)


def exposed(families: Iterable[Family]) -> str:
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.about)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [f"{family.name}{_labels(labels)} {value!r}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text
