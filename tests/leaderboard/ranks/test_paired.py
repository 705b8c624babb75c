"""Paired differences, by hand."""

from __future__ import annotations

import pytest

from predictors.errors import UnknownName
from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.leaderboard.ranks.paired import paired_gains


def entries(record, **taus: list[float | None]):
    return entries_of(
        record(method, tau, kind="predictor", n_train=10, repeat=repeat)
        for method, values in taus.items()
        for repeat, tau in enumerate(values)
    )


def test_gains_are_paired_by_repeat(record) -> None:
    found = paired_gains(entries(record, base=[0.5, 0.6, 0.1], good=[0.6, 0.8], worse=[0.4, 0.7, 0.0]), "base")
    assert [one.entry.method for one in found] == ["good", "worse"]
    assert (found[0].gain, found[0].better, found[0].repeats) == (pytest.approx(0.15), 2, 2)
    half = 12.706205 * 0.05  # t of one degree of freedom at .975 times the standard error of .1 and .2
    assert (found[0].low, found[0].high) == (pytest.approx(0.15 - half), pytest.approx(0.15 + half))
    assert (found[1].gain, found[1].better, found[1].repeats) == (pytest.approx(-0.1 / 3), 1, 3)


def test_one_repeat_has_no_interval_and_none_in_common_no_row(record) -> None:
    found = paired_gains(entries(record, base=[0.5, None], one=[0.6], other=[None, 0.2]), "base")
    assert [(one.entry.method, one.low, one.high) for one in found] == [("one", None, None)]


def test_the_draws_are_compared_by_rank(record) -> None:
    # All sixteen pairs go one way: of the 70 ways to choose four of eight ranks two are as extreme.
    found = paired_gains(entries(record, base=[0.1, 0.2, 0.3, 0.4], good=[0.5, 0.8, 0.6, 0.7], one=[0.9]), "base")
    assert {one.entry.method: one.p_value for one in found} == {"good": pytest.approx(2 / 70), "one": None}


def test_a_method_that_was_not_run_is_named(record) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'base'"):
        paired_gains(entries(record, base=[0.5]), "bse")
