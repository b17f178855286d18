"""Who may use the admin API. Pure: headers in, a refusal out.

A web page that the developer happens to have open must not drive the emulator. Three doors are closed:

- DNS rebinding: a name of the attacker's that resolves to this machine. `Host` must be one of ours.
- Cross-site requests: what changes state is refused when the browser says that another site asks (Sec-Fetch-Site, Fetch
  metadata; without it, the Origin). Pages of this machine, such as http://localhost:3000, are no other site.
- The network: not on loopback, or when the user wants one, a token is needed.

GuardError
├── WrongHost       421, RFC 9110 15.5.20
├── CrossSite       403
└── TokenMissing    401
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from aiohttp import hdrs

from emulator.api.errors import ApiError
from emulator.wire import rest

TOKEN_HEADER = "x-emulator-token"  # noqa: S105 - the name of a header
TOKEN_PARAMETER = "token"  # noqa: S105 - the name of a query parameter
SEC_FETCH_SITE = "Sec-Fetch-Site"
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})

_MAX_SHOWN = 80


class GuardError(ApiError):
    """The request is not let through; the text says what would be."""


class WrongHost(GuardError):
    def __init__(self, host: str) -> None:
        super().__init__(
            421,
            rest.AUTHORIZATION_FAILED,
            f"The Host header {host[:_MAX_SHOWN]!r} does not name this emulator. Use localhost, its address, or a name "
            "given to it with --allow-host.",
        )


class CrossSite(GuardError):
    def __init__(self, why: str) -> None:
        super().__init__(
            403,
            rest.AUTHORIZATION_FAILED,
            f"A page of another site must not change anything here ({why}). Pages of this machine may, under the same "
            "name: from http://localhost:3000 call http://localhost, not http://127.0.0.1.",
        )


class TokenMissing(GuardError):
    def __init__(self) -> None:
        super().__init__(
            401,
            rest.AUTHENTICATION_FAILED,
            f"This emulator's admin API needs its token: send the header {TOKEN_HEADER}, or ?{TOKEN_PARAMETER}= in the "
            "address. It is set with --admin-token, else printed at the start and written into the ready file.",
        )


class Guard:
    """`addresses`: what the emulator is reached by besides loopback; `token` None: none is needed."""

    def __init__(self, addresses: Iterable[str] = (), *, token: str | None = None) -> None:
        self._ours = frozenset(_normal(address) for address in addresses)
        self._token = None if token is None else token.encode()

    def check(self, method: str, headers: Mapping[str, str], *, token: str | None, open_to_all: bool) -> None:
        """Raises GuardError. `token`: what the request's query has for it; `open_to_all`: the operation needs none."""
        host = headers.get(hdrs.HOST, "")
        if not self.is_ours(host_of(f"//{host}")):
            raise WrongHost(host)
        if method not in SAFE_METHODS:
            self._check_site(headers)
        if self._token is not None and not open_to_all and method != hdrs.METH_OPTIONS:  # a preflight carries none
            given = headers.get(TOKEN_HEADER) or token or ""
            if not hmac.compare_digest(self._token, given.encode("utf-8", "surrogateescape")):
                raise TokenMissing

    def _check_site(self, headers: Mapping[str, str]) -> None:
        site = headers.get(SEC_FETCH_SITE)
        if site is None:
            origin = headers.get(hdrs.ORIGIN)
            if origin is not None and not self.is_ours(host_of(origin)):
                raise CrossSite(f"Origin: {origin[:_MAX_SHOWN]}")
        elif site not in ("same-origin", "same-site", "none"):
            raise CrossSite(f"{SEC_FETCH_SITE}: {site[:_MAX_SHOWN]}")

    def shared_with(self, headers: Mapping[str, str]) -> str | None:
        """The origin whose pages may read the answer (CORS), if the request names such a one."""
        origin = headers.get(hdrs.ORIGIN)
        if origin is None or headers.get(SEC_FETCH_SITE) == "cross-site":
            return None
        return origin if self.is_ours(host_of(origin)) else None

    def is_ours(self, host: str | None) -> bool:
        return host is not None and (host in self._ours or is_loopback(host))


def is_loopback(host: str) -> bool:
    """`localhost`, names below it (RFC 6761 6.3), 127.0.0.0/8, ::1."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str | None:
    """The host in a URL, an origin or `//` and a Host header, without port and brackets; None if there is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None  # neither an origin nor a Host header has more than host and port
        return None if parts.hostname is None else _normal(parts.hostname)
    except ValueError:
        return None


def new_token() -> str:
    return secrets.token_urlsafe(18)


def _normal(host: str) -> str:
    """Lower case; addresses in their one short spelling."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower()
