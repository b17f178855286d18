"""The plan: order, draws, and how it reads."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.scenario.loader import loads
from emulator.scenario.plan import Plan, make_plan

PEOPLE = "abcd"
HEAD = "version: 1\nname: a test\nseed: SEED\nparticipants:\n" + "".join(
    f"  {name}: {{streams: {{self: {{video: true, audio: true}}}}}}\n" for name in PEOPLE
)

ENTRIES = st.builds(
    "  - {{at: {}s, jitter: 5s, do: {{{}: {}}}}}\n".format,
    st.integers(0, 5),
    st.sampled_from(PEOPLE),
    st.sampled_from(["join", "leave", "{publish: self}", "{stop_video: self}"]),
)
JOINS = "  - {at: 0s, do: {a: join, b: join, c: join, d: join}}\n"


def plan(entries: list[str], *, seed: int = 1) -> Plan:
    return make_plan(loads(HEAD.replace("SEED", str(seed)) + "timeline:\n" + JOINS + "".join(entries)))


def delays(plan: Plan) -> dict[tuple[str, ...], list[float]]:
    """The draws of each action, by who does what when."""
    found: dict[tuple[str, ...], list[float]] = {}
    for cue in plan.cues:
        for planned in (planned for group in cue.groups for planned in group):
            key = (planned.who, str(cue.entry.trigger), *(step.describe() for step in planned.action.steps))
            found.setdefault(key, []).append(planned.delay())
    return found


@settings(max_examples=30)
@given(st.lists(ENTRIES, max_size=8), ENTRIES, st.integers(0, 8))
def test_an_inserted_step_does_not_reshuffle_the_draws_of_the_others(entries: list[str], new: str, place: int) -> None:
    before = delays(plan(entries))
    after = delays(plan([*entries[:place], new, *entries[place:]]))
    assert all(after[key][: len(values)] == values for key, values in before.items())
    assert sum(map(len, after.values())) == sum(map(len, before.values())) + 1


@settings(max_examples=30)
@given(st.lists(ENTRIES, max_size=8), st.integers(0, 2**63 - 1))
def test_the_same_scenario_and_seed_give_the_same_plan(entries: list[str], seed: int) -> None:
    assert plan(entries, seed=seed).describe() == plan(entries, seed=seed).describe()


@settings(max_examples=30)
@given(st.lists(ENTRIES, max_size=8))
def test_cues_are_sorted_by_time_and_then_as_written(entries: list[str]) -> None:
    places = [(cue.earliest, cue.index) for cue in plan(entries).cues]
    assert places == sorted(places)
    assert len(places) == len(entries) + 1


def test_another_seed_gives_other_ids_and_draws() -> None:
    entry = ["  - {at: 1s, jitter: 5s, do: {a: leave}}\n"]
    one, other = plan(entry, seed=1), plan(entry, seed=2)
    assert one.participant_ids != other.participant_ids
    assert delays(one) != delays(other)


def test_draws_lie_within_the_jitter_and_differ_between_occurrences() -> None:
    (cue,) = plan(["  - {every: 10s, jitter: 2s, do: {a: [leave, join]}}\n"]).cues[1:]
    drawn = [cue.groups[0][0].delay(occurrence) for occurrence in range(50)]
    assert all(0 <= delay <= 2 for delay in drawn)
    assert len(set(drawn)) == 50


def test_entries_that_wait_are_placed_at_their_earliest_time() -> None:
    found = plan(
        [
            "  - {after: b.left + 2s, do: {c: leave}}\n",
            "  - {after: a.published + 3s, do: {b: leave}}\n",
            "  - {at: 4s, do: {a: {publish: self}}}\n",
        ]
    )
    assert [(cue.index, cue.earliest) for cue in found.cues] == [(0, 0.0), (3, 4.0), (2, 7.0), (1, 9.0)]


def test_a_plan_reads_as_what_will_happen() -> None:
    text = plan(
        [
            "  - {at: 1500ms, do: [{a: {publish: self}}, {b: leave}]}\n",
            "  - {after: a.published + 1s, expect: {a: {hears: b, within: 2s}}}\n",
            "  - {every: 20s, from: 10s, do: {c: {stop_video: self}}}\n",
            "  - {at: 40s, jitter: 1s, do: {moderator: {mute: [a, b]}}}\n",
        ]
    ).describe()
    assert [line.strip() for line in text.splitlines()[5:]] == [
        "0s: a join",
        "0s: b join",
        "0s: c join",
        "0s: d join",
        "1.5s: a publish self",
        "1.5s: then b leave",
        "after a.published + 1s (not before 2.5s): expect a hears b within 2s",
        "every 20s from 10s: c stop_video self",
        "40s +321ms: moderator mute a and b",
    ]
    assert text.splitlines()[:2] == [
        "a test: room a-test, seed 1",
        "  a  de1c68aa-398c-4962-b6b6-1bbcc02ff63a  tone 0  publishes: self",
    ]
