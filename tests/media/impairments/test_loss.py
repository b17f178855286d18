"""`loss`: the share and the bursts of what never arrives."""

from __future__ import annotations

import itertools

import pytest

from emulator.faults import BadFault

from .conftest import Way, until


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_random_loss_takes_its_share(way: Way, direction: str) -> None:
    way.impair("loss", direction, p=0.15)
    heard = await way.send(2000, direction)
    lost = 2000 - len(heard.numbers)
    assert 240 <= lost <= 360  # 300, give or take nearly 4 deviations of 16
    assert heard.numbers == sorted(heard.numbers)
    assert way.counts(direction) == {"datagrams": 2000, "dropped": lost, "duplicated": 0, "held": 0}
    other = "down" if direction == "up" else "up"
    assert len((await way.send(100, other)).numbers) == 100


async def test_gilbert_loss_comes_in_bursts(way: Way) -> None:
    way.impair("loss", model="gilbert", p=0.02, r=0.25)
    heard = await way.send(4000)
    arrived = set(heard.numbers)
    bursts = [len(list(run)) for lost, run in itertools.groupby(range(1, 4001), lambda n: n not in arrived) if lost]
    # In the long run 0.02 / 0.27 = 7.4 % is lost, 1 / 0.25 = 4 in a row; a random loss of 7.4 % has 1.08 in a row.
    assert 0.04 <= sum(bursts) / 4000 <= 0.12
    assert 2.8 <= sum(bursts) / len(bursts) <= 5.5


async def test_bad_and_good_states_lose_what_they_are_told_to(way: Way) -> None:
    way.impair("loss", model="gilbert", p=1, r=0, bad_loss=0.5)
    assert 420 <= len((await way.send(1000)).numbers) <= 580
    way.book.of("account").clear()
    way.impair("loss", model="gilbert", p=0, r=1, good_loss=0.25)
    assert 680 <= len((await way.send(1000, first=2000)).numbers) <= 820


async def test_the_same_seed_loses_the_same(way: Way) -> None:
    heard = []
    for number, seed in enumerate([7, 7, 8]):
        way.impair("loss", seed=seed, p=0.3)
        first = 1000 * (number + 1)
        heard.append([n - first for n in (await way.send(300, first=first)).numbers])
        way.book.of("account").clear()
    assert heard[0] == heard[1] != heard[2]


async def test_connectivity_checks_and_data_are_spared_unless_told_otherwise(way: Way) -> None:
    way.impair("loss", p=1)
    assert (await way.send(20)).numbers == []  # and the last word came, which goes by DTLS
    way.book.of("account").clear()
    way.impair("loss", p=1, traffic="all")
    way.server.data.clear()
    way.client.peer.send_data(b"lost")
    way.client.peer.send_data(b"lost")
    await until(lambda: bool(way.counts()["dropped"] >= 2))
    assert way.server.data == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"model": "gilbert", "p": 0.1}, "without r"),
        ({"p": 0.1, "r": 0.2}, "r, which is of the gilbert model"),
        ({"p": 0.1, "bad_loss": 0.2}, "bad_loss, which is of the gilbert model"),
    ],
)
async def test_parameters_of_the_other_model_are_refused(way: Way, parameters: dict[str, object], said: str) -> None:
    with pytest.raises(BadFault, match=said):
        way.impair("loss", **parameters)
