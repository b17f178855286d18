"""`count`: one declaration, many people; they differ, come one after the other, and can be meant one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.expectations import strangers
from emulator.scenario.loader import loads
from emulator.scenario.plan import make_plan
from tests.scenario.fake_room import FakeRoom, engine, play
from tests.scenario.virtual_time import run_virtually


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        run_virtually(test())

    return run


CROWD = """\
version: 1
name: crowded
seed: {seed}
participants:
  host: {{streams: {{self: {{video: true, audio: tone}}}}, subscribe: [crowd], messages: true}}
  crowd:
    count: 3
    join: {{every: 500ms, jitter: "uniform(100ms, 300ms)"}}
    streams: {{self: {{video: test_card, audio: silence}}}}
    subscribe: all
{more}timeline:
  - at: 0s
    do: {{host: join}}
  - at: 1s
    do: {{crowd: [join, {{publish: self}}]}}
"""


def crowded(*entries: str, seed: int = 7, more: str = "") -> str:
    return CROWD.format(seed=seed, more=f"    {more}\n" if more else "") + "".join(
        f"  - {entry}\n" for entry in entries
    )


def test_a_crowd_is_as_many_people_as_it_says_each_with_a_tone_and_an_id() -> None:
    plan = make_plan(loads(crowded()))
    assert plan.scenario.cast.names() == ["host", "crowd[0]", "crowd[1]", "crowd[2]"]
    assert [who.index for who in plan.scenario.cast] == [0, 1, 2, 3]
    assert len(set(plan.participant_ids.values())) == 4


def test_the_plan_says_when_each_of_them_comes() -> None:
    cue = make_plan(loads(crowded())).cues[1]
    comes = {planned.who: planned.delay() for planned in cue.groups[0]}
    assert list(comes) == ["crowd[0]", "crowd[1]", "crowd[2]"]
    for place, delay in enumerate(comes.values()):
        assert 0.1 <= delay - 0.5 * place <= 0.3
    assert len({round(delay - 0.5 * place, 6) for place, delay in enumerate(comes.values())}) == 3
    assert make_plan(loads(crowded())).describe() == make_plan(loads(crowded())).describe()
    assert make_plan(loads(crowded(seed=8))).describe() != make_plan(loads(crowded())).describe()


def test_the_pictures_of_a_crowd_repeat_soon_unless_it_wants_otherwise() -> None:
    cast = loads(crowded()).cast
    video = cast["crowd[1]"].streams["self"].video
    assert video is not None
    assert video.options == {"loop": 2.0}
    own = (
        loads(crowded().replace("video: test_card", "video: {loop: 9s, fps: 5}")).cast["crowd[1]"].streams["self"].video
    )
    assert own is not None
    assert own.options == {"loop": 9.0, "fps": 5}
    host = cast["host"].streams["self"].video
    assert host is not None
    assert host.options == {}


@virtually
async def test_they_come_one_after_the_other_and_do_what_they_are_told_all_at_once() -> None:
    room = FakeRoom()
    report = await play(crowded("{at: 5s, do: {crowd: {stop_video: self}}}", '{at: 6s, do: {"crowd[1]": leave}}'), room)
    assert report.ok, report.describe()
    joins = [(time, what) for time, what in room.asked if what.endswith(" join")]
    assert [what for _, what in joins] == ["host join", "crowd[0] join", "crowd[1] join", "crowd[2] join"]
    assert [1.1 <= joins[1][0] <= 1.3, 1.6 <= joins[2][0] <= 1.8, 2.1 <= joins[3][0] <= 2.3] == [True] * 3
    assert [time for time, what in room.asked if "stop video" in what] == [5.0] * 3
    assert (6.0, "crowd[1] leave") in room.asked


@virtually
async def test_who_watches_a_crowd_watches_all_of_it() -> None:
    room = FakeRoom()
    report = await play(crowded("{after: crowd.published, expect: {host: {sees: crowd}, crowd: {sees: host}}}"), room)
    assert [result.what for result in report.failed] == ["expect sees host"] * 3  # who publishes nothing yet
    watching = {what for _, what in room.asked if what.startswith("host subscribe")}
    assert watching == {f"host subscribe crowd[{number}]/self" for number in range(3)}
    others = {what for _, what in room.asked if what.startswith("crowd[0] subscribe")}
    assert others == {"crowd[0] subscribe crowd[1]/self", "crowd[0] subscribe crowd[2]/self"}


@virtually
async def test_a_crowd_has_come_when_the_last_of_it_has() -> None:
    room = FakeRoom()
    text = crowded(
        "{after: crowd.joined, do: {host: {say: all here}}}",
        '{after: "crowd[1].joined", do: {host: {say: one of them}}}',
        "{after: crowd/self.published + 1s, do: {moderator: {mute: [crowd]}}}",
    )
    runs = engine(text, room)
    report = await runs.run()
    assert report.ok, report.describe()
    ended = {result.who: result.began for result in report.results if result.what == "join"}
    began = {result.what: result.began for result in report.results}
    assert began["say 'all here'"] == ended["crowd[2]"]
    assert began["say 'one of them'"] == ended["crowd[1]"]


@virtually
async def test_a_crowd_is_moderated_as_a_whole() -> None:
    room = FakeRoom()
    report = await play(crowded("{after: crowd/self.published, do: {moderator: {mute: [crowd]}}}"), room)
    assert report.ok, report.describe()
    ids = make_plan(loads(crowded())).participant_ids
    assert room.acted == [("mute", {"participants": [ids[f"crowd[{number}]"] for number in range(3)]})]


def told(room: FakeRoom) -> dict[str, object]:
    return {
        ticket.participant.name: None if ticket.participant.context is None else json.loads(ticket.participant.context)
        for ticket in room.tickets
    }


@virtually
async def test_each_has_a_name_of_its_own_drawn_from_the_seed() -> None:
    rooms = [FakeRoom(), FakeRoom(), FakeRoom()]
    for room, seed in zip(rooms, (7, 7, 8), strict=True):
        assert (await play(crowded(seed=seed), room)).ok
    first, again, other = map(told, rooms)
    assert first == again != other
    assert first["host"] is None
    names = [first[f"crowd[{number}]"] for number in range(3)]
    assert all(isinstance(name, dict) and set(name) == {"username"} for name in names)
    assert len({str(name) for name in names}) == 3


@virtually
async def test_what_varies_goes_into_the_context_that_all_share() -> None:
    room = FakeRoom()
    more = "context: {role: guest, username: nobody}\n    vary: {username: first_name, city: city, mail: email}"
    assert (await play(crowded(more=more), room)).ok
    one = told(room)["crowd[2]"]
    assert isinstance(one, dict)
    assert set(one) == {"role", "username", "city", "mail"}
    assert one["role"] == "guest"
    assert one["username"] != "nobody"
    assert "@example." in str(one["mail"])


@virtually
async def test_a_context_without_variation_is_the_same_for_all() -> None:
    room = FakeRoom()
    assert (await play(crowded(more="context: {role: guest}"), room)).ok
    assert [told(room)[f"crowd[{number}]"] for number in range(3)] == [{"role": "guest"}] * 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{at: 5s, do: {"crowd[3]": leave}}', 'there is no "crowd[3]"; crowd has members crowd[0] to crowd[2]'),
        ("{at: 5s, do: {crwd: leave}}", 'unknown participant "crwd"; did you mean "crowd"?'),
        ("{at: 5s, expect: {host: {reads: {text: hi, from: crowd}}}}", "which of crowd? crowd[0], for example"),
        ("{at: 5s, expect: {host: {hears: crowd}}}", "crowd declares no stream with a tone or speech"),
        ("{at: 5s, do: {crowd: {publish: slef}}}", 'unknown stream "slef" of crowd; did you mean "self"?'),
        ('{after: "crowd[7].joined", do: {host: leave}}', 'there is no "crowd[7]"'),
    ],
)
def test_what_is_said_of_crowds_is_checked(entry: str, said: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        loads(crowded(entry))
    assert said in str(refused.value)


def test_a_room_takes_fifty() -> None:
    with pytest.raises(ScenarioInvalid, match="a room takes 50, these are 51 participants"):
        loads(crowded().replace("count: 3", "count: 50"))
    assert len(loads(crowded().replace("count: 3", "count: 49")).cast) == 50


def test_one_of_a_crowd_who_never_joins_is_missed() -> None:
    text = crowded("{at: 5s, do: {crowd: leave}}").replace("crowd: [join, {publish: self}]", '"crowd[1]": join')
    with pytest.raises(ScenarioInvalid, match="crowd never joins"):
        loads(text)


# -- what else people can do ------------------------------------------------------------------------------------------

PEOPLE = """\
version: 1
name: people
participants:
  alice: {token_ttl: 60s, streams: {self: {video: true, audio: tone}}}
  bob: {subscribe: {to: all, audio: false}}
timeline:
  - {at: 0s, do: {alice: join, bob: join}}
  - {at: 1s, do: {alice: {publish: self}}}
"""


async def _played(*entries: str) -> FakeRoom:
    room = FakeRoom()
    report = await play(PEOPLE + "".join(f"  - {entry}\n" for entry in entries), room)
    assert report.ok, report.describe()
    return room


@virtually
async def test_a_subscription_takes_the_media_it_says() -> None:
    room = await _played("{at: 2s, do: {bob: [{unsubscribe: alice}, {subscribe: {to: alice, video: false}}]}}")
    wanted = [what for what in room.said if "subscribe" in what]
    assert wanted == ["bob subscribe alice/self video", "bob unsubscribe alice/self", "bob subscribe alice/self audio"]


@virtually
async def test_a_subscription_asks_for_its_layer_of_a_simulcast() -> None:
    room = await _played("{at: 2s, do: {bob: {subscribe: {to: alice, substream: 0}}}}")
    assert [what for what in room.said if "subscribe" in what][-1] == "bob subscribe alice/self substream 0"


@virtually
async def test_who_rejoins_is_somebody_else_of_the_same_name() -> None:
    room = await _played("{at: 2s, do: {alice: [rejoin, {publish: self}]}}", "{at: 3s, expect: {bob: {sees: alice}}}")
    first, again = (ticket for ticket in room.tickets if ticket.participant.name == "alice")
    assert first.participant_id != again.participant_id
    assert [what for what in room.said if what.startswith("alice")] == [
        "alice join",
        "alice publish self",
        "alice leave",
        "alice join",
        "alice publish self",
        "alice leave",
    ]
    ids = [ticket.participant_id for ticket in (await _played("{at: 2s, do: {alice: rejoin}}")).tickets]
    assert again.participant_id in ids  # drawn from the seed, like everything


@virtually
async def test_tokens_last_as_long_as_they_say_and_are_renewed_for_real() -> None:
    room = await _played("{at: 2s, do: {alice: update_token}}")
    assert sorted(room.granted, key=str) == [60, 60, None]
    assert "alice update_token token for the-room" in room.said


@virtually
async def test_how_somebodys_session_ends_can_be_expected() -> None:
    await _played("{at: 2s, do: {alice: leave}}", "{at: 3s, expect: {alice: {ends: user_initiated}}}")
    room = FakeRoom()
    ends = "  - {at: 2s, expect: {alice: {ends: kicked}, bob: {ends: kicked}}}\n"
    report = await play(PEOPLE.replace("bob: join}}", "bob: join}}\n  - {at: 1s, do: {bob: leave}}") + ends, room)
    assert [result.message for result in report.failed] == [
        "expected alice's session to end (kicked); it goes on",
        "expected bob's session to end as kicked, it ended as user_initiated",
    ]


@virtually
async def test_freezing_says_what_stands_still() -> None:
    room = await _played("{at: 2s, do: {alice: [{freeze: media}, thaw, {freeze: signaling}, thaw, {freeze: all}]}}")
    assert [what for what in room.said if "freeze" in what] == [
        "alice freeze True False",
        "alice freeze False True",
        "alice freeze True True",
    ]


@virtually
async def test_a_source_is_replaced_by_another() -> None:
    room = await _played("{at: 2s, do: {alice: {replace: {stream: self, video: screen}}}}")
    assert "alice replace self" in room.said


@virtually
async def test_who_is_not_of_the_cast_can_be_seen_and_heard() -> None:
    room = await _played("{at: 2s, expect: {bob: [{sees_picture: {of: some-id, key: screen}}, {hears_tone: 9}]}}")
    assert "bob sees_picture some-id/screen" in room.said
    assert "bob hears 9" in room.said


def test_the_tones_of_the_grammar_are_those_of_the_probes() -> None:
    from emulator.probes import tones

    assert strangers.TONES == tones.TONES
