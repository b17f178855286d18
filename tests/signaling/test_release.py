"""However a session ends, the server lets go of all its media by itself (S-20, S-22, S-118)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from emulator.media.transport.peer import PeerState
from tests.signaling.guest import Guest
from tests.signaling.house import House


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


def destroy(guest: Guest) -> None:
    assert guest.request("destroy")["janus"] == "success"


def close(guest: Guest) -> None:
    guest.leave(lost=False)


def lose(guest: Guest) -> None:
    guest.leave(lost=True)


def fall_silent(guest: Guest) -> None:
    guest.house.loop.now += 61
    guest.house.lobby.sweep(60)


def be_kicked(guest: Guest) -> None:
    guest.account.kick(guest.account.participant(guest.participant_id).session_id, "all")


def let_the_token_expire(guest: Guest) -> None:
    guest.token = guest.house.token(guest.account, guest.room_id, expired=True)
    assert guest.request("keepalive")["status_code"] == 401
    guest.house.loop.run(6.0)


def end_the_session(guest: Guest) -> None:
    guest.account.end_session(guest.account.participant(guest.participant_id).session_id)


def delete_the_room(guest: Guest) -> None:
    guest.account.delete_room(guest.room_id)


ENDINGS = [destroy, close, lose, fall_silent, be_kicked, let_the_token_expire, end_the_session, delete_the_room]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_s22_s118_all_connections_of_a_session_are_closed_without_the_client_s_help(
    house: House, ending: Callable[[Guest], None]
) -> None:
    """The client closes no PeerConnection, sends no DTLS alert and no RTCP BYE: it just is not heard of any more."""
    room_id = house.new_room(house.account("KEY"))
    guest = Guest(house, room_id, "guest")
    guest.register()
    guest.listen()
    guest.join_mixer()
    for key in ("self", "presentation"):
        guest.publish(f"stream {key}", key)
    peers = house.socket.peers
    assert len(peers) == 3
    ending(guest)
    assert house.socket.peers == ()
    assert {peer.state for peer in peers} == {PeerState.CLOSED}
    guest.leave(lost=False)
    house.loop.run(10.0)
    assert house.loop.waiting == []
