"""The vendor's Python SDK, pointed at the test's account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conftest_plugin.errors import RoomsEmulatorError

if TYPE_CHECKING:
    import telnyx

TIMEOUT_SECS = 30.0


class SdkMissing(RoomsEmulatorError):
    """The fixtures `telnyx_client` and `async_telnyx_client` need the vendor's package."""

    def __init__(self) -> None:
        super().__init__("the vendor's SDK is not installed; pip install telnyx")


def blocking_client(env: Mapping[str, str]) -> telnyx.Telnyx:
    """To be closed by the caller. Raises SdkMissing."""
    try:
        from telnyx import Telnyx
    except ModuleNotFoundError:
        raise SdkMissing from None
    return Telnyx(api_key=env["TELNYX_API_KEY"], base_url=env["TELNYX_BASE_URL"], public_key=env["TELNYX_PUBLIC_KEY"])


def awaitable_client(env: Mapping[str, str]) -> telnyx.AsyncTelnyx:
    """It keeps no connection open between requests: it may be used in any loop and need not be closed.

    Raises SdkMissing.
    """
    try:
        import httpx
        from telnyx import AsyncTelnyx
    except ModuleNotFoundError:
        raise SdkMissing from None
    limits = httpx.Limits(max_keepalive_connections=0)
    return AsyncTelnyx(
        api_key=env["TELNYX_API_KEY"],
        base_url=env["TELNYX_BASE_URL"],
        public_key=env["TELNYX_PUBLIC_KEY"],
        http_client=httpx.AsyncClient(limits=limits, timeout=TIMEOUT_SECS, follow_redirects=True),
    )
