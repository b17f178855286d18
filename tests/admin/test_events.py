"""The event log over HTTP: as a list, and as it happens."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from emulator.admin.event_stream import CutOff, EventStream
from emulator.config import Config
from emulator.events import EventLog
from emulator.rooms.happenings import RoomDeleted
from emulator.server import Emulator
from emulator.travelling_clock import TravellingClock
from tests.admin.caller import KEY, Caller, Reply

PATIENCE_SECS = 20


async def rooms(admin: Caller, count: int) -> list[str]:
    return [(await admin.room(unique_name=f"room {number}"))["id"] for number in range(count)]


def numbers(reply: Reply) -> list[int]:
    return [event["number"] for event in reply.data]


# -- the list ---------------------------------------------------------------------------------------------------------


async def test_events_tell_what_has_happened_in_this_account(admin: Caller) -> None:
    (room_id,) = await rooms(admin, 1)
    await admin.with_key("KEY_other").room()
    await admin.call("DELETE", f"/v2/rooms/{room_id}")
    reply = await admin.get("events")
    assert [(event["type"], event["payload"]["room_id"]) for event in reply.data] == [
        ("room_created", room_id),
        ("room_deleted", room_id),
    ]
    assert numbers(reply) == [1, 2]
    assert reply.data[0]["at"].endswith("Z")
    assert reply.body["meta"] == {"next_since": 2, "last_number": 2, "more": False}


async def test_since_and_limit_walk_the_log_without_a_gap(admin: Caller) -> None:
    await rooms(admin, 7)
    walked, since = [], 0
    while True:
        reply = await admin.get(f"events?since={since}&limit=3")
        walked += numbers(reply)
        since = reply.body["meta"]["next_since"]
        if not reply.body["meta"]["more"]:
            break
    assert walked == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(await admin.get(f"events?since={since}")) == []
    assert numbers(await admin.get("events?since=now")) == []
    assert numbers(await admin.get("events?since=999")) == []


async def test_type_keeps_the_named_ones(admin: Caller) -> None:
    ids = await rooms(admin, 3)
    await admin.call("DELETE", f"/v2/rooms/{ids[0]}")
    await admin.call("PATCH", f"/v2/rooms/{ids[1]}", {"max_participants": 3})
    assert numbers(await admin.get("events?type=room_deleted")) == [4]
    both = [[4, 5]] * 2
    assert [
        numbers(await admin.get(query))
        for query in ("events?type=room_deleted,room_updated", "events?type=room_deleted&type=room_updated")
    ] == both
    limited = await admin.get("events?type=room_created&limit=2")
    assert (numbers(limited), limited.body["meta"]["next_since"]) == ([1, 2], 2)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("since=x", "since"),
        ("since=-1", "since"),
        ("since=1e3", "since"),
        ("since=" + "9" * 5000, "since"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=", "limit"),
        ("type=room_exploded", "type"),
    ],
)
async def test_wrong_query_is_422_with_the_parameter(admin: Caller, query: str, parameter: str) -> None:
    (await admin.get(f"events?{query}")).refused(422, parameter=parameter)
    stream = {"Accept": "text/event-stream"}
    if parameter != "limit":
        (await admin.get(f"events?{query}", headers=stream)).refused(422, parameter=parameter)


async def test_events_before_the_horizon_are_gone(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.events.EventLog.__init__", _short_log(EventLog.__init__))
    await rooms(admin, 9)
    for headers in ({}, {"Accept": "text/event-stream"}):
        text = (await admin.get("events?since=2", headers=headers)).refused(410)
        assert "before number 5" in text
        assert "asked for 3" in text
    assert numbers(await admin.get("events?since=4")) == [5, 6, 7, 8, 9]
    assert numbers(await admin.get("events")) == [5, 6, 7, 8, 9]


def _short_log(init: Any) -> Any:
    def short(self: EventLog, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **{**kwargs, "horizon": 5})

    return short


# -- the stream -------------------------------------------------------------------------------------------------------


class Listener:
    """Reads a stream of server-sent events as the HTML standard says (9.2.6)."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> list[str]:
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                raw = await self.response.content.readline()
                if not raw:
                    raise EOFError
                line = raw.decode().removesuffix("\n")
                if not line:
                    return lines
                lines.append(line)

    async def event(self) -> dict[str, str]:
        while True:
            fields = dict(line.split(": ", 1) for line in await self.block() if not line.startswith(":"))
            if fields:
                return fields

    async def events(self, count: int) -> list[dict[str, str]]:
        return [await self.event() for _ in range(count)]


def listen(admin: Caller, query: str = "", **headers: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return admin.open("GET", f"events{query}", headers={"Accept": "text/event-stream", **named})


async def test_stream_begins_with_the_past_and_goes_on_live(admin: Caller) -> None:
    ids = await rooms(admin, 2)
    async with listen(admin) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["x-emulator-api-version"] == "1"
        listener = Listener(response)
        past = await listener.events(2)
        await admin.call("DELETE", f"/v2/rooms/{ids[0]}")
        live = await listener.event()
        assert [event["id"] for event in [*past, live]] == ["1", "2", "3"]
        assert [event["event"] for event in [*past, live]] == ["room_created", "room_created", "room_deleted"]
        assert json.loads(live["data"]) == (await admin.get("events?since=2")).data[0]


async def test_stream_resumes_after_the_last_event_that_was_seen(admin: Caller) -> None:
    await rooms(admin, 4)
    async with listen(admin, "?since=0", Last_Event_ID="3") as response:
        assert (await Listener(response).event())["id"] == "4"
    async with listen(admin, "?since=2") as response:
        assert (await Listener(response).event())["id"] == "3"


async def test_stream_of_an_earlier_run_begins_anew(admin: Caller) -> None:
    """A browser comes back with the number of an emulator that has been restarted since."""
    await rooms(admin, 2)
    async with listen(admin, Last_Event_ID="5000") as response:
        assert [event["id"] for event in await Listener(response).events(2)] == ["1", "2"]


async def test_stream_keeps_to_types_and_to_the_account(admin: Caller) -> None:
    async with listen(admin, "?since=now&type=room_deleted") as response:
        listener = Listener(response)
        other = admin.with_key("KEY_other")
        await other.call("DELETE", f"/v2/rooms/{(await other.room())['id']}")
        (room_id,) = await rooms(admin, 1)
        await admin.call("DELETE", f"/v2/rooms/{room_id}")
        event = await listener.event()
        assert event["event"] == "room_deleted"
        assert json.loads(event["data"])["payload"]["room_id"] == room_id


async def test_head_of_a_stream_ends(admin: Caller) -> None:
    reply = await admin.call("HEAD", "events", headers={"Accept": "text/event-stream"})
    assert (reply.status, reply.raw) == (200, b"")


async def test_stream_ends_when_the_server_stops(http: aiohttp.ClientSession) -> None:
    async with Emulator(Config(port=0)) as emulator:
        admin = Caller(emulator, http)
        await rooms(admin, 1)
        stack = listen(admin)
        listener = Listener(await stack.__aenter__())
        await listener.event()
    with pytest.raises(EOFError):  # in order: no error on the way
        await listener.block()
    await stack.__aexit__(None, None, None)


async def test_stream_ends_when_its_account_is_forgotten(admin: Caller, emulator: Emulator) -> None:
    await rooms(admin, 1)
    async with listen(admin) as response:
        listener = Listener(response)
        await listener.event()
        emulator.forget_account(KEY)
        with pytest.raises(EOFError):
            await listener.event()


async def test_listener_that_goes_away_is_forgotten(admin: Caller, emulator: Emulator) -> None:
    """The next event finds the connection gone; nothing is logged as an error."""
    async with listen(admin) as response:
        await Listener(response).block()
    assert emulator._events is not None
    async with asyncio.timeout(PATIENCE_SECS):
        while emulator._events.listeners:
            await rooms(admin, 1)
            await admin.post("reset")


async def test_number_of_listeners_is_bounded(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.admin.events.MAX_LISTENERS", 1)
    async with listen(admin) as response:
        await Listener(response).block()
        (await admin.get("events", headers={"Accept": "text/event-stream"})).refused(429)
        assert (await admin.get("events")).status == 200


# -- the way from the log to a connection, without one -----------------------------------------------------------------


class Sink:
    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.written: list[bytes] = []
        self.something = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await self.open.wait()
        self.written.append(data)
        self.something.set()

    async def until(self, wanted: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECS):
            while wanted not in b"".join(self.written):
                self.something.clear()
                await self.something.wait()


def happen(log: EventLog, count: int) -> None:
    for number in range(count):
        with log.command():
            log.append(RoomDeleted(f"room {number}"))


async def test_reader_that_does_not_read_is_cut_off_and_holds_little() -> None:
    log = EventLog(TravellingClock())
    sink = Sink()
    sink.open.clear()
    stream = EventStream(log, since=0, wanted=lambda record: True, max_behind=10)
    running = asyncio.create_task(stream.run(sink))
    happen(log, 11)
    assert not stream._waiting
    happen(log, 1000)
    assert not stream._waiting
    sink.open.set()
    with pytest.raises(CutOff, match="more than 10 events"):
        await running


async def test_reader_whose_connection_is_stuck_is_cut_off() -> None:
    sink = Sink()
    sink.open.clear()
    stream = EventStream(EventLog(TravellingClock()), since=0, wanted=lambda record: True, max_write_secs=0.01)
    with pytest.raises(CutOff, match="took nothing"):
        await stream.run(sink)


async def test_silent_stream_sends_comments() -> None:
    sink = Sink()
    stream = EventStream(EventLog(TravellingClock()), since=0, wanted=lambda record: True, keep_alive_secs=0.01)
    running = asyncio.create_task(stream.run(sink))
    await sink.until(b": keep-alive\n\n: keep-alive\n\n")
    stream.end()
    await running


async def test_end_writes_what_waits() -> None:
    log = EventLog(TravellingClock())
    happen(log, 3)
    sink = Sink()
    stream = EventStream(log, since=0, wanted=lambda record: True)
    stream.end()
    happen(log, 1)
    await stream.run(sink)
    assert b"".join(sink.written).count(b"event: room_deleted\n") == 3


async def test_event_is_on_one_line_whatever_is_in_it() -> None:
    log = EventLog(TravellingClock())
    with log.command():
        log.append(RoomDeleted("a\nb\r\nc\u2028d"))
    sink = Sink()
    stream = EventStream(log, since=0, wanted=lambda record: True)
    stream.end()
    await stream.run(sink)
    (block,) = [part for part in b"".join(sink.written).split(b"\n\n") if part.startswith(b"id")]
    assert len(block.splitlines()) == 3
    assert json.loads(block.splitlines()[2].removeprefix(b"data: "))["payload"]["room_id"] == "a\nb\r\nc\u2028d"
