"""Requests per second on GET and POST /rooms, beside a bare aiohttp handler, in turns.

The handler (`start.BARE`) parses what is posted, and its answers have the fields of the emulator's: both write the same
JSON. A list has three rooms.

The load comes from a process of its own: 16 connections, each with one request under way, on plain sockets, so that it
costs less than what it measures.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import defaultdict

from tests.benchmarks.start import API_KEY, Served, bare, emulator
from tests.benchmarks.table import Row

CONNECTIONS = 16


class _Connection:
    """One keep-alive connection and what has come of its present answer."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def answered(self) -> bytes | None:
        """The status once the whole answer is there. Raises ConnectionError."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed a connection")
        came = self._came = self._came + data if self._came else data
        end = came.find(b"\r\n\r\n")
        if end < 0:
            return None
        at = came.find(b"Content-Length: ") + 16
        length = int(came[at : came.find(b"\r", at)])
        if len(came) < end + 4 + length:
            return None
        self._came = b""
        return came[9:12]


def load(port: int, method: str, seconds: float, key: str) -> float:
    """Requests per second. Raises RuntimeError for any answer that is not the expected one."""
    head = f"{method} /v2/rooms HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    get = f"{head}\r\n".encode()
    length = len(json.dumps({"unique_name": f"room {0:09d}"}))
    post = f"{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
    expected = b"200" if method == "GET" else b"201"
    connections = [_Connection(port) for _ in range(CONNECTIONS)]
    sent = done = 0
    began = time.time_ns() // 1_000_000 % 1_000  # names differ from run to run

    def send(connection: _Connection) -> None:
        nonlocal sent
        sent += 1
        name = f"{began:03d}{sent % 1_000_000:06d}" if method == "POST" else ""
        connection.sock.sendall(get if method == "GET" else post + b'{"unique_name": "room %s"}' % name.encode())

    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            send(connection)
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            for chosen, _ in selector.select(1):
                status = chosen.data.answered()
                if status is None:
                    continue
                if status != expected:
                    raise RuntimeError(f"{method} /v2/rooms: expected {expected!r}, got {status!r}")
                done += 1
                send(chosen.data)
        elapsed = time.perf_counter() - start
    for connection in connections:
        connection.sock.close()
    return done / elapsed


def _loaded(server: Served, method: str, seconds: float, key: str) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.rest", str(server.port), method, str(seconds), key]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rows(*, quick: bool) -> list[Row]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    seconds = 1.0 if quick else 3.0
    with bare() as other:
        for _ in range(2 if quick else 5):
            # A new emulator each time, so that what was created does not add up.
            with emulator() as server:
                for number in range(3):
                    _create(server, number)
                for method in ("GET", "POST"):
                    found["emulator", method].append(_loaded(server, method, seconds, API_KEY))
                    found["bare", method].append(_loaded(other, method, seconds, API_KEY))
    mock = {"GET": (1400, 2800), "POST": (1600, 2900)}
    table: list[Row] = []
    for method in ("GET", "POST"):
        values = tuple(found["emulator", method])
        table += [
            Row(
                f"{method} /rooms, 16 connections",
                values,
                "1/s",
                tuple(found["bare", method]),
                "bare aiohttp",
                live=True,
            ),
            Row("", values, "1/s", mock[method], "Prism 5.14"),
        ]
    return table


def _create(server: Served, number: int) -> None:
    body = b'{"unique_name": "first %d"}' % number
    head = (
        f"POST /v2/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(head.encode() + body)
        sock.recv(1 << 16)


if __name__ == "__main__":
    print(load(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]))
