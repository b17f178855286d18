"""`duplicate`: who arrives twice."""

from __future__ import annotations

from .conftest import Way, until


async def test_some_datagrams_arrive_twice_on_the_wire_and_once_behind_srtp(way: Way) -> None:
    way.impair("duplicate", "up", p=0.2)
    heard = await way.send(500)
    assert heard.numbers == list(range(1, 501))  # SRTP's replay check has dropped the second ones
    twice = sum(way.server.peer.srtp_errors.values())
    assert 65 <= twice <= 135
    assert way.counts()["duplicated"] == twice


async def test_downwards_the_receiver_gets_them_twice(way: Way) -> None:
    way.impair("duplicate", "down", p=1)
    heard = await way.send(50, "down")
    assert heard.numbers == list(range(1, 51))
    await until(lambda: sum(way.client.peer.srtp_errors.values()) == 50)
