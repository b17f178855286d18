"""What the clients of `tests.signaling.machine` do in the text room, and what must hold there."""

from __future__ import annotations

import random
from typing import Any

from emulator.signaling.session import SignalingSession
from emulator.signaling.text_members import TextMember
from emulator.signaling.textroom import TextRoom
from tests.signaling.house import Client, Frame, Handle, House

TEXTS = ["hi", "", '{"payload":"text"}', "\ud800 half", "é\u2028\x00", "x" * 70_000, 7, None, ["a"]]


def open_text(client: Client, c: int) -> Handle | None:
    """`setup`, mostly `ack` and `join`, as the SDK does."""
    handle = client.attach("textroom")
    if handle is None:
        return None
    handle.role = "text"
    reply = client.message(handle, {"request": "setup", "room": "elsewhere" if c % 17 == 0 else client.room_id})
    data = reply.get("plugindata", {}).get("data", {})
    handle.text_room = data.get("janus_room_id")
    handle.offer = reply.get("jsep", {}).get("sdp")
    if c % 5:
        acknowledge(client, handle)
    if c % 3 and not client.session.media:
        say(client, handle, {"textroom": "join", "username": client.participant_id})
    return handle


def acknowledge(client: Client, handle: Handle) -> None:
    if client.session.media:
        # The same lines from the other end: what a browser says to it, as far as the set-up goes.
        offer = (handle.offer or "v=0").replace("a=setup:actpass", "a=setup:active").replace("a=ice-lite\r\n", "")
        client.message(handle, {"request": "ack"}, {"type": "answer", "sdp": offer})
    else:
        client.message(handle, {"request": "ack"})


def say(client: Client, handle: Handle, frame: Frame) -> Frame:
    """A frame of the text room as a plugin message: if it gets there, its transaction has exactly one reply."""
    client.text_number += 1
    transaction = f"text-{client.text_number}"
    seen = len(client.text_replies)
    reply = client.message(handle, {"room": handle.text_room, "transaction": transaction} | frame)
    arrived = reply.get("plugindata", {}).get("data", {}).get("result") == "ok"
    replies = [data for data in client.text_replies[seen:] if data.get("transaction") == transaction]
    assert len(replies) == (1 if arrived and frame.get("ack") is not False else len(replies)) <= 1, replies
    if replies and replies[0]["textroom"] == "success":
        if frame["textroom"] == "join":
            assert handle.known == {}
            handle.known = {hash(each["username"]): each["username"] for each in replies[0]["participants"]}
        if frame["textroom"] == "leave":
            handle.known = {}
    return reply


def any_talk(rng: random.Random, client: Client, people: list[str]) -> Frame:
    frame: dict[str, Any] = {"textroom": rng.choice(["message"] * 6 + ["join", "leave", "listparticipants", "kick", 7])}
    frame["username"] = client.participant_id if rng.random() < 0.9 else rng.choice([*people, "", None])
    frame["text"] = rng.choice(TEXTS)
    if rng.random() < 0.4:
        frame["tos"] = rng.choice([[], rng.sample(people, 2), [client.participant_id], "all", [7]])
    if rng.random() < 0.1:
        frame["to"] = rng.choice(people)
    if rng.random() < 0.1:
        frame["room"] = rng.choice([client.room_id, 7, "7", None, [], {}])
    if rng.random() < 0.1:
        frame["ack"] = rng.choice([True, False])
    return frame


def text_rooms(session: SignalingSession) -> list[tuple[int, TextRoom]]:
    return [(number, plugin) for number, plugin in session._handles.items() if isinstance(plugin, TextRoom)]


def check_text_rooms(house: House, clients: list[Client]) -> None:
    """Who is in a text room has a living connection, and knows exactly who else is there."""
    found: set[TextMember] = set()
    for session in house.lobby.sessions:
        set_up = [plugin for _, plugin in text_rooms(session) if plugin.is_set_up]
        assert len(set_up) <= 1
        for plugin in set_up:
            assert plugin._talk is not None
            member = plugin._talk._member
            if member is not None:
                assert not session.over
                assert session.participant_id in (None, member.username)
                found.add(member)
    rooms = [hub._text for hub in house.lobby._hubs.values() if hub._text is not None]
    assert found == {member for room in rooms for member in room._members.values()}
    for client in clients:
        for number, plugin in text_rooms(client.session):
            if client.session.media or plugin._talk is None or plugin._talk._member is None:
                continue
            members = plugin._talk._members._members.values()
            others = {member.username for member in members if member is not plugin._talk._member}
            assert set(client._handle(number).known.values()) == others
