"""The webhooks of one emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.clock import RealClock, monotonic
from emulator.faults import FaultBook
from emulator.rooms.account import Account
from emulator.webhooks.account_webhooks import AccountWebhooks
from emulator.webhooks.messenger import Messenger
from emulator.webhooks.narrator import DownloadUrl
from emulator.webhooks.poster import Poster
from emulator.webhooks.settings import WebhookSettings
from emulator.webhooks.signing import WebhookSigner
from emulator.wirelog import WireLogs


class Webhooks:
    """Posts the events of every account that it watches (rest-and-webhooks.md, section 5).

    signer         whose public key the receivers verify with
    download_url   (account, "recording" or "composition", id) -> presigned URL of the file
    faults         what goes wrong on purpose; None: nothing
    wall           the real time, for `telnyx-timestamp`; None: the machine's
    monotonic      real seconds, for durations
    wire           where each attempt is noted; None: nowhere
    """

    def __init__(
        self,
        signer: WebhookSigner,
        *,
        download_url: DownloadUrl,
        settings: WebhookSettings | None = None,
        faults: FaultBook | None = None,
        wall: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = monotonic,
        wire: WireLogs | None = None,
    ) -> None:
        self.settings = settings or WebhookSettings()
        self._download_url = download_url
        self._poster = Poster(allow_remote=self.settings.allow_remote, monotonic=monotonic)
        self._messenger = Messenger(
            self._poster,
            signer=signer,
            decoy=WebhookSigner(Ed25519PrivateKey.generate()),
            settings=self.settings,
            faults=faults,
            wall=wall or RealClock().now,
            wire=wire,
        )
        self._accounts: dict[str, AccountWebhooks] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def watch(self, account: Account) -> None:
        """Deliver this account's events from now on."""
        self._accounts[account.id] = AccountWebhooks(
            account, messenger=self._messenger, settings=self.settings, download_url=self._download_url
        )

    def of(self, account: Account) -> AccountWebhooks:
        """Raises KeyError for an account that is not watched."""
        return self._accounts[account.id]

    async def drained(self, account: Account) -> None:
        """Until no attempt of this account is pending; at once for one that is not watched."""
        webhooks = self._accounts.get(account.id)
        if webhooks is not None:
            await webhooks.drained()

    def forget(self, account: Account) -> None:
        """The account is gone: nothing more is posted for it. Without effect if it is not watched."""
        webhooks = self._accounts.pop(account.id, None)
        if webhooks is None:
            return
        for task in webhooks.close():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """The emulator stops: what is under way is broken off. Safe to call again."""
        for webhooks in tuple(self._accounts.values()):
            self.forget(webhooks.account)
        if self._ending:
            await asyncio.wait(tuple(self._ending))
        await self._poster.close()
