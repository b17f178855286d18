"""What a publisher is answered, and several streams of one person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.signaling.conftest import Clients
from tests.signaling.guest import Guest
from tests.signaling.house import House
from tests.signaling.machine import STREAM_OFFER
from tests.signaling.raw_client import RestRoom, display, stream_display


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def guest(house: House) -> Guest:
    guest = Guest(house, house.new_room(house.account("KEY")), "guest")
    guest.register()
    guest.listen()
    return guest


def publish(guest: Guest, key: str, **fields: Any) -> tuple[int, list[str]]:
    """The pub id, and the lines of the answer."""
    handle = guest.handle("videoroom")
    text = stream_display(guest.participant_id, f"stream {key}", key)
    joined = guest.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    body = {"request": "configure", "audio": True, "video": True, "display": text, **fields}
    reply = guest.message(handle, body, {"type": "offer", "sdp": STREAM_OFFER})
    assert reply["plugindata"]["data"]["configured"] == "ok"
    return joined["plugindata"]["data"]["id"], reply["jsep"]["sdp"].splitlines()


def test_s72_answer_receives_both_kinds_under_the_offer_s_mids_and_bundle(guest: Guest) -> None:
    _, answer = publish(guest, "self")
    offer = STREAM_OFFER.splitlines()
    assert [line.split()[0] for line in answer if line.startswith("m=")] == ["m=audio", "m=video"]
    assert all(line.split()[1] != "0" for line in answer if line.startswith("m="))  # none is rejected
    assert [line for line in answer if line in ("a=recvonly", "a=sendrecv", "a=sendonly", "a=inactive")] == [
        "a=recvonly",
        "a=recvonly",
    ]
    for prefix in ("a=mid:", "a=group:BUNDLE"):
        assert [line for line in answer if line.startswith(prefix)] == [x for x in offer if x.startswith(prefix)]


def test_s35_all_candidates_are_in_the_answer(house: House, guest: Guest) -> None:
    _, answer = publish(guest, "self")
    port = house.socket.local_address[1]
    candidates = [line.split() for line in answer if line.startswith("a=candidate:")]
    assert candidates
    assert {(words[2].lower(), words[5], words[7]) for words in candidates} == {("udp", str(port), "host")}
    assert "a=end-of-candidates" in answer


def test_s77_several_keys_at_once_have_handles_ids_and_connections_of_their_own(house: House, guest: Guest) -> None:
    feeds = {publish(guest, key)[0] for key in ("self", "presentation", "camera 2")}
    assert len(feeds) == 3
    assert len(house.socket.peers) == 3
    streams = house.account("KEY").participant("guest").streams.values()
    assert {stream.key for stream in streams} == {"self", "presentation", "camera 2"}


@pytest.mark.parametrize("bitrate", [500_000, 800_000])
def test_s79_bitrate_of_the_configure_is_the_feed_s_cap(house: House, guest: Guest, bitrate: int) -> None:
    """That a feed tells its cap to the publisher in REMB is tested in tests/media/test_rtp_reports.py."""
    publish(guest, "self", bitrate=bitrate)
    account = house.account("KEY")
    conference = house.conferences.of(account, account.participant("guest").session_id)
    (leg,) = conference._publishers.values()
    assert leg.feed.stats().bitrate == bitrate


@pytest.mark.parametrize(
    ("key", "context"),
    [
        ("Präsentation 🎥", '{"username":"Zoë 🦊","lines":"one\\ntwo"}'),
        ("日本語", "日本語"),
        ("a b/c?d#e%20", "\u202eright to left\u0000nul"),
    ],
)
async def test_s111_key_and_context_may_be_any_unicode(client: Clients, room: RestRoom, key: str, context: str) -> None:
    alice = await client(entered=True, context=context)
    assert (await room.get("room_participants"))[0]["context"] == context
    handle = await alice.attach("videoroom")
    text = stream_display(alice.participant_id, "stream", key)
    joined = await alice.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    assert joined["plugindata"]["data"]["videoroom"] == "joined"
    account = room.emulator.accounts.by_key(room.emulator.api_key)
    assert account is not None
    account.offer_stream(
        alice.participant_id, connection="1", stream_id="stream", key=key, audio_enabled=True, video_enabled=False
    )
    account.announce_stream(alice.participant_id, "stream")
    bob = await client()
    await bob.create()
    (register,) = (await bob.join_register())["plugindata"]["data"]["participants"]
    assert register["display"] == display(alice.participant_id, canReceiveMessages=False, external=context)
    (entry,) = (await bob.join_listener())["plugindata"]["data"]["publishers"]
    assert entry["display"] == text
    assert account.participant(alice.participant_id).streams["stream"].key == key


async def test_s111_a_lone_surrogate_in_a_key_passes(client: Clients) -> None:
    """JavaScript strings may hold half a pair; JSON writes it as an escape."""
    alice = await client(entered=True)
    handle = await alice.attach("videoroom")
    import base64

    text = base64.b64encode(
        f'{{"participantId":"{alice.participant_id}","stream":{{"id":"s","key":"\\ud83d"}}}}'.encode()
    ).decode()
    reply = await alice.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    assert reply["plugindata"]["data"]["videoroom"] == "joined"
    again = await alice.message(
        await alice.attach("videoroom"), {"request": "join", "ptype": "publisher", "display": text}
    )
    assert again["plugindata"]["data"]["error_code"] == 436  # told in a frame that can be written
