"""Recordings and compositions of one emulator: a recorder and a composer for each account, and what they share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from emulator.conference.conferences import Conferences
from emulator.recording.account_composer import AccountComposer
from emulator.recording.account_recorder import AccountRecorder
from emulator.recording.film.process import Workshop
from emulator.recording.studio import Studio
from emulator.rooms.account import Account
from emulator.store.budget import Budget
from emulator.store.disk import Disk
from emulator.store.files import MediaFiles


class MediaRecorder:
    """`directory` None: files are temporary. `budget` in bytes bounds what all of them take."""

    def __init__(
        self, conferences: Conferences, *, directory: Path | None, budget: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Raises Unusable if the directory cannot be read."""
        self.files = MediaFiles(directory, Budget(budget))
        self.files.open()
        self.disk = Disk(loop)
        self._conferences = conferences
        self._studio = Studio(self.files, self.disk, loop, self._flush)
        self._accounts: dict[str, AccountRecorder] = {}
        self._workshop = Workshop()
        self._composers: dict[str, AccountComposer] = {}
        self._ending: set[asyncio.Task[None]] = set()
        """Of accounts that were forgotten."""

    def watch(self, account: Account) -> None:
        """Follow this account's events from now on."""
        self._accounts[account.id] = AccountRecorder(account, self._conferences, self._studio)
        self._composers[account.id] = AccountComposer(account, self._studio, self._workshop)

    def of(self, account: Account) -> AccountRecorder:
        return self._accounts[account.id]

    def composer(self, account: Account) -> AccountComposer:
        return self._composers[account.id]

    def recover(self) -> None:
        """After a restart, when all accounts are back."""
        for account in self._accounts.values():
            account.recover()
        for composer in self._composers.values():
            composer.recover()
        for account_id in self.files.accounts() - set(self._accounts):
            self._remove_all(account_id)

    def forget(self, account: Account) -> None:
        composer = self._composers.pop(account.id, None)
        if composer is not None:
            self._ending |= composer.abandon()
        gone = self._accounts.pop(account.id, None)
        if gone is not None:
            gone.forget()
        self._remove_all(account.id)

    def _remove_all(self, account_id: str) -> None:
        for record_id in self.files.ids(account_id):
            remove = self.files.drop(account_id, record_id)
            if remove is not None:
                self.disk.run(remove, None)

    def find_file(self, account: Account, kind: str, record_id: str) -> Path | None:
        """The file behind a download URL."""
        return self.files.find(account.id, record_id)

    def _flush(self, now: float) -> bool:
        running = [account for account in self._accounts.values() if account.running]
        for account in running:
            account.flush(now)
        return bool(running)

    async def close(self) -> None:
        """Files that are over get closed, temporary ones removed. The sessions have ended before."""
        self._studio.rest()
        for composer in self._composers.values():
            self._ending |= composer.abandon()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self.disk.close()
        self.files.close()
