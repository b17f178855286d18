import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario.reading.core_schema import MAX_NUMBER_LENGTH, resolve


@pytest.mark.parametrize(
    "text",
    ["on", "off", "yes", "no", "y", "n", "Yes", "1:30", "190:20:30", "2026-01-01", "1_000", "0b11", "tRUE", "=", "<<"],
)
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_null(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_only_true_and_false_are_booleans(text: str, value: bool) -> None:
    assert resolve(text) is value


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-7", -7), ("+12", 12), ("010", 10), ("0o17", 15), ("0xfF", 255), ("00", 0)]
)
def test_integers_are_decimal_unless_marked(text: str, value: int) -> None:
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.", 1.0), (".5", 0.5), ("-1.5e3", -1500.0), ("1e3", 1000.0), (".inf", math.inf), ("-.INF", -math.inf)],
)
def test_floats(text: str, value: float) -> None:
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is float


def test_not_a_number() -> None:
    resolved = resolve(".nan")
    assert isinstance(resolved, float)
    assert math.isnan(resolved)


@pytest.mark.parametrize("text", [".", "+", "-", "e3", "1e", "0x", "0o8", "0xg", "-0x1", "+.nan", "1.2.3"])
def test_almost_numbers_are_text(text: str) -> None:
    assert resolve(text) == text


def test_endless_digits_stay_text() -> None:
    digits = "9" * (MAX_NUMBER_LENGTH + 1)
    assert resolve(digits) == digits


@given(st.text())
def test_every_text_has_a_value(text: str) -> None:
    assert isinstance(resolve(text), str | int | float | None)
