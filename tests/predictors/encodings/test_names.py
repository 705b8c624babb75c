"""Encodings by name."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from predictors.checks import example_batch
from predictors.encodings import ENCODINGS, Columns, Joined, OneHot, encoding, encoding_parts
from predictors.errors import UnknownName


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_every_encoding_is_a_function_of_each_architecture_alone(name):
    batch, _ = example_batch(50)
    found = encoding(name).fit(batch[:30])
    rows = found.transform(batch)
    assert rows.shape[0] == 50
    assert rows.dtype == np.float64
    order = np.random.default_rng(0).permutation(50)
    assert np.array_equal(found.transform(batch[order]), rows[order], equal_nan=True)
    assert found.transform(batch[:0]).shape == (0, rows.shape[1])
    assert sum(found.widths_) == rows.shape[1]


def test_names_are_joined_by_plus():
    parts = encoding_parts(["onehot + paths", Columns("rank")])
    assert [type(part).__name__ for part in parts] == ["OneHot", "Paths", "Columns"]
    with pytest.raises(UnknownName, match="Did you mean 'onehot'"):
        encoding("one-hot")
    with pytest.raises(TypeError, match="int does not have both"):
        encoding_parts([3])


def test_joined_leaves_its_parts_unfitted():
    part = OneHot()
    batch, _ = example_batch(10)
    Joined([part]).fit(batch)
    assert not hasattr(part, "used_")
    assert clone(Columns("rank")).get_params() == {"scale": "rank", "only": None, "costs_of_dead": True}
