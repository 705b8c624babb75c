"""Combinations of proxies over a population, by ranks worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.errors import UnknownName
from proxybench.proxies import PROXIES
from proxybench.proxies.combinations import COMBINATIONS, combine

NAN = float("nan")
AZ = {
    "az_expressivity": [10.0, 30.0, 20.0],
    "az_progressivity": [-1.0, -1.0, 5.0],
    "az_trainability": [-0.5, -0.1, -0.3],
    "az_complexity": [1e6, 3e6, 2e6],
}


def test_az_nas_adds_the_logarithms_of_relative_ranks() -> None:
    # ranks: 1 3 2, then 1.5 1.5 3, then 1 3 2, then 1 3 2, of three
    expected = [3 * log(1 / 3) + log(0.5), log(0.5), 3 * log(2 / 3)]
    np.testing.assert_allclose(combine("az_nas", AZ), expected, rtol=1e-14)


def test_te_nas_adds_dense_ranks() -> None:
    # ranks: 1 2 3 4, and with shared ranks 2 1 2 3
    columns = {"ntk_cond": [-1000.0, -50.0, -7.0, -2.0], "linear_regions": [80, 20, 80, 90]}
    np.testing.assert_array_equal(combine("te_nas", columns), [3, 3, 5, 7])


def test_an_architecture_without_a_part_gets_nan_and_is_not_ranked() -> None:
    columns = {
        name: [values[0], NAN if name == "az_trainability" else 99.0, *values[1:]] for name, values in AZ.items()
    }
    scores = combine("az_nas", columns)
    assert np.isnan(scores[1])
    np.testing.assert_array_equal(scores[[0, 2, 3]], combine("az_nas", AZ))


def test_a_population_of_nobody_has_no_scores() -> None:
    assert combine("te_nas", {"ntk_cond": [], "linear_regions": []}).shape == (0,)
    assert np.isnan(combine("te_nas", {"ntk_cond": [NAN], "linear_regions": [1]})).all()


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_only_the_order_within_the_parts_matters(pairs: list[tuple[int, int]], random: object) -> None:
    first, second = (np.array(part, dtype=float) for part in zip(*pairs, strict=True))
    scores = combine("te_nas", {"ntk_cond": first, "linear_regions": second})
    stretched = combine("te_nas", {"ntk_cond": np.exp(first), "linear_regions": second**3})
    np.testing.assert_array_equal(stretched, scores)
    shuffled = np.arange(len(pairs))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    moved = combine("te_nas", {"ntk_cond": first[shuffled], "linear_regions": second[shuffled]})
    np.testing.assert_array_equal(moved, scores[shuffled])


def test_every_part_is_a_registered_proxy() -> None:
    for combination in COMBINATIONS.values():
        assert set(combination.parts) <= set(PROXIES)


def test_wrong_use_is_named() -> None:
    with pytest.raises(UnknownName, match=r"unknown combination 'aznas'. Did you mean 'az_nas'"):
        combine("aznas", AZ)
    with pytest.raises(ValueError, match="needs the columns az_trainability, az_complexity; compute"):
        combine("az_nas", dict(list(AZ.items())[:2]))
    with pytest.raises(ValueError, match=r"vectors of one length, not ntk_cond \(2,\), linear_regions \(3,\)"):
        combine("te_nas", {"ntk_cond": [1, 2], "linear_regions": [1, 2, 3]})
    with pytest.raises(ValueError, match="vectors of one length"):
        combine("te_nas", {"ntk_cond": [[1, 2]], "linear_regions": [[1, 2]]})
