"""What one client knows of the room: frames of signaling.md, section 5, in; state and events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emulator.clients.events import (
    AudioActivity,
    ClientEvent,
    ParticipantJoined,
    ParticipantLeaving,
    ParticipantLeft,
    StreamPublished,
    StreamUnpublished,
    SubscriptionEnded,
    TrackCensored,
    TrackDisabled,
    TrackEnabled,
    TrackUncensored,
)
from emulator.clients.roster import Participant, Roster, Stream
from emulator.wire import display as displays
from emulator.wire.display import StreamInfo

ME, ALICE, BOB = "me", "alice", "bob"
Data = dict[str, Any]


class Room:
    """A roster and all that it told."""

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self.faults: list[str] = []
        self.expelled: list[str] = []
        self.subscribed = False
        self.unpublished: list[Stream] = []
        self.roster = Roster(
            ME,
            emit=self.events.append,
            on_unpublished=self._unpublished,
            on_expelled=self.expelled.append,
            on_fault=self.faults.append,
        )

    def _unpublished(self, stream: Stream) -> bool:
        self.unpublished.append(stream)
        return self.subscribed

    def enter(self, *participants: Data, publishers: list[Data] | None = None) -> None:
        own = Participant(ME, None, "local", False)
        self.roster.registered({"audiobridge": "joined", "id": 1, "participants": list(participants)}, own)
        self.roster.listening({"videoroom": "joined", "id": 2, "publishers": publishers or []})

    def audiobridge(self, **data: Any) -> None:
        self.roster.audiobridge_event({"audiobridge": "event"} | data)

    def videoroom(self, **data: Any) -> None:
        self.roster.videoroom_event({"videoroom": "event"} | data)

    def news(self) -> list[ClientEvent]:
        """Events since the last call."""
        news, self.events[:] = list(self.events), []
        return news


def reg(number: int, person: str, context: str | None = None) -> Data:
    display = displays.participant(person, external=context, can_receive_messages=True)
    return {"id": number, "display": displays.encode(display), "setup": False, "muted": True}


def mix(number: int, person: str) -> Data:
    return {"id": number, "display": displays.encode(displays.mixer_leg(person, f"{person}-mix"))}


def flags(person: str, key: str = "self", *, audio: bool = True, video: bool = True) -> str:
    return displays.encode(displays.published(person, StreamInfo(f"{person}-{key}", key, audio, video)))


def pub(number: int, person: str, key: str = "self", **more: Any) -> Data:
    return {"id": number, "display": flags(person, key)} | more


@pytest.fixture
def room() -> Room:
    return Room()


def test_those_who_were_here_before_are_in_the_state_without_events(room: Room) -> None:
    room.enter(reg(41, ALICE, "ctx"), mix(42, ALICE), publishers=[pub(62, ALICE, audio_moderated=True)])
    assert room.news() == []
    assert room.roster.participants[ALICE] == Participant(ALICE, "ctx", "remote", can_receive_messages=True)
    assert room.roster.participants[ME].origin == "local"
    stream = room.roster.streams[ALICE, "self"]
    assert (stream.pub_id, stream.audio_enabled, stream.audio_censored) == (62, True, True)
    assert room.roster.register_id == 1
    assert not room.faults


def test_a_newcomer_joins_publishes_talks_and_unpublishes(room: Room) -> None:
    room.enter()
    room.audiobridge(audiobridge="joined", participants=[reg(41, ALICE, "ctx")])
    room.audiobridge(audiobridge="joined", participants=[mix(42, ALICE)])
    room.videoroom(publishers=[pub(62, ALICE)])
    room.videoroom(videoroom="talking", id=62)
    room.audiobridge(audiobridge="talking", id=42)
    room.videoroom(unpublished=62)
    assert room.news() == [
        ParticipantJoined(ALICE, "ctx"),
        StreamPublished(ALICE, "self"),
        AudioActivity(ALICE, "self"),
        AudioActivity(ALICE, None),
        StreamUnpublished(ALICE, "self"),
    ]
    assert not room.faults


def test_our_own_mixer_leg_and_streams_in_events_are_skipped(room: Room) -> None:
    room.enter()
    room.audiobridge(audiobridge="joined", participants=[mix(3, ME)])
    room.videoroom(publishers=[pub(4, ME)])
    room.videoroom(unpublished=4)
    assert room.news() == []
    assert not room.faults


def test_a_telephone_is_participant_and_voice_in_one_entry(room: Room) -> None:
    room.enter()
    display = displays.encode(displays.telephone(BOB, "leg", external="+1555"))
    room.audiobridge(audiobridge="joined", participants=[{"id": 50, "display": display}])
    room.audiobridge(audiobridge="talking", id=50)
    room.audiobridge(leaving=50)
    assert room.news() == [
        ParticipantJoined(BOB, "+1555"),
        AudioActivity(BOB, None),
        ParticipantLeaving(BOB, None),
        ParticipantLeft(BOB, None),
    ]


@pytest.mark.parametrize("leaving_first", [True, False])
def test_a_participant_is_gone_when_its_last_stream_is(room: Room, leaving_first: bool) -> None:
    room.enter(reg(41, ALICE), mix(42, ALICE), publishers=[pub(62, ALICE), pub(63, ALICE, "screen")])
    frames: list[Callable[[], None]] = [
        lambda: room.audiobridge(leaving=41),
        lambda: room.videoroom(unpublished=62),
        lambda: room.videoroom(unpublished=63),
    ]
    for frame in frames if leaving_first else [*frames[1:], frames[0]]:
        assert ALICE in room.roster.participants
        frame()
    room.audiobridge(leaving=42)
    gone = [StreamUnpublished(ALICE, "self"), StreamUnpublished(ALICE, "screen")]
    leaving: list[ClientEvent] = [ParticipantLeaving(ALICE, None)]
    left: list[ClientEvent] = [ParticipantLeft(ALICE, None)]
    assert room.news() == (leaving + gone + left if leaving_first else gone + leaving + left)
    assert ALICE not in room.roster.participants


def test_a_kick_is_told_once_with_its_reason(room: Room) -> None:
    room.enter(reg(41, ALICE), publishers=[pub(62, ALICE)])
    room.audiobridge(kicked=41)
    room.audiobridge(leaving=41)
    room.videoroom(kicked=62)
    assert room.news() == [
        ParticipantLeaving(ALICE, "kicked"),
        StreamUnpublished(ALICE, "self"),
        ParticipantLeft(ALICE, "kicked"),
    ]


@pytest.mark.parametrize(("word", "reason"), [("kicked", "kicked"), ("leaving", None)])
def test_our_own_kick_expels_us(room: Room, word: str, reason: str | None) -> None:
    room.enter()
    room.audiobridge(**{word: 1})
    assert room.news() == [ParticipantLeaving(ME, reason)]
    assert len(room.expelled) == 1


def test_a_subscribed_stream_goes_when_its_subscription_has_ended(room: Room) -> None:
    room.enter(reg(41, ALICE), publishers=[pub(62, ALICE)])
    room.subscribed = True
    room.audiobridge(leaving=41)
    room.videoroom(unpublished=62)
    assert room.news() == [ParticipantLeaving(ALICE, None)]
    room.roster.remove_stream(room.unpublished[0], subscription_ended=True)
    assert room.news() == [
        SubscriptionEnded(ALICE, "self"),
        StreamUnpublished(ALICE, "self"),
        ParticipantLeft(ALICE, None),
    ]


def test_a_stream_that_is_back_before_its_subscription_has_ended_is_a_new_one(room: Room) -> None:
    """On a busy machine the answer to our `detach` comes after the next announcement."""
    room.enter(reg(9, BOB), publishers=[pub(12, BOB)])
    room.subscribed = True
    (old,) = room.roster.streams.values()
    room.videoroom(unpublished=12)
    assert room.news() == []
    room.videoroom(publishers=[pub(13, BOB)])
    assert room.news() == [SubscriptionEnded(BOB, "self"), StreamUnpublished(BOB, "self"), StreamPublished(BOB, "self")]
    room.roster.remove_stream(old, subscription_ended=True)
    assert room.news() == []
    assert [stream.pub_id for stream in room.roster.streams.values()] == [13]
    assert not room.faults


def test_changed_flags_are_told_one_by_one_and_matched_by_stream_id(room: Room) -> None:
    room.enter(reg(41, ALICE), publishers=[pub(62, ALICE)])
    room.videoroom(id=999, display=flags(ALICE, audio=False))
    room.videoroom(id=62, display=flags(ALICE, audio=True, video=False))
    room.videoroom(id=62, display=flags(ALICE, audio=True, video=False))
    room.videoroom(id=62, display=flags(ALICE, "unknown"))
    assert room.news() == [
        TrackDisabled(ALICE, "self", "audio"),
        TrackEnabled(ALICE, "self", "audio"),
        TrackDisabled(ALICE, "self", "video"),
    ]
    assert room.roster.streams[ALICE, "self"].video_enabled is False


def test_censoring_is_told_and_kept(room: Room) -> None:
    room.enter(reg(41, ALICE), publishers=[pub(62, ALICE)])
    room.roster.published_ourselves(70, StreamInfo("mine", "self", True, True))
    for number in (62, 70):
        room.videoroom(id=number, **{"audio-moderation": "muted"})
    assert all(stream.audio_censored for stream in room.roster.streams.values())
    room.videoroom(id=62, **{"audio-moderation": "unmuted"})
    room.videoroom(id=999, **{"audio-moderation": "muted"})
    assert room.news() == [
        StreamPublished(ME, "self"),
        TrackCensored(ALICE, "self", "audio"),
        TrackCensored(ME, "self", "audio"),
        TrackUncensored(ALICE, "self", "audio"),
    ]
    assert not room.faults


def test_what_has_no_meaning_here_is_passed_over(room: Room) -> None:
    room.enter(reg(41, ALICE), publishers=[pub(62, ALICE)])
    room.audiobridge(participants=[reg(41, ALICE)])
    room.audiobridge(audiobridge="stopped-talking", id=42)
    room.audiobridge(audiobridge="destroyed")
    room.audiobridge(leaving=999)
    room.videoroom(leaving=62)
    room.videoroom(videoroom="stopped-talking", id=62)
    room.videoroom(leaving="ok", reason="kicked")
    room.videoroom(unpublished=999)
    room.videoroom(unpublished="62")
    assert room.news() == []
    assert not room.faults


FAULTS: list[Any] = [
    pytest.param(lambda r: r.audiobridge(audiobridge="joined", id=5, participants=[reg(41, ALICE)]), "T-4", id="T-4"),
    pytest.param(lambda r: r.audiobridge(audiobridge="joined"), "participants to be an array", id="no-list"),
    pytest.param(lambda r: r.audiobridge(audiobridge="joined", participants=[reg(9, BOB)]), "announced twice", id="E1"),
    pytest.param(lambda r: r.audiobridge(audiobridge="joined", participants=[mix(10, BOB)]), "mix id 10", id="S-55"),
    pytest.param(lambda r: r.audiobridge(audiobridge="joined", participants=[7]), "to be an object", id="no-object"),
    pytest.param(
        lambda r: r.audiobridge(audiobridge="joined", participants=[{"id": "7"}]), "id to be an integer", id="T-9"
    ),
    pytest.param(
        lambda r: r.audiobridge(audiobridge="joined", participants=[{"id": 7}]), "display to be a string", id="T-16"
    ),
    pytest.param(
        lambda r: r.audiobridge(audiobridge="joined", participants=[{"id": 7, "display": "?"}]), "base64", id="base64"
    ),
    pytest.param(lambda r: r.videoroom(publishers=[pub(62, ALICE)]), "before its participant", id="T-17"),
    pytest.param(lambda r: r.videoroom(publishers=[pub(12, BOB)]), "announced twice", id="E6"),
    pytest.param(
        lambda r: r.videoroom(publishers=[{"id": 62, "display": displays.encode(displays.listener(BOB))}]),
        "listed without a stream",
        id="T-15",
    ),
    pytest.param(lambda r: r.videoroom(publishers=None), "publishers to be an array", id="no-publishers"),
    pytest.param(lambda r: r.videoroom(id=11, **{"audio-moderation": True}), "T-36", id="T-36"),
    pytest.param(lambda r: r.videoroom(id=11, display="?"), "base64", id="E10"),
    pytest.param(lambda r: r.roster.registered({"id": "1"}, Participant(ME, None, "local", False)), "S-46", id="S-46"),
    pytest.param(lambda r: r.roster.registered({"id": 1}, Participant(ME, None, "local", False)), "S-47", id="S-47"),
]


@pytest.mark.parametrize(("frame", "fault"), FAULTS)
def test_what_would_break_the_sdk_is_told_as_a_fault(room: Room, frame: Any, fault: str) -> None:
    room.enter(reg(9, BOB), mix(10, BOB), publishers=[pub(12, BOB)])
    frame(room)
    assert any(fault in told for told in room.faults), room.faults
