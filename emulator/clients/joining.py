"""Joining a room: the three handles every session has, REG, LST and MIX (R7 to R10)."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.errors import ProtocolViolation
from emulator.clients.mix_connection import MixConnection
from emulator.clients.roster import Participant, Roster
from emulator.clients.signaling import AUDIOBRIDGE, VIDEOROOM, JanusClient
from emulator.wire import display as displays
from emulator.wire.janus import Jsep


@dataclass(slots=True)
class Handles:
    """Handle ids; 0 until attached. Events count only on the first two."""

    register: int = 0
    listener: int = 0
    mixer: int = 0


async def register(
    janus: JanusClient, handles: Handles, roster: Roster, room_id: str, context: str | None, *, messages: bool
) -> None:
    """REG: our presence. Joined muted, never negotiates media. Raises SignalingError."""
    handles.register = await janus.attach(AUDIOBRIDGE, name="REG")
    own = Participant(roster.participant_id, context, "local", can_receive_messages=messages)
    display = displays.encode(displays.participant(own.id, external=context, can_receive_messages=messages))
    await janus.message(
        handles.register,
        {"request": "join", "room": room_id, "display": display, "muted": True},
        name="REG join",
        expect={"audiobridge": "joined"},
        on_answer=lambda data: roster.registered(data, own),
    )


async def listen(janus: JanusClient, handles: Handles, roster: Roster, room_id: str) -> None:
    """LST: the feed of events about streams. Raises SignalingError."""
    handles.listener = await janus.attach(VIDEOROOM, name="LST")
    display = displays.encode(displays.listener(roster.participant_id))
    await janus.message(
        handles.listener,
        {"request": "join", "room": room_id, "ptype": "publisher", "display": display},
        name="LST join",
        expect={"videoroom": "joined"},
        on_answer=roster.listening,
    )


async def join_mixer(
    janus: JanusClient, handles: Handles, mix: MixConnection | None, room_id: str, participant_id: str, stream_id: str
) -> None:
    """MIX: the mixed audio; the same display twice. Without media (None) nothing is offered.

    Raises SignalingError, MediaError.
    """
    handles.mixer = await janus.attach(AUDIOBRIDGE, name="MIX")
    display = displays.encode(displays.mixer_leg(participant_id, stream_id))
    await janus.message(
        handles.mixer,
        {"request": "join", "room": room_id, "display": display, "muted": False},
        name="MIX join",
        expect={"audiobridge": "joined"},
    )
    await _open_mix(janus, handles.mixer, mix, display)


async def call_in(
    janus: JanusClient,
    handles: Handles,
    roster: Roster,
    mix: MixConnection | None,
    room_id: str,
    context: str | None,
    stream_id: str,
) -> None:
    """A telephone: one handle is both its presence and its audio (D5, S-105). Raises SignalingError, MediaError."""
    handles.register = handles.mixer = await janus.attach(AUDIOBRIDGE, name="PHONE")
    own = Participant(roster.participant_id, context, "local", can_receive_messages=False)
    display = displays.encode(displays.telephone(own.id, stream_id, external=context))
    await janus.message(
        handles.register,
        {"request": "join", "room": room_id, "display": display, "muted": False},
        name="PHONE join",
        expect={"audiobridge": "joined"},
        on_answer=lambda data: roster.registered(data, own),
    )
    await _open_mix(janus, handles.mixer, mix, display)


async def _open_mix(janus: JanusClient, handle_id: int, mix: MixConnection | None, display: str) -> None:
    answer = await janus.message(
        handle_id,
        {"request": "configure", "display": display},
        name="MIX configure with offer",
        expect={"audiobridge": "event", "result": "ok"},
        jsep=None if mix is None else Jsep("offer", mix.offer()),
    )
    if mix is None:
        return
    if answer.jsep is None:
        raise ProtocolViolation("MIX configure with offer", "expected the answer in the same frame (S-57)")
    mix.accept(answer.jsep.sdp)
