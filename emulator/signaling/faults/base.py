"""The signaling surface for faults: what a rule can match, and what a fault can do to a frame and its connection."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emulator.faults import Facts, Fault, Surface
from emulator.signaling.faults.lane import Lane
from emulator.wire.janus import Request

Proceed = Callable[[], None]
"""Lets the frame go on its way: to the machine, or to the client."""


class Connection(Protocol):
    """What a fault may do to the client's connection besides."""

    def break_off(self, code: int | None) -> None:
        """Close with this code behind what was sent before; None breaks the connection without a Close frame."""
        ...

    def leave_unanswered(self, transaction: str) -> None:
        """No reply to this request goes out."""
        ...

    def unhear(self) -> None:
        """The frame that is on its way never came: it does not count against the idle timeout."""
        ...

    def expire_token(self, token: str) -> None:
        """This token opens nothing any more, on no connection."""
        ...


@dataclass(frozen=True, slots=True)
class Passage:
    """One frame on its way; `request` is None on the way out."""

    connection: Connection
    lane: Lane
    rng: random.Random
    request: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalingFault(Fault):
    """Base of all signaling faults."""

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        """Not calling `proceed` means that the frame goes no further. On the way in, may raise a SignalingError."""
        proceed()


def is_incoming(facts: Facts) -> bool:
    return facts.get("direction") == "in"


_PLUGINS = ("audiobridge", "videoroom", "textroom")

SIGNALING = Surface(
    "signaling",
    SignalingFault,
    facts={
        "direction": "in (from the client) or out (to it)",
        "janus": "in: create, keepalive, attach, message, trickle, hangup, detach, destroy; out: success, ack, event, "
        "error, timeout, refusal",
        "plugin": "audiobridge, videoroom or textroom, with or without janus.plugin.",
        "request": "in: the request in the body, such as join or configure; out: that which a plugin's answer is to",
        "event": "out, of what nobody asked for: joined, publishers, unpublished, leaving, kicked, display, "
        "audio-moderation, talking, stopped-talking",
        "handle": "register or listener; of a join, what the handle becomes: also mixer, publisher, subscriber",
        "transaction": "the transaction of a request or of its answer",
        "room_id": "the room in the path",
        "participant_id": "whose connection it is, from the join on",
        "context": "that participant's context, from the join on",
        "connection": "which of the account's connections: 1, 2, 3, ...",
    },
    words={
        "direction": ("in", "out"),
        "janus": (
            *("create", "keepalive", "attach", "message", "trickle", "hangup", "detach", "destroy"),
            *("success", "ack", "event", "error", "timeout", "refusal"),
        ),
        "plugin": (*_PLUGINS, *(f"janus.plugin.{name}" for name in _PLUGINS)),
        "handle": ("register", "listener", "mixer", "publisher", "subscriber"),
    },
    modules=[
        f"emulator.signaling.faults.{name}"
        for name in (
            "close",
            "delay",
            "drop",
            "duplicate",
            "error",
            "expire_token",
            "late",
            "lose",
            "no_answer",
            "refuse_join",
            "reorder",
        )
    ],
)
