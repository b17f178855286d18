"""ICE agents joined in memory, on a clock of the test's own: no sockets, no waiting."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from emulator.media.transport.ice import IceAgent, IceCredentials, LiteAgent
from emulator.media.transport.ice_full import MAX_PAIRS, FullAgent
from emulator.media.transport.parameters import Address, PeerTimeouts
from emulator.media.transport.stun import Attribute, StunClass, StunMessage, build
from emulator.wire.sdp import Candidate

from .simulated_time import SimulatedTime

LEFT: Address = ("192.0.2.1", 1000)
RIGHT: Address = ("192.0.2.2", 2000)
TIMEOUTS = PeerTimeouts()


@dataclass
class World(SimulatedTime):
    """Simulated time and a network of 1 ms delay; `loses(datagram, source)` decides what gets lost."""

    loses: Callable[[StunMessage, Address], bool] = lambda _message, _source: False
    agents: dict[Address, IceAgent] = field(default_factory=dict)
    sent: list[tuple[Address, StunMessage]] = field(default_factory=list)

    def send(self, datagram: bytes, source: Address, target: Address) -> None:
        message = StunMessage.parse(datagram)
        self.sent.append((source, message))
        if not self.loses(message, source):
            self.call_later(0.001, lambda: self._deliver(message, source, target))

    def _deliver(self, message: StunMessage, source: Address, target: Address) -> None:
        if target in self.agents:
            self.agents[target].receive(message, source)

    def requests(self, source: Address) -> list[StunMessage]:
        return [each for origin, each in self.sent if origin == source and each.message_class is StunClass.REQUEST]


@dataclass
class End:
    """The host of one agent."""

    world: World
    address: Address
    selected: list[Address] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def send_stun(self, datagram: bytes, address: Address) -> None:
        self.world.send(datagram, self.address, address)

    def address_learned(self, address: Address) -> None:
        assert address != self.address

    def address_selected(self, address: Address) -> None:
        self.selected.append(address)

    def ice_failed(self, reason: str) -> None:
        self.failures.append(reason)

    @property
    def candidate(self) -> Candidate:
        return Candidate.host(self.address[0], self.address[1])


def full(world: World, address: Address, *, seed: int = 1) -> tuple[End, FullAgent]:
    end, rng = End(world, address), random.Random(seed)
    credentials = IceCredentials.generate(rng.randbytes)
    agent = FullAgent(
        credentials, scheduler=world, timeouts=TIMEOUTS, host=end, ip_version=4, random_bytes=rng.randbytes
    )
    world.agents[address] = agent
    return end, agent


def lite(world: World, address: Address) -> tuple[End, LiteAgent]:
    end = End(world, address)
    credentials = IceCredentials.generate(random.Random(99).randbytes)
    agent = LiteAgent(credentials, scheduler=world, timeouts=TIMEOUTS, host=end)
    world.agents[address] = agent
    return end, agent


def client_and_server(world: World) -> tuple[tuple[End, FullAgent], tuple[End, LiteAgent]]:
    (client_end, client), (server_end, server) = full(world, LEFT), lite(world, RIGHT)
    server.set_remote(client.local, (), True)
    client.set_remote(server.local, (server_end.candidate,), True)
    return (client_end, client), (server_end, server)


def test_a_client_reaches_a_lite_server_in_one_round_trip_and_nominates_in_the_second() -> None:
    world = World()
    (client_end, client), (server_end, server) = client_and_server(world)

    world.run(0.0021)
    assert client_end.selected == [RIGHT]
    assert server_end.selected == [LEFT]
    assert [client.nominated, server.nominated] == [False, False]
    world.run(0.0021)
    assert client.nominated
    assert server.nominated
    assert len(world.requests(LEFT)) == 2
    assert world.requests(RIGHT) == []


def test_lost_checks_are_sent_again_with_growing_distance() -> None:
    world = World(loses=lambda _message, _source: True)
    client_and_server(world)
    world.run(5)

    checks = world.requests(LEFT)
    # At 0, 0.1, 0.3, 0.7, 1.1, ... 4.7 s
    assert len(checks) == 14
    assert len({check.transaction_id for check in checks}) == 1


def test_a_third_of_all_messages_lost_still_connects() -> None:
    rng = random.Random(3)
    world = World(loses=lambda _message, _source: rng.random() < 0.33)
    (client_end, client), (_, server) = client_and_server(world)
    world.run(20)
    assert client.nominated
    assert server.nominated
    assert client_end.failures == []


@pytest.mark.parametrize("seeds", [(1, 2), (2, 1)])
@pytest.mark.parametrize("claims", [(True, False), (True, True), (False, False)])
def test_two_full_agents_connect_whatever_roles_they_claim(seeds: tuple[int, int], claims: tuple[bool, bool]) -> None:
    world = World()
    (left_end, left), (right_end, right) = full(world, LEFT, seed=seeds[0]), full(world, RIGHT, seed=seeds[1])
    left.set_remote(right.local, (right_end.candidate,), claims[0])
    right.set_remote(left.local, (left_end.candidate,), claims[1])
    world.run(3)

    assert left.nominated
    assert right.nominated
    assert left.controlling is not right.controlling
    assert (left_end.selected, right_end.selected) == ([RIGHT], [LEFT])


def test_a_full_agent_learns_an_address_that_no_candidate_named() -> None:
    world = World()
    (left_end, left), (_, right) = full(world, LEFT, seed=1), full(world, RIGHT, seed=2)
    left.set_remote(right.local, (End(world, RIGHT).candidate,), True)
    right.set_remote(left.local, (), False)
    world.run(3)
    assert left.nominated
    assert right.nominated
    assert left_end.selected == [RIGHT]


def test_checks_before_the_description_are_answered_and_used_later() -> None:
    world = World()
    (_, left), (right_end, right) = full(world, LEFT, seed=1), full(world, RIGHT, seed=2)
    left.set_remote(right.local, (right_end.candidate,), True)
    world.run(0.5)
    assert right_end.selected == []
    right.set_remote(left.local, (), False)
    world.run(0.5)
    assert right_end.selected == [LEFT]
    assert right.nominated


def test_useless_candidates_are_passed_over() -> None:
    world = World()
    _, client = full(world, LEFT)
    texts = [
        "1 1 udp 1 3c1a.local 5000 typ host",
        "1 1 tcp 1 192.0.2.9 9 typ host tcptype active",
        "1 2 udp 1 192.0.2.9 5000 typ host",
        "1 1 udp 1 2001:db8::1 5000 typ host",
        "1 1 udp 1 192.0.2.9 0 typ host",
    ]
    client.set_remote(IceCredentials("abcd", "x" * 22), tuple(map(Candidate.parse, texts)), True)
    world.run(1)
    assert world.sent == []


def test_the_number_of_pairs_is_bounded() -> None:
    world = World()
    _, client = full(world, LEFT)
    candidates = tuple(Candidate.host("192.0.2.9", port) for port in range(1, 200))
    client.set_remote(IceCredentials("abcd", "x" * 22), candidates, True)
    world.run(1)
    assert len({check.transaction_id for check in world.requests(LEFT)}) == MAX_PAIRS


def test_consent_is_asked_every_four_to_six_seconds_and_keeps_both_ends_up() -> None:
    world = World()
    (client_end, _), (server_end, _) = client_and_server(world)
    world.run(120)
    assert client_end.failures == server_end.failures == []
    assert 20 <= len(world.requests(LEFT)) - 2 <= 30


def test_an_unanswered_consent_check_is_followed_by_others_soon() -> None:
    world = World()
    client_and_server(world)
    world.run(10)
    world.loses = lambda _message, _source: True
    before = len(world.requests(LEFT))
    world.run(16)  # one within 6 s, then one about every second
    assert 8 <= len(world.requests(LEFT)) - before <= 20


def test_connections_outlive_an_hour_of_heavy_loss() -> None:
    for seed in range(5):
        rng = random.Random(seed)
        world = World(loses=partial(_a_fifth, rng))
        (client_end, _), (server_end, _) = client_and_server(world)
        world.run(3600)
        assert client_end.failures == server_end.failures == []


def _a_fifth(rng: random.Random, _message: StunMessage, _source: Address) -> bool:
    return rng.random() < 0.2


def test_thirty_seconds_of_silence_fail_both_ends_once() -> None:
    world = World()
    (client_end, _), (server_end, _) = client_and_server(world)
    world.run(10)
    world.loses = lambda _message, _source: True
    world.run(23)  # at most 6 s had passed since the last valid check
    assert client_end.failures == server_end.failures == []
    world.run(7)
    assert client_end.failures == server_end.failures == ["no valid connectivity check for 30 s"]
    sent = len(world.sent)
    world.run(60)
    assert len(world.sent) == sent


def _check(
    username: str | None, password: str | None, *extra: tuple[int, bytes], role: Attribute = Attribute.ICE_CONTROLLING
) -> StunMessage:
    attributes = [*extra, (int(role), b"12345678")]
    if username is not None:
        attributes.append((int(Attribute.USERNAME), username.encode()))
    return StunMessage.parse(build(StunClass.REQUEST, b"0123456789ab", tuple(attributes), password=password))


@pytest.mark.parametrize(
    ("username", "password", "extra", "role", "code"),
    [
        (None, "right", (), Attribute.ICE_CONTROLLING, 400),
        ("local:remote", None, (), Attribute.ICE_CONTROLLING, 400),
        ("local:remote", "wrong", (), Attribute.ICE_CONTROLLING, 401),
        ("other:remote", "right", (), Attribute.ICE_CONTROLLING, 401),
        ("local:other", "right", (), Attribute.ICE_CONTROLLING, 401),
        ("local:remote", "right", ((0x7777, b""),), Attribute.ICE_CONTROLLING, 420),
        ("local:remote", "right", (), Attribute.ICE_CONTROLLED, 487),
    ],
)
def test_invalid_checks_are_answered_with_their_error_and_change_nothing(
    username: str | None,
    password: str | None,
    extra: tuple[tuple[int, bytes], ...],
    role: Attribute,
    code: int,
) -> None:
    world = World()
    end = End(world, RIGHT)
    agent = LiteAgent(IceCredentials("local", "right"), scheduler=world, timeouts=TIMEOUTS, host=end)
    agent.set_remote(IceCredentials("remote", "x" * 22), (), True)

    agent.receive(_check(username, password, *extra, role=role), LEFT)

    assert [message.error_code for _, message in world.sent] == [code]
    assert end.selected == []
    assert agent.stats.refused == 1


def test_the_latest_nominated_address_is_used() -> None:
    world = World()
    end = End(world, RIGHT)
    agent = LiteAgent(IceCredentials("local", "right"), scheduler=world, timeouts=TIMEOUTS, host=end)
    other: Address = ("192.0.2.3", 3000)
    nominating = (int(Attribute.USE_CANDIDATE), b"")

    agent.receive(_check("local:remote", "right"), LEFT)
    agent.receive(_check("local:remote", "right"), other)
    assert end.selected == [LEFT]
    agent.heard(other)  # not nominated yet: DTLS is answered where it comes from
    agent.receive(_check("local:remote", "right", nominating), LEFT)
    agent.heard(other)
    agent.receive(_check("local:remote", "right"), other)
    assert end.selected == [LEFT, other, LEFT]
    agent.receive(_check("local:remote", "right", nominating), other)
    assert end.selected == [LEFT, other, LEFT, other]


def test_forged_responses_are_ignored() -> None:
    world = World(loses=lambda _message, _source: True)
    (client_end, client), (_, server) = client_and_server(world)
    transaction_id = world.requests(LEFT)[0].transaction_id
    forged = StunMessage.parse(build(StunClass.SUCCESS, transaction_id, password="guess"))
    genuine = StunMessage.parse(build(StunClass.SUCCESS, transaction_id, password=server.local.pwd))

    client.receive(forged, RIGHT)
    client.receive(genuine, ("192.0.2.66", 6))  # from somewhere else than the check went to
    assert client_end.selected == []
    assert client.stats.ignored == 2
    client.receive(genuine, RIGHT)
    assert client_end.selected == [RIGHT]
