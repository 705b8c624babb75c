"""The largest block of methods and tasks without a gap, and average ranks over its tasks."""

from __future__ import annotations

import pytest

from proxybench.leaderboard.page.blocks import Block, largest_block, standings


def test_the_block_has_the_most_pairs_of_three_methods_and_two_tasks_if_there_is_one() -> None:
    # a and b share five tasks (10 pairs), but are two methods; four methods share two tasks (8 pairs).
    tasks = {"a": set("vwxyz"), "b": set("vwxyz"), "c": set("vw"), "d": set("vw"), "e": set("z")}
    assert largest_block(tasks) == Block(("a", "b", "c", "d"), ("v", "w"))
    assert largest_block(tasks, methods=1) == Block(("a", "b"), tuple("vwxyz"))


def test_without_such_a_block_the_one_with_the_most_pairs_counts() -> None:
    assert largest_block({"a": {"x", "y"}, "b": {"v"}, "c": {"w"}, "d": {"u"}}) == Block(("a",), ("x", "y"))


def test_guests_join_and_do_not_decide() -> None:
    tasks = {"a": {"x"}, "b": {"x"}, "random": {"x", "y"}, "params": {"y"}}
    assert largest_block(tasks, {"random", "params"}) == Block(("a", "b", "random"), ("x",))


def test_methods_without_a_task_do_not_count() -> None:
    assert largest_block({"a": {"x"}, "b": set(), "c": set()}) == Block(("a",), ("x",))
    assert largest_block({}) == Block((), ())


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
