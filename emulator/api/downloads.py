"""Download URLs of recordings and compositions: presigned, good for an hour, no key (rest-and-webhooks.md 4; R-90).

A URL names an account, a kind and an id, and carries its expiry (unix seconds of the account's clock) and an
HMAC-SHA256 of all that. Which file that is, is somebody else's knowledge: no text of the client's becomes a path.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from aiohttp import hdrs, web

from emulator.api.errors import ApiError, Forbidden
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.composition import Composition
from emulator.rooms.recording import Recording
from emulator.wire import rest

PATH = "/_emulator/downloads"
LIFETIME_SECS = 3600

Kind = Literal["recording", "composition"]
FindFile = Callable[[Account, Kind, str], Path | None]
"""(account, kind, id of a record that exists) -> its file, if there is one."""

CONTENT_TYPES = {".ogg": "audio/ogg", ".webm": "video/webm", ".mp4": "video/mp4"}

_UNIX_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)


def no_files(account: Account, kind: Kind, record_id: str) -> Path | None:
    """Where nothing is recorded."""
    return None


class Downloads:
    """Makes the URLs and answers them. `base_url`: scheme and authority, asked each time; `secret` signs."""

    def __init__(
        self, accounts: Accounts, *, secret: bytes, base_url: Callable[[], str], find_file: FindFile = no_files
    ) -> None:
        self._accounts = accounts
        self._secret = secret
        self._base_url = base_url
        self._find_file = find_file

    def url(self, account: Account, kind: Kind, record_id: str) -> str:
        """A fresh URL of the record's file, good for an hour of the account's clock from now on."""
        expires = str(int(account.now().timestamp()) + LIFETIME_SECS)
        signature = self._sign(account.id, kind, record_id, expires)
        query = f"expires={expires}&signature={signature}"
        return f"{self._base_url()}{PATH}/{account.id}/{kind}/{record_id}?{query}"

    def url_of(self, account: Account, record: Recording | Composition) -> str | None:
        """What an answer shows: an imported URL as it came; else a fresh one, if there is or was a file."""
        if record.download_url is not None or record.status != "completed":
            return record.download_url
        kind: Kind = "recording" if isinstance(record, Recording) else "composition"
        if record.made_here or self._find_file(account, kind, record.id) is not None:
            return self.url(account, kind, record.id)
        return None

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{PATH}/{{account_id}}/{{kind}}/{{record_id}}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """403 for a forged or expired URL, 404 when there is no such record any more, or no file of it."""
        match = request.match_info
        account_id, kind, record_id = match["account_id"], match["kind"], match["record_id"]
        expires = request.query.get("expires", "")
        signature = request.query.get("signature", "")
        genuine = self._sign(account_id, kind, record_id, expires)
        if not hmac.compare_digest(genuine.encode(), signature.encode("utf-8", "surrogatepass")):
            raise Forbidden("The signature of this download URL does not match: use download_url as it was given.")
        account = self._accounts.by_id(account_id)
        if account is None:
            raise ApiError(404, rest.NOT_FOUND, "The account of this download URL does not exist any more.")
        if not _UNIX_SECONDS.fullmatch(expires) or account.now().timestamp() >= int(expires):
            raise Forbidden("This download URL has expired: read the resource again for a fresh one.")
        path = self._file(account, kind, record_id)
        if path is None:
            raise ApiError(404, rest.NOT_FOUND, f"There is no file of the {kind} {record_id}.")
        # Our own names hold nothing that needs quoting.
        headers = {
            hdrs.CONTENT_TYPE: CONTENT_TYPES.get(path.suffix, "application/octet-stream"),
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{path.name}"',
            hdrs.CACHE_CONTROL: "no-store",
        }
        return web.FileResponse(path, headers=headers)

    def _file(self, account: Account, kind: str, record_id: str) -> Path | None:
        """The file lookup is only asked about records that exist."""
        path = None
        if kind == "recording" and record_id in account.records.recordings:
            path = self._find_file(account, "recording", record_id)
        elif kind == "composition" and record_id in account.records.compositions:
            path = self._find_file(account, "composition", record_id)
        return path if path is not None and path.is_file() else None

    def _sign(self, *parts: str) -> str:
        # NUL can not be in what was signed by us, so the parts can not be shifted against each other.
        message = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, "sha256").hexdigest()
