"""The command `init`: a scenario and a test to begin with, in somebody's own folder."""

from __future__ import annotations

import sys
from pathlib import Path

SCENARIO = """# A meeting to begin with:   rooms-emulator run standup.yaml --report standup.html
version: 1
name: standup
seed: 1

room: {unique_name: standup, max_participants: 10}

participants:
  alice:
    context: {username: Alice}
    streams: {self: {video: {source: test_card, size: 320x180, fps: 15}, audio: tone}}
    subscribe: all
  bob:
    context: {username: Bob}
    streams: {self: {video: {source: test_card, size: 320x180, fps: 15}, audio: tone}}
    subscribe: all

timeline:
  - at: 0s
    do: [{alice: join}, {bob: join}]
  - after: bob.joined
    do: {alice: {publish: self}, bob: {publish: self}}
  - after: bob.published
    expect:
      - bob: {sees: alice/self, within: 3s}
      - alice: {hears: bob, within: 3s}
  - at: 2s
    do: {moderator: {mute: [alice]}}
    expect: {bob: {hears_not: alice, within: 2s}}
"""

TEST = '''"""A test to begin with:   pytest test_rooms.py"""

from pathlib import Path


def test_bob_sees_and_hears_alice(rooms_emulator):
    room = rooms_emulator.create_room(unique_name="standup")
    alice = rooms_emulator.participant(room, "alice", publish="self")
    bob = rooms_emulator.participant(room, "bob", subscribe="all")
    bob.sees(alice)
    bob.hears(alice)


def test_the_standup_goes_as_planned(rooms_emulator):
    rooms_emulator.scenario(Path(__file__).with_name("standup.yaml"))
'''

FILES = {"standup.yaml": SCENARIO, "test_rooms.py": TEST}


def init(folder: Path) -> int:
    """Write both files, or none if one of them is there. Exit code 0 or 2."""
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        print(f"rooms-emulator: {folder / there[0]} is there already; nothing has been written", file=sys.stderr)
        return 2
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        print(f"rooms-emulator: cannot write to {folder}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"Written to {folder}: {', '.join(FILES)}. Try:")
    print("  rooms-emulator run standup.yaml --report standup.html")
    print("  pytest test_rooms.py")
    return 0
