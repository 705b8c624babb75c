"""Bootstrap intervals and p-values: what they must cover and when they must be empty."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxybench.ranking import bootstrap as module
from proxybench.ranking.correlation import kendall
from proxybench.ranking.intervals import (
    difference,
    half_interval,
    has_interval,
    interval,
    metric_intervals,
    percentile_interval,
    two_sided_p,
)
from proxybench.ranking.metrics import get_metric
from proxybench.ranking.repeats import half_of_runs, over_both


def scored(n: int, noise: float, repeats: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n)
    return target, target[:, None] + noise * rng.normal(size=(n, repeats))


def test_percentiles_by_hand() -> None:
    found = percentile_interval(50.0, np.arange(101), level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx((50.0, 5.0, 95.0))
    assert (found.level, found.resamples) == (0.9, 101)


def test_undefined_resamples_are_left_out_and_counted() -> None:
    assert percentile_interval(1.0, [0, 1, 2, math.nan]).resamples == 3


def test_an_undefined_value_has_an_empty_interval() -> None:
    found = interval([1, 2, 3], [1, 1, 1], resamples=20)
    assert math.isnan(found.value)
    assert math.isnan(found.low)
    assert found.resamples == 0


def test_a_level_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_interval(0, [1, 2], level=95)


def test_coverage_of_tau(monkeypatch: pytest.MonkeyPatch) -> None:
    # For a bivariate normal with correlation r the true tau is 2 / pi asin r; nominal coverage .95, 300 samples of 100.
    monkeypatch.setattr(module, "COMPILED_FROM", 0)
    noise = 1.0
    truth = 2 / math.pi * math.asin(1 / math.sqrt(1 + noise**2))
    covered = 0
    for seed in range(300):
        found = interval(*scored(100, noise, seed=seed), resamples=128, seed=seed)
        covered += found.low <= truth <= found.high
    assert 0.91 <= covered / 300 <= 0.985


def test_the_value_lies_inside_and_more_architectures_narrow_it() -> None:
    few, many = (interval(*scored(n, 1.0), resamples=300) for n in (100, 1600))
    assert few.low < few.value < few.high
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.4)


def test_any_function_of_targets_and_scores_can_be_bootstrapped() -> None:
    target, scores = scored(40, 1.0)
    assert interval(target, scores, "kendall", resamples=50) == interval(target, scores, kendall, resamples=50)


@pytest.mark.parametrize("over", ["architectures", "repeats", "both"])
@pytest.mark.parametrize(
    "metric", ["regret_at_1", "best_rank_at_10", "precision_at_1_percent", "kendall_top_10_percent"]
)
def test_metrics_of_the_top_have_a_value_and_no_interval(metric: str, over: str) -> None:
    target, scores = scored(100, 1.0, repeats=3)
    found = interval(target, scores, metric, over, resamples=20)
    compared = difference(target, scores, scores[:, ::-1], metric, over, resamples=20)
    assert found.value == pytest.approx(np.mean([get_metric(metric)(target, column) for column in scores.T]))
    assert np.isnan([found.low, found.high, compared.low, compared.high, compared.p_value]).all()


def test_pearson_has_an_interval_over_repeats_alone() -> None:
    target, scores = scored(100, 1.0, repeats=3)
    assert {over: has_interval("pearson", over) for over in ("architectures", "repeats", "both")} == {
        "architectures": False,
        "repeats": True,
        "both": False,
    }
    assert math.isnan(interval(target, scores, "pearson").low)
    assert interval(target, scores, "pearson", over="repeats").low > 0


def test_fewer_than_ten_architectures_have_no_interval_over_them() -> None:
    target, scores = scored(10, 1.0)
    assert interval(target, scores, resamples=50).low < 1
    scores[3] = np.nan
    found = interval(target, scores, resamples=50)
    assert found.value == kendall(target, scores[:, 0])
    assert math.isnan(found.low)
    assert math.isnan(metric_intervals(target, scores, ("kendall",), resamples=50)["kendall"][0].low)


def test_over_repeats_is_students_interval_of_their_mean() -> None:
    # t at .975 with seven degrees of freedom is 2.36462.
    target, scores = scored(200, 1.0, repeats=8)
    values = [kendall(target, scores[:, repeat]) for repeat in range(8)]
    found = interval(target, scores, over="repeats")
    assert found.value == pytest.approx(np.mean(values))
    assert found.high - found.low == pytest.approx(2 * 2.36462 * np.std(values, ddof=1) / math.sqrt(8), rel=1e-5)


def test_equal_methods_rarely_differ_over_two_repeats() -> None:
    # Taus of independent repeats are independent of each other, so that p-values are uniform: .05 +- .015 of 200.
    p_values = []
    for seed in range(200):
        target, scores = scored(50, 1.0, repeats=4, seed=seed)
        p_values.append(difference(target, scores[:, :2], scores[:, 2:], over="repeats").p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.1


def test_the_p_value_over_repeats_by_hand() -> None:
    # Taus 1 and 1 less 1/3 and -1/3: gains 2/3 and 4/3, mean 1, standard error 1/3, t = 3; with one degree of freedom
    # p = 1 - 2 / pi atan 3.
    first = np.array([[0, 0], [1, 1], [2, 2]])
    second = np.array([[0, 2], [2, 0], [1, 1]])
    found = difference(np.arange(3.0), first, second, over="repeats")
    assert (found.value, found.resamples) == (pytest.approx(1), 0)
    assert found.high - 1 == pytest.approx(12.706205 / 3)
    assert found.p_value == pytest.approx(1 - 2 / math.pi * math.atan(3))


def test_both_levels_are_wider_than_either() -> None:
    target, scores = scored(60, 2.0, repeats=4)
    widths = {
        over: (lambda found: found.high - found.low)(interval(target, scores, over=over, resamples=400))
        for over in ("architectures", "repeats", "both")
    }
    assert widths["both"] > max(widths["architectures"], widths["repeats"])


def test_two_repeats_have_a_value_and_no_interval_over_both() -> None:
    target, scores = scored(60, 1.0, repeats=6)
    two = difference(target, scores[:, :2], scores[:, 2:4], over="both", resamples=50)
    assert not math.isnan(two.value)
    assert np.isnan([two.low, two.high, two.p_value]).all()
    assert math.isnan(interval(target, scores[:, :2], over="both", resamples=50).low)
    assert difference(target, scores[:, :3], scores[:, 3:], over="both", resamples=50).low < 0.5


def test_variance_that_the_architectures_explain_is_counted_once() -> None:
    # Under the bootstrap the repeats' mean stays, and they differ by more than they do: nothing is added, no t needed.
    draws = np.array([[1.0, 0, -1], [-1, 1, 0], [0, -1, 1], [1, 0, -1]])
    values = np.array([0.1, 0.0, -0.1])
    alone = over_both(values, values + draws)
    assert (alone.error, alone.freedom) == (pytest.approx(0, abs=1e-12), math.inf)
    # A shift of 0 or 2 for all, none of their own: variance 1 and that between repeats, 4 / 3, are added.
    values = np.array([-2.0, 0, 2])
    shared = over_both(values, values + np.array([[0.0], [2.0]]))
    assert shared.error == pytest.approx(math.sqrt(1 + 4 / 3))
    assert shared.freedom == pytest.approx(2 * (7 / 4) ** 2)


def test_one_repeat_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="at least two"):
        interval(*scored(10, 1.0), over="both")


def test_a_clear_difference_is_significant() -> None:
    target, good = scored(300, 0.5)
    _, bad = scored(300, 3.0)
    found = difference(target, good[:, 0], bad[:, 0], resamples=400)
    assert found.value == pytest.approx(kendall(target, good[:, 0]) - kendall(target, bad[:, 0]))
    assert 0 < found.low < found.value < found.high
    assert found.p_value == pytest.approx(2 / 401)


def test_a_method_does_not_differ_from_itself() -> None:
    target, scores = scored(50, 1.0)
    found = difference(target, scores, scores, resamples=100)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_difference_changes_sign_with_the_order() -> None:
    target, scores = scored(80, 1.0, repeats=2)
    forth = difference(target, scores[:, 0], scores[:, 1], resamples=200)
    back = difference(target, scores[:, 1], scores[:, 0], resamples=200)
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))
    assert back.p_value == forth.p_value


def test_a_difference_counts_what_both_answer() -> None:
    target, scores = scored(80, 1.0, repeats=2)
    scores[:40, 0] = np.nan
    found = difference(target, scores[:, 0], scores[:, 1], resamples=20)
    assert found.value == pytest.approx(kendall(target[40:], scores[40:, 0]) - kendall(target[40:], scores[40:, 1]))


def test_pairing_narrows_the_difference_of_similar_methods() -> None:
    target, scores = scored(200, 1.0)
    similar = scores[:, 0] + 0.05 * np.random.default_rng(1).normal(size=200)
    paired = difference(target, scores[:, 0], similar, resamples=300)
    alone = interval(target, scores, resamples=300)
    assert paired.high - paired.low < 0.3 * (alone.high - alone.low)


def test_scores_of_different_shapes_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="one shape"):
        difference([1, 2, 3], [[1], [2], [3]], [[1, 1], [2, 2], [3, 3]])


def test_students_interval_by_hand() -> None:
    # Deviation 2; t at .975 with three degrees of freedom is 3.18245, with one 12.7062.
    assert half_interval([1, 1, 1, 5]) == pytest.approx(3.18245 * 2 / 2, rel=1e-5)
    assert half_interval(np.array([0, 2**0.5])) == pytest.approx(12.7062 / 2**0.5, rel=1e-5)
    assert half_interval([7, 7]) == 0
    assert half_interval([7]) is None
    assert half_interval([]) is None


def test_runs_have_an_interval_from_twenty_on_that_differ() -> None:
    assert half_of_runs(np.arange(19.0)) is None
    assert half_of_runs(np.ones(20)) is None
    assert half_of_runs(np.arange(20.0)) == half_interval(np.arange(20.0))


def test_p_values_by_hand() -> None:
    assert two_sided_p([1, 2, 3, -1]) == pytest.approx(2 * 2 / 5)
    assert two_sided_p([0, 0, 0]) == 1
    assert math.isnan(two_sided_p([math.nan]))


def test_p_values_of_no_difference_are_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPILED_FROM", 0)
    found = []
    for seed in range(200):
        target, scores = scored(100, 1.0, repeats=2, seed=seed)
        found.append(difference(target, scores[:, 0], scores[:, 1], resamples=128, seed=seed).p_value)
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.1
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_intervals_of_all_columns_and_metrics() -> None:
    target, scores = scored(60, 1.0, repeats=3)
    found = metric_intervals(target, scores, ("kendall", "spearman"), resamples=50)
    assert [len(columns) for columns in found.values()] == [3, 3]
    assert found["kendall"][1] == interval(target, scores[:, 1], resamples=50)
