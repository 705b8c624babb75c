"""Splits: nested by size, the same on every machine, and no twin of a training architecture among the scored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.evaluation.splits import hash_split

populations = st.lists(st.sampled_from([f"{digest:032x}" for digest in range(40)]), min_size=5, max_size=80)


@given(populations, st.integers(0, 5), st.data())
def test_no_twin_of_a_training_architecture_is_scored(digests: list[str], repeat: int, data: st.DataObject) -> None:
    n_train = data.draw(st.integers(0, len(set(digests)) - 1))
    split = hash_split("task", repeat, digests, n_train)
    trained = {digests[position] for position in split.train}
    scored = {digests[position] for position in split.test}
    assert trained & scored == set()
    assert len(trained) == len(split.train) == n_train
    assert trained | scored == set(digests)


@given(populations, st.data())
def test_smaller_training_sets_are_parts_of_larger_ones(digests: list[str], data: st.DataObject) -> None:
    sizes = st.integers(0, len(set(digests)) - 1)
    small, large = sorted((data.draw(sizes), data.draw(sizes)))
    assert (
        hash_split("t", 0, digests, large).train[:small].tolist() == hash_split("t", 0, digests, small).train.tolist()
    )


@given(populations, st.data())
def test_a_fixed_test_part_does_not_depend_on_the_training_size(digests: list[str], data: st.DataObject) -> None:
    distinct = len(set(digests))
    if distinct < 3:
        return
    parts = [hash_split("t", 1, digests, n_train, n_test=1).test.tolist() for n_train in range(distinct - 1)]
    assert all(part == parts[0] for part in parts)


def test_the_order_is_the_same_everywhere() -> None:
    digests = [f"{number:032x}" for number in range(10)]
    assert hash_split("nasbench201", 0, digests, 4).train.tolist() == [6, 2, 3, 9]  # by `b2sum -l 128`


def test_repeats_and_tasks_are_split_differently() -> None:
    digests = [f"{number:032x}" for number in range(1000)]
    parts = [set(hash_split(task, repeat, digests, 100).train.tolist()) for task in ("a", "b") for repeat in (0, 1)]
    for one in range(4):
        for other in range(one):
            assert len(parts[one] & parts[other]) < 30  # 10 expected by chance


def test_too_small_a_population_is_refused() -> None:
    with pytest.raises(ValueError, match="too few to train on 3 and score 1"):
        hash_split("t", 0, ["a", "b", "c"], 3, n_test=1)
    with pytest.raises(ValueError, match="too few"):
        hash_split("t", 0, ["a", "a"], 1)


def test_the_nasbench201_split_leaves_no_isomorphic_twin_in_both_parts() -> None:
    from proxybench.spaces import get_space

    space = get_space("nasbench201")
    cells = space.sample(3000, seed=0)
    digests = [space.digest(cell) for cell in cells]
    assert len(set(digests)) < len(digests)
    split = hash_split("nasbench201", 0, digests, 500)
    trained = {space.expression(cells[position]) for position in split.train}
    assert all(space.expression(cells[position]) not in trained for position in split.test)
    assert len(np.intersect1d(split.train, split.test)) == 0


@given(populations, st.data())
def test_masks_limit_who_is_trained_on_and_who_is_scored(digests: list[str], data: st.DataObject) -> None:
    masks = st.lists(st.booleans(), min_size=len(digests), max_size=len(digests)).map(np.array)
    trainable, scored = data.draw(masks), data.draw(masks)
    known = {digest for digest, chosen in zip(digests, trainable, strict=True) if chosen}
    n_train = data.draw(st.integers(0, len(known)))
    try:
        split = hash_split("t", 0, digests, n_train, None, trainable, scored)
    except ValueError:
        assert {digest for digest, chosen in zip(digests, scored, strict=True) if chosen} <= known
        return
    assert len(split.train) == n_train
    assert trainable[split.train].all()
    trained = {digests[position] for position in split.train}
    rest = [at for at, digest in enumerate(digests) if scored[at] and digest not in trained]
    assert split.test.tolist() == rest


def test_a_fixed_test_part_is_never_trained_on() -> None:
    digests = [f"{number:032x}" for number in range(20)]
    trainable, scored = np.arange(20) < 15, np.arange(20) >= 5
    parts = [hash_split("t", 0, digests, n_train, 8, trainable, scored) for n_train in (1, 5)]
    assert parts[0].test.tolist() == parts[1].test.tolist()
    assert parts[0].train.tolist() == parts[1].train[:1].tolist()
    assert not set(parts[1].train.tolist()) & set(parts[1].test.tolist())
    assert max(parts[1].train) < 15
    assert min(parts[1].test) >= 5
