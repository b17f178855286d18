"""What `--data-dir` costs: commands per second with and without it, POST /rooms, and a start with much to read.

`python -m tests.benchmarks.store`
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from emulator.clock import RealClock
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.store.directory import DataDir
from emulator.store.log import COMPACT_ABOVE, AccountArchive, Store
from tests.benchmarks.start import API_KEY, Served, emulator, served
from tests.benchmarks.table import Row, machine, show

COMMANDS = 3000
REQUESTS = 400


def _keeping(path: str) -> contextlib.AbstractContextManager[Served]:
    command = ["serve", "--api-key", API_KEY, "--data-dir", f"{path}/data", "--port"]
    return served([sys.executable, "-m", "emulator", *command])


@contextlib.contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as path:
        directory = DataDir.open(Path(path))
        store = Store.open(directory, EVENT_TYPES)
        try:
            yield store
        finally:
            store.close()
            directory.close()


def _account(store: Store | None) -> Account:
    accounts = Accounts(clock=RealClock)
    if store is not None:
        accounts.restore(store)
    return accounts.add("key")


def _commands(account: Account) -> float:
    """Meetings: rooms, joins, mutes, leaves. Returns commands per second."""
    began = time.perf_counter()
    for number in range(COMMANDS // 6):
        room = account.create_room(RoomSettings(unique_name=f"room {number}"))
        for person in (f"a{number}", f"b{number}"):
            session_id = account.join(room.id, person, context="{}", connection=person).session_id
        account.mute(session_id, "all")
        for person in (f"a{number}", f"b{number}"):
            account.leave(person, connection=person, reason="left")
    return COMMANDS / (time.perf_counter() - began)


def _start(store: Store) -> float:
    """Seconds per 10,000 events."""
    account = _account(store)
    while account.log.last_number < COMPACT_ABOVE:
        _commands(account)
        for room_id in tuple(account.records.rooms):
            account.delete_room(room_id)
    archive: AccountArchive = store.accounts()[0]
    began = time.perf_counter()
    found = archive.replay(Records, Records.apply)
    return (time.perf_counter() - began) * 10_000 / found.last_number


def _post(server: Served) -> float:
    """Milliseconds per POST /rooms on one connection, median of many."""
    took = []
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        for _ in range(REQUESTS):
            body = json.dumps({"unique_name": f"{random.getrandbits(64):x}"}).encode()
            head = f"POST /v2/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nContent-Length: "
            began = time.perf_counter()
            sock.sendall(head.encode() + str(len(body)).encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
            answer = sock.recv(1 << 16)
            took.append((time.perf_counter() - began) * 1000)
            if b" 201 " not in answer[:16]:
                raise RuntimeError(f"POST /rooms: {answer[:200]!r}")
    return median(took)


def rows(*, quick: bool) -> list[Row]:
    runs = 2 if quick else 5
    kept, plain, start, post, plain_post = [], [], [], [], []
    for _ in range(runs):
        plain.append(_commands(_account(None)))
        with _store() as store:
            kept.append(_commands(_account(store)))
        with _store() as store:
            start.append(_start(store))
        with emulator() as server:
            plain_post.append(_post(server))
        with tempfile.TemporaryDirectory() as path, _keeping(path) as server:
            post.append(_post(server))
    return [
        Row("commands with --data-dir", tuple(kept), "1/s", tuple(plain), "in memory", live=True),
        Row("POST /rooms with --data-dir", tuple(post), "ms", tuple(plain_post), "in memory", live=True),
        Row("start, for 10,000 events", tuple(start), "s"),
    ]


def main() -> None:
    print(machine())
    print(show(rows(quick=False)))


if __name__ == "__main__":
    main()
