"""How the HTTP server tells of requests that it could not even read."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import http_exceptions


class HttpLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp writes a traceback for bytes that are no HTTP. They are the sender's fault, who is answered 400.

    Give it to the server as its `logger`; whatever else goes wrong is told as ever.
    """

    def __init__(self) -> None:
        super().__init__(logging.getLogger("aiohttp.server"))

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        if isinstance(exc_info, http_exceptions.HttpProcessingError):
            self.info("%s: %s", str(msg) % args, " ".join(exc_info.message.split()))
        else:
            super().exception(msg, *args, exc_info=exc_info, **more)
