"""Measures of estimates, by hand and on the published estimates of NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.oneshot.agreement import MEASURES, agreement


def test_measures_of_a_ranking_with_a_wrong_top() -> None:
    accuracies = np.arange(20.0)
    estimates = accuracies.copy()
    estimates[[19, 0]] = estimates[[0, 19]]  # the best and the worst change places
    found = agreement(accuracies, estimates)
    assert list(found) == list(MEASURES)
    assert found["kendall"] == pytest.approx(1 - 2 * 37 / 190)  # 18 + 18 + 1 pairs in the wrong order
    assert found["precision_at_5_percent"] == 0
    assert found["precision_at_10_percent"] == 0.5
    assert found["best_rank_at_1"] == 20
    assert found["best_rank_at_5"] == 2
