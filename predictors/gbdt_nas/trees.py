"""A LightGBM model as a list of leaves, each with the conditions on the path to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Leaf:
    """A leaf with conditions on d different features.

    Attributes:
        value: the leaf's contribution to the prediction.
        features: int64[d], the features of the conditions.
        low, high: float64[d]; a row meets a condition if low < x <= high.
        share: float64[d], the product over the splits on the feature of the fraction of training rows at the split
            that continued towards the leaf.
    """

    value: float
    features: NDArray[np.int64]
    low: Floats
    high: Floats
    share: Floats

    def met(self, rows: Floats) -> NDArray[np.bool_]:
        """Which conditions each row meets, bool[n, d]."""
        columns = rows[:, self.features]
        return (self.low < columns) & (columns <= self.high)


_Condition = tuple[float, float, float]


def trees(booster: Any) -> list[list[Leaf]]:
    """The leaves of each tree of a fitted booster.

    Args:
        booster: a `lightgbm.Booster` with one output and numeric features.

    Raises:
        ValueError: if the model has categorical splits or several outputs.
    """
    model = booster.dump_model()
    if model["num_tree_per_iteration"] != 1:
        raise ValueError(f"the model has {model['num_tree_per_iteration']} outputs; fit one model per output")
    return [list(_below(tree["tree_structure"], {})) for tree in model["tree_info"]]


def _below(node: dict[str, Any], path: dict[int, _Condition]) -> Iterator[Leaf]:
    if "leaf_value" in node:
        conditions = np.array(list(path.values()), dtype=np.float64).reshape(-1, 3)
        yield Leaf(float(node["leaf_value"]), np.array(list(path), dtype=np.int64), *conditions.T)
        return
    if node["decision_type"] != "<=":
        raise ValueError(f"a split by {node['decision_type']!r} is categorical; only numeric features are supported")
    feature, threshold = int(node["split_feature"]), float(node["threshold"])
    low, high, share = path.get(feature, (-np.inf, np.inf, 1.0))
    sides = ((node["left_child"], low, min(high, threshold)), (node["right_child"], max(low, threshold), high))
    for child, above, upto in sides:
        yield from _below(child, {**path, feature: (above, upto, share * _count(child) / _count(node))})


def _count(node: dict[str, Any]) -> int:
    return int(node["leaf_count"] if "leaf_value" in node else node["internal_count"])
