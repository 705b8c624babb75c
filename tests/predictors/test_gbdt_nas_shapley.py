"""Shapley and interaction values of tree models: their definition, what they add up to, and LightGBM's own."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from predictors.gbdt_nas import interaction_values, published_booster
from predictors.gbdt_nas.trees import Leaf, trees


def by_definition(game, players: int) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values, and interaction values with half a pair's on each side, from all coalitions."""
    values, pairs = np.zeros(players), np.zeros((players, players))
    for one in range(players):
        others = [player for player in range(players) if player != one]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            values[one] += sum(weight * (game({*s, one}) - game(set(s))) for s in combinations(others, size))
        for other in others:
            rest = [player for player in others if player != other]
            for size in range(players - 1):
                weight = factorial(size) * factorial(players - size - 2) / (2 * factorial(players - 1))
                pairs[one, other] += sum(
                    weight * (game({*s, one, other}) - game({*s, one}) - game({*s, other}) + game(set(s)))
                    for s in combinations(rest, size)
                )
        pairs[one, one] = values[one] - pairs[one].sum()
    return values, pairs


def expectation(node: dict, row: np.ndarray, known: set[int]) -> float:
    """The prediction of a tree when only some features are known: the other splits go both ways (Lundberg et al.)."""
    if "leaf_value" in node:
        return node["leaf_value"]
    sides = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expectation(sides[int(row[node["split_feature"]] > node["threshold"])], row, known)
    counts = [side.get("leaf_count", side.get("internal_count")) for side in sides]
    return sum(count * expectation(side, row, known) for count, side in zip(counts, sides, strict=True)) / sum(counts)


@pytest.fixture(scope="module")
def numeric():
    """A model on five numeric features, which trees split several times on a path."""
    rows = np.random.default_rng(0).normal(size=(300, 5))
    targets = rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + rows[:, 0] ** 2
    return published_booster(rows, targets, 0, num_iterations=5, learning_rate=0.5, num_leaves=12), rows


def all_leaves(booster) -> list[Leaf]:
    return [leaf for tree in trees(booster) for leaf in tree]


def shapley_values(booster, rows: np.ndarray) -> np.ndarray:
    """Those of LightGBM, without the expected value in the last column."""
    return booster.predict(rows, pred_contrib=True)[:, :-1]


def test_values_are_the_sums_over_coalitions_that_define_them(numeric) -> None:
    booster, rows = numeric
    structures = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    values, pairs = shapley_values(booster, rows[:3]), interaction_values(all_leaves(booster), rows[:3])
    for place in range(3):
        expected, expected_pairs = by_definition(
            lambda known, row=rows[place]: sum(expectation(tree, row, known) for tree in structures), 5
        )
        np.testing.assert_allclose(values[place], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(pairs[place], expected_pairs, rtol=0, atol=1e-12)


def test_interactions_add_up_to_them_and_are_symmetric(numeric) -> None:
    booster, rows = numeric
    pairs = interaction_values(all_leaves(booster), rows)
    np.testing.assert_allclose(pairs.sum(axis=2), shapley_values(booster, rows), rtol=0, atol=1e-12)
    np.testing.assert_allclose(pairs, pairs.transpose(0, 2, 1), rtol=0, atol=1e-14)


def test_values_of_one_leaf_by_hand() -> None:
    # Worth 8 where both features are above 0; half and a quarter of the training rows are. v() = 1, v(0) = 2,
    # v(1) = 4, v(0, 1) = 8: phi_0 = (1 + 4) / 2 = 2.5, phi_1 = (3 + 6) / 2 = 4.5, the pair adds 8 - 2 - 4 + 1 = 3.
    leaf = Leaf(8.0, np.array([0, 1]), np.zeros(2), np.full(2, np.inf), np.array([0.5, 0.25]))
    row = np.ones((1, 2))
    np.testing.assert_allclose(interaction_values([leaf], row), [[[1.0, 1.5], [1.5, 3.0]]])


def test_categorical_splits_are_refused() -> None:
    import lightgbm

    rows = np.repeat(np.arange(3.0), 40)[:, None]
    data = lightgbm.Dataset(rows, rows[:, 0] % 2, categorical_feature=[0])
    booster = lightgbm.train({"verbosity": -1, "min_data_per_group": 1, "cat_smooth": 0}, data, num_boost_round=1)
    with pytest.raises(ValueError, match="categorical"):
        trees(booster)
