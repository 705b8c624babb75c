"""Trees as tables of bits: the leaf of a row by hand, and equality with LightGBM's predictions."""

from __future__ import annotations

import numpy as np
import pytest

from predictors.gbdt_nas import published_booster
from predictors.gbdt_nas.byte_tables import ByteTables
from predictors.gbdt_nas.trees import Leaf, trees


def leaf(value: float, **on: bool) -> Leaf:
    """A leaf whose conditions are features by number, on or off: `leaf(2.0, f9=True)`."""
    count = len(on)
    low = np.array([0.5 if wanted else -np.inf for wanted in on.values()])
    high = np.array([np.inf if wanted else 0.5 for wanted in on.values()])
    return Leaf(value, np.array([int(name[1:]) for name in on], dtype=np.int64), low, high, np.full(count, 0.5))


def test_leaves_by_hand() -> None:
    # Two trees on ten features, which are two bytes; the second tree has a single leaf.
    first = [leaf(1.0, f0=False), leaf(2.0, f0=True, f9=False), leaf(4.0, f0=True, f9=True)]
    rows = np.zeros((4, 10))
    rows[1, 0] = rows[2, 0] = rows[2, 9] = rows[3, 9] = 1
    assert ByteTables([first, [leaf(10.0)]], 10).scores(rows).tolist() == [11, 12, 14, 11]
    assert ByteTables([], 10).scores(rows).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("features", "leaves"), [(5, 31), (41, 31), (41, 200)])
def test_sums_are_those_of_lightgbm_bit_for_bit(features: int, leaves: int) -> None:
    random = np.random.default_rng(features)
    rows = random.integers(0, 2, (40_000, features)).astype(np.float64)
    targets = rows @ random.normal(size=features) + rows[:, 0] * rows[:, 1]
    booster = published_booster(rows[:3000], targets[:3000], 0, num_leaves=leaves, min_data_in_leaf=3)
    found = trees(booster)
    assert (max(map(len, found)) > 63) == (leaves == 200)  # more leaves than a table has bits
    np.testing.assert_array_equal(ByteTables(found, features).scores(rows), booster.predict(rows, num_threads=1))
