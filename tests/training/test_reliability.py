"""Agreement between seeds and with a published table, on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from proxybench.training.reliability import agreement, by_seed, spearman_brown, split_half


def test_values_by_architecture_and_seed() -> None:
    rows = pa.table(
        {
            "arch": ["b", "b", "b", "a", "a", "b"],
            "epochs": [0, 1, 1, 1, 1, 2],
            "seed": ["", "1", "0", "0", "1", "0"],
            "test_acc": [None, 2.0, 1.0, 3.0, float("nan"), 9.0],
        }
    )
    archs, found = by_seed(rows, "test_acc", 1)
    assert archs == ["b", "a"]
    np.testing.assert_array_equal(found, [[1, 2], [3, np.nan]])


def test_each_of_three_seeds_is_held_against_the_mean_of_the_others() -> None:
    runs = [[1, 1, 6], [2, 3, 0], [4, 2, 2]]
    # The others' means are 3.5, 1.5, 2 for seed 0; 3.5, 1, 3 for seed 1; 1, 2.5, 3 for seed 2.
    assert split_half(runs).tolist() == pytest.approx([-0.5, -1, -0.5])


def test_four_seeds_are_halved_in_three_ways() -> None:
    runs = np.array([[1.0, 1.0, 9.0, 9.0], [2.0, 2.0, 5.0, 5.0], [3.0, 3.0, 0.0, 0.0]])
    # 01|23 disagree wholly; each other way gives equal means on both sides: 5, 3.5, 1.5.
    assert split_half(runs).tolist() == pytest.approx([-1, 1, 1])


def test_the_mean_of_several_seeds_is_worth_more_than_one() -> None:
    # Ranks 1234 and 1243: rho 0.8; two seeds: 1.6 / 1.8.
    assert spearman_brown([[1, 1], [2, 2], [3, 4], [4, 3]]) == pytest.approx(1.6 / 1.8)


def test_agreement_is_over_the_architectures_that_both_have() -> None:
    found = agreement([1, 2, 3, 4, 5, 9], [10, 20, 40, 30, 50, np.nan])
    assert found == pytest.approx({"architectures": 5, "spearman": 0.9, "kendall": 0.8, "spearman_top": 0.5})
