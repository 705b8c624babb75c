"""The scores of architectures whose output does not depend on the input."""

from __future__ import annotations

import numpy as np

from predictors import ArchGraph
from predictors.constant_graphs import constants, score_of_constants

EDGES = ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4))


def cell(first, second, third):
    return ArchGraph("s", ("input", first, second, third, "output"), EDGES)


def test_constants_are_scored_as_those_trained_on_or_as_the_lowest():
    constant = constants([cell("conv", "none", "none"), cell("conv", "conv", "conv"), cell("none", "skip", "none")])
    assert constant.tolist() == [True, False, True]
    assert score_of_constants(constant, np.array([1.0, -5.0, 3.0])) == 2.0
    assert score_of_constants(~constant & constant, np.array([1.0, -5.0, 3.0])) == -5.0
    assert score_of_constants(~constant & constant, np.array([1.0, -5.0, 3.0]), np.array([0.0, 0.0, -6.0])) == -6.0
