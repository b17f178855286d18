"""One account's view of a running emulator's admin API, typed: what `/_emulator/` can do, from Python.

AdminError
├── AdminUnreachable    nobody answers there, or not in time
├── NoEmulator          somebody answers there who is no Rooms emulator, or another version of its admin API
└── AdminRefused        the emulator refused the request; `status`, and the reason in its own words
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from emulator.clients.unanswered import why_no_answer
from emulator.values import value_class

API_VERSION = "1"
"""Of the admin API (`emulator/admin/edge.py`), told in the header below."""
VERSION_HEADER = "x-emulator-api-version"
TOKEN_HEADER = "x-emulator-token"  # noqa: S105 - the name of a header
REQUEST_SECS = 30.0
ADVANCE_SECS = 300.0
"""An advance runs all that falls due on the way, webhook attempts included."""
MAX_WAIT_SECS = 60.0
"""The longest that a sink is asked to wait in one request."""

Json = Mapping[str, Any]


class AdminError(Exception):
    """Base of everything that `AdminClient` raises."""


class AdminUnreachable(AdminError):
    pass


class NoEmulator(AdminError):
    pass


class AdminRefused(AdminError):
    """`body` is the answer's JSON: `{"errors": [{"code", "title", "detail", ...}]}`."""

    def __init__(self, request: str, status: int, body: Json) -> None:
        errors: Sequence[Json] = body.get("errors") or ({},)
        details = "; ".join(str(error.get("detail") or error.get("title") or "no reason given") for error in errors)
        super().__init__(f"{request}: {status} {details}")
        self.status = status
        self.body = body


@value_class(frozen=True, slots=True)
class Addresses:
    """Where a running emulator is: `rest_url` with `/v2`, `ws_url` without the `/{room_id}/janus`."""

    rest_url: str
    ws_url: str
    admin_url: str
    udp_port: int
    webhook_public_key: str


@value_class(frozen=True, slots=True)
class ClockReading:
    """The account's time; `rate` in its seconds per real second, 0 when it is frozen."""

    now: datetime
    frozen: bool
    rate: float


@value_class(frozen=True, slots=True)
class FaultRule:
    """A rule in force; `document` is all of it, as `POST /_emulator/faults` takes it."""

    id: str
    surface: str
    kind: str
    matched: int
    fired: int
    document: Json


@value_class(frozen=True, slots=True)
class SignalingProblem:
    """Something that signaling refused; `line` says all of it."""

    number: int
    at: datetime
    room_id: str
    participant_id: str | None
    code: int
    reason: str
    rule: str
    mend: str
    line: str


@value_class(frozen=True, slots=True)
class LoggedEvent:
    """One event of the account; `payload` has its fields."""

    number: int
    at: datetime
    type: str
    payload: Json


@value_class(frozen=True, slots=True)
class Webhook:
    """A webhook that came to a sink. `payload` is the event's own; `problem` says why its signature is not good."""

    number: int
    received_at: datetime
    event_type: str
    id: str
    payload: Json
    attempt: int
    answered: int
    headers: Mapping[str, str]
    body: str
    problem: str | None

    @property
    def signed(self) -> bool:
        """Whether the official verifiers accept it."""
        return self.problem is None


@value_class(frozen=True, slots=True)
class WebhookDelivery:
    """What became of one event: `pending`, `delivered`, `failed`, ...; `attempts` as `/_emulator/webhooks` has them."""

    id: str
    event_type: str
    state: str
    reason: str | None
    attempts: Sequence[Json]


class AdminClient:
    """Also an async context manager.

    url      of the emulator: `http://127.0.0.1:8900`, with or without `/v2` or `/_emulator`
    api_key  the account
    token    what the admin API asks for, if it is not bound to loopback
    http     gives the session to use, which stays its owner's; None: one of its own, closed by `close`
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        token: str | None = None,
        http: Callable[[], aiohttp.ClientSession] | None = None,
    ) -> None:
        self.url = f"{origin_of(url)}/_emulator"
        self.token = token
        self._headers = {"Authorization": f"Bearer {api_key}"}
        if token is not None:
            self._headers[TOKEN_HEADER] = token
        self._shared = http
        self._own: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Safe to call again."""
        if self._own is not None:
            await self._own.close()
            self._own = None

    async def addresses(self) -> Addresses:
        found = await self.request("GET", "/info")
        try:
            return Addresses(**{name: found[name] for name in Addresses.__dataclass_fields__})
        except KeyError as error:
            raise NoEmulator(f"{self.url}/info does not tell {error.args[0]}: this is no Rooms emulator") from None

    # -- the account ----------------------------------------------------------------------------------------------

    async def open_account(
        self, *, seed: int | None = None, start_time: datetime | None = None, freeze: bool | None = None
    ) -> None:
        """Make it, with settings of its own. Raises AdminRefused (409) when the key has been used."""
        settings = {
            "seed": seed,
            "start_time": None if start_time is None else start_time.isoformat(),
            "freeze": freeze,
        }
        await self.request("POST", "/account", {name: value for name, value in settings.items() if value is not None})

    async def close_account(self) -> None:
        """Nothing is left of it, and everybody in its rooms is thrown out."""
        await self.request("DELETE", "/account")

    async def state(self) -> Json:
        """The whole state, as `load_state` takes it."""
        document: Json = await self.request("GET", "/state")
        return document

    async def load_state(self, document: Json) -> None:
        """Replace the whole state."""
        await self.request("POST", "/state", document)

    async def lasting_token(self, room_id: str) -> str:
        """A client token for this room that does not run out, wherever the clock is moved to."""
        return str((await self.request("POST", "/tokens", {"room_id": room_id}))["data"]["token"])

    async def reset(self) -> None:
        await self.request("POST", "/reset")

    async def events(self, *, since: int | None = None, types: Sequence[str] = ()) -> list[LoggedEvent]:
        """With a number above `since`, oldest first; all that are kept if left out."""
        query: dict[str, Any] = {"limit": 1000}
        if types:
            query["type"] = ",".join(types)
        found: list[LoggedEvent] = []
        while True:
            if since is not None:
                query["since"] = since
            page = await self.request("GET", "/events", query=query)
            found += [LoggedEvent(e["number"], _time(e["at"]), e["type"], e["payload"]) for e in page["data"]]
            if not page["meta"]["more"]:
                return found
            since = page["meta"]["next_since"]

    async def problems(self, *, since: int = 0) -> list[SignalingProblem]:
        """What signaling refused in this account, oldest first."""
        found = (await self.request("GET", "/problems", query={"since": since}))["data"]["problems"]
        names = [name for name in SignalingProblem.__dataclass_fields__ if name != "at"]
        return [SignalingProblem(at=_time(one["at"]), **{name: one[name] for name in names}) for one in found]

    # -- time -----------------------------------------------------------------------------------------------------

    async def clock(self) -> ClockReading:
        return _reading(await self.request("GET", "/clock"))

    async def change_clock(self, change: Json) -> ClockReading:
        """`freeze`, `advance_secs`, `resume`, `rate`, as `POST /_emulator/clock` takes them."""
        return _reading(await self.request("POST", "/clock", change, patience=ADVANCE_SECS))

    # -- faults ---------------------------------------------------------------------------------------------------

    async def add_fault(self, rule: Json) -> FaultRule:
        return _rule((await self.request("POST", "/faults", rule))["data"])

    async def add_faults(self, rules: Sequence[Json]) -> list[FaultRule]:
        """All of them or, when one is wrong, none."""
        return [_rule(one) for one in (await self.request("POST", "/faults", {"faults": list(rules)}))["data"]]

    async def faults(self) -> list[FaultRule]:
        return [_rule(one) for one in (await self.request("GET", "/faults"))["data"]]

    async def remove_fault(self, rule_id: str) -> None:
        await self.request("DELETE", f"/faults/{quote(rule_id, safe='')}")

    async def clear_faults(self) -> None:
        await self.request("DELETE", "/faults")

    # -- webhooks -------------------------------------------------------------------------------------------------

    async def deliveries(self) -> list[WebhookDelivery]:
        """What became of the account's webhooks, oldest first."""
        found = (await self.request("GET", "/webhooks", query={"limit": 1000}))["data"]
        return [WebhookDelivery(d["id"], d["event_type"], d["state"], d.get("reason"), d["attempts"]) for d in found]

    def sink_url(self, name: str) -> str:
        """Where webhooks are to be sent, to be read with `received`."""
        return f"{self.url}/sink/{quote(name, safe='')}" + (
            f"?token={quote(self.token, safe='')}" if self.token else ""
        )

    async def received(self, name: str, *, after: int = 0, wait: float = 0.0) -> list[Webhook]:
        """What came with a number above `after`; if there is none, waits up to `wait` seconds (60 at most) for one."""
        query = {"after": after, "wait": min(wait, MAX_WAIT_SECS)}
        found = await self.request(
            "GET", f"/sink/{quote(name, safe='')}", query=query, patience=REQUEST_SECS + query["wait"]
        )
        return [_webhook(one) for one in found["data"]]

    async def answer_with(self, name: str, *, status: int | None = None, delay_ms: int | None = None) -> None:
        """How the sink answers from now on."""
        settings = {"status": status, "delay_ms": delay_ms}
        await self.request(
            "PUT", f"/sink/{quote(name, safe='')}", {key: value for key, value in settings.items() if value is not None}
        )

    async def drop_sink(self, name: str) -> None:
        await self.request("DELETE", f"/sink/{quote(name, safe='')}")

    # -- requests -------------------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Json | None = None,
        patience: float = REQUEST_SECS,
    ) -> Any:
        """Any operation: `path` below `/_emulator`. Returns the answer's JSON, or its bytes; None if it is empty."""
        what = f"{method} {self.url}{path}"
        try:
            async with self._http().request(
                method,
                self.url + path,
                json=body,
                params=query,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=patience),
            ) as answer:
                if answer.headers.get(VERSION_HEADER) != API_VERSION:
                    raise NoEmulator(
                        f"{what}: the answer ({answer.status}) has no {VERSION_HEADER}: {API_VERSION}; "
                        "no Rooms emulator is there, or one of another version"
                    )
                told = await answer.json() if answer.content_type == "application/json" else await answer.read() or None
                if answer.status >= 300:
                    raise AdminRefused(what, answer.status, told if isinstance(told, dict) else {})
                return told
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise AdminUnreachable(f"{what}: {why_no_answer(error, origin_of(self.url))}") from error

    def _http(self) -> aiohttp.ClientSession:
        if self._shared is not None:
            return self._shared()
        if self._own is None:
            self._own = aiohttp.ClientSession()
        return self._own


def origin_of(url: str) -> str:
    """The emulator's origin, from it or from the REST or admin base URL."""
    return url.rstrip("/").removesuffix("/v2").removesuffix("/_emulator")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _reading(answer: Json) -> ClockReading:
    data = answer["data"]
    return ClockReading(_time(data["now"]), data["frozen"], data["rate"])


def _rule(told: Json) -> FaultRule:
    return FaultRule(told["id"], told["surface"], told["kind"], told["matched"], told["fired"], told)


def _webhook(told: Json) -> Webhook:
    envelope = told.get("json")
    envelope = envelope if isinstance(envelope, dict) else {}
    data, meta = (part if isinstance(part, dict) else {} for part in (envelope.get("data"), envelope.get("meta")))
    payload = data.get("payload")
    return Webhook(
        number=told["number"],
        received_at=_time(told["received_at"]),
        event_type=str(data.get("event_type", "")),
        id=str(data.get("id", "")),
        payload=payload if isinstance(payload, dict) else {},
        attempt=int(meta.get("attempt", 0)),
        answered=told["status"],
        headers=told["headers"],
        body=told["body"],
        problem=None if told["signature"]["valid"] else told["signature"].get("problem", "not signed"),
    )
