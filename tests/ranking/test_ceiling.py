"""The noise ceiling against simulated targets whose truth is known, and the per-seed accuracies of NAS-Bench-201."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from proxybench.ranking.ceiling import noise_ceiling, seed_to_seed_tau, share_of_ceiling
from proxybench.ranking.correlation import kendall
from proxybench.ranking.noise_model import grid_spacing


def measured(n: int, seeds: int, noise: float, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and measurements like accuracies: skewed, and noisier where they are worse."""
    rng = np.random.default_rng(0)
    truth = 94 - 3 * rng.gamma(0.7, size=n)
    table = truth[:, None] + noise * (0.2 + 0.1 * (94 - truth[:, None])) * rng.normal(size=(n, seeds))
    table[rng.random(n) < missing, 1:] = np.nan
    return truth, table


@pytest.mark.parametrize(("seeds", "noise", "missing"), [(2, 1.0, 0.0), (3, 1.0, 0.0), (3, 1.0, 0.4), (5, 1.5, 0.0)])
def test_the_attainable_tau_is_that_of_the_truth(seeds: int, noise: float, missing: float) -> None:
    truth, table = measured(1500, seeds, noise, missing)
    found = noise_ceiling(table, resamples=50)
    assert found is not None
    assert found.attainable.value == pytest.approx(kendall(truth, np.nanmean(table, axis=1)), abs=0.02)


def test_the_attainable_tau_of_normal_truths_in_closed_form() -> None:
    # Correlation of two seeds 1 / (1 + .16), of the truth with the mean of four 1 / sqrt(1 + .04).
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    found = noise_ceiling(truth[:, None] + 0.4 * rng.normal(size=(4000, 4)), resamples=20)
    assert found is not None
    assert found.seed_to_seed.value == pytest.approx(2 / math.pi * math.asin(1 / 1.16), abs=0.012)
    assert found.attainable.value == pytest.approx(2 / math.pi * math.asin(1 / math.sqrt(1.04)), abs=0.012)


def test_more_seeds_in_the_mean_raise_the_ceiling_and_one_seed_keeps_below_its_bound() -> None:
    _, table = measured(800, 3, 2.0)
    one, three = (noise_ceiling(table, averaged=averaged, resamples=20) for averaged in (1, 3))
    assert one is not None
    assert three is not None
    assert one.seed_to_seed.value < one.attainable.value < one.one_seed_bound
    assert one.attainable.value < three.attainable.value < 1


def test_the_interval_holds_the_value_and_counts_are_reported() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 1)) + 0.4 * rng.normal(size=(500, 3))
    table[rng.random(500) < 0.5, 1:] = np.nan
    table[:7] = np.nan
    found = noise_ceiling(table, resamples=100)
    assert found is not None
    assert found.attainable.low < found.attainable.value < found.attainable.high
    assert found.architectures == 493
    assert found.repeated == int(np.isfinite(table[:, 1]).sum())


def test_one_seed_leaves_the_ceiling_unknown() -> None:
    assert noise_ceiling(np.arange(10.0)[:, None]) is None
    assert noise_ceiling(np.column_stack([np.arange(10.0), np.full(10, np.nan)])) is None


def test_seeds_that_agree_in_nothing_leave_the_ceiling_unknown() -> None:
    assert noise_ceiling(np.column_stack([np.arange(10.0), -np.arange(10.0)]), resamples=20) is None


def test_seeds_that_agree_in_everything_have_the_ceiling_one() -> None:
    found = noise_ceiling(np.column_stack([np.arange(10.0), np.arange(10.0)]), resamples=20)
    assert found is not None
    assert found.attainable.value == 1.0


def test_seeds_that_agree_and_tie_leave_what_is_equal_unordered() -> None:
    # Two of the ten values are equal: 44 of 45 pairs are ordered, and tau-b divides by sqrt(45 x 44).
    values = np.array([0, 0, 2, 3, 4, 5, 6, 7, 8, 9])
    found = noise_ceiling(np.column_stack([values, values]), resamples=20)
    assert found is not None
    assert found.attainable.value == pytest.approx(math.sqrt(44 / 45))


def test_rounding_lowers_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    truth = 90 + 2 * rng.normal(size=1500)
    table = np.round(truth[:, None] + 0.7 * rng.normal(size=(1500, 3)))
    found = noise_ceiling(table, resamples=50)
    assert found is not None
    assert found.attainable.value == pytest.approx(kendall(truth, table.mean(axis=1)), abs=0.015)


def test_runs_that_diverge_lower_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    truth = 90 + 2 * rng.normal(size=1500)
    table = truth[:, None] + 0.5 * rng.normal(size=(1500, 3))
    table[rng.random(table.shape) < 0.02] = 10
    found = noise_ceiling(table, resamples=50)
    assert found is not None
    assert found.attainable.value == pytest.approx(kendall(truth, table.mean(axis=1)), abs=0.02)
    assert math.isnan(found.attainable.low)


def test_heavy_tails_of_the_noise_leave_the_value_and_no_interval() -> None:
    rng = np.random.default_rng(0)
    truth = 90 + 2 * rng.normal(size=500)
    heavy, normal = rng.standard_t(2, size=(500, 3)), rng.normal(size=(500, 3))
    found = [noise_ceiling(truth[:, None] + 0.4 * noise, resamples=50) for noise in (heavy, normal)]
    assert [one is not None and math.isnan(one.attainable.low) for one in found] == [True, False]
    assert not math.isnan(found[0].attainable.value if found[0] else math.nan)


def test_a_ceiling_is_unknown_below_the_least_tau_between_seeds() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=500)
    found = [noise_ceiling(truth[:, None] + size * rng.normal(size=(500, 3)), resamples=50) for size in (0.4, 0.7)]
    taus = [one.seed_to_seed.value for one in found if one]
    assert taus[0] > 0.6 > taus[1] > 0.4
    assert [bool(one and one.reason) for one in found] == [False, True]


def test_clusters_of_nearly_equal_architectures_leave_the_ceiling_unknown() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice([70.0, 85.0, 90.0, 92.0], 1500) + 0.05 * rng.normal(size=1500)
    found = noise_ceiling(truth[:, None] + 0.5 * rng.normal(size=(1500, 3)), resamples=50)
    assert found is not None
    assert math.isnan(found.attainable.value)
    assert "clusters" in found.reason


def test_noise_without_signal_leaves_the_ceiling_unknown() -> None:
    rng = np.random.default_rng(0)
    found = [noise_ceiling(rng.normal(size=(200, 3)), resamples=100) for _ in range(20)]
    reasons = [one.reason for one in found if one is not None]
    assert reasons
    assert all("hardly agree" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("values", "spacing"),
    [
        ([94.37, 94.38, 94.37, 91.0], 0.01),
        ([1 / 3, 2 / 3, 2 / 3, 4 / 3], 1 / 3),
        ([0.1, 0.2, 0.3, 0.4], 0.0),  # nothing is equal
        ([0.0, 0.0, 1.0, math.pi], 0.0),
    ],
)
def test_the_grid_that_values_lie_on(values: list[float], spacing: float) -> None:
    assert grid_spacing(np.array(values)) == pytest.approx(spacing)


def test_seed_to_seed_is_the_mean_over_pairs_on_what_both_have() -> None:
    table = np.array([[1, 2, 1], [2, 1, 3], [3, 3, np.nan], [4, 4, 2]], dtype=float)
    pairs = [kendall(table[:, first], table[:, second]) for first, second in ((0, 1), (0, 2), (1, 2))]
    found = seed_to_seed_tau(table, resamples=20)
    assert found is not None
    assert found.value == pytest.approx(np.mean(pairs))


def test_results_repeat_exactly() -> None:
    _, table = measured(200, 3, 2.0)
    assert noise_ceiling(table, resamples=20, seed=3) == noise_ceiling(table, resamples=20, seed=3)


def test_share_of_the_ceiling() -> None:
    assert share_of_ceiling(0.6, 0.8) == pytest.approx(0.75)
    assert share_of_ceiling(0.6, None) is None
    assert share_of_ceiling(math.nan, 0.8) is None


def test_a_vector_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[architectures, seeds\]"):
        noise_ceiling(np.arange(3.0))


def test_no_averaged_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        noise_ceiling([[1, 2], [3, 4]], averaged=0)


def test_nasbench201_cifar10_seeds(mirror: Path) -> None:
    from proxybench.readers.untrusted import read_pickle

    accuracies = list(read_pickle(next(mirror.glob("HamsterMimi/MeCo/*/notebooks_201/nb2_test_acc_cf10.p"))).values())
    table = np.array([row + [math.nan] * (3 - len(row)) for row in accuracies])
    found = noise_ceiling(table, resamples=50)
    assert found is not None
    assert (found.repeated, found.architectures) == (13_400, 15_625)
    assert found.seed_to_seed.value == pytest.approx(0.908, abs=1e-3)
    assert found.attainable.value == pytest.approx(0.953, abs=2e-3)
