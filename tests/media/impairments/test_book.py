"""Impairments of an account: beginning, ending by themselves, in a row, the lines of participants."""

from __future__ import annotations

from emulator.media.impairments import ImpairmentBook
from emulator.media.transport.line import Line
from tests.media.simulated_time import SimulatedTime


def document(kind: str, who: str = "ada", **more: object) -> dict[str, object]:
    return {"participant_id": who, "kind": kind, **more}


class Lines:
    """Keeps what the book tells, and sends through the lines."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.book = ImpairmentBook(self.time)
        self.book.on_line = lambda account_id, participant_id, line: self.told.append((participant_id, line))
        self.told: list[tuple[str, Line | None]] = []
        self.arrived: list[tuple[float, int]] = []

    def send(self, number: int, who: str = "ada", *, is_media: bool = True) -> None:
        line = self.book.line("account", who)
        assert line is not None
        line.up(1000, is_media, lambda: self.arrived.append((self.time.now, number)))


def test_an_impairment_ends_by_itself_and_lets_go_what_it_holds() -> None:
    lines = Lines()
    lines.book.of("account").add(document("delay", parameters={"secs": 5}, for_secs=2))
    lines.time.run(1)
    lines.send(1)
    assert lines.book.of("account").rules[0].as_json()["remaining_secs"] == 1
    lines.time.run(0.5)
    assert lines.arrived == []
    lines.time.run(1)
    assert lines.arrived == [(102.0, 1)]
    assert lines.book.of("account").rules == []
    assert lines.book.line("account", "ada") is None


def test_connections_are_told_of_the_first_and_of_the_end_of_the_last() -> None:
    lines = Lines()
    impairments = lines.book.of("account")
    first, second = (impairments.add(document("loss", parameters={"p": 0.5})).id for _ in range(2))
    impairments.remove(first)
    assert [who for who, line in lines.told if line is not None] == ["ada"]
    impairments.remove(second)
    assert lines.told[1:] == [("ada", None)]


def test_datagrams_pass_all_impairments_in_their_order() -> None:
    lines = Lines()
    for kind, parameters in (("duplicate", {"p": 1}), ("delay", {"secs": 1}), ("delay", {"secs": 0.5})):
        lines.book.of("account").add(document(kind, parameters=parameters))
    lines.send(1)
    lines.time.run(3)
    assert lines.arrived == [(101.5, 1), (101.5, 1)]


def test_participants_accounts_and_directions_are_apart() -> None:
    lines = Lines()
    lines.book.of("account").add(document("blackout", direction="down"))
    lines.book.of("account").add(document("blackout", who="ben"))
    lines.book.of("another").add(document("blackout"))
    lines.send(1)
    lines.send(2, who="ben")
    assert lines.arrived == [(100.0, 1)]
    assert lines.book.line("another", "ben") is None


def test_control_traffic_passes_by_what_is_of_media_only() -> None:
    lines = Lines()
    lines.book.of("account").add(document("delay", parameters={"secs": 1}))
    lines.send(1, is_media=False)
    assert lines.arrived == [(100.0, 1)]
    lines.book.of("account").add(document("delay", parameters={"secs": 1, "traffic": "all"}))
    lines.send(2, is_media=False)
    lines.time.run(3)
    assert lines.arrived[1:] == [(101.0, 2)]


def test_what_others_lose_or_a_second_impairment_draws_does_not_change_the_first_ones_draws() -> None:
    alone, beside = Lines(), Lines()
    for lines in (alone, beside):
        lines.book.of("account").add(document("loss", parameters={"p": 0.5}))
    beside.book.of("account").add(document("jitter", parameters={"secs": 0.001}))
    beside.book.of("account").add(document("loss", who="ben", parameters={"p": 0.5}))
    for number in range(1, 51):
        alone.send(number)
        beside.send(number)
        beside.send(-number, who="ben")
    for lines in (alone, beside):
        lines.time.run(1)
    assert [n for _, n in alone.arrived] == [n for _, n in beside.arrived if n > 0]
    assert 5 < len(alone.arrived) < 45


def test_an_account_that_is_forgotten_lets_go_of_everything() -> None:
    lines = Lines()
    lines.book.of("account").add(document("delay", parameters={"secs": 60}, for_secs=100))
    lines.send(1)
    lines.book.forget("account")
    assert lines.arrived == [(100.0, 1)]
    assert lines.told[-1] == ("ada", None)
    lines.time.run(200)  # its timer is gone with it
    assert lines.book.of("account").rules == []
