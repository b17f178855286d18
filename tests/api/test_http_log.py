"""R-12: what is no HTTP at all is the sender's fault, not a failure of the emulator's."""

from __future__ import annotations

import asyncio
import logging

import pytest

from emulator.server import Emulator


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: emulator\r\nX-Zero: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"POST /v2/rooms HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
async def test_unreadable_requests_are_answered_400_and_told_in_one_line(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(junk)
    assert b" 400 " in await reader.readline()
    await reader.read()
    writer.close()
    told = [record for record in caplog.records if record.name == "aiohttp.server" and record.levelno > logging.DEBUG]
    assert all(record.levelno == logging.INFO and record.exc_info is None for record in told)
    assert all("\n" not in record.getMessage() for record in told)
