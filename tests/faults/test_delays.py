"""Delays: what is drawn follows the distribution that was asked for, and never goes beyond the bound."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faults import MAX_DELAY_SECS, Duration


def draws(form: Any, count: int = 4000) -> list[float]:
    delay = Duration().read("", form)
    rng = random.Random(1)
    return [delay.draw(rng) for _ in range(count)]


def test_fixed_is_always_the_same() -> None:
    assert set(draws(1.5, 10)) == {1.5}
    assert set(draws(0, 10)) == {0}


def test_uniform_lies_between_its_bounds() -> None:
    found = draws({"uniform": [0.2, 0.6]})
    assert 0.2 <= min(found) < 0.21
    assert 0.59 < max(found) <= 0.6
    assert statistics.mean(found) == pytest.approx(0.4, abs=0.01)


def test_lognormal_has_its_median_and_a_long_tail() -> None:
    found = draws({"lognormal": {"median": 0.2, "sigma": 0.5}})
    assert statistics.median(found) == pytest.approx(0.2, rel=0.05)
    assert statistics.mean(found) > statistics.median(found) * 1.05
    # One standard deviation in the exponent: 84 % lie below median * e^sigma.
    assert sum(secs < 0.2 * 1.6487 for secs in found) / len(found) == pytest.approx(0.841, abs=0.025)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.one_of(
        st.floats(0, MAX_DELAY_SECS),
        st.fixed_dictionaries(
            {
                "lognormal": st.fixed_dictionaries(
                    {"median": st.floats(0.000_001, MAX_DELAY_SECS), "sigma": st.floats(0, 10)}
                )
            }
        ),
        st.tuples(st.floats(0, MAX_DELAY_SECS), st.floats(0, MAX_DELAY_SECS)).map(
            lambda pair: {"uniform": sorted(pair)}
        ),
    )
)
def test_no_draw_is_below_zero_or_beyond_the_bound_and_the_form_survives(form: Any) -> None:
    shape = Duration()
    delay = shape.read("", form)
    rng = random.Random(3)
    assert all(0 <= delay.draw(rng) <= MAX_DELAY_SECS for _ in range(20))
    assert shape.read("", shape.write(delay)) == delay
