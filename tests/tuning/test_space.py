from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merbench.tuning.space import Choice, Float, Int


@given(st.floats(1e-6, 1e6))
def test_a_range_holds_the_value_it_was_widened_for_and_all_it_held(value) -> None:
    space = Float(0.1, 10.0, log=True).holding(value)
    assert space.low <= min(value, 0.1)
    assert space.high >= max(value, 10.0)
    assert space.log


@given(st.floats(0.0123456, 0.987654))
def test_a_drawn_value_has_three_digits_and_stays_within(value) -> None:
    tidy = Float(0.0123456, 0.987654).tidy(value)
    assert 0.0123456 <= tidy <= 0.987654
    assert math.isclose(tidy, value, rel_tol=5e-3)


@pytest.mark.parametrize(
    ("space", "value", "outside"),
    [
        (Float(0.0, 1.0), 0.5, None),
        (Float(0.0, 1.0), 0.06, None),
        (Float(0.0, 1.0), 0.04, -0.05),
        (Float(0.0, 1.0), 1.0, 1.05),
        # On a log scale from 1e-4 to 1, a twentieth of the range is a factor of 10^0.2.
        (Float(1e-4, 1.0, log=True), 0.7, 10**0.2),
        (Float(1e-4, 1.0, log=True), 0.6, None),
        (Float(1e-4, 1.0, log=True), 1e-4, 10**-4.2),
        (Int(1, 4), 4, 5),
        (Int(1, 4), 1, 0),
        (Int(1, 4), 3, None),
        (Choice(("a", "b")), "a", None),
    ],
)
def test_a_value_near_an_end_has_a_neighbour_outside(space, value, outside) -> None:
    assert space.beyond(value) == (None if outside is None else pytest.approx(outside))


def test_whole_numbers_and_choices_are_widened_too() -> None:
    assert Int(1, 4).holding(6) == Int(1, 6)
    assert Choice((16, 32)).holding(64) == Choice((16, 32, 64))
    assert Choice((16, 32)).holding(32) == Choice((16, 32))


@pytest.mark.parametrize(
    "make", [lambda: Float(1, 1), lambda: Int(0, 4, log=True), lambda: Choice((1,))]
)
def test_a_space_with_nothing_to_choose_is_refused(make) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


def test_a_log_range_cannot_hold_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Float(0.1, 1.0, log=True).holding(0.0)
