"""The Gaussian process compared with scikit-learn's, whose length scale and noise it takes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from proxybench.search.parts.gaussian_process import GaussianProcess, matern

NOISE = 1e-4


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and noisy targets, so that the noise is found inside its limits."""
    draw = np.random.default_rng(0)
    rows, noise = draw.uniform(-1, 1, (30, 3)), draw.normal(0, 0.4, 30)
    return rows[:count], (5 + 2 * np.sin(rows @ [3.0, 1.0, 0.5]) + noise)[:count]


def expected(count: int, tuned_at: int, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's answer, kernel fitted to the first `tuned_at` rows."""
    kernel = Matern(1.0, (0.01, 100.0), nu=2.5) + WhiteKernel(NOISE, (NOISE, 1.0))
    rows, targets = data(count)

    def standard(values: np.ndarray) -> np.ndarray:
        return (values - values.mean()) / values.std()

    tuned = GaussianProcessRegressor(kernel).fit(rows[:tuned_at], standard(targets[:tuned_at])).kernel_
    model = GaussianProcessRegressor(tuned, optimizer=None).fit(rows, standard(targets))
    mean, std = model.predict(asked, return_std=True)
    std = np.sqrt(np.maximum(std**2 - tuned.k2.noise_level, 0))
    return mean * targets.std() + targets.mean(), std * targets.std()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # twelve rows leave the noise at its limit
@pytest.mark.parametrize(("counts", "tuned_at"), [([12], 12), ([12, 20], 12), ([12, 24], 24)])
def test_it_answers_as_scikit_learn_does_and_tunes_when_the_rows_have_doubled(counts: list[int], tuned_at: int) -> None:
    process = GaussianProcess(1.0, NOISE)
    for count in counts:
        process.fit(*data(count))
    asked = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    mean, std = process.predict(asked)
    right_mean, right_std = expected(counts[-1], tuned_at, asked)
    assert mean == pytest.approx(right_mean, abs=1e-6)
    assert std == pytest.approx(right_std, abs=1e-5)


def test_the_covariance_is_matern_5_2() -> None:
    # At distance 2 and length 1: a = sqrt 5 x 2 = 4.4721, (1 + a + a^2 / 3) exp(-a) = .13866.
    assert matern(np.array([[0.0]]), np.array([[2.0], [0.0]]), 1.0) == pytest.approx(
        np.array([[0.138660, 1.0]]), abs=1e-6
    )


@pytest.mark.parametrize("count", [1, 2])
def test_few_or_equal_targets_are_believed_without_a_fit_of_the_kernel(count: int) -> None:
    rows = np.arange(float(count))[:, None]
    mean, std = GaussianProcess().fit(rows, np.full(count, 7.0)).predict(rows)
    assert mean == pytest.approx(np.full(count, 7.0))
    assert (std < 0.02).all()
