"""Why a request got no answer, in words that a person can act on."""

from __future__ import annotations

import os

import aiohttp


def why_no_answer(error: Exception, root: str) -> str:
    """`root` is where somebody should have answered: `http://127.0.0.1:8900`."""
    match error:
        case aiohttp.ClientConnectorError():  # its own text tells of TLS settings, whatever the scheme
            number = error.os_error.errno or 0
            return f"nobody answers at {root} ({os.strerror(number) if number > 0 else error.os_error})"
        case aiohttp.InvalidURL():
            return f"{root!r:.200} is no URL, such as http://127.0.0.1:8900"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return f"{root} broke the connection off without an answer"
        case TimeoutError():
            return f"{root} did not answer in time"
    return f"{type(error).__name__}: {error}"
