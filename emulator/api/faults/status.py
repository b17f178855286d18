"""`status`: an error instead of the operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from aiohttp import web

from emulator.api.errors import ApiError, answer_error
from emulator.api.faults.base import REST, Exchange, Proceed, RestFault
from emulator.faults import Choice, Integer, Members, Text
from emulator.wire import rest

_USUAL_CODES = {
    401: rest.AUTHENTICATION_FAILED,
    403: rest.AUTHORIZATION_FAILED,
    404: rest.NOT_FOUND,
    408: rest.REQUEST_TIMEOUT,
    415: rest.UNSUPPORTED_MEDIA_TYPE,
    429: rest.TOO_MANY_REQUESTS,
}
_FRAMING = "connection|content-length|content-type|keep-alive|trailer|transfer-encoding|upgrade"
_NAME = Text(
    longest=100,
    shortest=1,
    pattern=rf"(?!(?i:{_FRAMING})$)[A-Za-z0-9!#$%&'*+.^_`|~-]+",  # RFC 9110 5.1
    rule="the name of a header, none of those that say how the body is sent",
)
_VALUE = Text(longest=1000, pattern=r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?", rule="printable ASCII")  # 5.5


@REST.kind("status")
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFault(RestFault):
    """Answer with this status and error; the operation does not happen."""

    final: ClassVar[bool] = True

    status: Annotated[int, Integer(400, 599, "the HTTP status")]
    code: Annotated[str | None, Choice(tuple(rest.GENERIC_ERRORS), "the error code; one fit for the status")] = None
    detail: Annotated[str | None, Text("the error's detail; the generic text of its code")] = None
    headers: Annotated[Mapping[str, str], Members(_NAME, _VALUE, "more headers, such as retry-after")] = field(
        default_factory=dict
    )

    async def around(self, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        usual = rest.UNEXPECTED if self.status >= 500 else rest.BAD_REQUEST
        code = self.code or _USUAL_CODES.get(self.status, usual)
        return answer_error(ApiError(self.status, code, self.detail, headers=self.headers))
