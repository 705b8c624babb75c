"""The largest block of methods and tasks without a gap."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from proxybench.leaderboard.ranks.blocks import METHODS, TASKS, largest_block


def test_the_block_has_the_most_pairs_of_method_and_task() -> None:
    """Two methods share three tasks, three methods two, and four methods two others: eight pairs."""
    few = {"a": {"1", "2", "3"}, "b": {"1", "2", "3"}, "c": {"1", "2"}}
    many = {name: {"8", "9"} for name in "uvwx"}
    assert largest_block(few) == (list("abc"), ["1", "2"])
    assert largest_block(few | many) == (list("uvwx"), ["8", "9"])


def test_two_methods_with_many_tasks_do_not_make_the_comparison_alone() -> None:
    everywhere = {str(number) for number in range(1, 31)}
    tasks_of = {"a": everywhere, "b": everywhere} | {name: {"1", "2"} for name in "cde"}
    assert largest_block(tasks_of) == (list("abcde"), ["1", "2"])
    assert largest_block({name: tasks_of[name] for name in "ab"}) == (["a", "b"], sorted(everywhere))


def test_one_task_does_not_make_the_comparison_alone() -> None:
    tasks_of = {name: {"one"} for name in "defghij"} | {name: {"one", "two"} for name in "abc"}
    assert largest_block(tasks_of) == (["a", "b", "c"], ["one", "two"])
    del tasks_of["c"]
    assert largest_block(tasks_of) == (sorted("abdefghij"), ["one"])


def test_a_block_may_need_more_methods() -> None:
    tasks_of = {name: {"1", "2", "3", "4"} for name in "abc"} | {name: {"8", "9"} for name in "uvwx"}
    assert largest_block(tasks_of, methods=4) == (list("uvwx"), ["8", "9"])
    assert largest_block(tasks_of, tasks=3).tasks == ["1", "2", "3", "4"]


def test_of_blocks_with_equally_many_pairs_the_one_with_more_tasks_counts() -> None:
    tasks_of = {name: {"1", "2", "3", "4"} for name in "abc"} | {name: {"7", "8", "9"} for name in "uvwx"}
    assert largest_block(tasks_of) == (list("abc"), ["1", "2", "3", "4"])


def test_guests_join_the_block_without_deciding_it() -> None:
    hosts = {"a": {"1", "2"}, "b": {"1", "2"}, "c": {"1", "2", "3"}}
    guests = {"random": {"1", "2", "3", "4"}, "params": {"3", "4"}}
    assert largest_block(hosts | guests, guests) == (["a", "b", "c", "random"], ["1", "2"])
    assert largest_block(guests, guests) == (["random"], ["1", "2", "3", "4"])


def test_without_tasks_there_is_no_block() -> None:
    assert largest_block({}) == largest_block({"a": set()}) == ([], [])


@given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("12345")), min_size=1))
def test_no_set_of_tasks_gives_a_larger_block(tasks_of: dict[str, set[str]]) -> None:
    names, tasks = largest_block(tasks_of)
    assert all(set(tasks) <= tasks_of[name] for name in names)
    sizes = []
    for count in range(1, 6):
        for chosen in itertools.combinations("12345", count):
            methods = sum(set(chosen) <= having for having in tasks_of.values())
            sizes.append((methods >= METHODS and count >= TASKS, methods * count))
    assert (len(names) >= METHODS and len(tasks) >= TASKS, len(names) * len(tasks)) == max(sizes)
