"""Roots by Brent's method, and blurred densities, have the bits that scipy gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import brentq

from proxybench.ranking.noise_model import _blurred
from proxybench.ranking.roots import root

numbers = st.floats(-3, 3)


@given(st.lists(numbers, min_size=2, max_size=6), st.floats(0.01, 5), st.sampled_from([1e-2, 1e-4, 1e-9]))
def test_a_root_of_a_polynomial_is_that_of_scipy(terms: list[float], high: float, tolerance: float) -> None:
    def value(x: float) -> float:
        return sum(term * x**power for power, term in enumerate(terms))

    if value(-1.0) * value(high) < 0:
        assert root(value, -1.0, high, tolerance) == brentq(value, -1.0, high, xtol=tolerance)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_a_root_of_what_is_steep_or_has_steps_is_that_of_scipy(tolerance: float) -> None:
    for function in (
        lambda x: math.exp(9 * x) - 2,
        lambda x: math.atan(50 * (x - 0.3)),
        lambda x: round(20 * (x - 0.337)) / 20,
        lambda x: (x - 0.7) ** 3,
    ):
        assert root(function, -1.0, 2.5, tolerance) == brentq(function, -1.0, 2.5, xtol=tolerance)


def test_an_end_may_be_the_root() -> None:
    assert root(lambda x: x, 0.0, 1.0, 1e-4) == 0
    assert root(lambda x: x - 1, 0.0, 1.0, 1e-4) == 1


def test_a_root_that_is_hardly_approached_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match=r"no root between -1 and 2\.5 was found in 100 steps"):
        root(lambda x: (x - 0.7) ** 9, -1.0, 2.5, 1e-12)


def test_no_change_of_sign_is_an_error() -> None:
    with pytest.raises(ValueError, match="of the same sign"):
        root(lambda x: x * x + 1, -1.0, 1.0, 1e-4)


@pytest.mark.parametrize("width", [0.3, 1 / (math.sqrt(3) * 0.2), 5.0])
@pytest.mark.parametrize("size", [1, 4, 37, 900])
def test_blurred_values_are_those_of_scipy(size: int, width: float) -> None:
    values = np.random.default_rng(size).random(size) ** 4
    expected = gaussian_filter1d(values, width, mode="reflect", truncate=5)
    assert np.array_equal(_blurred(values, width), expected)
