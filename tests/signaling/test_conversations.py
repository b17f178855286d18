"""What the vendor's SDK said to the emulator, said again without a browser: the answers are the same.

The frames of both directions were recorded by `record_conversations` with the unmodified SDK in Chromium. What needs
packets is not replayed but told: that a publisher's connection is up, and that levels crossed the threshold. The text
room's frames go past the data channel. Everything else is the sans-I/O machines' own doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.wire import display as displays
from tests.signaling.conversation import FOLDER, Conversation, Line, Replay
from tests.signaling.recorded_flows import FLOWS

PATHS = sorted(FOLDER.glob("*.jsonl"))

REQUESTS = {f"R{number}" for number in range(1, 23)}
"""Every request there is (signaling.md 2)."""


def run(conversation: Conversation) -> None:
    replay = Replay(conversation)
    try:
        replay.run()
    finally:
        replay.close()


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_emulator_answers_the_recorded_sdk_as_it_did(path: Path) -> None:
    """Replies, events, their order on each handle, and who is told; no frame too few, none too many."""
    run(Conversation.load(path))


def test_there_is_a_conversation_for_each_flow() -> None:
    assert {path.stem for path in PATHS} == set(FLOWS)


def test_conversations_have_every_request_that_the_sdk_makes() -> None:
    assert {label for path in PATHS for label in labels(Conversation.load(path))} == REQUESTS


def labels(conversation: Conversation) -> Iterator[str]:
    """The R-number of each request in it."""
    plugins: dict[int, str] = {}
    subscribers: set[int] = set()
    tokens: dict[str, str] = {}
    attaches: dict[str, str] = {}
    for line in conversation.lines:
        match line:
            case {"from": str(), "text": {"textroom": kind}}:
                yield {"join": "R5", "message": "R6"}[kind]
            case {"from": str(name), "frame": {"janus": janus, "client_token": token} as frame}:
                if janus == "attach":
                    attaches[frame["transaction"]] = frame["plugin"].rpartition(".")[2]
                renewed = tokens.setdefault(name, token) != token
                tokens[name] = token
                handle = frame.get("handle_id", 0)
                if janus == "message":
                    body = frame["body"]
                    if body.get("ptype") == "subscriber":
                        subscribers.add(handle)
                    yield label_of_message(plugins[handle], body, "jsep" in frame, handle in subscribers)
                elif janus == "keepalive":
                    yield "R21" if renewed else "R20"
                else:
                    yield {"create": "R1", "attach": "R2", "trickle": "R18", "detach": "R19", "destroy": "R22"}[janus]
            case {"to": str(), "frame": {"transaction": transaction, "data": {"id": number}}} if (
                transaction in attaches
            ):
                plugins[number] = attaches[transaction]


def label_of_message(plugin: str, body: Line, jsep: bool, subscriber: bool) -> str:
    match plugin, body["request"]:
        case "textroom", "setup" | "ack" as name:
            return {"setup": "R3", "ack": "R4"}[name]
        case "audiobridge", "join":
            return "R7" if body["muted"] else "R9"
        case "audiobridge", "configure":
            return "R10" if jsep else "R11"
        case "videoroom", "join" if subscriber:
            return "R15"
        case "videoroom", "join":
            return "R8" if displays.decode(body["display"]).stream is None else "R12"
        case "videoroom", "start":
            return "R16"
        case "videoroom", "configure":
            return "R17" if subscriber else "R13" if jsep else "R14"
    raise AssertionError(f"no request of the SDK: {plugin} {body}")


# What a replay is worth: it does not pass when something is missing, or other than it was.

KICK = Conversation.load(FOLDER / "kick.jsonl")


def server_lines(*words: str) -> list[int]:
    return [n for n, line in enumerate(KICK.lines) if "to" in line and all(word in str(line) for word in words)]


@pytest.mark.parametrize(
    "words", [("'unpublished'",), ("'kicked'",), ("'publishers': [{",), ("'joined'", "'private_id'")]
)
def test_replay_notices_a_frame_that_was_not_recorded(words: tuple[str, ...]) -> None:
    lines = list(KICK.lines)
    del lines[server_lines(*words)[0]]
    with pytest.raises(AssertionError):
        run(Conversation(KICK.head, lines))


@pytest.mark.parametrize("number", server_lines("'plugindata'"))
def test_replay_notices_a_frame_that_is_not_said_any_more(number: int) -> None:
    lines = [*KICK.lines[: number + 1], KICK.lines[number], *KICK.lines[number + 1 :]]
    with pytest.raises(AssertionError):
        run(Conversation(KICK.head, lines))


def test_replay_notices_another_order_on_one_handle() -> None:
    """`unpublished` comes before `leaving` of the same feed."""
    lines = list(KICK.lines)
    first, second = server_lines("'unpublished'")[0], server_lines("'videoroom': 'event', 'leaving'")[0]
    lines[first], lines[second] = lines[second], lines[first]
    with pytest.raises(AssertionError):
        run(Conversation(KICK.head, lines))
