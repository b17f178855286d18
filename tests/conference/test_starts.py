"""When media begins, in a time that passes as the test says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emulator.conference.starts import LONGEST_SECS, QUIET_SECS, RECENT_SECS, Starts
from tests.media.simulated_time import SimulatedTime

ADA, GRACE = ("ada", "connection 1"), ("grace", "connection 2")


class Watched:
    """Which media has begun, by handle and in order."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.starts = Starts(self.time)
        self.begun: list[int] = []

    def connecting(self, *handles: int, viewer: tuple[str, str] = ADA) -> None:
        for handle in handles:
            self.starts.connecting(viewer, handle)

    def connected(self, *handles: int, viewer: tuple[str, str] = ADA) -> None:
        for handle in handles:
            self.starts.connected(viewer, handle, self._beginning(handle))

    def _beginning(self, handle: int) -> Callable[[], object]:
        return lambda: self.begun.append(handle)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_one_by_itself_begins_at_once(watched: Watched) -> None:
    watched.connecting(1)
    watched.connected(1)
    assert watched.begun == [1]
    watched.connecting(2)
    watched.connected(2)
    assert watched.begun == [1, 2]


def test_those_on_their_way_together_begin_together(watched: Watched) -> None:
    watched.connecting(1, 2, 3)
    watched.connected(2, 1)
    assert watched.begun == []
    watched.connected(3)
    assert watched.begun == [2, 1, 3]
    watched.time.run(10 * LONGEST_SECS)
    assert watched.begun == [2, 1, 3], "each of them once"


def test_when_the_others_are_stuck_it_waits_no_longer(watched: Watched) -> None:
    watched.connecting(1, 2)
    watched.connected(1)
    watched.time.run(QUIET_SECS * 0.9)
    assert watched.begun == []
    watched.time.run(QUIET_SECS * 0.2)
    assert watched.begun == [1]
    watched.connected(2)
    assert watched.begun == [1, 2]


def test_as_long_as_the_others_get_on_it_waits_for_them(watched: Watched) -> None:
    """Each step counts, of any of them: an answer, or a connection that is up."""
    watched.connecting(1, 2, 3, 4)
    watched.connected(1)
    watched.time.run(QUIET_SECS * 0.9)
    watched.connecting(5)
    watched.time.run(QUIET_SECS * 0.9)
    watched.connected(2)
    watched.time.run(QUIET_SECS * 0.9)
    assert watched.begun == []
    watched.time.run(QUIET_SECS * 0.2)
    assert watched.begun == [1, 2]


def test_nobody_waits_for_longer_than_so_long(watched: Watched) -> None:
    watched.connecting(*range(100))
    for number in range(100):
        watched.connected(number)
        watched.time.run(QUIET_SECS / 2)
        waited_for = (number + 1) * QUIET_SECS / 2
        if not watched.begun:
            assert waited_for < LONGEST_SECS
        elif len(watched.begun) == number + 1:
            assert waited_for == pytest.approx(LONGEST_SECS)
            break
    else:
        pytest.fail("they waited for ever")


def test_viewers_do_not_wait_for_each_other(watched: Watched) -> None:
    watched.connecting(1)
    watched.connecting(2, viewer=GRACE)
    watched.connected(1)
    assert watched.begun == [1]
    watched.connected(2, viewer=GRACE)
    assert watched.begun == [1, 2]


def test_what_has_been_on_its_way_for_long_is_not_waited_for(watched: Watched) -> None:
    watched.connecting(1)
    watched.time.run(RECENT_SECS)
    watched.connecting(2)
    watched.connected(2)
    assert watched.begun == [2]
    watched.connected(1)
    assert watched.begun == [2, 1]


def test_who_ends_on_the_way_is_not_waited_for(watched: Watched) -> None:
    watched.connecting(1, 2)
    watched.connected(1)
    watched.starts.gone(ADA, 2)
    assert watched.begun == [1]


def test_what_ends_while_it_waits_never_begins(watched: Watched) -> None:
    watched.connecting(1, 2)
    watched.connected(1)
    watched.starts.gone(ADA, 1)
    watched.connected(2)
    watched.time.run(10 * LONGEST_SECS)
    assert watched.begun == [2]


def test_of_a_viewer_who_has_left_nothing_begins_when_one_after_the_other_ends(watched: Watched) -> None:
    watched.connecting(1, 2)
    watched.connected(1)
    watched.starts.drop(ADA)
    watched.starts.gone(ADA, 2)
    watched.time.run(10 * LONGEST_SECS)
    watched.starts.gone(ADA, 1)
    watched.starts.drop(GRACE)
    assert watched.begun == []
    assert watched.starts.viewers == 0


def test_the_end_of_what_is_not_known_is_no_news(watched: Watched) -> None:
    watched.starts.gone(ADA, 1)
    watched.connecting(2, 3)
    watched.connected(2)
    watched.starts.gone(ADA, 1)
    watched.starts.gone(GRACE, 3)
    assert watched.begun == []


def test_what_begins_may_end_what_was_to_begin_after_it(watched: Watched) -> None:
    watched.connecting(1, 2)
    watched.starts.connected(ADA, 1, lambda: watched.starts.gone(ADA, 2))
    watched.connected(2)
    watched.time.run(10 * LONGEST_SECS)
    assert watched.begun == []


def test_nothing_is_kept_of_viewers_who_are_done(watched: Watched) -> None:
    watched.connecting(1, 2, 3)
    watched.connected(1)
    watched.time.run(LONGEST_SECS)
    watched.starts.gone(ADA, 2)
    watched.starts.gone(ADA, 3)
    watched.connecting(4, viewer=GRACE)
    watched.connected(4, viewer=GRACE)
    watched.starts.gone(GRACE, 4)
    assert watched.starts.viewers == 0
