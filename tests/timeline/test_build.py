"""From event log and wire log to one picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from emulator.events import Event, Record
from emulator.rooms import happenings as h
from emulator.timeline.build import build
from emulator.timeline.model import Check, Row, Span, Timeline, Told, told_over
from emulator.wirelog import Line, WireLog

AT = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
ROOM, SESSION, ALICE = "room-1", "session-1", "alice-id"
WHO = {"room_id": ROOM, "session_id": SESSION, "participant_id": ALICE}
STREAM = {**WHO, "stream_id": "stream-1", "key": "self"}


class Story:
    """Events and entries, each at a second of real time that is also the account's, unless it is frozen."""

    def __init__(self, *, frozen: bool = False) -> None:
        self.records: list[Record] = []
        self.moments: dict[int, float] = {}
        self.second = 0.0
        self._frozen = frozen
        self.wire = WireLog(self.now, real=lambda: 1000 + self.second)

    def now(self) -> datetime:
        return AT if self._frozen else AT + timedelta(seconds=self.second)

    def at(self, second: float, *events: Event) -> None:
        self.second = second
        for event in events:
            number = len(self.records) + 1
            self.records.append(Record(number, self.now(), event))
            self.moments[number] = 1000 + second

    def timeline(self, **more: object) -> Timeline:
        return build(self.records, self.wire.since(0), moments=self.moments, **more)  # type: ignore[arg-type]


def joined(context: str | None = '{"username": "Alice"}', connection: str = "1") -> Event:
    return h.ParticipantJoined(**WHO, context=context, kind="web", connection=connection)


def left(reason: h.LeaveReason = "left", connection: str = "1") -> Event:
    return h.ParticipantLeft(**WHO, connection=connection, reason=reason)


def begun() -> Story:
    story = Story()
    story.at(0, h.RoomCreated(ROOM, {"unique_name": "lunch"}), h.SessionStarted(ROOM, SESSION))
    return story


def row(timeline: Timeline, row_id: str = ALICE) -> Row:
    return next(row for row in timeline.rows if row.id == row_id)


def lane(of: Row, name: str) -> list[tuple[float, float | None, str]]:
    return [(span.start, span.end, span.tone) for span in of.spans if span.lane == name]


def test_rooms_come_first_and_people_are_called_by_their_username() -> None:
    story = begun()
    story.at(1, joined())
    timeline = story.timeline()
    assert [(row.kind, row.name) for row in timeline.rows] == [("room", "lunch"), ("web", "Alice")]


def test_a_room_ends_when_it_is_deleted_or_the_state_is_replaced() -> None:
    story = Story()
    story.at(0, *(h.RoomCreated(name, {"unique_name": name}) for name in ("lunch", "tea", "dinner")))
    story.at(2, h.RoomDeleted("lunch"))
    assert {one.name: one.until for one in story.timeline().rows} == {"lunch": 2, "tea": None, "dinner": None}
    story.at(3, h.StateLoaded({"rooms": [{"id": "tea", "unique_name": "high tea"}, {"id": "breakfast"}]}))
    rows = {one.room_id: one for one in story.timeline().rows}
    assert {name: one.until for name, one in rows.items()} == {
        "lunch": 2, "tea": None, "dinner": 3, "breakfast": None, "": None
    }  # fmt: skip
    assert (rows["tea"].name, rows["breakfast"].name) == ("high tea", "room breakfas")
    assert [(point.at, point.label) for point in rows["dinner"].points][-1] == (3, "room is not in the new state")
    story.at(4, h.StateLoaded({}))
    assert [one.until for one in story.timeline().rows if one.room_id] == [2, 4, 3, 4]
    story.at(5, h.RoomCreated("tea", {}))
    assert next(one for one in story.timeline().rows if one.room_id == "tea").until is None


def test_what_there_is_at_the_end_tells_rooms_of_which_no_event_tells() -> None:
    story = begun()
    story.at(1)
    story.wire.rest("rest", "GET", "/v2/rooms/nobody", None, 404, b"", b"", 1001)
    there = {ROOM: "lunch", "quiet": ""}
    assert {one.room_id: one.until for one in story.timeline(rooms=there).rows} == {ROOM: None, "nobody": 0}
    everything = story.timeline(rooms=there, all_rooms=True).rows
    assert [(one.name, one.until) for one in everything][-1] == ("room quiet", None)


def test_presence_lasts_from_join_to_leave_and_a_return_is_a_second_span() -> None:
    story = begun()
    story.at(1, joined())
    story.at(3, left("lost"))
    story.at(4, joined(connection="2"))
    alice = row(story.timeline())
    assert lane(alice, "presence") == [(1, 3, "good"), (4, None, "good")]
    assert [(point.at, point.label) for point in alice.points] == [(3, "lost")]


def test_somebody_whose_coming_is_not_kept_was_there_from_the_beginning() -> None:
    story = Story()
    story.at(0, h.ParticipantMuted(**WHO))
    story.at(2, left())
    assert lane(row(story.timeline()), "presence") == [(0, 2, "good")]


def test_a_stream_is_connecting_then_there_and_its_tracks_go_off_and_on() -> None:
    story = begun()
    story.at(1, joined(), h.StreamOffered(**STREAM, audio_enabled=True, video_enabled=True))
    story.at(1.5, h.StreamPublished(**STREAM))
    story.at(3, h.StreamChanged(**STREAM, audio_enabled=True, video_enabled=False))
    story.at(4, h.StreamChanged(**STREAM, audio_enabled=True, video_enabled=True))
    story.at(5, h.StreamUnpublished(**STREAM, announced=True))
    alice = row(story.timeline())
    video = [(1, 1.5, "pending"), (1.5, 3, "video"), (3, 4, "off"), (4, 5, "video")]
    assert lane(alice, "stream:self:video") == video
    assert lane(alice, "stream:self:audio") == [(1.5, 5, "audio")]


def test_speech_in_two_streams_is_one_span_and_mute_is_beside_it() -> None:
    story = begun()
    story.at(1, joined())
    for second, stream, talking in ((2, "a", True), (2.5, None, True), (3, "a", False), (4, None, False)):
        story.at(second, h.TalkingChanged(**WHO, stream_id=stream, talking=talking))
    story.at(5, h.ParticipantMuted(**WHO))
    story.at(6, left())
    assert lane(row(story.timeline()), "voice") == [(2, 4, "speech"), (5, 6, "muted")]


def test_with_a_frozen_clock_events_are_told_apart_by_real_time() -> None:
    story = Story(frozen=True)
    story.at(0, h.RoomCreated(ROOM, {}), h.SessionStarted(ROOM, SESSION))
    story.at(2, joined())
    story.at(5, left())
    timeline = story.timeline()
    assert lane(row(timeline), "presence") == [(2, 5, "good")]
    assert timeline.seconds == 5


def test_on_the_accounts_axis_an_hour_is_an_hour() -> None:
    story = begun()
    story.at(1, joined())
    late = story.records[-1].number + 1
    story.records.append(Record(late, AT + timedelta(hours=1), left()))
    story.moments[late] = 1001.5
    assert lane(row(story.timeline(axis="account")), "presence") == [(1, 3600, "good")]
    assert lane(row(story.timeline()), "presence") == [(1, 1.5, "good")]


def test_calls_that_change_something_or_fail_stand_in_the_room_that_they_are_about() -> None:
    story = begun()
    story.at(1, joined())
    calls = (
        ("GET", "/v2/rooms", 200),
        ("POST", f"/v2/room_sessions/{SESSION}/actions/mute", 200),
        ("GET", "/v2/rooms/nobody", 404),
        ("DELETE", f"/v2/rooms/{ROOM}", None),
    )
    for second, (method, target, status) in enumerate(calls, 2):
        story.second = second
        story.wire.rest("rest", method, target, None, status, b"", b"", 1000 + second)
    timeline = story.timeline()
    labels = [(point.at, point.label, point.tone) for point in row(timeline, f"room:{ROOM}").points]
    assert labels == [(0, "room created", "plain"), (3, "POST mute", "plain"), (5, "DELETE /rooms: no answer", "bad")]
    assert [point.label for point in row(timeline, "room:nobody").points] == ["GET /rooms: 404"]
    assert [entry["t"] for entry in timeline.wire] == [2, 3, 4, 5]


def test_an_impairment_lasts_as_long_as_it_was_asked_for_or_until_it_is_removed() -> None:
    story = begun()
    story.at(1, joined())

    def admin(second: float, method: str, path: str, answered: str = "") -> None:
        story.second = second
        story.wire.rest("admin", method, path, None, 201, b"", answered.encode(), 1000 + second)

    loss = '{"data": {"id": "%s", "participant_id": "alice-id", "direction": "up", "kind": "loss", "parameters": {}%s}}'
    admin(2, "POST", "/_emulator/impairments", loss % ("loss-1", ', "for_secs": 3'))
    admin(3, "POST", "/_emulator/impairments", loss % ("loss-2", ""))
    admin(4, "DELETE", "/_emulator/impairments/loss-2")
    alice = row(story.timeline())
    assert lane(alice, "trouble") == [(2, 5, "bad"), (3, 4, "bad")]
    assert [span.label for span in alice.spans if span.lane == "trouble"] == ["loss up", "loss up"]


def test_webhooks_faults_messages_and_lost_connections_are_points_that_lead_to_the_wire_log() -> None:
    story = begun()
    story.at(1, joined())
    line = Line(ROOM, "1", ALICE)
    story.wire.webhook(
        webhook_id="w",
        event_type="video.room.session.started",
        room_id=ROOM,
        url="http://127.0.0.1/",
        attempt=1,
        status=500,
        error=None,
        duration_ms=1.0,
        body=b"{}",
        answer="",
    )
    story.wire.mishap("lose-1", "signaling", "lose", {"participant_id": ALICE})
    said = '{"textroom": "message", "text": "{\\"type\\": \\"text\\", \\"payload\\": \\"hello\\"}"}'
    story.wire.frame(line, "in", said, channel="data")
    story.wire.frame(line, "in", "", close=1006)
    story.wire.frame(line, "in", "", close=1000)
    timeline = story.timeline()
    room = [(point.label, point.wire) for point in row(timeline, f"room:{ROOM}").points if point.wire]
    assert room == [("session.started: 500", 1)]
    alice = [(point.label, point.wire) for point in row(timeline).points]
    assert alice == [("signaling fault: lose", 2), ("says 'hello'", 3), ("connection lost", 4)]


def test_what_a_run_knows_comes_on_top_and_ids_are_told_by_name() -> None:
    story = begun()
    story.at(1, joined())
    check = Check("bob", "sees alice/self", "expect", "failed", 2.0, 9.0, f"no picture of {ALICE}/self")
    told = Told("lunch break", "failed", "1 failed", {"seed": "7"}, [check], names={ALICE: "ally"})
    document = told_over(story.timeline().as_json(), told)
    assert (document["title"], document["outcome"], document["facts"]) == ("lunch break", "failed", {"seed": "7"})
    assert document["seconds"] == 9.0
    assert document["checks"][0]["message"] == "no picture of ally/self"
    assert [row["name"] for row in document["rows"]] == ["lunch", "ally"]


def test_nothing_makes_an_empty_picture() -> None:
    assert build([]).rows == []
    assert build([]).seconds == 0


def test_span_defaults_are_not_shared() -> None:
    Span("a", 0, None, "x").detail["k"] = 1
    assert Span("a", 0, None, "x").detail == {}
