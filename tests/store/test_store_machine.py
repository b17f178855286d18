"""Any sequence of commands, on a disk that fails again and again: what is written is the account.

Also once a snapshot has taken the place of the events.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from emulator.events import Event, Record, StoreError
from emulator.rooms import queries
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.queries import PageRequest
from emulator.rooms.records import Records
from emulator.store.directory import DataDir
from emulator.store.log import AccountArchive, Store
from tests.rooms.test_account_machine import AccountMachine, in_order, machine_settings


class Failing:
    """An archive on a disk that is full now and then."""

    def __init__(self, archive: AccountArchive) -> None:
        self._archive = archive
        self.full = False

    def write(self, records: Sequence[Record]) -> None:
        if any(record.event.transient for record in records):
            self.full = False  # moments that cannot be written are dropped, which the model does not know
        if self.full:
            raise StoreError("full")
        self._archive.write(records)


class StoreMachine(AccountMachine):
    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.directory = DataDir.open(self.path)
        self.store = Store.open(self.directory, EVENT_TYPES)
        self.archive = self.store.new_account(self.account.id, "key", 7)
        self.account.keep(self.archive)
        self.disk = Failing(self.archive)
        self.account.log.keep(self.disk, self.account._set_back)
        self.commands = 0

    def _run(self, command: Callable[[], object], expected: Callable[[Sequence[Event]], list[Event]]) -> None:
        """Each second command meets a full disk first: a request is undone and done again, a fact is told later."""

        def attempt() -> None:
            log = self.account.log
            before, last, heard = copy.deepcopy(self.account.records), log.last_number, len(self.heard)
            self.disk.full = self.commands % 2 == 0
            try:
                command()
            except StoreError:
                assert self.account.records == before, "a request that was not written has changed something"
                assert in_order(self.account.records) == in_order(before)
                assert log.last_number == last
                self.disk.full = False
                command()
            else:
                assert not self.disk.full or len(self.heard) == heard, "something was told before it was written"
            finally:
                self.disk.full = False
            log.write_pending()

        self.commands += 1
        super()._run(attempt, expected)

    def teardown(self) -> None:
        try:
            super().teardown()
            self._check_written()
            self.account.end_interrupted()
            self.archive.compact(self.account.records, number=self.account.log.last_number, at=self.account.now())
            self._check_written()
        finally:
            self.store.close()
            self.directory.close()
            shutil.rmtree(self.path)

    def _check_written(self) -> None:
        written = self.archive.replay(Records, Records.apply)
        assert written.state == self.account.records
        assert in_order(written.state) == in_order(self.account.records)
        assert written.last_number >= self.account.log.last_number
        assert lists(written.state) == lists(self.account.records)


def lists(records: Records) -> list[list[str]]:
    """As REST shows them."""
    page = PageRequest(1, 250)
    return [
        [room.id for room in queries.list_rooms(records, queries.RoomFilter(), page).items],
        [session.id for session in queries.list_sessions(records, queries.SessionFilter(), page).items],
        [person.id for person in queries.list_participants(records, queries.ParticipantFilter(), page).items],
    ]


def test_what_is_written_is_the_account() -> None:
    run_state_machine_as_test(
        StoreMachine, settings=settings(machine_settings(8, 20, repeatable=True), phases=[Phase.generate])
    )
