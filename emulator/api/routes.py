"""The REST surface as one readable table, and the object that puts it on an application."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from emulator.api import participants, rooms, sessions
from emulator.api.auth import Access
from emulator.api.call import Call, Operation
from emulator.api.compositions import Compositions
from emulator.api.downloads import Downloads
from emulator.api.edge import RATE_HEADERS, Edge
from emulator.api.errors import RateLimited
from emulator.api.faults import FaultLayer
from emulator.api.rate_limit import RateLimit, RateLimiter
from emulator.api.recorder import ACCOUNT, Recorder
from emulator.api.recordings import Recordings
from emulator.api.tokens import Tokens
from emulator.clock import monotonic
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.tokens import TokenMint
from emulator.wirelog import WireLogs

PREFIXES = ("/v2", "")
"""Official SDKs are given a base URL with or without the version (R-1)."""

_ROOM = "/rooms/{room_id}"
_SESSION = "/room_sessions/{room_session_id}"
_RECORDING = "/room_recordings/{room_recording_id}"
_COMPOSITION = "/room_compositions/{room_composition_id}"


def _request_ids() -> Callable[[], str]:
    """UUIDs by their form: one random beginning, and a count. To draw each anew costs more than to find a room."""
    beginning, numbers = str(uuid.uuid4())[:-12], itertools.count(1)
    return lambda: f"{beginning}{next(numbers):012x}"


class RestApi:
    """The REST API over the domain (rest-and-webhooks.md, sections 1 to 4).

    `require_key_for_actions` refuses session actions without a key, which the public document allows;
    `downloads` makes the URLs of media files, and answers them. `lenient` takes page values out of range as the
    defaults (R-44) and compositions without a session (R-97), as the SDKs' own tests want it (R-117; their third wish,
    literal refresh tokens, a state document fulfils). `rate_limit` is off unless given (R-24).
    `faults` go wrong on purpose, after authentication and rate limit. Every call is noted in `wire`.
    Put `error_middleware` on the root application: it also sees paths and methods that match nothing here.
    """

    def __init__(
        self,
        accounts: Accounts,
        mint: TokenMint,
        downloads: Downloads,
        *,
        require_key_for_actions: bool = False,
        lenient: bool = False,
        rate_limit: RateLimit | None = None,
        faults: FaultLayer | None = None,
        monotonic: Callable[[], float] = monotonic,
        new_request_id: Callable[[], str] | None = None,
        wire: WireLogs | None = None,
    ) -> None:
        self._access = Access(accounts, require_key_for_actions=require_key_for_actions)
        self._tokens = Tokens(accounts, mint)
        self._downloads = downloads
        self._recordings = Recordings(downloads)
        self._compositions = Compositions(downloads)
        self._lenient = lenient
        self._limiter = RateLimiter(rate_limit, monotonic) if rate_limit else None
        self._faults = faults
        self._edge = Edge(
            new_request_id or _request_ids(),
            Recorder(wire, "rest") if wire else None,
            rate_limited=rate_limit is not None,
        )

    @property
    def error_middleware(self) -> Middleware:
        return self._edge.middleware

    def add_routes(self, app: web.Application, *, prefixes: Sequence[str] = PREFIXES) -> None:
        """Register every operation of section 2 under each prefix, and the downloads."""
        for prefix in prefixes:
            app.add_routes(web.route(method, prefix + path, handler) for method, path, handler in self._table())
        self._downloads.add_routes(app)

    def _table(self) -> list[tuple[str, str, Handler]]:
        keyed, action = self._keyed, self._session_action
        recordings, compositions = self._recordings, self._compositions
        return [
            ("GET", "/rooms", keyed(rooms.list_all)),
            ("POST", "/rooms", keyed(rooms.create)),
            ("GET", _ROOM, keyed(rooms.get)),
            ("PATCH", _ROOM, keyed(rooms.update)),
            ("DELETE", _ROOM, keyed(rooms.delete)),
            ("POST", _ROOM + "/actions/generate_join_client_token", keyed(self._tokens.generate)),
            ("POST", _ROOM + "/actions/refresh_client_token", self._refresh),
            ("GET", _ROOM + "/sessions", keyed(sessions.list_of_room)),
            ("GET", "/room_sessions", keyed(sessions.list_all)),
            ("GET", _SESSION, keyed(sessions.get)),
            ("POST", _SESSION + "/actions/end", action(sessions.end)),
            ("POST", _SESSION + "/actions/kick", action(sessions.kick)),
            ("POST", _SESSION + "/actions/mute", action(sessions.mute)),
            ("POST", _SESSION + "/actions/unmute", action(sessions.unmute)),
            ("GET", _SESSION + "/participants", keyed(participants.list_of_session)),
            ("GET", "/room_participants", keyed(participants.list_all)),
            ("GET", "/room_participants/{room_participant_id}", keyed(participants.get)),
            ("GET", "/room_recordings", keyed(recordings.list_all)),
            ("DELETE", "/room_recordings", keyed(recordings.delete_all)),
            ("GET", _RECORDING, keyed(recordings.get)),
            ("DELETE", _RECORDING, keyed(recordings.delete)),
            ("GET", "/room_compositions", keyed(compositions.list_all)),
            ("POST", "/room_compositions", keyed(compositions.create)),
            ("GET", _COMPOSITION, keyed(compositions.get)),
            ("DELETE", _COMPOSITION, keyed(compositions.delete)),
        ]

    def _keyed(self, operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._run(operation, request, self._access.by_key(request))

        return handle

    def _session_action(self, operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            account = self._access.by_session(request, request.match_info["room_session_id"])
            return await self._run(operation, request, account)

        return handle

    def _run(self, operation: Operation, request: web.Request, account: Account) -> Awaitable[web.StreamResponse]:
        """No coroutine of its own, like all that only hands on: each is paid for by every request."""
        request[ACCOUNT] = account
        if self._limiter is not None:
            self._charge(self._limiter, request, account)
        call = Call(request, account, self._lenient)
        if self._faults is None or not self._faults.threaten(account):
            return operation(call)
        return self._faults.run(request, account, lambda _request: operation(call))

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        """The token in the body says whose request this is, so it is read before anything is counted or goes wrong."""
        wish = await self._tokens.read_wish(request, self._access.by_key_if_any(request))
        return await self._run(lambda call: self._tokens.refresh(call, wish), request, wish.account)

    def _charge(self, limiter: RateLimiter, request: web.Request, account: Account) -> None:
        """Raises RateLimited."""
        allowance = limiter.take(account.id)
        request[RATE_HEADERS] = allowance.headers()
        if allowance.exceeded:
            raise RateLimited
