"""Who hears of whom when people come, go and come again in ways the official SDK does not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulator.media.transport.peer import PeerState
from emulator.signaling.held import HOLD_AFTER_JOIN_SECS
from tests.signaling.guest import Guest
from tests.signaling.house import Frame, House
from tests.signaling.machine import MIX_OFFER, STREAM_OFFER
from tests.signaling.raw_client import display, stream_display

HELD_LONG_ENOUGH = HOLD_AFTER_JOIN_SECS + 0.01


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def room(house: House) -> str:
    return house.new_room(house.account("KEY"))


def connections(house: House) -> int:
    """Of media, on the emulator's side."""
    return len(house.socket.peers)


def error_of(reply: Frame) -> object:
    return reply["plugindata"]["data"].get("error")


def test_room_stays_one_room_when_a_kicked_client_lingers_while_the_others_change(house: House, room: str) -> None:
    """The hub of a room that was empty for a moment must not be taken away from those who came since."""
    kicked, leaving = Guest(house, room, "kicked"), Guest(house, room, "leaving")
    for guest in (kicked, leaving):
        guest.register()
    account = house.account("KEY")
    account.kick(account.participant("kicked").session_id, ["kicked"])
    leaving.leave(lost=False)
    early = Guest(house, room, "early")
    early.register()
    kicked.leave(lost=True)
    late = Guest(house, room, "late")
    late.register()
    house.loop.run(HELD_LONG_ENOUGH)
    assert early.hears_of() == {"late"}
    assert late.hears_of() == {"early"}


def test_who_registers_anew_on_the_same_connection_hears_of_the_others_again(house: House, room: str) -> None:
    again, other = Guest(house, room, "again"), Guest(house, room, "other")
    first = again.register()
    again.detach(first)
    again.register()
    other.register()
    house.loop.run(HELD_LONG_ENOUGH)
    assert again.hears_of() == {"other"}
    assert other.hears_of() == {"again"}


def test_what_was_held_for_a_handle_is_not_told_to_its_successor_once_more(house: House, room: str) -> None:
    again, other = Guest(house, room, "again"), Guest(house, room, "other")
    first = again.register()
    other.register()  # told to `again` a moment later
    again.detach(first)
    again.register()  # lists `other`
    house.loop.run(HELD_LONG_ENOUGH)
    assert again.hears_of() == {"other"}  # each repetition fails in the client


def test_s95_who_is_put_out_right_after_coming_hears_of_it_before_any_refusal(house: House, room: str) -> None:
    """The SDK closes on a refusal at once, and would never say why."""
    guest = Guest(house, room, "guest")
    guest.register()
    guest.listen()
    session = house.account("KEY").records.rooms[room].active_session_id
    assert session is not None
    house.account("KEY").kick(session, "all")  # what comes of it is held, as ever behind a join
    guest.session.receive(json.dumps(guest.frame("keepalive")))
    told = [item for item in guest.session.outbox if isinstance(item, dict)]
    kinds = ["refused" if "status_code" in item else item["plugindata"]["data"].get("audiobridge") for item in told]
    assert kinds[-1] == "refused"
    assert "kicked" in json.dumps(told[:-1])


def test_coming_of_a_person_is_told_before_a_list_that_has_their_stream(house: House, room: str) -> None:
    """signaling.md 5.4, rule 1, and S-67: the SDK drops a stream of somebody it does not know, for ever."""
    slow, quick = Guest(house, room, "slow"), Guest(house, room, "quick")
    slow.register()
    quick.register()
    quick.publish("stream")
    quick.account.announce_stream("quick", "stream")
    slow.listen()  # its reply lists the stream; the client checks that it knows whose it is
    assert list(slow.feeds.values()) == ["quick"]
    assert slow.hears_of() == {"quick"}


def test_mixer_leg_of_a_person_who_has_left_is_refused_the_mix(house: House, room: str) -> None:
    guest, other = Guest(house, room, "guest"), Guest(house, room, "other")
    register = guest.register()
    other.register()
    mixer = guest.handle("audiobridge")
    text = stream_display("guest", "mix", "audiobridge", video=False)
    guest.message(mixer, {"request": "join", "display": text})
    guest.detach(register)
    reply = guest.message(mixer, {"request": "configure"}, {"type": "offer", "sdp": MIX_OFFER})
    assert error_of(reply) == "This participant has left."
    assert connections(house) == 0


def test_publisher_of_a_person_who_has_left_is_gone_even_if_they_come_again(house: House, room: str) -> None:
    guest = Guest(house, room, "guest")
    register = guest.register()
    publisher = guest.handle("videoroom")
    text = stream_display("guest", "stream", "self")
    guest.message(publisher, {"request": "join", "ptype": "publisher", "display": text})
    guest.detach(register)
    guest.register()
    reply = guest.message(publisher, {"request": "configure", "display": text}, {"type": "offer", "sdp": STREAM_OFFER})
    assert error_of(reply) == "This publisher is gone."
    guest.publish("stream")  # a new handle may use the same stream id
    assert connections(house) == 1


def test_flags_of_a_stream_that_was_unpublished_are_told_to_nobody(house: House, room: str) -> None:
    publisher, viewer = Guest(house, room, "publisher"), Guest(house, room, "viewer")
    for guest in (publisher, viewer):
        guest.register()
        guest.listen()
    handle = publisher.publish("stream")
    publisher.account.announce_stream("publisher", "stream")
    house.loop.run(HELD_LONG_ENOUGH)
    viewer.take()
    house.socket.peers[0].ice_failed("its path is gone")
    text = stream_display("publisher", "stream", "self", audio=False)
    reply = publisher.message(handle, {"request": "configure", "display": text})
    assert reply["plugindata"]["data"]["configured"] == "ok"
    viewer.take()  # a display of what is gone fails in the client
    assert viewer.feeds == {}


@pytest.mark.parametrize(
    "text",
    [
        stream_display("somebody else", "stream", "self"),
        stream_display("guest", "stream", "another key"),
        stream_display("guest", "another stream", "self"),
    ],
)
def test_display_of_a_publisher_cannot_come_to_name_another_stream(house: House, room: str, text: str) -> None:
    guest = Guest(house, room, "guest")
    guest.register()
    handle = guest.publish("stream")
    reply = guest.message(handle, {"request": "configure", "display": text})
    assert error_of(reply) == "The display names another stream than this handle's."


def test_display_of_a_register_cannot_come_to_name_another_person(house: House, room: str) -> None:
    guest = Guest(house, room, "guest")
    handle = guest.register()
    reply = guest.message(handle, {"request": "configure", "display": display("somebody else")})
    assert error_of(reply) == "The display names another participant than this handle's."
    again = display("guest", external="a new context")
    assert error_of(guest.message(handle, {"request": "configure", "display": again})) is None


def test_kick_after_a_refusal_leaves_no_timer_behind(house: House, room: str) -> None:
    guest = Guest(house, room, "guest")
    guest.register()
    frame = guest.frame("keepalive")
    del frame["client_token"]
    assert guest.ask(frame)["status_code"] == 401
    account = house.account("KEY")
    account.kick(account.participant("guest").session_id, "all")
    guest.leave(lost=False)
    house.loop.run(0.2)
    assert house.loop.waiting == []


def test_who_has_left_sees_nothing_any_more_though_still_connected(house: House, room: str) -> None:
    """R-78, S-96: of a kicked client that does not close, and of one that gave up its register handle."""
    publisher, kicked, gone = (Guest(house, room, name) for name in ("publisher", "kicked", "gone"))
    registers = [guest.register() for guest in (publisher, kicked, gone)]
    publisher.publish("stream")
    (peer,) = house.socket.peers
    peer.state = PeerState.CONNECTED
    peer.on_connected()
    house.loop.run(HELD_LONG_ENOUGH)
    for guest in (kicked, gone):
        guest.listen()
        handle = guest.handle("videoroom")
        (feed,) = guest.feeds
        body = {"request": "join", "ptype": "subscriber", "feed": feed}
        assert guest.message(handle, body)["jsep"]["type"] == "offer"
    assert connections(house) == 3
    account = house.account("KEY")
    account.kick(account.participant("kicked").session_id, ["kicked"])
    assert connections(house) == 2
    gone.detach(registers[2])
    assert connections(house) == 1
