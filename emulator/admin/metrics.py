"""Counters of the whole process, for a Prometheus server (or curl) that comes by now and then."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from emulator.admin.document import DISTRIBUTION
from emulator.admin.exposition import CONTENT_TYPE, Family, counter, exposed, gauge, single
from emulator.admin.operation import Answer, Operation
from emulator.conference.conferences import Conferences
from emulator.media.impairments import ImpairmentBook
from emulator.media.transport.udp import MediaSocket
from emulator.rooms.accounts import Accounts
from emulator.signaling.lobby import Lobby
from emulator.tally import Tally

PREFIX = "rooms_emulator"

_DATAGRAMS = {
    "unknown": "from an address that no connection has validated",
    "malformed": "of no protocol that belongs here, or not readable",
    "send_blocked": "not sent, as the kernel's buffer was full",
    "send_errors": "not sent for another reason",
    "receive_errors": "that could not be received, as an earlier send had failed",
}


class Metrics:
    """Reads what the parts count for themselves; nothing is counted here."""

    def __init__(
        self,
        *,
        tally: Tally,
        accounts: Accounts,
        lobby: Lobby,
        conferences: Conferences,
        media: MediaSocket,
        impairments: ImpairmentBook,
    ) -> None:
        self._tally = tally
        self._accounts = accounts
        self._lobby = lobby
        self._conferences = conferences
        self._media = media
        self._impairments = impairments
        self._began = time.time()

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/metrics",
                "Counters of the whole process, in the Prometheus text format.",
                self.metrics,
                answers=[Answer(content={"text/plain": {"type": "string"}})],
                account=False,
            ),
        )

    async def metrics(self, request: web.Request) -> web.Response:
        text = exposed([*self._process(), *self._domain(), *self._surfaces(), *self._flows()])
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    def _process(self) -> Iterator[Family]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield gauge(f"{PREFIX}_info", "Which emulator this is.", [({"version": version(DISTRIBUTION)}, 1)])
        yield counter("process_cpu_seconds_total", "CPU time of the process.", single(usage.ru_utime + usage.ru_stime))
        yield gauge("process_start_time_seconds", "When the emulator began, in Unix time.", single(self._began))
        with contextlib.suppress(OSError):  # only Linux has it
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            yield gauge("process_resident_memory_bytes", "Resident memory.", single(pages * os.sysconf("SC_PAGE_SIZE")))
            yield gauge("process_open_fds", "Open files and sockets.", single(len(os.listdir("/proc/self/fd"))))

    def _domain(self) -> Iterator[Family]:
        rooms = sessions = participants = 0
        accounts = self._accounts.all()
        for records in (account.records for account in accounts):
            rooms += len(records.rooms)
            for session in records.sessions.values():
                if session.active:
                    sessions += 1
                    participants += len(records.present(session))
        yield gauge(f"{PREFIX}_accounts", "Accounts.", single(len(accounts)))
        yield gauge(f"{PREFIX}_rooms", "Rooms.", single(rooms))
        yield gauge(f"{PREFIX}_sessions", "Active sessions.", single(sessions))
        yield gauge(f"{PREFIX}_participants", "Participants who are present.", single(participants))

    def _surfaces(self) -> Iterator[Family]:
        tally, lobby = self._tally, self._lobby
        yield counter(
            f"{PREFIX}_http_requests_total",
            "HTTP requests answered; route is the path's template, status 0 one that was broken off.",
            (
                ({"surface": surface, "method": method, "route": route, "status": str(status)}, count)
                for (surface, method, route, status), count in tally.calls.items()
            ),
        )
        yield counter(
            f"{PREFIX}_http_request_seconds_total",
            "Time from request to answer, all together.",
            (({"surface": surface}, round(secs, 6)) for surface, secs in tally.call_secs.items()),
        )
        yield gauge(f"{PREFIX}_signaling_connections", "Open WebSockets.", single(len(lobby.sessions)))
        yield counter(
            f"{PREFIX}_signaling_connections_opened_total", "WebSockets there have been.", single(lobby.opened)
        )
        yield counter(
            f"{PREFIX}_signaling_frames_total",
            "Signaling frames; in is from clients, channel socket or data (text room).",
            (({"direction": way, "channel": channel}, count) for (way, channel), count in tally.frames.items()),
        )
        yield counter(
            f"{PREFIX}_signaling_closes_total",
            "Ends of signaling connections; 1006 is one without a Close frame.",
            (({"direction": way, "code": str(code)}, count) for (way, code), count in tally.closes.items()),
        )
        yield counter(
            f"{PREFIX}_problems_total", "Requests that signaling has refused.", single(lobby.problems.last_number)
        )
        yield counter(
            f"{PREFIX}_webhook_attempts_total",
            "Attempts to deliver webhooks, by the answer's status; 0: none came.",
            (({"status": str(status)}, count) for status, count in tally.webhooks.items()),
        )
        yield counter(
            f"{PREFIX}_faults_total",
            "Faults that fired, and impairments that began.",
            (({"surface": surface, "kind": kind}, count) for (surface, kind), count in tally.mishaps.items()),
        )
        yield gauge(f"{PREFIX}_impairments", "Impairments at work.", single(self._impairments.count))

    def _flows(self) -> Iterator[Family]:
        stats = asdict(self._media.stats)
        legs = self._conferences.counts()
        yield gauge(
            f"{PREFIX}_media_legs", "Participants' media connections.", (({"kind": k}, n) for k, n in legs.items())
        )
        states = Counter(peer.state.value for peer in self._media.peers)
        yield gauge(
            f"{PREFIX}_media_peers", "Peers on the media socket.", (({"state": s}, n) for s, n in states.items())
        )
        yield counter(
            f"{PREFIX}_media_datagrams_total",
            "UDP datagrams of the media socket.",
            (({"direction": "in"}, stats["received"]), ({"direction": "out"}, stats["sent"])),
        )
        yield counter(
            f"{PREFIX}_media_bytes_total",
            "Their payload.",
            (({"direction": "in"}, stats["bytes_received"]), ({"direction": "out"}, stats["bytes_sent"])),
        )
        for name, about in _DATAGRAMS.items():
            yield counter(f"{PREFIX}_media_{name}_total", f"Datagrams {about}.", single(stats[name]))
