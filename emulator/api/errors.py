"""What the REST surface refuses, and how refusals of the domain look on the wire (rest-and-webhooks.md 1.2).

ApiError                one status, one error object
├── Unauthenticated     401: no key, another scheme, an unknown key
├── Forbidden           403
├── MalformedJson       400: the body is no JSON
│   └── UnreadableBody  400: the body did not come through; the connection can not be used again
├── BadBody             422, names the place in the body
├── BadQuery            422, names the query parameter
├── BodyTooLarge        413
├── RateLimited         429
├── NotStored           507: the change could not be written to the data directory
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from emulator.rooms.errors import (
    BadDocument,
    DomainError,
    Duplicate,
    Invalid,
    Missing,
    NoSuchAssociate,
    NotFound,
    TokenRefused,
)
from emulator.wire import rest


class ApiError(Exception):
    """`detail` None means the generic text of `code`."""

    closes_connection = False

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or rest.GENERIC_ERRORS[code][1])
        self.status = status
        self.headers = headers
        self.error = rest.error_object(code, detail, pointer=pointer, parameter=parameter)


class Unauthenticated(ApiError):
    """The generic body unless there is more to say (1.1)."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(401, rest.AUTHENTICATION_FAILED, detail)


class Forbidden(ApiError):
    def __init__(self, detail: str | None = None) -> None:
        super().__init__(403, rest.AUTHORIZATION_FAILED, detail)


class MalformedJson(ApiError):
    def __init__(self, detail: str) -> None:
        super().__init__(400, rest.INVALID_JSON, detail)


class UnreadableBody(MalformedJson):
    """Packed wrongly, or broken off: where the next request would start is unknown."""

    closes_connection = True


class BadBody(ApiError):
    def __init__(self, pointer: str, detail: str, *, code: str = rest.BAD_REQUEST) -> None:
        super().__init__(422, code, detail, pointer=pointer)


class BadQuery(ApiError):
    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(422, rest.BAD_REQUEST, detail, parameter=parameter)


class BodyTooLarge(ApiError):
    def __init__(self, limit: int) -> None:
        super().__init__(413, rest.BAD_REQUEST, f"The request body is longer than {limit} bytes.")


class RateLimited(ApiError):
    def __init__(self) -> None:
        super().__init__(429, rest.TOO_MANY_REQUESTS)


class NotStored(ApiError):
    """The state is as it was. SDKs are told not to try again at once: a disk is not freed within seconds."""

    def __init__(self, detail: str) -> None:
        super().__init__(507, rest.UNEXPECTED, detail, headers={"x-should-retry": "false"})


def from_domain(error: DomainError) -> ApiError:
    """The wire form of a refused command or query; the domain's texts are fit for users."""
    match error:
        case NotFound():
            return ApiError(404, rest.NOT_FOUND, str(error))
        case BadDocument():
            return BadBody(error.pointer, str(error))
        case NoSuchAssociate():
            return BadBody(f"/{error.field}", str(error), code=rest.NO_SUCH_ASSOCIATE)
        case Missing():
            return BadBody(f"/{error.field}", str(error), code=rest.MISSING_PARAMETER)
        case Duplicate():
            return BadBody(f"/{error.field}", str(error), code=rest.DUPLICATE)
        case Invalid():
            return BadBody(f"/{error.field}", str(error))
        case TokenRefused():
            return Forbidden(str(error))
        case _:  # SessionOver, RoomFull, Conflict: the request contradicts the state
            return ApiError(422, rest.BAD_REQUEST, str(error))


def answer_error(error: ApiError) -> web.Response:
    response = web.Response(
        status=error.status,
        body=rest.encode(rest.error_body(error.status, error.error)),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    if error.headers:
        response.headers.update(error.headers)
    if error.closes_connection:
        response.force_close()
    return response
