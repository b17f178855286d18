"""Any sequence of requests, sensible or not, from several clients at once (`tests.signaling.machine`)."""

from __future__ import annotations

import pytest

from tests.signaling.machine import check


@pytest.mark.parametrize("seed", range(8))
def test_whatever_clients_do_each_request_has_one_answer_and_nothing_is_left_behind(seed: int) -> None:
    check(seed, 300)
