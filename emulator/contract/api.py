"""The API under test as a check sees it: requests that are written down, rooms that are cleared away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from emulator.contract.cassette import HEADERS, Cassette, Exchange, redacted
from emulator.contract.document import Document, Violation, rooms_document

TIMEOUT_SECS = 15.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
WRONG_KEY = "KEY_that_nobody_has_00000000"
NOTHING: Any = object()
"""No body at all; None would be the JSON value null."""


def say_once(http: aiohttp.ClientSession) -> None:
    """What goes wrong is told, never asked again: a second DELETE would get another answer than the first.

    By default aiohttp repeats requests that may be repeated (RFC 9112 9.3.1), and has no public switch; its own test
    client uses this one.
    """
    http._retry_connection = False


async def whole_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """All of an answer, or a byte more than `limit` of a longer one: `content.read` gives what has come so far."""
    received = bytearray()
    while len(received) <= limit and (piece := await response.content.read(limit + 1 - len(received))):
        received += piece
    return bytes(received)


def checked_base_url(text: str) -> str:
    """Without a slash at its end. ValueError for what is no http or https URL."""
    try:
        url = URL(text)
        good = url.scheme in ("http", "https") and bool(url.host) and not url.query_string
    except ValueError:
        good = False
    if not good:
        raise ValueError(
            f"{text!r:.80} is no base URL; expected http://... or https://..., e.g. http://127.0.0.1:8900/v2"
        )
    return text.rstrip("/")


class NotReachable(Exception):
    """The check could not be made: no connection, or what it stands on could not be set up."""


class Differs(Exception):
    """The API does something else than the check says."""


@dataclass(frozen=True)
class Answer:
    """`body` is the parsed JSON, None if there is none."""

    request: str
    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Any

    def expect(self, status: int, *others: int) -> Self:
        """Raises Differs unless the status is one of these."""
        if self.status not in (status, *others):
            wanted = " or ".join(map(str, (status, *others)))
            raise Differs(f"{self.request}: expected {wanted}, got {self.status} {self.shown}")
        return self

    @property
    def data(self) -> Any:
        """Raises Differs when there is none."""
        if not isinstance(self.body, dict) or "data" not in self.body:
            raise Differs(f'{self.request}: expected {{"data": ...}}, got {self.status} {self.shown}')
        return self.body["data"]

    @property
    def meta(self) -> dict[str, Any]:
        if not isinstance(self.body, dict) or not isinstance(self.body.get("meta"), dict):
            raise Differs(f'{self.request}: expected {{"data": [...], "meta": {{...}}}}, got {self.shown}')
        meta: dict[str, Any] = self.body["meta"]
        return meta

    @property
    def error(self) -> dict[str, Any]:
        """The first error of the envelope. Raises Differs when there is none."""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
            raise Differs(f'{self.request}: expected {{"errors": [...]}}, got {self.status} {self.shown}')
        first: dict[str, Any] = errors[0]
        return first

    @property
    def shown(self) -> str:
        text = json.dumps(redacted(self.body), ensure_ascii=False) if self.body is not None else repr(self.raw[:200])
        return text if len(text) <= 300 else text[:300] + "..."


class Api:
    """One base URL and one key. Rooms that are made here carry the run's name, and are deleted at the end.

    `current` is the check that is being made: exchanges and violations are written down under it.
    """

    def __init__(
        self, base_url: str, api_key: str, *, run: str, http: aiohttp.ClientSession, document: Document | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.run = run
        self.current = ""
        self.cassette = Cassette(self.base_url, run)
        self.violations: dict[str, list[Violation]] = {}
        self._key = api_key
        self._http = http
        say_once(http)
        self._document = document or rooms_document()
        self._rooms: list[str] = []
        self._names = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.clear()

    # -- requests -------------------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        query: Mapping[str, object] | None = None,
        key: str | None = "given",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`key`: `given`, `wrong` or None; `raw` is sent as it is. Raises NotReachable."""
        sent: dict[str, str] = {}
        if key is not None:
            sent["Authorization"] = f"Bearer {self._key if key == 'given' else WRONG_KEY}"
        if raw is None and body is not NOTHING:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        if query:
            words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
            path = f"{path}?{urlencode(words)}"
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECS),
                self._http.request(
                    method, URL(self.base_url + path, encoded=True), data=raw, headers=sent, allow_redirects=False
                ) as response,
            ):
                received = await whole_body(response, MAX_ANSWER_BYTES)
                if len(received) > MAX_ANSWER_BYTES:
                    raise NotReachable(f"{method} {path}: the answer is longer than {MAX_ANSWER_BYTES} bytes")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotReachable(f"{method} {path}: {error or type(error).__name__}") from error
        answer = Answer(f"{method} {path}", response.status, response.headers, received, _parsed(received))
        self._write_down(method, path, key, None if body is NOTHING else body, answer)
        return answer

    async def room(self, **settings: Any) -> dict[str, Any]:
        """A new room, deleted at the end. Raises NotReachable when none can be made."""
        answer = await self.call("POST", "/rooms", settings)
        self.keep(answer)
        if not 200 <= answer.status < 300 or not isinstance(answer.body, dict):
            raise NotReachable(f"no room could be made: {answer.status} {answer.shown}")
        room: dict[str, Any] = answer.data
        return room

    def keep(self, answer: Answer) -> None:
        """A room that an answer speaks of is ours, and goes at the end."""
        data = answer.body.get("data") if isinstance(answer.body, dict) else None
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            self._rooms.append(data["id"])

    def name(self) -> str:
        """A name for a room that no other room has."""
        self._names += 1
        return f"{self.run}-{self._names}"

    @property
    def left(self) -> tuple[str, ...]:
        """Rooms that were made here and could not be deleted so far."""
        return tuple(self._rooms)

    async def clear(self) -> None:
        """Delete every room that was made here. What can not be deleted stays in `left`, to be tried again."""
        self.current = ""
        left = []
        for room in dict.fromkeys(self._rooms):
            try:
                gone = (await self.call("DELETE", f"/rooms/{room}")).status in (200, 202, 204, 404)
            except NotReachable:
                gone = False
            if not gone:
                left.append(room)
        self._rooms = left

    # -- what is kept ---------------------------------------------------------------------------------------------

    def _write_down(self, method: str, path: str, key: str | None, body: Any, answer: Answer) -> None:
        if not self.current:
            return
        operation = self._document.find(method, path)
        if operation is not None:
            content_type = answer.headers.get("Content-Type", "")
            found = self._document.check_answer(operation, answer.status, content_type, answer.raw)
            self.violations.setdefault(self.current, []).extend(found)
        self.cassette.add(
            Exchange(
                self.current,
                method,
                path,
                key or "none",
                redacted(body),
                answer.status,
                {name: answer.headers[name] for name in HEADERS if name in answer.headers},
                redacted(answer.body)
                if answer.body is not None
                else (answer.raw[:500].decode("utf-8", "replace") or None),
            )
        )


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
