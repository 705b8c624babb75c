"""Average ranks over the tasks of the largest block without a gap."""

from __future__ import annotations

import pytest

from proxybench.leaderboard.page.standings import standings


def test_average_ranks_and_the_critical_difference_are_those_of_the_block() -> None:
    # Ranks: a 1, 1; b 2, 3; c 3, 2. Nemenyi, k = 3, N = 2: 2.3437 sqrt(3 x 4 / (6 x 2)) = 2.3437 (Demsar, table 5).
    values = {
        "a": {"x": 0.9, "y": 0.9, "z": 0.1},
        "b": {"x": 0.5, "y": 0.3},
        "c": {"x": 0.4, "y": 0.5},
    }
    found = standings(values)
    assert found is not None
    assert found.ranks == {"a": 1.0, "b": 2.5, "c": 2.5}
    assert found.tasks == ("x", "y")
    assert found.difference == pytest.approx(2.343, abs=1e-3)


def test_two_methods_have_ranks_but_no_test() -> None:
    found = standings({"a": {"x": 1.0}, "b": {"x": 2.0}})
    assert found is not None
    assert (found.ranks, found.difference, found.p_value) == ({"b": 1.0, "a": 2.0}, None, None)
    assert standings({"a": {"x": 1.0}}) is None
