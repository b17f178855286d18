"""What a publisher is answered, and several streams of one person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from emulator.media.transport.answer import make_answer
from emulator.media.transport.negotiation import H264, VIEWER_POLICY, VP8
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.peer import PeerState
from emulator.signaling import rules
from emulator.wire.sdp import Codec, Direction
from tests.signaling.conftest import Clients
from tests.signaling.guest import Guest
from tests.signaling.house import Handle, House
from tests.signaling.machine import STREAM_OFFER, TRANSPORT
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


def offer(guest: Guest, sdp: str, handle: Handle | None = None) -> tuple[Handle, dict[str, Any]]:
    """Join a handle unless one is given, and offer; the reply."""
    text = stream_display(guest.participant_id, "stream", "self")
    if handle is None:
        handle = guest.handle("videoroom")
        guest.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    return handle, guest.message(handle, {"request": "configure", "display": text}, {"type": "offer", "sdp": sdp})


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


def offer_of(*codecs: Codec) -> str:
    media = (
        OfferedMedia.audio("0", Direction.SENDONLY),
        OfferedMedia.video("1", Direction.SENDONLY, codecs=codecs),
    )
    return make_offer(media, TRANSPORT)


MODE_0 = replace(H264, payload_type=125, fmtp=(("packetization-mode", "0"), ("profile-level-id", "42e01f")))
HIGH = replace(H264, payload_type=39, fmtp=(("packetization-mode", "1"), ("profile-level-id", "64001f")))


@pytest.mark.parametrize(
    ("allowed", "offered", "answered"),
    [
        (None, (H264, VP8), "vp8"),
        (["h264", "vp8"], (VP8, H264), "h264"),
        (["vp8", "h264"], (H264, VP8), "vp8"),
        (["h264"], (VP8, MODE_0, HIGH), "h264"),
        (["vp8", "h264"], (H264,), "h264"),
    ],
)
def test_the_room_s_first_codec_that_is_offered_is_taken(
    house: House, guest: Guest, allowed: list[str] | None, offered: tuple[Codec, ...], answered: str
) -> None:
    house.account("KEY").update_room(guest.room_id, {"video_codecs": allowed})
    _, reply = offer(guest, offer_of(*offered))
    assert reply["plugindata"]["data"]["video_codec"] == answered
    (video,) = [line for line in reply["jsep"]["sdp"].splitlines() if line.startswith("m=video")]
    chosen = next(codec for codec in offered if codec.name.lower() == answered)
    assert video.split()[3:] == [str(chosen.payload_type)]


@pytest.mark.parametrize(
    ("allowed", "offered", "reason"),
    [
        (["h264"], (VP8,), "expected one of the codecs H264 in m-line 1 (video), offered: VP8"),
        (["vp8"], (H264,), "expected one of the codecs VP8 in m-line 1 (video), offered: H264 (42e01f)"),
        (["h264"], (HIGH,), "expected one of the codecs H264 in m-line 1 (video), offered: H264 (64001f)"),
    ],
)
def test_a_publisher_without_the_room_s_codecs_is_refused_with_the_reason_and_may_offer_again(
    house: House, guest: Guest, allowed: list[str], offered: tuple[Codec, ...], reason: str
) -> None:
    """The browser would wait for ever: the line of the problem says why, and what to do."""
    account = house.account("KEY")
    account.update_room(guest.room_id, {"video_codecs": allowed})
    handle, reply = offer(guest, offer_of(*offered))
    assert reply["error"] == {"code": 465, "reason": f"videoroom: {reason}"}
    problem = house.lobby.problems.of(account).since(0)[-1]
    assert (problem.rule.number, problem.reason) == ("S-72", f"videoroom: {reason}")
    assert "video_codecs" in problem.rule.mend
    account.update_room(guest.room_id, {"video_codecs": None})
    _, again = offer(guest, offer_of(*offered) if offered != (HIGH,) else offer_of(VP8), handle)
    assert again["plugindata"]["data"]["configured"] == "ok"


def test_s82_subscribers_are_offered_the_publisher_s_packetization_mode_and_refused_without_it(
    house: House, guest: Guest
) -> None:
    account = house.account("KEY")
    account.update_room(guest.room_id, {"video_codecs": ["h264"]})
    offer(guest, offer_of(MODE_0))
    conference = house.conferences.of(account, account.participant("guest").session_id)
    (leg,) = conference._publishers.values()
    leg.peer.state = PeerState.CONNECTED  # nobody is behind the offer
    leg.peer.on_connected()
    viewer = Guest(house, guest.room_id, "viewer")
    viewer.register()
    viewer.listen()
    (feed,) = viewer.feeds
    handle = viewer.handle("videoroom")
    reply = viewer.message(handle, {"request": "join", "ptype": "subscriber", "feed": feed})
    sdp = reply["jsep"]["sdp"]
    assert "packetization-mode=0" in sdp
    answer, _ = make_answer(sdp, TRANSPORT, VIEWER_POLICY)
    wrong = answer.replace("H264/90000", "VP8/90000")
    refused = viewer.message(handle, {"request": "start"}, {"type": "answer", "sdp": wrong})
    assert "102 H264/90000" in refused["error"]["reason"]
    assert house.lobby.problems.of(account).since(0)[-1].rule.number == "S-82"
    # A browser that decodes no H.264 rejects the line instead: that is no error, but nobody is seen.
    lines = answer.splitlines(keepends=True)
    without = "".join("m=video 0 UDP/TLS/RTP/SAVPF 0\r\n" if line.startswith("m=video") else line for line in lines)
    started = viewer.message(handle, {"request": "start"}, {"type": "answer", "sdp": without})
    assert started["plugindata"]["data"]["started"] == "ok"
    problem = house.lobby.problems.of(account).since(0)[-1]
    assert (problem.rule.number, problem.form) == ("S-82", "accepted")
    assert str(problem) == (
        f"accepted videoroom start (handle {handle.id}, transaction {started['transaction']}) of viewer in room "
        f"{guest.room_id}: 465 videoroom: the answer rejects video (port 0 in its m-line): none of it will ever come. "
        f"[S-82] {rules.CODECS_SEEN.mend}"
    )
    (watching,) = conference._subscribers.values()
    viewer.message(handle, {"request": "configure", "video": True})  # there is no way for it
    assert watching.subscription.video_track.paused
    assert not watching.subscription.audio_track.paused
    leg.peer.state = PeerState.CONNECTING


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
