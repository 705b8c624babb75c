"""Joining fragments: order of architectures, agreement of sources, null against NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxybench.errors import CorruptData, UnknownName
from proxybench.tables.store.merge import BlockKey, NamedFragment, merge
from proxybench.tables.store.schema import fragment, fragment_from_rows, score_or_nan


def rows(*values: tuple[str, float | None], metric: str = "test_acc", seed: str = "mean"):
    return fragment_from_rows(
        [{"arch": arch, "dataset": "cifar10", "epochs": 200, "seed": seed, metric: value} for arch, value in values]
    )


def join(*fragments: tuple[str, object]):
    return merge([NamedFragment(name, fragment) for name, fragment in fragments])


KEY = BlockKey("cifar10", 200, "mean")


def test_the_first_source_sets_the_order() -> None:
    table = join(("one", rows(("b", 1.0), ("a", 2.0))), ("two", rows(("a", 2.0), ("c", 3.0))))
    assert table.archs == ["b", "a", "c"]
    assert table.blocks[KEY]["test_acc"].values.tolist() == [1.0, 2.0, 3.0]


def test_sources_that_agree_to_their_digits_keep_the_first_value() -> None:
    table = join(("one", rows(("a", 94.3733))), ("two", rows(("a", 94.37))))
    assert table.blocks[KEY]["test_acc"].values.tolist() == [94.3733]


def test_sources_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(
        CorruptData, match=r"two: a: test_acc on cifar10 at 200 epochs, seed mean, is 93, but 94 was read before"
    ):
        join(("one", rows(("a", 94.0))), ("two", rows(("a", 93.0))))


def test_a_source_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(CorruptData, match="is 93, but 94"):
        join(("one", rows(("a", 94.0), ("a", 93.0))))


def test_a_failure_against_a_number_is_a_contradiction() -> None:
    with pytest.raises(CorruptData, match="nan"):
        join(("one", rows(("a", 94.0))), ("two", rows(("a", math.nan))))


def test_null_is_not_measured_and_nan_is_measured() -> None:
    table = join(("one", rows(("a", None), ("b", math.nan), ("c", 1.0))))
    column = table.blocks[KEY]["test_acc"]
    assert column.measured.tolist() == [False, True, True]
    assert np.isnan(column.values[:2]).all()


def test_blocks_are_apart_by_seed_and_sorted() -> None:
    table = join(("one", rows(("a", 1.0), seed="777")), ("two", rows(("a", 2.0), seed="1")))
    assert [key.seed for key in table.blocks] == ["1", "777"]


def test_a_column_that_is_no_metric_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"'test_ac'.*Did you mean 'test_acc'"):
        fragment({"arch": ["a"], "dataset": ["d"], "epochs": [1], "seed": ["0"], "test_ac": [1.0]})


def test_a_failure_mark_is_nan() -> None:
    assert math.isnan(score_or_nan(-1e8))
    assert math.isnan(score_or_nan(math.inf))
    assert score_or_nan(-99.5) == -99.5


def test_agreement_is_relative_so_that_small_scores_count() -> None:
    with pytest.raises(CorruptData, match="is 2e-05, but 1e-05"):
        join(("one", rows(("a", 1e-5))), ("two", rows(("a", 2e-5))))


def test_another_draw_only_fills_and_is_counted() -> None:
    sources = [
        NamedFragment("one", rows(("a", 1.0), ("b", None))),
        NamedFragment("two", rows(("a", 5.0), ("b", 6.0)), fills=True),
    ]
    table = merge(sources)
    assert table.blocks[KEY]["test_acc"].values.tolist() == [1.0, 6.0]
    assert "two: 1 of 2 values of test_acc" in table.notes[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [(math.inf, 93.5), (93.5, -math.inf), (math.inf, -math.inf), (math.nan, math.inf), (1e308, -1e308)],
)
def test_an_infinite_value_agrees_with_no_other_value(first: float, second: float) -> None:
    with pytest.raises(CorruptData, match="two: a: test_acc"):
        join(("one", rows(("a", first))), ("two", rows(("a", second))))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_values_that_are_not_finite_agree_with_themselves(value: float) -> None:
    table = join(("one", rows(("a", value))), ("two", rows(("a", value))))
    np.testing.assert_array_equal(table.blocks[KEY]["test_acc"].values, [value])
