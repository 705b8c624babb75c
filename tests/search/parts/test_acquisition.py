"""Acquisition functions and the Gaussian process, against what can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.errors import UnknownName
from proxybench.search.parts.acquisition import acquisition
from proxybench.search.parts.gaussian_process import GaussianProcess

MEAN, STD = np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, 2.0])


def worth(name: str) -> np.ndarray:
    return acquisition(name)(MEAN, STD, 1.0, np.random.default_rng(0))


def test_upper_confidence_adds_standard_deviations() -> None:
    assert worth("ucb").tolist() == [2.576, 1, 2 + 2 * 2.576]


def test_expected_improvement_is_the_closed_form() -> None:
    # One deviation below the best: phi(1) - (1 - Phi(1)); half above with deviation 2: Phi(.5) + 2 phi(.5).
    assert worth("ei") == pytest.approx([0.0833154706, 0, 1 * 0.6914624613 + 2 * 0.3520653268])


def test_greedy_is_the_mean_and_thompson_a_draw_around_it() -> None:
    assert worth("greedy").tolist() == MEAN.tolist()
    draws = np.array([acquisition("thompson")(MEAN, STD, 1.0, np.random.default_rng(seed)) for seed in range(2000)])
    assert draws.mean(axis=0) == pytest.approx(MEAN, abs=0.15)
    assert draws.std(axis=0) == pytest.approx(STD, abs=0.1)


def test_an_unknown_acquisition_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'thompson'"):
        acquisition("thomson")


def test_the_process_knows_where_it_was_and_doubts_where_it_was_not() -> None:
    rows = np.linspace(0, 3, 8)[:, None]
    process = GaussianProcess().fit(rows, np.sin(rows[:, 0]) * 50 + 7)
    mean, std = process.predict(np.array([[1.5], [30.0]]))
    assert mean[0] == pytest.approx(np.sin(1.5) * 50 + 7, abs=0.5)
    assert std[1] > 20 * std[0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_targets_are_believed(count: int) -> None:
    rows = np.random.default_rng(0).random((count, 3))
    mean, std = GaussianProcess().fit(rows, np.full(count, 4.0)).predict(rows)
    assert mean == pytest.approx(np.full(count, 4.0))
    assert np.isfinite(std).all()
