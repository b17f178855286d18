import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario.reading.durations import seconds, written


@pytest.mark.parametrize(
    ("text", "value"),
    [("0s", 0), ("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("1m", 60), ("1m30s", 90), ("1h1s", 3601), ("24h", 86_400)],
)
def test_durations_are_numbers_with_units(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "2", "s", "2 s", "-1s", "1:30", "30s1m", "1s2s", "25h", "1d", "1.s", "9" * 50 + "s"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0s"), (0.25, "250ms"), (2, "2s"), (90, "1m30s"), (60, "1m"), (3600, "1h"), (61.5, "1m1.5s")],
)
def test_durations_are_written_as_people_do(value: float, text: str) -> None:
    assert written(value) == text


@given(st.integers(0, 86_400_000))
def test_what_is_written_reads_back(milliseconds: int) -> None:
    assert seconds(written(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
