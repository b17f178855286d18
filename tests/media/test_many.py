"""Datagrams read and sent many at a time: the same as one by one."""

from __future__ import annotations

import ctypes
import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from emulator.media.transport import many
from emulator.media.transport.inbox import DATAGRAM_LIMIT, Inbox, ManyInbox, PlainInbox, open_inbox
from emulator.media.transport.outbox import ManyOutbox, Outbox, open_outbox
from emulator.media.transport.parameters import Address
from emulator.media.transport.socket_stats import SocketStats

SLOTS = 4
HOSTS = ("127.0.0.1", "::1")


def bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.bind((host, 0))
    except OSError as error:
        sock.close()
        pytest.skip(f"no {host} here: {error}")
    return sock


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def here(host: str) -> Iterator[socket.socket]:
    with closing(bound(host)) as sock:
        yield sock


@pytest.fixture
def there(host: str) -> Iterator[socket.socket]:
    with closing(bound(host)) as sock:
        yield sock


@pytest.fixture(params=["one by one", "many"])
def inbox(request: pytest.FixtureRequest, here: socket.socket) -> Inbox:
    if request.param == "one by one":
        return PlainInbox(here, SLOTS)
    return needed(open_inbox(here, SLOTS), ManyInbox)


def needed(opened: object, kind: type) -> Inbox:
    if not isinstance(opened, kind):
        pytest.skip("this system reads and sends one by one")
    return opened  # type: ignore[return-value]  # checked


def wait_for(sock: socket.socket) -> None:
    assert select.select([sock], [], [], 5)[0]


def test_what_waits_is_read_in_order_with_its_length_and_its_sender(
    inbox: Inbox, here: socket.socket, there: socket.socket, host: str
) -> None:
    assert inbox.read() == 0
    sent = [b"", b"first", bytes(DATAGRAM_LIMIT), b"x" * 1200, b"\x80 last", b"left over"]
    with closing(bound(host)) as other:
        for number, datagram in enumerate(sent):
            (other if number == 1 else there).sendto(datagram, here.getsockname())
        wait_for(here)
        names = [there.getsockname(), other.getsockname(), there.getsockname()]
        found: list[tuple[bytes, Address]] = []
        assert inbox.read() == SLOTS
        for slot in range(SLOTS):
            found.append((bytes(inbox.views[slot][: inbox.sizes[slot]]), inbox.source(slot)))
        assert [source for _, source in found[:3]] == names
        assert inbox.keys[0] == inbox.keys[2] != inbox.keys[1]
        assert len({inbox.keys[0], inbox.keys[2]}) == 1
        assert inbox.read() == 2
        for slot in range(2):
            found.append((bytes(inbox.views[slot][: inbox.sizes[slot]]), inbox.source(slot)))
        assert [datagram for datagram, _ in found] == sent
        assert inbox.read() == 0


def test_what_is_too_long_comes_cut_off(inbox: Inbox, here: socket.socket, there: socket.socket) -> None:
    there.sendto(b"x" * 3000, here.getsockname())
    wait_for(here)
    assert inbox.read() == 1
    assert inbox.sizes[0] == DATAGRAM_LIMIT


def test_a_refused_datagram_is_an_error_once_and_the_socket_goes_on(
    inbox: Inbox, here: socket.socket, there: socket.socket, host: str
) -> None:
    with closing(bound(host)) as gone:
        here.connect(gone.getsockname())  # as only connected sockets hear of it
    here.send(b"anybody?")
    wait_for(here)
    with pytest.raises(ConnectionRefusedError):
        inbox.read()
    assert inbox.read() == 0


def test_a_closed_socket_is_an_error(inbox: Inbox, here: socket.socket) -> None:
    here.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        inbox.read()


@pytest.fixture
def stats() -> SocketStats:
    return SocketStats()


@pytest.fixture(params=["one by one", "many"])
def outbox(request: pytest.FixtureRequest, here: socket.socket, stats: SocketStats) -> Outbox:
    if request.param == "one by one":
        return Outbox(here.sendto, SLOTS, stats)
    opened = open_outbox(here, SLOTS, stats)
    needed(opened, ManyOutbox)
    return opened


def post(outbox: Outbox, packet: bytes, address: Address) -> bool:
    """As the outbox says that it is done."""
    slot = outbox.waiting
    outbox.places[slot].view[: len(packet)] = packet
    outbox.lengths[slot] = len(packet)
    outbox.names[slot] = outbox.known.get(address) or outbox.name_of(address)
    outbox.waiting += 1
    return True if outbox.held and outbox.waiting < outbox.slots else outbox.flush()


def received(sock: socket.socket) -> list[bytes]:
    found = []
    while select.select([sock], [], [], 0)[0]:
        found.append(sock.recv(4096))
    return found


def test_what_is_posted_leaves_at_once_or_when_it_is_no_longer_held(
    outbox: Outbox, there: socket.socket, host: str, stats: SocketStats
) -> None:
    with closing(bound(host)) as other:
        names = [there.getsockname(), other.getsockname()]
        assert post(outbox, b"at once", names[0])
        assert received(there) == [b"at once"]
        outbox.held = True
        for number in range(3):
            assert post(outbox, b"x" * (100 + number), names[number % 2])
        assert received(there) == received(other) == []
        assert post(outbox, b"the last place", names[1])  # all four leave
        assert received(other) == [b"x" * 101, b"the last place"]
        assert post(outbox, b"more", names[0])
        outbox.held = False
        assert outbox.flush()
        assert received(there) == [b"x" * 100, b"x" * 102, b"more"]
        assert outbox.flush()  # nothing waits
        assert received(there) == received(other) == []
        with outbox:
            assert post(outbox, b"within", names[0])
            assert received(there) == []
        assert received(there) == [b"within"]
    assert (stats.sent, stats.bytes_sent) == (7, 7 + 100 + 101 + 102 + 14 + 4 + 6)
    assert (stats.send_errors, stats.send_blocked) == (0, 0)


def test_what_can_not_be_sent_does_not_keep_the_others(
    outbox: Outbox, there: socket.socket, stats: SocketStats
) -> None:
    address = there.getsockname()
    nowhere = (address[0], 0, *address[2:])  # EINVAL: nobody has the port 0
    outbox.held = True
    assert post(outbox, b"before", address)
    assert post(outbox, b"to nobody", nowhere)
    assert post(outbox, b"after", address)
    assert not outbox.flush()
    assert received(there) == [b"before", b"after"]
    assert (stats.sent, stats.bytes_sent, stats.send_errors, stats.send_blocked) == (2, 11, 1, 0)
    assert not post(outbox, b"to nobody", nowhere) or not outbox.flush()


def failing(call: Callable[..., int], first: int, code: int) -> Callable[..., int]:
    """sendmmsg that takes `first` datagrams, and then says `code`."""
    calls = 0

    def run(descriptor: int, messages: int, count: int, flags: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return call(descriptor, messages, min(first, count), flags)
        ctypes.set_errno(code)
        return -1

    return run


def test_a_full_buffer_is_counted_and_what_did_not_fit_is_gone(
    here: socket.socket, there: socket.socket, stats: SocketStats
) -> None:
    call = many.system_call("sendmmsg")
    if call is None:
        pytest.skip("this system sends one by one")
    outbox = ManyOutbox(here, SLOTS, stats, failing(call, 1, errno.EAGAIN))
    outbox.held = True
    for _ in range(3):
        assert post(outbox, b"packet", there.getsockname())
    assert not outbox.flush()
    assert received(there) == [b"packet"]
    assert (stats.sent, stats.send_errors, stats.send_blocked) == (1, 0, 2)


def test_addresses_that_are_kept_are_bounded(
    outbox: Outbox, there: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.media.transport.outbox.MAX_NAMES", 3)
    address = there.getsockname()
    for port in range(1, 30):
        post(outbox, b"?", (address[0], port, *address[2:]))
    assert len(outbox.known) <= 4
    assert post(outbox, b"still there", address)
    assert received(there) == [b"still there"]
