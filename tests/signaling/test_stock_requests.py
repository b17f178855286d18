"""Requests of stock Janus that the official SDK does not send, and what it says to a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.wire.janus import ErrorCode
from emulator.wire.sdp import Direction
from tests.signaling.guest import Guest
from tests.signaling.house import Handle, House
from tests.signaling.machine import STREAM_OFFER, TRANSPORT
from tests.signaling.raw_client import display, stream_display


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def guest(house: House) -> Guest:
    return Guest(house, house.new_room(house.account("KEY")), "guest")


HELD_LONG_ENOUGH = 0.2


def said(guest: Guest, handle: Handle, **body: Any) -> dict[str, Any]:
    data: dict[str, Any] = guest.message(handle, body)["plugindata"]["data"]
    return data


def test_unpublish_takes_the_stream_back_and_the_handle_may_publish_again(house: House, guest: Guest) -> None:
    other = Guest(house, guest.room_id, "other")
    guest.register()
    handle = guest.publish("stream 1")
    guest.account.announce_stream(guest.participant_id, "stream 1")
    other.register()
    other.listen()
    assert list(other.feeds.values()) == [guest.participant_id]
    house.loop.run(HELD_LONG_ENOUGH)
    assert said(guest, handle, request="unpublish")["unpublished"] == "ok"
    other.take()
    assert other.feeds == {}
    assert said(guest, handle, request="unpublish")["error_code"] == 435
    text = stream_display(guest.participant_id, "stream 1", "self")
    body = {"request": "configure", "display": text}
    again = guest.message(handle, body, {"type": "offer", "sdp": STREAM_OFFER})
    assert again["jsep"]["type"] == "answer"
    guest.detach(handle)


def test_leave_of_the_mixer_leg_is_told_to_the_others_and_the_handle_may_join_again(house: House, guest: Guest) -> None:
    guest.register()
    other = Guest(house, guest.room_id, "other")
    other.register()
    house.loop.run(HELD_LONG_ENOUGH)
    handle = guest.join_mixer()
    other.take()
    assert list(other.audio.values()) == [guest.participant_id] * 2
    left = said(guest, handle, request="leave")
    assert left["audiobridge"] == "left"
    assert said(guest, handle, request="leave")["error_code"] == 487
    other.take()
    assert list(other.audio.values()) == [guest.participant_id]
    handle.known.clear()  # it is told anew who is there
    text = stream_display(guest.participant_id, "another leg", "audiobridge", video=False)
    joined = said(guest, handle, request="join", display=text)
    assert joined["audiobridge"] == "joined"
    assert joined["id"] != left["id"]  # S-55


def test_leave_of_the_register_handle_is_the_persons_going(house: House, guest: Guest) -> None:
    other = Guest(house, guest.room_id, "other")
    other.register()
    handle = guest.register()
    house.loop.run(HELD_LONG_ENOUGH)
    assert other.hears_of() == {guest.participant_id}
    assert said(guest, handle, request="leave")["audiobridge"] == "left"
    assert other.hears_of() == set()
    late = Guest(house, guest.room_id, "late")
    late.register()
    house.loop.run(HELD_LONG_ENOUGH)
    assert guest.take() == []  # it hears no more


def test_s1_a_join_that_names_another_room_than_the_path_is_refused(guest: Guest) -> None:
    """485 and 426: stock Janus's codes."""
    text = display(guest.participant_id)
    audio, video = guest.handle("audiobridge"), guest.handle("videoroom")
    assert said(guest, audio, request="join", room="another", display=text)["error_code"] == 485
    assert said(guest, audio, request="join", room=guest.room_id, display=text)["audiobridge"] == "joined"
    body = {"request": "join", "ptype": "publisher", "display": text}
    assert said(guest, video, **body, room=7)["error_code"] == 426
    assert said(guest, video, **body, room=guest.room_id)["videoroom"] == "joined"


SIMULCAST_OFFER = make_offer(
    (
        OfferedMedia.audio("0", Direction.SENDONLY),
        OfferedMedia.video("1", Direction.SENDONLY, rids=("h", "m", "l")),
    ),
    TRANSPORT,
)


def test_a_simulcast_publisher_is_listed_as_one(house: House, guest: Guest) -> None:
    """S-73, and the entry of stock Janus (signaling.md 5.1)."""
    guest.register()
    handle = guest.handle("videoroom")
    text = stream_display(guest.participant_id, "stream 1", "self")
    guest.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    body = {"request": "configure", "display": text, "bitrate": 800_000}
    reply = guest.message(handle, body, {"type": "offer", "sdp": SIMULCAST_OFFER})
    assert "a=simulcast:recv h;m;l" in reply["jsep"]["sdp"]
    guest.account.announce_stream(guest.participant_id, "stream 1")
    other = Guest(house, guest.room_id, "other")
    other.register()
    listener = other.handle("videoroom")
    text = display(other.participant_id)
    joined = other.message(listener, {"request": "join", "ptype": "publisher", "display": text})
    (entry,) = joined["plugindata"]["data"]["publishers"]
    assert entry["simulcast"] is True


@pytest.mark.parametrize("name", ["substream", "temporal"])
@pytest.mark.parametrize("value", [-1, 3, "1", True, 1.0])
def test_a_layer_that_is_none_is_refused(guest: Guest, name: str, value: object) -> None:
    guest.register()
    handle = guest.handle("videoroom")
    refused = guest.message(handle, {"request": "join", "ptype": "subscriber", "feed": 7, name: value})
    assert refused["error"]["code"] == ErrorCode.INVALID_ELEMENT_TYPE
    assert refused["error"]["reason"].startswith(f"{name!r} must be an integer from 0 to 2, got ")
