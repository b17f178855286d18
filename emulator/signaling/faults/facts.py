"""What is known of a frame, in both directions (see `SIGNALING`)."""

from __future__ import annotations

from typing import Any, Protocol

from emulator.faults import Facts
from emulator.rooms.account import Account
from emulator.wire import display as displays
from emulator.wire.display import Display, DisplayError
from emulator.wire.janus import Frame, Request

_PREFIX = "janus.plugin."
_EVENTS = ("publishers", "unpublished", "leaving", "kicked", "audio-moderation", "display")


class Client(Protocol):
    """Whose connection it is, as far as facts go."""

    room_id: str
    connection: str
    account: Account | None
    participant_id: str | None
    register_id: int | None
    listener_id: int | None

    def plugin_name(self, handle_id: int | None) -> str | None: ...


def of_request(client: Client, request: Request) -> Facts:
    body = request.body or {}
    name = body.get("request")
    plugin = client.plugin_name(request.handle_id) or request.plugin
    joining = _display(body) if name == "join" else None
    return {
        **_place(client, joining),
        "direction": "in",
        "janus": request.janus,
        "plugin": _plugin(plugin),
        "request": name if isinstance(name, str) else None,
        "handle": _becomes(plugin, body, joining) if name == "join" else _handle(client, request.handle_id),
        "transaction": request.transaction,
    }


def of_frame(client: Client, frame: Frame, request: str | None) -> Facts:
    """`request` is what the plugin was asked that this frame answers."""
    content = frame.get("plugindata", {})
    data = content.get("data", {})
    transaction = frame.get("transaction")
    return {
        **_place(client, None),
        "direction": "out",
        "janus": "refusal" if "status_code" in frame else frame.get("janus"),
        "plugin": _plugin(content.get("plugin")),
        "request": request,
        "event": _event(data) if transaction is None else None,
        "handle": _handle(client, frame.get("sender")),
        "transaction": transaction,
    }


def _place(client: Client, joining: Display | None) -> dict[str, str | tuple[str, ...] | None]:
    who = client.participant_id
    context = None
    if who is None and joining is not None:
        who, context = joining.participant_id, joining.external
    elif who is not None and client.account is not None:
        participant = client.account.records.participants.get(who)
        context = None if participant is None else participant.context
    return {"room_id": client.room_id, "connection": client.connection, "participant_id": who, "context": context}


def _display(body: dict[str, Any]) -> Display | None:
    text = body.get("display")
    if not isinstance(text, str):
        return None
    try:
        return displays.decode(text)
    except DisplayError:
        return None  # the machine will refuse it


def _becomes(plugin: str | None, body: dict[str, Any], joining: Display | None) -> str | None:
    """What a join makes of its handle."""
    if plugin == f"{_PREFIX}audiobridge" and joining is not None:
        return "register" if joining.stream is None or joining.telephony else "mixer"
    if plugin == f"{_PREFIX}videoroom":
        if body.get("ptype") == "subscriber":
            return "subscriber"
        if joining is not None:
            return "listener" if joining.stream is None else "publisher"
    return None


def _handle(client: Client, handle_id: int | None) -> str | None:
    if handle_id is None:
        return None
    return {client.listener_id: "listener", client.register_id: "register"}.get(handle_id)


def _plugin(name: str | None) -> tuple[str, ...] | None:
    return None if not name else (name, name.removeprefix(_PREFIX))


def _event(data: dict[str, Any]) -> str | None:
    for word in _EVENTS:
        if word in data:
            return word
    named = data.get("audiobridge") or data.get("videoroom") or data.get("textroom")
    return named if isinstance(named, str) and named != "event" else None
