"""Any sequence of commands: the account does what the model says, and its log replays to its records at every step."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.events import Event, Record
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.composition import CompositionSettings
from emulator.rooms.errors import BadDocument, DomainError
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.travelling_clock import TravellingClock
from tests.rooms.account_model import AccountModel, Refusal
from tests.rooms.kit import ACCOUNT_ID, START
from tests.rooms.naive import assert_indexed

PEOPLE = [f"{number}0000000-0000-4000-8000-000000000001" for number in range(4)]
CONNECTIONS = ["c1", "c2"]
STREAMS = ["stream-1", "stream-2"]
KEYS = ["self", "screen"]
NAMES = [None, "lunch", "standup"]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NO_SUCH = 11
LAYOUT = {"left": {"x_pos": 0, "y_pos": 0, "z_pos": 3, "width": 320, "height": 240, "video_sources": "*"}}

people = st.sampled_from(PEOPLE)
connections = st.sampled_from(CONNECTIONS)
which = st.integers(min_value=0, max_value=NO_SUCH)
"""Chooses among the ids there are or were, newest first; the last number means an id that never was."""
own = st.integers(min_value=0, max_value=7).map(bool)
"""Whether a command comes on the participant's present connection."""
limits = st.sampled_from([2, 3, 2, 3, 50, 1, 51])
targets = st.just("all") | st.none() | st.lists(st.sampled_from([*PEOPLE, "nobody"]), max_size=3, unique=True)
exclusions = st.lists(people, max_size=2, unique=True)


recorded = precondition(lambda self: self.model.recordings)
composing = precondition(lambda self: self.model.compositions)
somebody_there = precondition(lambda self: any(person.left_at is None for person in self.model.people.values()))


class AccountMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = TravellingClock(frozen_at=START)
        self.account = Account(ACCOUNT_ID, clock=self.clock, rng=random.Random(7))
        self.model = AccountModel(self.clock.now)
        self.room_ids: list[str] = []
        self.heard: list[Record] = []
        self.replica = Records()
        self.account.log.subscribe(self._hear)

    def _hear(self, record: Record) -> None:
        self.heard.append(record)
        self.replica.apply(record)

    def _run(self, command: Callable[[], object], expected: Callable[[Sequence[Event]], list[Event]]) -> None:
        """Run a command of the account; `expected` says what it must tell, given what it told (for new ids)."""
        log, before = self.account.log, copy.deepcopy(self.account.records)
        number, heard = log.last_number, len(self.heard)
        refused: type[DomainError] | None = None
        try:
            command()
        except DomainError as error:
            refused = type(error)
        told = [record.event for record in log.since(number)]
        assert [record.event for record in self.heard[heard:]] == told, "subscribers hear before the caller's reply"
        if refused is not None:
            assert not told, f"a refused command ({refused.__name__}) has told {told}"
            assert self.account.records == before, f"a refused command ({refused.__name__}) has changed something"
        model_told, wanted = judged(lambda: expected(told))
        assert refused is wanted, f"refused: {refused}, expected: {wanted}; told {told}, expected {model_told}"
        if refused is not None:
            return
        assert told == model_told
        self._note_ids(told)

    def _note_ids(self, told: Sequence[Event]) -> None:
        for event in told:
            if isinstance(event, h.RoomCreated):
                self.room_ids.insert(0, event.room_id)

    def _room(self, which: int) -> str:
        return chosen(which, self.room_ids)

    def _session(self, which: int) -> str:
        """Mostly an active one."""
        sessions = self.model.sessions
        active, over = ([i for i, s in sessions.items() if (s.ended_at is None) is going] for going in (True, False))
        return chosen(which, over if which == NO_SUCH - 1 else active[::-1])

    def _person(self, which: int) -> str:
        """Mostly somebody who is present; else somebody who has left, or never was."""
        model = self.model.people
        present, gone = ([i for i, p in model.items() if (p.left_at is None) is here] for here in (True, False))
        return chosen(which, gone if which == NO_SUCH - 1 else present[::-1])

    def _stream(self, person: str, which: int) -> str:
        known = self.model.people.get(person)
        return chosen(which, list(known.streams) if known is not None else [])

    def _connection(self, person: str, own: bool) -> str:
        known = self.model.people.get(person)
        return known.connection if known is not None and own else "another"

    # -- rooms ----------------------------------------------------------------------------------------------------

    @initialize(limit=st.sampled_from([2, 3]))
    def have_two_rooms(self, limit: int) -> None:
        self.create_room("lunch", limit)
        self.create_room(None, limit)

    @precondition(lambda self: len(self.model.rooms) < 4)
    @rule(name=st.sampled_from(NAMES), limit=limits)
    def create_room(self, name: str | None, limit: int) -> None:
        wanted = RoomSettings(unique_name=name, max_participants=limit)
        self._run(
            lambda: self.account.create_room(wanted),
            lambda told: self.model.create_room(new_id(told, h.RoomCreated, "room_id"), plain(wanted)),
        )

    @rule(
        room=which,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "unique_name": st.sampled_from(NAMES),
                "max_participants": limits,
                "enable_recording": st.booleans(),
            },
        ),
    )
    def update_room(self, room: int, changes: dict[str, Any]) -> None:
        room_id = self._room(room)
        self._run(
            lambda: self.account.update_room(room_id, dict(changes)),
            lambda _: self.model.update_room(room_id, changes),
        )

    @rule(room=which)
    def delete_room(self, room: int) -> None:
        room_id = self._room(room)
        self._run(lambda: self.account.delete_room(room_id), lambda _: self.model.delete_room(room_id))

    # -- coming and going -----------------------------------------------------------------------------------------

    def _join(self, room_id: str, person: str, connection: str, context: str | None) -> None:
        self._run(
            lambda: self.account.join(room_id, person, context=context, connection=connection),
            lambda told: self.model.join(
                room_id,
                person,
                connection=connection,
                context=context,
                new_session=new_id(told, h.SessionStarted, "session_id"),
            ),
        )

    @rule(room=which, person=people, connection=connections, context=st.sampled_from([None, "", "ctx"]))
    def join(self, room: int, person: str, connection: str, context: str | None) -> None:
        self._join(self._room(room), person, connection, context)

    @precondition(lambda self: self.model.rooms)
    @rule(person=people, connection=connections)
    def join_the_oldest_room(self, person: str, connection: str) -> None:
        self._join(next(iter(self.model.rooms)), person, connection, None)

    @rule(who=which, own=own, reason=st.sampled_from(["left", "lost", "timed_out"]))
    def leave(self, who: int, own: bool, reason: h.LeaveReason) -> None:
        person = self._person(who)
        connection = self._connection(person, own)
        self._run(
            lambda: self.account.leave(person, connection=connection, reason=reason),
            lambda _: self.model.leave(person, connection=connection, reason=reason),
        )

    @rule(seconds=st.integers(min_value=0, max_value=90_000))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.jump(timedelta(seconds=seconds))

    # -- streams --------------------------------------------------------------------------------------------------

    def _offer(self, person: str, connection: str, stream: str, key: str, audio: bool, video: bool) -> None:
        self._run(
            lambda: self.account.offer_stream(
                person, connection=connection, stream_id=stream, key=key, audio_enabled=audio, video_enabled=video
            ),
            lambda _: self.model.offer(person, stream, connection=connection, key=key, audio=audio, video=video),
        )

    @somebody_there
    @rule(
        who=which,
        own=own,
        stream=st.sampled_from(STREAMS),
        key=st.sampled_from(KEYS),
        audio=st.booleans(),
        announced=st.booleans(),
    )
    def offer(self, who: int, own: bool, stream: str, key: str, audio: bool, announced: bool) -> None:
        person = self._person(who)
        self._offer(person, self._connection(person, own), stream, key, audio, not audio)
        if announced:
            self._announce(person, stream)
            self._announce(person, stream)  # is told once
            self._change(person, stream, not audio, audio)
            self._change(person, stream, not audio, audio)

    @somebody_there
    @rule(who=which)
    def offer_as_many_as_may_be(self, who: int) -> None:
        person = self._person(who)
        connection = self._connection(person, True)
        for number in range(17):
            self._offer(person, connection, f"many-{number}", f"key-{number}", True, True)

    def _announce(self, person: str, stream: str) -> None:
        self._run(lambda: self.account.announce_stream(person, stream), lambda _: self.model.announce(person, stream))

    @somebody_there
    @rule(who=which, stream=which)
    def announce(self, who: int, stream: int) -> None:
        person = self._person(who)
        self._announce(person, self._stream(person, stream))

    @somebody_there
    @rule(who=which, stream=which, audio=st.booleans(), video=st.booleans())
    def change(self, who: int, stream: int, audio: bool, video: bool) -> None:
        person = self._person(who)
        self._change(person, self._stream(person, stream), audio, video)

    def _change(self, person: str, stream: str, audio: bool, video: bool) -> None:
        self._run(
            lambda: self.account.change_stream(person, stream, audio_enabled=audio, video_enabled=video),
            lambda _: self.model.change(person, stream, audio=audio, video=video),
        )

    @somebody_there
    @rule(who=which, stream=which)
    def unpublish(self, who: int, stream: int) -> None:
        person = self._person(who)
        stream_id = self._stream(person, stream)
        self._run(lambda: self.account.unpublish(person, stream_id), lambda _: self.model.unpublish(person, stream_id))

    @somebody_there
    @rule(who=which, in_the_mix=st.booleans(), talking=st.booleans())
    def talk(self, who: int, in_the_mix: bool, talking: bool) -> None:
        person, stream = self._person(who), None if in_the_mix else STREAMS[0]
        self._run(
            lambda: self.account.tell_talking(person, stream_id=stream, talking=talking),
            lambda _: self.model.talk(person, stream, talking),
        )

    # -- moderation -----------------------------------------------------------------------------------------------

    @rule(session=which)
    def end_session(self, session: int) -> None:
        session_id = self._session(session)
        self._run(lambda: self.account.end_session(session_id), lambda _: self.model.end_session(session_id))

    @somebody_there
    @rule(session=which, wanted=targets, exclude=exclusions)
    def kick(self, session: int, wanted: Any, exclude: list[str]) -> None:
        session_id = self._session(session)
        self._run(
            lambda: self.account.kick(session_id, wanted, exclude),
            lambda _: self.model.kick(session_id, wanted, exclude),
        )

    @somebody_there
    @rule(session=which, wanted=targets, exclude=exclusions, muted=st.booleans())
    def mute(self, session: int, wanted: Any, exclude: list[str], muted: bool) -> None:
        session_id = self._session(session)
        command = self.account.mute if muted else self.account.unmute
        for _ in range(2):  # the second time, there is nothing to tell
            self._run(
                lambda: command(session_id, wanted, exclude),
                lambda _: self.model.mute(session_id, wanted, exclude, muted=muted),
            )

    # -- recordings and compositions ------------------------------------------------------------------------------

    @somebody_there
    @rule(who=which, kind=st.sampled_from(["audio", "video"]), codec=st.sampled_from([None, "opus", "vp8"]))
    def start_recording(self, who: int, kind: h.RecordingKind, codec: str | None) -> None:
        person = self._person(who)
        self._run(
            lambda: self.account.start_recording(person, kind, codec),
            lambda told: self.model.start_recording(
                person, kind, codec, new_recording=new_id(told, h.RecordingStarted, "recording_id")
            ),
        )

    @recorded
    @rule(recording=which, secs=st.integers(0, 100))
    def complete_recording(self, recording: int, secs: int) -> None:
        recording_id = chosen(recording, list(self.model.recordings)[::-1])
        self._run(
            lambda: self.account.complete_recording(
                recording_id, duration_secs=secs, size_mb=secs / 8, ended_at=self.clock.now()
            ),
            lambda _: self.model.complete_recording(recording_id, secs, secs / 8),
        )

    @recorded
    @rule(some=st.lists(which, max_size=3))
    def delete_recordings(self, some: list[int]) -> None:
        recording_ids = [chosen(recording, list(self.model.recordings)) for recording in some]
        if len(recording_ids) == 1:
            command: Callable[[], object] = lambda: self.account.delete_recording(recording_ids[0])  # noqa: E731 - one of two
        else:
            command = lambda: self.account.delete_recordings(recording_ids)  # noqa: E731 - one of two
        self._run(command, lambda _: self.model.delete_recordings(*recording_ids))

    @rule(session=which, none=own, required=st.booleans(), layout=st.sampled_from([None, LAYOUT]))
    def enqueue_composition(self, session: int, none: bool, required: bool, layout: Any) -> None:
        session_id = self._session(session) if none else None
        wanted = CompositionSettings(video_layout=copy.deepcopy(layout))
        settings = {**fields_of(wanted), "video_layout": layout}
        self._run(
            lambda: self.account.enqueue_composition(session_id, wanted, session_required=required),
            lambda told: self.model.enqueue(
                session_id,
                settings,
                required=required,
                new_composition=new_id(told, h.CompositionEnqueued, "composition_id"),
            ),
        )

    @composing
    @rule(composition=which, secs=st.integers(0, 100))
    def move_composition_on(self, composition: int, secs: int) -> None:
        """R-94: each step once, in order."""
        composition_id = chosen(composition, list(self.model.compositions)[::-1])

        def complete() -> None:
            self._run(
                lambda: self.account.complete_composition(
                    composition_id,
                    duration_secs=secs,
                    size_mb=0.5,
                    started_at=self.clock.now(),
                    ended_at=self.clock.now(),
                ),
                lambda _: self.model.complete_composition(composition_id, secs),
            )

        if secs % 2:
            complete()
        self._run(
            lambda: self.account.start_composition(composition_id),
            lambda _: self.model.start_composition(composition_id),
        )
        if secs % 3:
            complete()

    @composing
    @rule(composition=which)
    def delete_composition(self, composition: int) -> None:
        composition_id = chosen(composition, list(self.model.compositions))
        self._run(
            lambda: self.account.delete_composition(composition_id),
            lambda _: self.model.delete_composition(composition_id),
        )

    # -- the whole state ------------------------------------------------------------------------------------------

    @rule()
    def load_its_own_state(self) -> None:
        document = self.account.export_state()
        self._run(lambda: self.account.load_state(document), lambda _: self.model.load_own(document))
        assert json.dumps(self.account.export_state()) == json.dumps(document)

    @precondition(lambda self: len(self.model.sessions) > 3)
    @rule(really=st.integers(0, 3))
    def reset(self, really: int) -> None:
        if not really:
            self._run(self.account.reset, lambda _: self.model.reset())

    @rule(wrong=st.sampled_from([None, [], {"rooms": [{"id": UNKNOWN}, {"id": UNKNOWN}]}]))
    def be_given_a_wrong_state(self, wrong: Any) -> None:
        before, number = copy.deepcopy(self.account.records), self.account.log.last_number
        with pytest.raises(BadDocument):
            self.account.load_state(wrong)
        assert (self.account.records, self.account.log.last_number) == (before, number)

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def the_records_say_what_the_model_says(self) -> None:
        records, model = self.account.records, self.model
        assert in_order(records) == [
            list(named) for named in (model.rooms, model.sessions, model.people, model.recordings, model.compositions)
        ]
        assert {i: plain(room.settings) for i, room in records.rooms.items()} == model.rooms
        assert {i: room.active_session_id for i, room in records.rooms.items()} == {
            i: model.active_session(i) for i in model.rooms
        }
        assert {
            i: (s.room_id, s.created_at, s.ended_at, s.ended_reason, s.participant_ids)
            for i, s in records.sessions.items()
        } == {i: (s.room_id, s.started_at, s.ended_at, s.reason, s.ever) for i, s in model.sessions.items()}
        assert {
            i: (p.session_id, p.connection, p.context, p.joined_at, p.left_at, p.left_reason, p.muted)
            for i, p in records.participants.items()
        } == {
            i: (p.session_id, p.connection, p.context, p.joined_at, p.left_at, p.reason, p.muted)
            for i, p in model.people.items()
        }
        assert {
            (p.id, i): (s.id, s.key, s.audio_enabled, s.video_enabled, s.announced)
            for p in records.participants.values()
            for i, s in p.streams.items()
        } == {
            (person_id, i): (i, s.key, s.audio, s.video, s.announced)
            for person_id, p in model.people.items()
            for i, s in p.streams.items()
        }

    @invariant()
    def the_media_records_say_what_the_model_says(self) -> None:
        records, model = self.account.records, self.model
        assert {
            i: ((r.room_id, r.session_id, r.participant_id), r.kind, r.codec, r.created_at, r.started_at, r.made_here)
            for i, r in records.recordings.items()
        } == {i: (r.place, r.kind, r.codec, r.begun_at, r.begun_at, r.here) for i, r in model.recordings.items()}
        assert {
            i: (r.status, r.duration_secs, r.size_mb, r.ended_at, r.completed_at) for i, r in records.recordings.items()
        } == {i: (r.status, r.duration_secs, r.size_mb, r.ended_at, r.ended_at) for i, r in model.recordings.items()}
        assert {
            i: (c.room_id, c.session_id, fields_of(c.settings), c.created_at, c.status, c.duration_secs, c.made_here)
            for i, c in records.compositions.items()
        } == {
            i: (c.room_id, c.session_id, c.settings, c.asked_at, c.status, c.duration_secs, c.here)
            for i, c in model.compositions.items()
        }

    @invariant()
    def the_indexes_hold_what_the_records_hold(self) -> None:
        assert_indexed(self.account.records)
        assert_indexed(self.replica)

    @invariant()
    def a_session_is_active_exactly_while_somebody_is_present(self) -> None:
        records = self.account.records
        active = [session.room_id for session in records.sessions.values() if session.active]
        assert len(active) == len(set(active)), "a room has two active sessions"
        for session in records.sessions.values():
            assert session.active == bool(records.present(session))
        for participant in records.participants.values():
            assert participant.present == (participant.left_at is None)
            assert participant.present or not participant.streams
            assert not participant.present or records.sessions[participant.session_id].active

    @invariant()
    def names_are_unique_and_indexed(self) -> None:
        named = [(r.settings.unique_name, r.id) for r in self.account.records.rooms.values() if r.settings.unique_name]
        assert len({name for name, _ in named}) == len(named)
        assert self.account.records.rooms_by_name == dict(named)

    @invariant()
    def events_are_numbered_without_gaps_and_heard_once_in_order(self) -> None:
        assert self.heard == self.account.log.since(0)
        assert [record.number for record in self.heard] == list(range(1, self.account.log.last_number + 1))

    @invariant()
    def records_fed_with_the_log_are_the_same(self) -> None:
        assert self.replica == self.account.records
        assert in_order(self.replica) == in_order(self.account.records)

    def teardown(self) -> None:
        """The whole log at once, and as it is written to disk or sent."""
        kept = self.account.log.since(0)
        for source in (kept, [through_json(record) for record in kept]):
            again = replay(source)
            assert again == self.account.records
            assert in_order(again) == in_order(self.account.records)


def judged(expected: Callable[[], list[Event]]) -> tuple[list[Event], type[DomainError] | None]:
    """What the model wants told, or as what it refuses."""
    try:
        return expected(), None
    except Refusal as refusal:
        return [], refusal.kind


def chosen(which: int, ids: Sequence[str]) -> str:
    return UNKNOWN if which == NO_SUCH or not ids else ids[which % len(ids)]


def new_id(told: Sequence[Event], kind: type[Event], name: str) -> str:
    return next((str(getattr(event, name)) for event in told if isinstance(event, kind)), "none was told")


def plain(wanted: RoomSettings) -> dict[str, Any]:
    return fields_of(wanted)


def fields_of(settings: RoomSettings | CompositionSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def replay(kept: Sequence[Record]) -> Records:
    records = Records()
    for record in kept:
        records.apply(record)
    return records


def through_json(record: Record) -> Record:
    read = json.loads(json.dumps(record.as_json()))
    return Record(read["number"], record.at, EVENT_TYPES[read["type"]](**read["payload"]))


def in_order(records: Records) -> list[list[str]]:
    """Dictionaries compare equal in any order, but lists of resources are paged by it."""
    kinds = (records.rooms, records.sessions, records.participants, records.recordings, records.compositions)
    return [list(kind) for kind in kinds]


def machine_settings(examples: int, steps: int, *, repeatable: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=repeatable,
        suppress_health_check=list(HealthCheck),
    )


def test_account_does_what_the_model_says_and_its_log_replays() -> None:
    run_state_machine_as_test(AccountMachine, settings=machine_settings(40, 40, repeatable=True))
