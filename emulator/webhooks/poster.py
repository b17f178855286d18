"""One POST: the only place of this part that touches the network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from emulator.values import value_class
from emulator.webhooks.destinations import GuardedResolver, RefusedDestination, check_literal

MAX_ANSWER_BYTES = 4096
"""How much of an answer is read and kept; more says nothing about success."""
MAX_CONNECTIONS = 512
"""At once, for all accounts: the files a process may have open are few (1024 on many systems)."""

_HEADERS = {"Content-Type": "application/json", "User-Agent": "telnyx-webhooks", "Accept-Encoding": "identity"}


@value_class(frozen=True, slots=True)
class Outcome:
    """What came of a POST: a status, or an error text. `refused`: nothing was sent, and nothing will be, to there."""

    duration_ms: float
    status: int | None = None
    answer: str = ""
    error: str | None = None
    refused: bool = False

    @property
    def success(self) -> bool:
        """Any 2xx, and nothing else (section 5, "Delivery")."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class _Heard:
    """What has come of the answer so far."""

    status: int | None = None
    body: bytearray = field(default_factory=bytearray)


class Poster:
    """`monotonic` gives real seconds. Redirects are not followed, proxies of the environment not used."""

    def __init__(self, *, allow_remote: bool, monotonic: Callable[[], float]) -> None:
        self._allow_remote = allow_remote
        self._monotonic = monotonic
        self._http: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> Outcome:
        """Raises nothing: whatever goes wrong out there is an outcome."""
        began = self._monotonic()

        def elapsed() -> float:
            return round((self._monotonic() - began) * 1000, 1)

        heard = _Heard()
        try:
            async with asyncio.timeout(timeout):
                await self._exchange(url, body, headers, heard)
        except RefusedDestination as error:
            return Outcome(elapsed(), error=str(error), refused=True)
        except TimeoutError:
            if heard.status is None:
                return Outcome(elapsed(), error=f"no answer within {timeout:g} s")
        except aiohttp.ServerDisconnectedError:
            return Outcome(elapsed(), error="the connection was closed without an answer")
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a URL that nobody can connect to
            if heard.status is None:
                return Outcome(elapsed(), error=str(error) or type(error).__name__)
        # The status has said what became of the webhook: a body that breaks off, or does not end, is no failure.
        return Outcome(elapsed(), heard.status, heard.body.decode("utf-8", "replace"))

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], heard: _Heard) -> None:
        address = URL(url, encoded=True)  # as it was set, not rewritten
        check_literal(address.host or "", allow_remote=self._allow_remote)
        response = await self._session().post(
            address, data=body, headers={**_HEADERS, **headers}, allow_redirects=False
        )
        heard.status = response.status
        try:
            while len(heard.body) < MAX_ANSWER_BYTES:
                chunk = await response.content.read(MAX_ANSWER_BYTES - len(heard.body))
                if not chunk:
                    break
                heard.body += chunk
        finally:
            response.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # A connection for each attempt: one kept alive that the receiver has closed would be a failure of ours.
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(allow_remote=self._allow_remote),
                use_dns_cache=False,  # each address is checked when it is used
                force_close=True,
                limit=MAX_CONNECTIONS,
            )
            self._http = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._http

    async def close(self) -> None:
        """Safe to call again."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()
