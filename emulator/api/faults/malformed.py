"""`malformed`: the operation happens, its answer is unreadable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import hdrs, web

from emulator.api.faults.base import REST, Exchange, Proceed, RestFault
from emulator.faults import Choice, Text

_TYPE = r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9._-]+)*"


@REST.kind("malformed")
@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedFault(RestFault):
    """Spoil the body of the answer; one that has no body stays as it is.

    broken_json    half of the body, announced as if it were all
    truncated      half of the body, announced in full; then the connection closes
    content_type   the body as it is, under another content type
    """

    how: Annotated[
        Literal["broken_json", "truncated", "content_type"],
        Choice(
            ("broken_json", "truncated", "content_type"),
            "half a body, a body that breaks off, or another content type; broken_json if left out",
        ),
    ] = "broken_json"
    content_type: Annotated[str, Text("for content_type: which", 100, 3, _TYPE, "type/subtype")] = "text/html"

    async def around(self, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        response = await proceed()
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes) or not response.body:
            return response
        whole = response.body
        if self.how == "content_type":
            response.headers[hdrs.CONTENT_TYPE] = self.content_type
            return response
        response.body = whole[: len(whole) // 2]
        if self.how == "truncated":
            response.headers[hdrs.CONTENT_LENGTH] = str(len(whole))
            response.force_close()
        return response
