"""News and expectations about the whole emulator, on a real one, with real clients."""

from emulator.scenario.loader import loads
from emulator.scenario.report import Report
from emulator.scenario.runner import run_scenario_on
from emulator.server import Emulator

HEAD = """\
version: 1
name: a test
room: {unique_name: stage}
participants:
  alice: {context: {username: Alice}, streams: {self: {audio: tone}}, messages: true, token_ttl: 1h}
  bob: {context: {username: Bob}, messages: true, token_ttl: 1h}
timeline:
  - {at: 0s, do: [{alice: join}, {bob: join}]}
"""


async def run(emulator: Emulator, entries: str, more: str = "") -> Report:
    scenario = loads(HEAD + entries + more)
    where = {"rest_url": emulator.rest_url, "ws_url": emulator.ws_url, "api_key": emulator.api_key}
    return await run_scenario_on(scenario, **where)


async def test_what_is_heard_of_and_what_is_so_can_be_expected(emulator: Emulator) -> None:
    report = await run(
        emulator,
        """\
  - when: {event: participant_joined, where: {name: bob}}
    do: [{alice: {say: "hello ${event.context.username}"}}, {alice: {publish: self}}]
    expect:
      - bob: {reads: hello Bob, within: 20s}
      - events: {event: stream_published, where: {name: alice, key: self}, within: 20s}
      - events: {order: [session_started, {event: participant_joined, where: {name: bob}}, stream_published]}
      - events: {event: participant_left, count: 0, within: 200ms}
      - latency: {from: stream_offered, to: stream_published, below: 20s}
      - events: {rest: "POST /v2/rooms/*/actions/*", where: {status: 201}, count: ">= 2", within: 20s}
      - events: {message: "hello*", where: {from: alice, to: bob}, within: 20s}
      - rest: {get: "/rooms/${room.id}", where: {unique_name: stage, active_session_id: "?*"}}
      - rest: {get: /room_participants, where: {context: "*Alice*"}, count: 1}
      - rest: {get: /rooms/no-such-room, status: 404}
      - sessions: {active: 1}
      - participants: 2
      - streams: {published: 1, where: {audio_enabled: true}, within: 20s}
      - webhooks: {received: "video.room.participant.*", where: {payload.context: "*Bob*"}, signed: true, within: 20s}
      - webhooks: {received: "*.joined", where: {context.username: Bob, payload.context.username: B*}, within: 20s}
      - webhooks: {received: "*.joined", where: {event_type: "*joined", room_id: "${room.id}"}, count: 2, within: 20s}
      - statistics: {where: {0.feeds.0.key: self, 0.feeds.0.audio.packets: ">= 1"}, within: 20s}
      - webhooks: {received: "*", count: ">= 3", in_order: true, undelivered: 0, within: 20s}
  - after: alice.published
    do:
      - wait_for: {webhook: video.room.participant.joined, where: {context.username: Alice, attempt: 1}, as: hook}
      - note: "came ${hook.attempt} ${hook.context.username} ${hook.data.payload.context.username}"
""",
        "finally: {expect: {sessions: {active: 0}, participants: {present: 0}}}\n",
    )
    assert report.ok, report.describe()
    assert "note came 1 Alice Alice" in [result.what for result in report.results]


async def test_what_is_not_so_is_told_with_what_came_closest(emulator: Emulator) -> None:
    report = await run(
        emulator,
        """\
  - after: bob.joined
    expect:
      - events: {event: participant_joined, where: {context.username: Carol}, within: 300ms}
      - rest: {get: /rooms, where: {unique_name: stages}, within: 300ms}
      - sessions: {active: 2, within: 300ms}
      - latency: {from: room_deleted, to: participant_joined, below: 1s, within: 300ms}
      - webhooks: {received: video.room.session.ended, within: 300ms}
      - webhooks: {received: "*.joined", where: {context.username: Carol}, within: 300ms}
      - statistics: {where: {nothing.there: ">= 1"}, within: 300ms}
""",
    )
    told = "\n".join(result.message for result in report.failed)
    assert len(report.failed) == 7, told
    for message in (
        'but context.username is "Bob", wanted Carol',
        'expected items where unique_name is stages, count >= 1; got 0 of 1; closest: unique_name is "stage", wanted',
        "expected active sessions, count 2; got 1 of 1, after 0.3 s",
        "nothing to measure within 0.3 s: event room_deleted; none of that sort",
        "expected webhooks video.room.session.ended, count >= 1; got 0 of 0; received: 1 video.room.session.started, ",
        'got 0 of 2; closest: context.username is "',
        ', wanted Carol; webhook 3, video.room.participant.joined, tells {"session_id": ',
        "nothing.there is not there, wanted >= 1",
    ):
        assert message in told


async def test_faults_and_a_moved_clock_are_felt_and_taken_back(emulator: Emulator) -> None:
    report = await run(
        emulator,
        """\
  - at: 0s
    fault: {rest: status, status: 503, match: {operation: CreateRoom}}
    do:
      - moderator: {request: {method: POST, path: /rooms, body: {}, status: 503}}
      - fault: clear
      - moderator: {create_room: {unique_name: other, as: other}}
      - moderator: {request: {method: GET, path: "/rooms/${other.id}", status: 200}}
      - moderator: {delete_room: {room: "${other.id}"}}
      - fault: {rest: status, status: 500, match: {operation: DeleteRoom}}
      - impair: {who: alice, direction: up, loss: 0.1, for: 20s}
      - expect:
          - rest: {get: /_emulator/faults, count: 1}
          - rest: {get: /_emulator/impairments, where: {kind: loss, direction: up}, count: 1}
      - clock: freeze
      - clock: {advance: 1h}
      - expect: {rest: {get: /_emulator/clock, where: {frozen: true}}}
      - clock: resume
""",
        "finally:\n  expect:\n    - rest: {get: /_emulator/faults, count: 0}\n"
        "    - rest: {get: /_emulator/impairments, count: 0}\n",
    )
    assert report.ok, report.describe()
