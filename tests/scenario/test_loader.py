"""The grammar: what a scenario may say, and what is said about one that says something else."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from emulator.scenario.cast import MediaSpec
from emulator.scenario.errors import ScenarioInvalid, ScenarioUnreadable
from emulator.scenario.loader import load, loads
from emulator.scenario.milestones import Milestone
from emulator.scenario.schema import After, At, Entry, Every, Scenario

HEAD = """\
version: 1
name: a test
participants:
  alice: {streams: {self: {video: test_card, audio: tone}}}
  bob: {subscribe: all}
timeline:
"""
JOINS = "  - {at: 0s, do: {alice: join, bob: join}}\n"


def with_timeline(entries: str, *, joins: str = JOINS) -> str:
    return HEAD + joins + indent(dedent(entries), "  ")


def refusal(text: str) -> str:
    """What is said about a text, without the lines shown."""
    with pytest.raises(ScenarioInvalid) as caught:
        loads(text, name="x.yaml")
    return "\n".join(line for line in str(caught.value).splitlines() if line.startswith("x.yaml"))


def entry_of(text: str) -> Entry:
    return loads(with_timeline(text)).timeline[-1]


def with_participant(text: str) -> Scenario:
    return loads(
        f"version: 1\nname: a test\nparticipants:\n  alice: {text}\ntimeline:\n  - {{at: 0s, do: {{alice: join}}}}\n"
    )


# -- what it may say ---------------------------------------------------------------------------------------------------


def test_the_head_of_a_scenario() -> None:
    scenario = loads(
        "version: 1\nname: Two  people!\nseed: 7\nroom: {max_participants: 5, enable_recording: true}\n"
        "participants: {alice: }\ntimeline: [{at: 0s, do: {alice: join}}]\n"
    )
    assert (scenario.name, scenario.seed, len(scenario.cast)) == ("Two  people!", 7, 1)
    assert scenario.room == {"unique_name": "two-people", "max_participants": 5, "enable_recording": True}
    assert not scenario.endless


def test_words_that_yaml_1_1_converts_are_ordinary_names() -> None:
    scenario = loads(
        "version: 1\nname: on\nparticipants: {yes: , no: }\ntimeline: [{at: 0s, do: {yes: join, no: join}}]\n"
    )
    assert scenario.name == "on"
    assert scenario.cast.names() == ["yes", "no"]


def test_a_context_is_sent_as_json_text_or_as_it_is() -> None:
    assert with_participant("{context: {username: Älice, age: 7, on: yes}}").cast["alice"].context == (
        '{"username":"Älice","age":7,"on":"yes"}'
    )
    assert with_participant("{context: plain}").cast["alice"].context == "plain"


@pytest.mark.parametrize(
    ("written", "video"),
    [
        ("true", MediaSpec("test_card")),
        ("black", MediaSpec("black")),
        ("{fps: 5}", MediaSpec("test_card", {"fps": 5})),
        ("{source: test_card, size: 640x360}", MediaSpec("test_card", {"size": "640x360"})),
        ("{bitrate: 1.5M, codec: H264}", MediaSpec("test_card", {"bitrate": 1_500_000.0, "codec": "H264"})),
        ("{bitrate: 300000}", MediaSpec("test_card", {"bitrate": 300_000.0})),
    ],
)
def test_video_is_a_source_with_options(written: str, video: MediaSpec) -> None:
    stream = (
        with_participant(f"{{streams: {{self: {{video: {written}, audio: false}}}}}}").cast["alice"].streams["self"]
    )
    assert (stream.key, stream.video, stream.audio) == ("self", video, None)


def test_speech_talks_and_pauses() -> None:
    stream = (
        with_participant("{streams: {self: {audio: {source: speech, talk: 2s, pause: 500ms}}}}")
        .cast["alice"]
        .streams["self"]
    )
    assert stream.audio == MediaSpec("speech", {"talk": 2.0, "pause": 0.5})


def test_subscriptions_are_all_none_or_a_list() -> None:
    text = HEAD.replace("subscribe: all", "subscribe: [alice/self]") + JOINS
    bob = loads(text).cast["bob"]
    assert bob.watches("alice", "self")
    assert not bob.watches("alice", "screen")
    assert loads(HEAD + JOINS).cast["bob"].watches("anybody", "anything")
    assert not loads(HEAD + JOINS).cast["alice"].watches("bob", "self")


@pytest.mark.parametrize(
    ("written", "trigger"),
    [
        ("at: 1m30s", At(90)),
        ("every: 20s", Every(20, 20, None)),
        ("{every: 20s, from: 0s, times: 3}", Every(20, 0, 3)),
    ],
)
def test_triggers(written: str, trigger: object) -> None:
    fields = written.strip("{}")
    assert entry_of(f"- {{{fields}, do: {{alice: leave}}}}").trigger == trigger


@pytest.mark.parametrize(
    ("written", "milestone", "plus"),
    [
        ("alice.joined", Milestone("alice", "joined"), 0.0),
        ("alice.joined + 2s", Milestone("alice", "joined"), 2.0),
        ("alice.joined+500ms", Milestone("alice", "joined"), 0.5),
    ],
)
def test_entries_wait_for_milestones(written: str, milestone: Milestone, plus: float) -> None:
    trigger = entry_of(f"- {{after: {written}, do: {{alice: leave}}}}").trigger
    assert isinstance(trigger, After)
    assert (trigger.milestone, trigger.plus) == (milestone, plus)


def test_a_mapping_is_done_at_once_and_a_list_in_order() -> None:
    at_once = entry_of("- {at: 1s, do: {alice: {publish: self}, bob: leave}}")
    assert [[action.who.text for action in group] for group in at_once.groups] == [["alice", "bob"]]
    in_order = entry_of("- {at: 1s, do: [{alice: {publish: self}}, {bob: leave}]}")
    assert [[action.who.text for action in group] for group in in_order.groups] == [["alice"], ["bob"]]


def test_one_participant_takes_several_steps_in_order() -> None:
    entry = entry_of("- {at: 1s, do: {alice: [{publish: self, stop_video: self}, leave, join]}}")
    assert [step.describe() for step in entry.groups[0][0].steps] == [
        "publish self",
        "stop_video self",
        "leave",
        "join",
    ]


def test_every_step_can_be_written() -> None:
    entry = entry_of(
        """\
        - at: 1s
          do:
            - alice: [{publish: self}, {stop_video: self}, {start_video: self}, {stop_audio: self}, {start_audio: self}]
            - bob: [{unsubscribe: alice/self}, {subscribe: alice}, {subscribe: {to: alice, video: false}}, vanish]
            - alice: [{replace: {stream: self, video: screen, audio: {source: noise}}}, update_token]
            - alice: [{freeze: media}, thaw, rejoin]
            - moderator: [{mute: [alice, bob]}, {unmute: alice}, {kick: [bob]}, {end_session: true}, end_session]
            - alice: [{unpublish: self}, leave]
        """
    )
    assert [step.describe() for group in entry.groups[1:4] for step in group[0].steps] == [
        "unsubscribe alice/self",
        "subscribe alice",
        "subscribe alice only audio",
        "vanish",
        "replace self by video screen, audio noise",
        "update_token",
        "freeze media",
        "thaw",
        "rejoin",
    ]
    moderator = entry.groups[4][0]
    assert [step.describe() for step in moderator.steps] == [
        "mute alice and bob",
        "unmute alice",
        "kick bob",
        "end_session",
        "end_session",
    ]


def test_expectations_have_five_seconds_unless_they_say() -> None:
    entry = entry_of(
        "- {at: 1s, expect: [{bob: {sees: alice/self, within: 3s}}, {bob: [{hears: alice}, {hears_not: alice}]}]}"
    )
    assert [(one.who.text, one.describe(), one.expectation.within) for one in entry.expect] == [
        ("bob", "expect sees alice/self", 3.0),
        ("bob", "expect hears alice", 5.0),
        ("bob", "expect hears_not alice", 5.0),
    ]


# -- what is said about others -----------------------------------------------------------------------------------------


def test_several_issues_are_told_at_once_in_the_order_of_the_file() -> None:
    text = refusal("version: 2\nname: 7\nroom: {uniqe_name: x}\nparticipants: {alice: {}}\ntimeline: []\n")
    assert text.splitlines() == [
        "x.yaml:1:10: expected version 1, the only one there is, got the number 2",
        "x.yaml:2:7: expected a name, got the number 7; put it into quotes",
        'x.yaml:3:8: unknown key "uniqe_name" in the room; did you mean "unique_name"?',
        "x.yaml:5:11: expected a timeline (a list of entries), got an empty list",
    ]


def test_an_issue_shows_its_line_with_a_caret_and_a_suggestion() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        loads(with_timeline("- {at: 1s, do: {alice: {publsh: self}}}"), name="x.yaml")
    assert str(caught.value) == (
        'x.yaml:8:27: unknown step "publsh"; did you mean "publish"?\n'
        "    8 |   - {at: 1s, do: {alice: {publsh: self}}}\n"
        "      |                           ^^^^^^"
    )
    assert [issue.mark.line for issue in caught.value.issues] == [8]


def test_keys_that_are_needed_are_asked_for() -> None:
    text = refusal("version: 1\n")
    assert [line.rpartition(" ")[2] for line in text.splitlines()] == ['"name"', '"participants"', '"timeline"']


@pytest.mark.parametrize(
    ("participant", "said"),
    [
        ("{kind: telephone, streams: {self: {video: true}}}", 'a telephone has audio only, and the stream "self"'),
        ("{kind: telephone, subscribe: all}", "a telephone hears the mix: it can not subscribe"),
        ("{kind: telephone, messages: true}", "has no messages"),
        ("{kind: webb}", 'unknown kind "webb"; did you mean "web"?'),
        ("{count: 0}", "expected an integer from 1 to 50, got 0"),
        ("{join: {every: 1s}}", '"join" is for a crowd; it goes with count'),
        ("{vary: {username: name}}", '"vary" is for a crowd; it goes with count'),
        ("{count: 2, vary: {username: nmae}}", 'unknown variation "nmae"; did you mean "name"?'),
        ("{count: 2, context: hello, vary: {username: name}}", "goes into a context that is a mapping"),
        ("{count: 2, join: {jitter: soon}}", 'expected a duration such as 2s, or "uniform(1s, 3s)"'),
        ('{count: 2, join: {jitter: "uniform(3s, 1s)"}}', "the shorter of the two durations first"),
        ("{token_ttl: 5s}", "token_ttl: the service grants 10s to 3600s, got 5s"),
        ("{behaviours: [greeet]}", 'unknown behaviour "greeet"; did you mean "greet"?'),
        ("{behaviours: {greet: {txt: hi}}}", 'unknown key "txt" in the behaviour greet; did you mean "text"?'),
        ("{behaviours: stay}", 'the behaviour stay needs the key "seconds"'),
        ("{subscribe: {to: all, audio: false, video: false}}", "without audio and without video is none"),
        ("{streams: {self: {video: file}}}", '"file" needs a path'),
        ("{streams: {self: {video: {source: file, path: ../x.mp4}}}}", "a file beside the scenario or below it"),
        ("{streams: {self: {video: {source: file, path: x.mp4}}}}", "there is no file x.mp4"),
        ("{streams: {self: {video: {simulcast: true}}}}", "simulcast: expected a size from 480x272"),
        ("{context: 7}", "expected a context"),
        ("{context: {n: .nan}}", "JSON knows no .nan"),
        ("{subscribe: everything}", 'unknown subscription "everything"; known: all, none'),
        ("{streams: {self: {}}}", "this has neither"),
        ("{streams: {self: {video: false}}}", "this has neither"),
        ("{streams: {audiobridge: {audio: true}}}", "reserved"),
        ("{streams: {a/b: {audio: true}}}", "expected a stream key (letters, digits, _ and -)"),
        ("{streams: {self: {video: tone}}}", 'unknown video source "tone"'),
        ("{streams: {self: {video: {size: 641x360}}}}", "expected a size"),
        ("{streams: {self: {video: {fps: 100}}}}", "expected an integer from 1 to 60, got 100"),
        ("{streams: {self: {video: {bitrate: 1G}}}}", "expected a bitrate"),
        ("{streams: {self: {video: {source: black, fps: 3}}}}", 'unknown key "fps" in the video source black'),
        ("{streams: {self: {audio: {source: tone, amplitude: 2}}}}", "expected a number from 0 to 1"),
        ("{streams: {self: {audio: yes}}}", 'unknown audio source "yes"'),
        ("[]", "expected a participant, got a list"),
    ],
)
def test_participants_are_checked(participant: str, said: str) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        with_participant(participant)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{at: 1s, expect: {alice: {sees: phone/self}}}", "phone is a telephone: it is heard, and has no stream"),
        ("{at: 1s, do: {alice: {subscribe: phone}}}", "phone is a telephone: it is heard, and has no stream"),
        ("{at: 1s, do: {phone: {subscribe: alice/self}}}", "phone is a telephone: it hears the mix and can not"),
    ],
)
def test_telephones_are_neither_seen_nor_see(entry: str, said: str) -> None:
    text = HEAD.replace("participants:\n", "participants:\n  phone: {kind: telephone}\n") + JOINS
    assert said in refusal(
        text.replace("timeline:\n", "timeline:\n  - {at: 0s, do: {phone: join}}\n") + f"  - {entry}\n"
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{do: {alice: leave}}", "one of at, after, every, when; got none of them"),
        ("{at: 1s, every: 1s, do: {alice: leave}}", "one of at, after, every, when; got at and every"),
        ("{at: 1s}", "has do, expect or both; this has neither"),
        ("{at: 1s, times: 3, do: {alice: leave}}", '"times" goes with every, not with at'),
        ("{at: 2, do: {alice: leave}}", 'got the number 2; did you mean "2s"?'),
        ("{at: 1:30, do: {alice: leave}}", 'got the text "1:30"'),
        ("{every: 0s, do: {alice: leave}}", "longer than zero"),
        ("{when: {}, at: 1s, do: {alice: leave}}", "expected one of event, webhook, rest, message; got none of them"),
        ("{at: 1s, do: []}", "got an empty list"),
        ("{at: 1s, do: {}}", "got a mapping"),
        ("{at: 1s, do: {alice: []}}", "expected a step, got an empty list"),
        ("{at: 1s, do: {alice: 7}}", "expected a step such as join, got the number 7"),
        ("{at: 1s, do: {alice: publish}}", '"publish" needs to be told what'),
        ("{at: 1s, do: {alice: {leave: now}}}", '"leave" stands alone, got the text "now" with it'),
        ("{at: 1s, do: {moderator: join}}", 'unknown step of the moderator "join"'),
        ("{at: 1s, do: {moderator: {mute: [alise]}}}", 'unknown participant "alise"; did you mean "alice"?'),
        ("{at: 1s, do: {alise: leave}}", 'unknown participant "alise"; did you mean "alice"?'),
        ("{at: 1s, do: {alice: {publish: slef}}}", 'unknown stream "slef" of alice; did you mean "self"?'),
        ("{at: 1s, do: {bob: {publish: self}}}", "bob declares no streams"),
        ("{at: 1s, do: {bob: {subscribe: alice/screen}}}", 'unknown stream "screen" of alice'),
        ("{at: 1s, do: {alice: {subscribe: bob}}}", "which stream of bob? Expected participant/key; declared: none"),
        ("{at: 1s, expect: {bob: {seez: alice}}}", 'unknown expectation "seez"; did you mean "sees"?'),
        ("{at: 1s, expect: {bob: {within: 2s}}}", "got 0 of them"),
        ("{at: 1s, expect: {bob: {sees: alice, hears: alice}}}", "got 2 of them"),
        ("{at: 1s, expect: {bob: sees}}", "expected {sees: alice/self, within: 3s} or the like"),
        ("{at: 1s, expect: {alice: {sees: alice}}}", "is not sent streams of alice's own"),
        ("{at: 1s, expect: {alice: {hears: alice}}}", "never in the mix"),
        ("{at: 1s, expect: {alice: {hears: bob}}}", "bob declares no stream with a tone"),
        ("{at: 1s, expect: {alice: {ends: kickt}}}", 'unknown reason "kickt"; did you mean "kicked"?'),
        ("{at: 1s, do: {alice: {replace: {stream: self}}}}", "another video source, another audio source, or both"),
        ("{at: 1s, do: {alice: {replace: {stream: self, video: {codec: H264}}}}}", "sent as VP8; H264 can not replace"),
        ("{at: 1s, do: {alice: {freeze: picture}}}", 'unknown what to freeze "picture"'),
        ('{at: 1s, do: {"alice[0]": leave}}', 'unknown participant "alice[0]"; did you mean "alice"?'),
        ("{after: alice, do: {bob: leave}}", "expected participant.published or the like"),
        ("{after: alice.publishd, do: {bob: leave}}", 'unknown milestone "publishd"; did you mean "published"?'),
        ("{after: alice/self.joined, do: {bob: leave}}", '"joined" is not about one stream; leave /self out'),
        ("{after: alice.joined + 2, do: {bob: leave}}", "expected a duration"),
        ("{after: carol.joined, do: {bob: leave}}", 'unknown participant "carol"'),
        ("{after: alice/slef.published, do: {bob: leave}}", 'unknown stream "slef" of alice'),
        ("{after: alice.published, do: {bob: leave}}", "so it would never come"),
        ("{after: bob.left, do: {bob: leave}}", "so it would never come"),
    ],
)
def test_entries_are_checked(entry: str, said: str) -> None:
    assert said in refusal(with_timeline(f"- {entry}"))


def test_who_acts_must_join_somewhere_and_it_is_said_once() -> None:
    text = with_timeline(
        "- {at: 1s, do: {bob: leave}}\n- {at: 2s, do: {bob: leave}}", joins="  - {at: 0s, do: {alice: join}}\n"
    )
    assert refusal(text) == "x.yaml:8:19: bob never joins; an earlier entry needs do: {bob: join}"


def test_who_subscribes_to_nothing_cannot_be_expected_to_see() -> None:
    text = with_timeline("- {at: 1s, do: {alice: {publish: self}}, expect: {bob: {sees: alice}}}")
    loads(text)
    alone = text.replace("subscribe: all", "subscribe: none")
    assert "bob does not subscribe to alice/self" in refusal(alone)
    loads(alone.replace("{alice: {publish: self}}", "{alice: {publish: self}, bob: {subscribe: alice/self}}"))


def test_moderator_is_nobodys_name() -> None:
    assert "stands for the REST API" in refusal(
        "version: 1\nname: x\nparticipants: {moderator: {}}\ntimeline: [{at: 0s, do: {moderator: join}}]\n"
    )


def test_many_issues_are_counted_rather_than_listed() -> None:
    entries = "".join(f"- {{at: {n}, do: {{alice: leave}}}}\n" for n in range(1, 40))
    assert refusal(with_timeline(entries)).splitlines()[-1] == "x.yaml: and 19 more"


def test_an_aliased_mistake_is_told_once() -> None:
    text = with_timeline("- {at: 1s, do: &do {alice: {publsh: self}}}\n- {at: 2s, do: *do}\n")
    assert len(refusal(text).splitlines()) == 1


def test_a_file_is_named_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "y.yaml"
    path.write_text("verzion: 1\n")
    with pytest.raises(
        ScenarioInvalid, match=r'y.yaml:1:1: unknown key "verzion" in a scenario; did you mean "version"'
    ):
        load(path)
    with pytest.raises(ScenarioUnreadable, match=r"gone.yaml: No such file"):
        load(tmp_path / "gone.yaml")
    with pytest.raises(ScenarioUnreadable, match="Is a directory"):
        load(tmp_path)
