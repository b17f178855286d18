"""What sets entries off, what stands in blocks, what comes at the end: with fake clients, in virtual time."""

import asyncio
from collections.abc import Callable
from textwrap import dedent, indent

import pytest

from emulator.scenario.cast import RESERVED
from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.expectations.base import STAGE_EXPECTATIONS
from emulator.scenario.grammar.doing import BLOCKS
from emulator.scenario.loader import loads
from emulator.scenario.report import Outcome, Report
from emulator.scenario.schema import When
from emulator.scenario.steps.base import STAGE_STEPS
from tests.scenario.fake_room import FakeRoom, engine
from tests.scenario.virtual_time import run_virtually

HEAD = """\
version: 1
name: a test
seed: 5
participants:
  alice: {streams: {self: {video: test_card, audio: tone}}, messages: true}
  bob: {subscribe: all, messages: true}
timeline:
  - {at: 0s, do: [{alice: join}, {bob: join}]}
"""

Heard = tuple[float, str, str, dict[str, object]]
"""When, kind, what, facts."""


def run(
    entries: str, *heard: Heard, more: str = "", prepare: Callable[[FakeRoom], None] | None = None
) -> tuple[FakeRoom, Report]:
    async def all_of_it() -> tuple[FakeRoom, Report]:
        room = FakeRoom()
        if prepare is not None:
            prepare(room)
        playing = engine(HEAD + indent(dedent(entries), "  ") + more, room)
        scene = playing._scene

        async def tell(at: float, kind: str, what: str, facts: dict[str, object]) -> None:
            await asyncio.sleep(at)
            scene.chronicle.tell(kind, what, facts)  # type: ignore[arg-type]  # one of the kinds

        telling = [asyncio.create_task(tell(*one)) for one in heard]
        report = await playing.run()
        for task in telling:
            task.cancel()
        return room, report

    return run_virtually(all_of_it())


def joined(at: float, who: str, name: str) -> Heard:
    facts: dict[str, object] = {"participant_id": who, "context": f'{{"username": "{name}"}}'}
    return (at, "event", "participant_joined", facts)


def said(room: FakeRoom) -> list[tuple[float, str]]:
    return [(time, what) for time, what in room.asked if " say " in what]


# -- when --------------------------------------------------------------------------------------------------------------


def test_an_entry_reacts_to_each_event_that_fits_and_knows_it() -> None:
    room, report = run(
        """\
        - when: {event: participant_joined, where: {context.username: "Browser*"}}
          do: {alice: {say: "hello ${event.participant_id}, ${event.context.username}"}}
        - {at: 9s, do: {alice: leave}}
        """,
        joined(1, "x", "Browser 1"),
        joined(2, "y", "Somebody"),
        joined(3, "z", "Browser 2"),
    )
    assert report.ok, report.describe()
    assert said(room) == [(1.0, "alice say hello x, Browser 1"), (3.0, "alice say hello z, Browser 2")]
    assert "alice say 'hello x, Browser 1'" in "\n".join(one.describe() for one in report.results)


def test_an_entry_reacts_as_often_as_it_may() -> None:
    room, _ = run(
        "- {when: {event: participant_*, times: 2}, do: {alice: {say: hi}}}\n- {at: 9s, do: {alice: leave}}",
        *(joined(at, "x", "X") for at in (1, 2, 3)),
    )
    assert [at for at, _ in said(room)] == [1.0, 2.0]


def test_what_never_comes_holds_nothing_up_and_is_listed_as_not_run() -> None:
    _, report = run("- {when: {event: room_deleted}, do: {alice: {say: hi}}}\n- {at: 2s, do: {bob: leave}}")
    assert report.ok
    assert [one.what for one in report.results if one.outcome is Outcome.NOT_RUN] == ["say 'hi'"]


def test_what_must_come_in_time_and_does_not_is_a_failure_with_what_came_closest() -> None:
    entry = (
        "- when: {event: participant_joined, where: {context.username: Ada}, within: 5s}\n  do: {alice: {say: hi}}\n"
    )
    _, report = run(entry, joined(1, "x", "Bob"))
    (failed,) = report.failed
    assert failed.describe() == (
        "   0.000s  stage when event participant_joined where context.username is Ada: failed in 5.000s (line 9):"
        " did not come within 5s; closest: event 'participant_joined' at 1.000 s,"
        ' but context.username is "Bob", wanted Ada'
    )
    assert run(entry, joined(4, "x", "Ada"))[1].ok


def test_entries_react_to_webhooks_calls_and_messages_too() -> None:
    room, report = run(
        """\
        - {when: {webhook: "video.room.*"}, do: {alice: {say: "hook ${event.attempt}"}}}
        - {when: {rest: "POST /v2/rooms/*", where: {status: ">= 400"}}, do: {alice: {say: "call ${event.status}"}}}
        - {when: {message: "*help*", where: {from: bob}}, do: {alice: {say: "coming, ${event.from}"}}}
        - {at: 9s, do: {alice: leave}}
        """,
        (1, "webhook", "video.room.session.started", {"attempt": 1}),
        (2, "rest", "POST /v2/rooms/7", {"status": 503}),
        (3, "rest", "POST /v2/rooms/7", {"status": 201}),
        (4, "message", "please help", {"from": "bob"}),
        (5, "message", "please help", {"from": "carol"}),
    )
    assert report.ok, report.describe()
    assert [what for _, what in said(room)] == ["alice say hook 1", "alice say call 503", "alice say coming, bob"]


def test_what_an_event_does_not_have_fails_the_step_that_wants_it() -> None:
    _, report = run(
        '- {when: {event: room_deleted}, do: {alice: {say: "${event.reason}"}}}\n- {at: 9s, do: {bob: leave}}',
        (1, "event", "room_deleted", {"room_id": "r"}),
    )
    assert report.failed[0].message == "${event.reason}: event has no reason; it has room_id"


# -- blocks ------------------------------------------------------------------------------------------------------------


def test_blocks_repeat_run_side_by_side_and_nest() -> None:
    room, report = run(
        """\
        - at: 1s
          do:
            - repeat: {times: 2, every: 3s, do: [{alice: {say: a}}, {wait: 1s}, {alice: {say: b}}]}
            - parallel:
                - [{wait: 1s}, {alice: {say: left}}]
                - {repeat: {for: 2s, every: 1s, do: {bob: {say: right}}}}
            - {bob: {say: end}}
        """
    )
    assert report.ok, report.describe()
    assert sorted(said(room)) == [
        (1.0, "alice say a"),
        (2.0, "alice say b"),
        (4.0, "alice say a"),
        (5.0, "alice say b"),
        (5.0, "bob say right"),
        (6.0, "alice say left"),
        (6.0, "bob say end"),
        (6.0, "bob say right"),
    ]


def test_a_participant_in_blocks_and_beside_them_still_does_one_thing_at_a_time() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"say": 2.0}

    room, report = run(
        "- {at: 1s, do: {parallel: [{alice: {say: a}}, {alice: {say: b}}]}}\n- {at: 2s, do: {alice: {say: c}}}",
        prepare=slow,
    )
    assert report.ok
    assert said(room) == [(1.0, "alice say a"), (3.0, "alice say b"), (5.0, "alice say c")]


def test_a_span_that_takes_too_long_is_a_failure() -> None:
    entry = (
        "- at: 1s\n  span: {name: all of it, limit: LIMIT}\n  do: {span: {name: pause, limit: 2s, do: [{wait: 3s}]}}\n"
    )
    _, report = run(entry.replace("LIMIT", "4s"))
    assert [one.describe() for one in report.failed] == [
        "   1.000s  stage span pause (at most 2s): failed in 3.000s (line 11): expected at most 2s, took 3.000 s"
    ]
    _, report = run(entry.replace("LIMIT", "1s"))
    assert [one.what for one in report.failed] == ["span pause (at most 2s)", "span all of it (at most 1s)"]


def test_expectations_stand_between_steps() -> None:
    _, report = run(
        "- at: 1s\n  do: [{alice: {publish: self}}, {expect: {bob: {sees: alice}}}, {alice: {unpublish: self}}]\n"
    )
    assert report.ok
    assert [one.what for one in report.results][-3:] == ["publish self", "expect sees alice", "unpublish self"]


# -- steps of the stage ------------------------------------------------------------------------------------------------


def test_faults_and_impairments_are_set_over_the_admin_api_and_taken_back() -> None:
    def answers(room: FakeRoom) -> None:
        room.answers = {"POST /_emulator/impairments": [{"id": "i1"}, {"id": "i2"}]}

    room, report = run(
        """\
        - {at: 1s, fault: {signaling: close, code: 4000, who: alice, count: 1, for: 2s, seed: 3}}
        - {at: 2s, impair: {who: bob, direction: up, loss: 0.1, jitter: 30ms, for: 4s, seed: 4}}
        - {at: 5s, do: [{fault: {rest: delay, secs: 300ms, seed: 1}}, {clock: {advance: 1h}}, {clock: freeze}]}
        """,
        prepare=answers,
    )
    assert report.ok, report.describe()
    ids = {ticket.participant.name: ticket.participant_id for ticket in room.tickets}
    bad = {"direction": "up", "for_secs": 4.0, "seed": 4, "participant_id": ids["bob"]}
    assert room.called == [
        (
            "POST",
            "/_emulator/faults",
            {
                "surface": "signaling",
                "kind": "close",
                "parameters": {"code": 4000},
                "count": 1,
                "seed": 3,
                "match": {"participant_id": [ids["alice"]]},
            },
        ),
        (
            "POST",
            "/_emulator/impairments",
            {
                "impairments": [
                    {"kind": "loss", "parameters": {"p": 0.1}, **bad},
                    {"kind": "jitter", "parameters": {"secs": 0.03}, **bad},
                ]
            },
        ),
        ("DELETE", "/_emulator/faults/id 1", None),
        ("POST", "/_emulator/faults", {"surface": "rest", "kind": "delay", "parameters": {"secs": 0.3}, "seed": 1}),
        ("POST", "/_emulator/clock", {"advance_secs": 3600.0}),
        ("POST", "/_emulator/clock", {"freeze": True}),
        ("DELETE", "/_emulator/impairments/i1", None),
        ("DELETE", "/_emulator/impairments/i2", None),
        ("DELETE", "/_emulator/faults/id 4", None),
    ]


def test_waiting_for_somebody_gives_them_a_name() -> None:
    room, report = run(
        """\
        - at: 1s
          do:
            - wait_for: {participant: {context.username: "Browser*"}, within: 60s, as: browser}
            - moderator: {mute: "${browser.participant_id}"}
            - moderator: {request: {method: POST, path: "/x/${browser.context.username}"}}
        """,
        joined(30, "x", "Browser"),
    )
    assert report.ok, report.describe()
    assert room.acted == [("mute", {"participants": ["x"]})]
    assert room.called == [("POST", "/x/Browser", None)]


def test_waiting_in_vain_ends_the_run() -> None:
    _, report = run("- {at: 1s, do: [{wait_for: {event: room_deleted, within: 2s}}, {alice: {say: hi}}]}\n")
    assert report.failed[0].message == "did not come within 2s; no event at all"
    assert report.stopped == "stopped, since stage could not wait_for event room_deleted"


def test_the_moderator_has_a_word_for_each_rest_action() -> None:
    room, report = run(
        """\
        - at: 1s
          do:
            - moderator:
                - create_room: {unique_name: other, max_participants: 5, as: other}
                - update_room: {room: "${other.id}", max_participants: 6}
                - update_room: {enable_recording: true}
                - create_token: {ttl: 2m, as: pass}
                - create_composition: {resolution: 640x360}
                - delete_recordings: {participant: alice}
                - delete_recording: abc
                - delete_composition: def
                - delete_room: {room: "${other.id}"}
        """
    )
    assert report.ok, report.describe()
    alice = room.tickets[0].participant_id
    token = "/rooms/the-room/actions/generate_join_client_token"
    assert room.called == [
        ("POST", "/rooms", {"unique_name": "other", "max_participants": 5}),
        ("PATCH", "/rooms/id 1", {"max_participants": 6}),
        ("PATCH", "/rooms/the-room", {"enable_recording": True}),
        ("POST", token, {"token_ttl_secs": 120}),
        ("POST", "/room_compositions", {"resolution": "640x360", "session_id": "the session"}),
        ("DELETE", f"/room_recordings?filter%5Broom_id%5D=the-room&filter%5Bparticipant_id%5D={alice}", None),
        ("DELETE", "/room_recordings/abc", None),
        ("DELETE", "/room_compositions/def", None),
        ("DELETE", "/rooms/id 1", None),
    ]


# -- the end -----------------------------------------------------------------------------------------------------------

FINALLY = 'finally: {do: {alice: {say: bye}}, expect: {rest: {get: /rooms, where: {id: "id*"}}}}\n'


@pytest.mark.parametrize("breaks", [False, True])
def test_the_end_comes_also_after_a_failure_steps_before_everybody_leaves_expectations_after(breaks: bool) -> None:
    def broken(room: FakeRoom) -> None:
        room.breaks = {"publish": OSError("no")} if breaks else {}

    room, report = run("- {at: 1s, do: {alice: {publish: self}}}\n", more=FINALLY, prepare=broken)
    assert [what for _, what in room.asked if what.startswith("alice")][-2:] == ["alice say bye", "alice leave"]
    assert room.called[-1][:2] == ("GET", "/rooms")
    assert report.results[-1].what == "expect GET /rooms where id is id*"
    assert report.ok is not breaks


# -- what is said about it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("participant.left", "video.room.participant.left"),
        ("participant.*", "video.room.participant.*"),
        ("*.left", "*.left"),
        ("video.room.participant.left", "video.room.participant.left"),
    ],
)
def test_what_all_webhooks_begin_with_may_be_left_out(said: str, meant: str) -> None:
    scenario = loads(
        HEAD + f'  - {{at: 1s, expect: {{webhooks: {{received: "{said}"}}}}}}\n'
        f'  - {{when: {{webhook: "{said}"}}, do: {{alice: leave}}}}\n'
    )
    expecting, reacting = scenario.timeline[-2:]
    assert [one.describe() for one in expecting.expected] == [f"expect received {meant}, count >= 1"]
    assert isinstance(reacting.trigger, When)
    assert reacting.trigger.pattern.glob == meant


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{when: {event: participant_joind}, do: {alice: leave}}", 'unknown event "participant_joind"; did you mean'),
        ("{when: {webhook: video.room.x}, do: {alice: leave}}", 'unknown webhook event "video.room.x"; did you mean'),
        ("{when: {rest: /rooms}, do: {alice: leave}}", "expected a REST call such as POST /v2/rooms"),
        ("{when: {event: room_deleted, message: x}, do: {alice: leave}}", "got event and message"),
        ('{at: 1s, do: {alice: {say: "${event.x}"}}}', "this one has no when"),
        ('{at: 1s, do: {alice: {say: "${bobb.id}"}}}', 'unknown input "bobb"; did you mean "bob"'),
        ("{at: 1s, do: {repeat: {do: {alice: leave}}}}", "a repetition has either times or for"),
        ("{at: 1s, do: {repeat: {for: 2s, do: {alice: leave}}}}", "says every how often"),
        ("{at: 1s, do: {span: {name: x, do: {alice: leave}}}}", 'a span needs the key "limit"'),
        ("{at: 1s, fault: {rest: statos}}", 'unknown rest fault "statos"; did you mean "status"'),
        ("{at: 1s, fault: {rest: status, status: 200}}", "expected an integer from 400 to 599, got 200"),
        (
            "{at: 1s, fault: {rest: status, statuss: 500}}",
            'unknown key "statuss" in the rest fault status',
        ),
        ("{at: 1s, fault: {rest: status, status: 500, who: alice}}", None),
        ("{at: 1s, fault: {webhooks: drop, who: alice}}", "webhooks faults do not know whom they are about; use match"),
        ("{at: 1s, fault: {status: 500}}", "a fault is of one of rest, signaling, webhooks; got none of them"),
        ("{at: 1s, impair: {who: alice, los: 0.1}}", 'unknown key "los" in an impairment; did you mean "loss"'),
        ("{at: 1s, impair: {who: alice, loss: 2}}", "expected a number from 0 to 1, got 2"),
        ("{at: 1s, impair: {who: alise, loss: 0.2}}", 'unknown participant "alise"; did you mean "alice"'),
        ("{at: 1s, impair: {loss: 0.2}}", 'an impairment needs the key "who"'),
        ("{at: 1s, clock: {advance: 1}}", "expected a duration"),
        ("{at: 1s, expect: {evnts: room_created}}", 'nobody is called "evnts"; did you mean "events"?'),
        ("{at: 1s, expect: {webhook: {type: x}}}", 'nobody is called "webhook"; did you mean "webhooks"?'),
        (
            "{at: 1s, expect: {session: {active: 2}}}",
            'nobody is called "session"; did you mean "sessions"?',
        ),
        ("{at: 1s, expect: {webhooks: {received: participant.lft}}}", 'did you mean "video.room.participant.left"?'),
        ("{at: 1s, expect: {sessions: {active: no}}}", 'expected a count such as 3 or ">= 3", got the text "no"'),
        (
            "{at: 1s, expect: {webhooks: {within: 2s}}}",
            "expected one or more of received, signed, in_order",
        ),
        ("{at: 1s, expect: {rest: {where: {a: 1}}}}", 'a REST state needs the key "get"'),
        ("{at: 1s, do: {moderator: {request: {method: GET, path: rooms}}}}", "it begins with /"),
    ],
)
def test_what_cannot_be_is_told_where_it_stands(entry: str, message: str | None) -> None:
    text = HEAD + f"  - {entry}\n"
    if message is None:
        loads(text)
        return
    with pytest.raises(ScenarioInvalid) as caught:
        loads(text)
    assert message in str(caught.value)
    assert caught.value.issues[0].mark.line == 9


def test_participants_are_not_expected_to_see_when_everybody_has_left() -> None:
    with pytest.raises(ScenarioInvalid, match="everybody has left by then"):
        loads(HEAD + "finally: {expect: {bob: {hears: alice}}}\n")


def test_words_of_the_grammar_are_nobodys_names() -> None:
    words = {*STAGE_STEPS, *BLOCKS, *STAGE_EXPECTATIONS, "expect", "moderator", "stage", "room", "event"}
    assert words == RESERVED
    with pytest.raises(ScenarioInvalid, match='"note" is a word of the grammar, not a name for a participant'):
        loads("version: 1\nname: x\nparticipants: {note: }\ntimeline: [{at: 0s, do: {note: join}}]\n")
