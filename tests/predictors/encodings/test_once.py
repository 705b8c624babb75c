"""Equal graphs are encoded once."""

from __future__ import annotations

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.checks import example_batch
from predictors.encodings import GraphFeatures, OneHot
from predictors.encodings.once import Once


def arch(*ops):
    return ArchGraph("s", ops, tuple((i, i + 1) for i in range(len(ops) - 1)))


class Counting:
    """Gives each graph the number of graphs that were encoded together with it."""

    def fit(self, X):
        self.seen_ = len(X)
        return self

    def transform(self, X):
        return np.full((len(X), 1), float(len(X)))


def test_rows_are_those_of_the_encoding():
    batch, _ = example_batch(60)
    for encoding in (OneHot(), GraphFeatures()):
        once = Once(encoding).fit(batch[:30])
        assert np.array_equal(once.transform(batch), encoding.fit(batch[:30]).transform(batch))


def test_three_of_two_kinds_are_two():
    batch = ArchBatch([arch("a", "b"), arch("b", "a"), arch("a", "b")])
    once = Once(Counting()).fit(batch)
    assert once.encoding_.seen_ == 2
    assert once.transform(batch).tolist() == [[2], [2], [2]]
    assert once.transform(batch[:1]).tolist() == [[1]]


def test_attributes_make_graphs_differ():
    one, other = (ArchGraph("s", ("a",), (), (("channels", (width,)),)) for width in (1.0, 2.0))
    assert Once(Counting()).fit([one, other]).encoding_.seen_ == 2


def test_no_architectures():
    once = Once(OneHot()).fit(ArchBatch([arch("a", "b"), arch("b", "a")]))
    assert once.transform(ArchBatch([])).shape == (0, once.widths_[0])
