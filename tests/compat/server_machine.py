"""Any sequence of what a user can do to a server: rooms, tokens, joining, moderation, deletes, time, restarts.

REST goes over HTTP, people come in through the in-memory transport, state lasts in a data directory. After each step
the state must be what a model in plain dicts says, and each client must see who is there; at the end, every list is
read.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from emulator.clients import RoomClient
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from tests.compat.server_house import START, Answer, House, Refused, person_id
from tests.compat.server_model import DEFAULT_REFRESH_TTL, ServerModel, Token, shown

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NO_SUCH = 11
PEOPLE = [person_id(number) for number in range(4)]

which = st.integers(min_value=0, max_value=NO_SUCH)
"""Chooses among the ids there are or were, newest first; the last number means one that never was."""
names = st.sampled_from([None, "lunch", "standup"])
limits = st.sampled_from([2, 3, 2, 3, 50, 1, 51])
targets = st.just("all") | st.none() | st.lists(st.sampled_from([*PEOPLE, UNKNOWN]), max_size=3, unique=True)
exclusions = st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True)
seconds = st.sampled_from([0, 1, 1, 9, 10, 59, 60, 60, 599, 600, 3600, 90_000])
seldom = st.integers(min_value=0, max_value=3).map(lambda number: number == 0)


@dataclass
class Guest:
    """A client, and as whom it came where. `inside`: as far as the model knows."""

    client: RoomClient
    room_id: str
    person_id: str
    token: Token
    inside: bool = True
    published: bool = False


class ServerMachine(RuleBasedStateMachine):
    house: ClassVar[House]
    """One for all runs: each has an account of its own."""
    steps: ClassVar[Counter[str]] = Counter()
    _numbers: ClassVar[Any] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.key = f"KEY_{next(self._numbers)}"
        self.model = ServerModel(START)
        self.rooms: list[str] = []
        self.sessions: list[str] = []
        self.films: list[str] = []
        self.recordings: list[str] = []
        self.access: list[Token] = []
        self.refreshing: list[Token] = []
        self.guests: list[Guest] = []

    # -- asking ---------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any = None, *, key: bool = True) -> Answer:
        return self.house.request(self.key if key else None, method, path, body)

    @property
    def _account(self) -> Account:
        account = self.house.emulator.accounts.by_key(self.key)
        assert account is not None
        return account

    def _counted(self, act: str, status: int) -> None:
        self.steps[f"{act} {status}"] += 1

    def _agreed(self, act: str, answer: Answer, expected: int) -> bool:
        """Whether both did it."""
        assert answer.status == expected, f"{act}: {answer.status} {answer.body}, expected {expected}"
        self._counted(act, expected)
        return expected < 300

    # -- rooms ----------------------------------------------------------------------------------------------------

    @initialize(limit=st.sampled_from([2, 3]))
    def have_a_room(self, limit: int) -> None:
        self.create_room({"max_participants": limit})
        self.generate(0, None, None)

    @precondition(lambda self: len(self.model.rooms) < 4)
    @rule(
        fields=st.fixed_dictionaries(
            {}, optional={"unique_name": names, "max_participants": limits, "enable_recording": st.booleans()}
        )
    )
    def create_room(self, fields: dict[str, Any]) -> None:
        answer = self._ask("POST", "/rooms", fields)
        room_id = answer.data["id"] if answer.status == 201 else UNKNOWN
        if self._agreed("create", answer, self.model.create_room(fields, room_id)):
            assert answer.data == shown(self.model.rooms[room_id])
            self.rooms.insert(0, room_id)

    @rule(
        room=which,
        fields=st.fixed_dictionaries(
            {}, optional={"unique_name": names, "max_participants": limits, "enable_recording": st.booleans()}
        ),
    )
    def update_room(self, room: int, fields: dict[str, Any]) -> None:
        room_id = chosen(room, self.rooms)
        answer = self._ask("PATCH", f"/rooms/{room_id}", fields)
        if self._agreed("update", answer, self.model.update_room(room_id, fields)):
            assert answer.data == shown(self.model.rooms[room_id])

    @rule(room=which, really=seldom)
    def delete_room(self, room: int, really: bool) -> None:
        if not really:
            return
        room_id = chosen(room, self.rooms)
        self._agreed("delete", self._ask("DELETE", f"/rooms/{room_id}"), self.model.delete_room(room_id))

    # -- tokens ---------------------------------------------------------------------------------------------------

    @rule(room=which, ttl=st.sampled_from([None, 10, 3600]), refresh_ttl=st.sampled_from([None, 60, 86_400]))
    def generate(self, room: int, ttl: int | None, refresh_ttl: int | None) -> None:
        room_id = chosen(room, self.rooms)
        body = {"token_ttl_secs": ttl, "refresh_token_ttl_secs": refresh_ttl}
        body = {name: value for name, value in body.items() if value is not None}
        answer = self._ask("POST", f"/rooms/{room_id}/actions/generate_join_client_token", body)
        if not self._agreed("generate", answer, 201 if room_id in self.model.rooms else 404):
            return
        data, model = answer.data, self.model
        access = Token(data["token"], room_id, model.expiry(ttl), model.now)
        refresh = Token(data["refresh_token"], room_id, model.expiry(refresh_ttl, DEFAULT_REFRESH_TTL), model.now)
        assert (data["token_expires_at"], data["refresh_token_expires_at"]) == (told(access), told(refresh))
        self.access.insert(0, access)
        self.refreshing.insert(0, refresh)

    @precondition(lambda self: self.refreshing)
    @rule(token=which, other_room=which, where=st.sampled_from(["undefined", "undefined", "its own", "another"]))
    def refresh(self, token: int, other_room: int, where: str) -> None:
        """Without a key, as web pages do."""
        used = self.refreshing[token % len(self.refreshing)]
        path = {"its own": used.room_id, "another": chosen(other_room, self.rooms)}.get(where, where)
        body = {"refresh_token": used.text, "token_ttl_secs": 60}
        answer = self._ask("POST", f"/rooms/{path}/actions/refresh_client_token", body, key=False)
        if self._agreed("refresh", answer, self.model.refresh(used, path)):
            fresh = Token(answer.data["token"], used.room_id, self.model.expiry(60), self.model.now)
            assert answer.data == {"token": fresh.text, "token_expires_at": told(fresh)}
            self.access.insert(0, fresh)

    # -- coming and going -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.access)
    @rule(token=which, person=st.sampled_from(PEOPLE), publish=st.booleans())
    def join(self, token: int, person: str, publish: bool) -> None:
        """With a token into the room that it is for."""
        used = self.access[token % len(self.access)]
        self._join(used.room_id, used, person)
        if publish and self.guests and self.guests[-1].person_id == person and self.guests[-1].inside:
            self._publish(self.guests[-1])

    @precondition(lambda self: self.access)
    @rule(token=which, room=which, person=st.sampled_from(PEOPLE))
    def join_somewhere(self, token: int, room: int, person: str) -> None:
        self._join(chosen(room, self.rooms), self.access[token % len(self.access)], person)

    def _join(self, room_id: str, token: Token, person: str) -> None:
        expected = self.model.admitted(room_id, token)
        expected = expected or self.model.may_join(room_id, person)
        found = self.house.join(room_id, token.text, person)
        self._counted("join", expected)
        if isinstance(found, Refused):
            assert found.status_code == expected, f"join: {found}, expected {expected or 'to be let in'}"
            return
        assert not expected, f"was let in, expected {expected}"
        for guest in self._inside(person):  # the older connection gives way
            guest.inside = False
        state = self._ask("GET", f"/rooms/{room_id}").data
        self.model.join(room_id, person, found.context, new_session=state["active_session_id"])
        if state["active_session_id"] not in self.sessions:
            self.sessions.insert(0, state["active_session_id"])
        self.guests.append(Guest(found, room_id, person, token))

    @precondition(lambda self: any(guest.inside for guest in self.guests))
    @rule(who=which)
    def publish(self, who: int) -> None:
        inside = [guest for guest in self.guests if guest.inside]
        self._publish(inside[who % len(inside)])

    def _publish(self, guest: Guest) -> None:
        if guest.published:
            return
        expected = self.model.admitted(guest.room_id, guest.token)
        found = self.house.publish(guest.client)
        self._counted("publish", expected)
        assert expected == (found.status_code if isinstance(found, Refused) else 0), found
        self.model.changed_at = self.model.now
        guest.published = not expected
        if expected:
            guest.inside = False
            self.model.leave(guest.person_id)

    @precondition(lambda self: any(guest.inside for guest in self.guests))
    @rule(who=which, lost=st.booleans())
    def leave(self, who: int, lost: bool) -> None:
        inside = [guest for guest in self.guests if guest.inside]
        guest = inside[who % len(inside)]
        guest.inside = False
        self.house.leave(guest.client, lost=lost)
        self.model.leave(guest.person_id)
        self._counted("leave", 0)

    def _inside(self, person: str) -> list[Guest]:
        return [guest for guest in self.guests if guest.inside and guest.person_id == person]

    # -- moderation -----------------------------------------------------------------------------------------------

    def _session(self, which: int) -> str:
        """Mostly one that is active."""
        active = [i for i in self.sessions if self.model.sessions[i]["active"]]
        return chosen(which, active if active and which < NO_SUCH - 1 else self.sessions)

    @precondition(lambda self: self.sessions)
    @rule(session=which, keyed=st.booleans())
    def end(self, session: int, keyed: bool) -> None:
        session_id = self._session(session)
        self._agreed("end", self._act(session_id, "end", {}, keyed=keyed), self.model.end(session_id))

    @precondition(lambda self: self.sessions)
    @rule(session=which, wanted=targets, exclude=exclusions, keyed=st.booleans())
    def kick(self, session: int, wanted: Any, exclude: list[str], keyed: bool) -> None:
        session_id = self._session(session)
        answer = self._act(session_id, "kick", whom(wanted, exclude), keyed=keyed)
        self._agreed("kick", answer, self.model.kick(session_id, wanted, exclude))

    @precondition(lambda self: self.sessions)
    @rule(session=which, wanted=targets, exclude=exclusions, muted=st.booleans())
    def mute(self, session: int, wanted: Any, exclude: list[str], muted: bool) -> None:
        session_id = self._session(session)
        before = {person: record["_muted"] for person, record in self.model.people.items()}
        answer = self._act(session_id, "mute" if muted else "unmute", whom(wanted, exclude), keyed=True)
        self._agreed("mute", answer, self.model.mute(session_id, wanted, exclude, muted=muted))
        for guest in [guest for guest in self.guests if guest.inside and guest.published]:
            if before[guest.person_id] is not self.model.people[guest.person_id]["_muted"]:
                self._speaks_up(guest)

    def _speaks_up(self, guest: Guest) -> None:
        """As the SDK does, a client answers its own muting with a frame (E11), and with it comes its token."""
        if self.model.admitted(guest.room_id, guest.token):
            guest.inside = False
            self.model.leave(guest.person_id)

    def _act(self, session_id: str, action: str, body: Any, *, keyed: bool) -> Answer:
        return self._ask("POST", f"/room_sessions/{session_id}/actions/{action}", body, key=keyed)

    # -- compositions ---------------------------------------------------------------------------------------------

    @precondition(lambda self: self.sessions and len(self.films) < 3)
    @rule(session=which)
    def compose(self, session: int) -> None:
        session_id = chosen(session, self.sessions)
        answer = self._ask("POST", "/room_compositions", {"session_id": session_id})
        data = answer.data if answer.status == 202 else {}
        film_id, user_id = data.get("id", UNKNOWN), data.get("user_id", "")
        if self._agreed("compose", answer, self.model.compose(session_id, film_id, user_id)):
            assert data == shown(self.model.films[film_id])
            self.films.append(film_id)

    @precondition(lambda self: self.films)
    @rule(film=which)
    def drop_film(self, film: int) -> None:
        film_id = chosen(film, self.films)
        answer = self._ask("DELETE", f"/room_compositions/{film_id}")
        self._agreed("drop film", answer, self.model.drop_film(film_id))

    # -- recordings: a recorder tells, a user deletes -------------------------------------------------------------

    @precondition(lambda self: any(guest.inside for guest in self.guests) and len(self.recordings) < 6)
    @rule(who=which, kind=st.sampled_from([("audio", "opus"), ("video", "vp8")]))
    def record(self, who: int, kind: tuple[h.RecordingKind, str]) -> None:
        inside = [guest for guest in self.guests if guest.inside]
        person = inside[who % len(inside)].person_id
        recording = self._account.start_recording(person, *kind)
        self.model.record(person, recording.id, *kind)
        self.recordings.append(recording.id)
        self._counted("record", 0)

    @precondition(lambda self: any(r["status"] == "processing" for r in self.model.recordings.values()))
    @rule(which=which, duration=st.integers(min_value=0, max_value=3))
    def finish_recording(self, which: int, duration: int) -> None:
        going = [i for i, recording in self.model.recordings.items() if recording["status"] == "processing"]
        recording_id = going[which % len(going)]
        self._account.complete_recording(
            recording_id, duration_secs=duration, size_mb=0.5, ended_at=self._account.now()
        )
        self.model.finish_recording(recording_id, duration)
        self._counted("finish recording", 0)

    @precondition(lambda self: self.recordings)
    @rule(which=which)
    def drop_recording(self, which: int) -> None:
        recording_id = chosen(which, self.recordings)
        answer = self._ask("DELETE", f"/room_recordings/{recording_id}")
        self._agreed("drop recording", answer, self.model.drop_recording(recording_id))

    @precondition(lambda self: self.recordings)
    @rule(session=which, kind=st.sampled_from(["audio", "video"]), at_least=st.integers(min_value=0, max_value=3))
    def drop_recordings(self, session: int, kind: str, at_least: int) -> None:
        """R-59, R-91: by filters."""
        session_id = chosen(session, self.sessions)
        query = f"filter[session_id]={session_id}&filter[type]={kind}&filter[duration_secs]={at_least}"
        answer = self._ask("DELETE", f"/room_recordings?{query}")
        count = self.model.drop_recordings(session_id, kind, at_least)
        assert (answer.status, answer.data) == (201, {"room_recordings": count})
        self._counted("drop recordings", min(count, 2))

    # -- time, and its end ----------------------------------------------------------------------------------------

    @rule(seconds=seconds)
    def let_time_pass(self, seconds: int) -> None:
        answer = self._ask("POST", "/_emulator/clock", {"advance_secs": seconds})
        assert answer.status == 200, answer.body
        self.model.advance(seconds)
        self._counted("advance", 0)

    @rule(really=seldom, killed=st.booleans())
    def restart(self, really: bool, killed: bool) -> None:
        """An orderly stop sends everybody away; after another, what was live is ended at the next start."""
        if not really:
            return
        self.house.restart(killed=killed)
        for guest in self.guests:
            if guest.inside and not killed:
                self.model.leave(guest.person_id)
            guest.inside = False
        self.model.restart()
        self._counted("restart", 0)

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def the_state_is_what_the_model_says(self) -> None:
        state, model = self._ask("GET", "/_emulator/state").body, self.model
        for name, wanted in (
            ("rooms", model.rooms),
            ("room_sessions", model.sessions),
            ("room_participants", model.people),
            ("room_recordings", model.recordings),
            ("room_compositions", model.films),
        ):
            found = {record["id"]: record for record in state[name]}
            assert found == {i: without_type(shown(record)) for i, record in wanted.items()}, name

    @invariant()
    def clients_see_who_is_there(self) -> None:
        model = self.model
        kicked = [g for g in self.guests if g.inside and "left_at" in model.people[g.person_id]]
        for guest in kicked:
            guest.inside = False
        for guest in self.guests:
            assert (guest.client.status == "connected") is guest.inside, guest
        for guest in self.guests:
            if guest.inside:
                client = guest.client
                assert set(client.participants) == set(model.present(model.active_session(guest.room_id)))
                # Who is muted first and publishes later is not told of it: there was no stream to tell of.
                others = {who: stream for (who, _), stream in client.streams.items() if who != guest.person_id}
                for who, stream in others.items():
                    assert stream.audio_censored is model.people[who]["_muted"], stream
                assert client.faults == []

    def teardown(self) -> None:
        for path, wanted in self.model.lists().items():
            answer = self._ask("GET", f"{path}&page[size]=250")
            assert answer.status == 200, answer.body
            assert [without_url(record) for record in answer.data] == wanted, path
        for kind, records in (("rooms", self.rooms), ("room_sessions", self.sessions), ("room_participants", PEOPLE)):
            known = {"rooms": self.model.rooms, "room_sessions": self.model.sessions}.get(kind, self.model.people)
            for record_id in records:
                answer = self._ask("GET", f"/{kind}/{record_id}")
                assert answer.status == (200 if record_id in known else 404)
                assert record_id not in known or answer.data == shown(known[record_id])
        for guest in self.guests:
            self.house.leave(guest.client, lost=False)
        self.house.emulator.forget_account(self.key)


def chosen(which: int, ids: list[str]) -> str:
    return UNKNOWN if which == NO_SUCH or not ids else ids[which % len(ids)]


def without_type(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "record_type"}


def without_url(record: dict[str, Any]) -> dict[str, Any]:
    """A completed recording has a `download_url`, with a signature in it that nobody can foretell."""
    assert record.get("status") != "completed" or "type" not in record or "download_url" in record
    return {name: value for name, value in record.items() if name != "download_url"}


def whom(wanted: Any, exclude: list[str]) -> dict[str, Any]:
    return {**({} if wanted is None else {"participants": wanted}), **({"exclude": exclude} if exclude else {})}


def told(token: Token) -> str:
    return token.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
