"""Average ranks over tasks, worked out by hand."""

from __future__ import annotations

import pytest

from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.leaderboard.ranks.overall import Comparison, Scope, compare, rank_tasks, scopes_of

# tau          one       two        three     four       average rank
# a         .8 (1)    .7 (1.5)    .5 (3)    .6 (2)    7.5 / 4 = 1.875
# b         .6 (2)    .7 (1.5)    .6 (2)    .5 (3)    8.5 / 4 = 2.125
# c         .4 (3)    .5 (3)      .9 (1)    .4 (4)   11   / 4 = 2.75
# d         .2 (4)    .1 (4)      .3 (4)    .7 (1)   13   / 4 = 3.25
TAUS = {
    "a": {"one": 0.8, "two": 0.7, "three": 0.5, "four": 0.6},
    "b": {"one": 0.6, "two": 0.7, "three": 0.6, "four": 0.5},
    "c": {"one": 0.4, "two": 0.5, "three": 0.9, "four": 0.4},
    "d": {"one": 0.2, "two": 0.1, "three": 0.3, "four": 0.7},
}


def compared(records) -> Comparison:
    """The comparison over all tasks of records of one pool."""
    entries = entries_of(records)
    (found,) = compare(rank_tasks(entries), scopes_of(entries, {})[0])
    return found


def four_by_four(record, taus=TAUS):
    return [record(method, tau, task) for method, by_task in taus.items() for task, tau in by_task.items()]


def test_four_methods_on_four_tasks(record) -> None:
    found = compared(four_by_four(record))
    assert [(s.method, s.place, s.average_rank) for s in found.standings] == [
        ("a", 1, 1.875),
        ("b", 2, 2.125),
        ("c", 3, 2.75),
        ("d", 4, 3.25),
    ]
    assert found.compared_on == ("four", "one", "three", "two")
    assert found.standings[0].kendall == pytest.approx((0.8 + 0.7 + 0.5 + 0.6) / 4)
    assert [s.wins for s in found.standings] == [2, 1, 1, 1]


def test_critical_difference_and_friedman_of_four_by_four(record) -> None:
    # Nemenyi: q = 2.569 for four methods (Demsar 2006, table 5), 2.569 sqrt(4 x 5 / (6 x 4)) = 2.345. Friedman with
    # ties: 4 (.625^2 + .375^2 + .25^2 + .75^2) = 4.625; squares of the ranks about 2.5 sum to 5 + 4.5 + 5 + 5 = 19.5,
    # over 4 x 3 = 1.625; chi^2 = 2.846; F = 3 chi^2 / (12 - chi^2) = .9328 with 3 and 9 degrees of freedom: p = .464.
    found = compared(four_by_four(record)).significance
    assert found.difference == pytest.approx(2.345, abs=5e-4)
    assert found.p_value == pytest.approx(0.464, abs=5e-4)


def test_a_method_that_lacks_a_task_is_ranked_below_and_does_not_change_the_others(record) -> None:
    best_on_two = {"e": {"one": 0.95, "two": 0.95}}
    found = compared(four_by_four(record, TAUS | best_on_two))
    assert [(s.method, s.place, s.average_rank) for s in found.standings[:4]] == [
        ("a", 1, 1.875),
        ("b", 2, 2.125),
        ("c", 3, 2.75),
        ("d", 4, 3.25),
    ]
    last = found.standings[4]
    assert (last.method, last.place, last.average_rank, last.average_rank_where_ranked) == ("e", None, None, 1.0)
    assert last.ranked_on == 2


def test_an_incomplete_entry_does_not_count_as_having_the_task(record) -> None:
    records = [r for r in four_by_four(record) if (r.method, r.task.name) != ("a", "one")]
    found = compared([*records, record("a", 0.8, "one", attempted=2.0)])
    assert found.standings[-1].method == "a"
    assert found.standings[-1].place is None


def test_equal_average_ranks_share_a_place(record) -> None:
    taus = {"a": {"one": 0.9, "two": 0.1}, "b": {"one": 0.5, "two": 0.5}, "c": {"one": 0.1, "two": 0.9}}
    assert [s.place for s in compared(four_by_four(record, taus)).standings] == [2, 2, 2]


def test_two_methods_or_one_task_have_no_critical_difference(record) -> None:
    two = {method: TAUS[method] for method in "ab"}
    one = {method: {"one": taus["one"]} for method, taus in TAUS.items()}
    assert compared(four_by_four(record, two)).significance is None
    assert compared(four_by_four(record, one)).significance is None


def test_methods_that_always_tie_have_no_p_value(record) -> None:
    equal = {method: {"one": 0.5, "two": 0.5} for method in "abc"}
    assert compared(four_by_four(record, equal)).significance.p_value is None


def test_a_control_does_not_widen_the_block_that_methods_share(record) -> None:
    """Three methods share one task, random has three more."""
    records = [record(method, 0.5, "one") for method in "abc"]
    records += [record("random", 0.0, name, kind="control") for name in ("one", "two", "three", "four")]
    found = compared(records)
    assert found.compared_on == ("one",)
    assert {s.method for s in found.standings if s.place is not None} == {"a", "b", "c", "random"}


def test_scopes_are_all_tasks_suites_and_benchmarks(record, task) -> None:
    entries = entries_of([record("a", 0.5, task("one")), record("a", 0.5, task("two", benchmark="nasbench101"))])
    assert scopes_of(entries, {"quick": ["one"]}) == [
        Scope("all tasks", ("one", "two")),
        Scope("suite quick", ("one",)),
        Scope("benchmark nasbench101", ("two",)),
        Scope("benchmark nasbench201", ("one",)),
    ]


def test_tasks_whose_plain_names_mean_something_else_are_compared_among_themselves_only(record, task) -> None:
    entries = entries_of([record("zen", 0.5, task("one")), record("zen", 0.4, task("one-full-size"))])
    assert scopes_of(entries, {"published": ["one"], "full-size": ["one-full-size"]}) == [
        Scope("all tasks", ("one",)),
        Scope("suite full-size", ("one-full-size",)),
        Scope("suite published", ("one",)),
        Scope("benchmark nasbench201", ("one",)),
    ]


def test_a_comparison_says_what_is_compared_on_what(record) -> None:
    """Four methods share four tasks; a fifth has one of them, and a sixth two others."""
    more = [record("e", 0.5, "one"), record("f", 0.5, "five"), record("f", 0.5, "six")]
    found = compared([*four_by_four(record), *more])
    assert sorted(found.compared) == ["a", "b", "c", "d"]
    assert found.basis == (
        "4 of 6 methods compared on 4 of 6 tasks: the largest set of methods and tasks without a gap."
    )
    assert compared(four_by_four(record)).basis.startswith("4 of 4 methods compared on all 4 tasks")
    assert compared([record("a", 0.5)]).basis == "1 of 1 methods compared on one task."


def test_methods_that_do_not_differ_significantly_are_grouped(record) -> None:
    """Ten tasks: a before b before c before d everywhere; the critical difference of four methods is 1.483."""
    taus = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    records = [record(name, tau, f"task {number}") for name, tau in taus.items() for number in range(10)]
    found = compared(records).significance
    assert found.difference == pytest.approx(1.483, abs=1e-3)
    assert found.groups == (("a", "b"), ("b", "c"), ("c", "d"))
