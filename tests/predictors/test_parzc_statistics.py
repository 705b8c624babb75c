"""Node statistics at their places: scales, masks, ragged lengths, chunks, and what is asked of a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import ArchBatch, ArchGraph, Ragged
from predictors.encodings import encoding_parts
from predictors.errors import UnknownName
from predictors.parzc.free import FreeParZC, free_scores, node_weights
from predictors.parzc.statistics import NodeScale, NoNodeStatistics
from predictors.parzc.tokens import RowTokens

CELL = ArchGraph("example", ("input", "conv", "output"), ((0, 1), (1, 2)))
VALUES = st.floats(-1e6, 1e6)


def batch_of(columns=None, **rows):
    """Architectures with these node arrays, one list for each."""
    n = len(next(iter(rows.values())))
    return ArchBatch([CELL] * n, columns or {}, {f"nodes:{name}": Ragged.from_rows(rows[name]) for name in rows})


def test_min_max_by_place_and_proxy():
    batch = batch_of(snip=[[0, 10], [4, 30]], zen=[[1, 1], [3, 1]])
    nodes = NodeScale(scale="minmax").fit(batch).transform(batch)
    assert nodes.values.tolist() == [[[0, 0], [0, 0]], [[1, 1], [1, 0]]]  # a constant place says nothing
    unseen = NodeScale(scale="minmax").fit(batch).transform(batch_of(snip=[[2, 1e9]], zen=[[-9, 1]]))
    assert unseen.values[0] == pytest.approx(np.array([[0.5, -0.2], [1.2, 0.0]]))  # cut a fifth of the range beyond


def test_log_is_standardised_and_cut():
    batch = batch_of(snip=[[0.0], [math.e - 1], [-(math.e - 1)]])  # 0, 1, -1 as logarithms: deviation sqrt(2/3)
    scale = NodeScale().fit(batch)
    assert scale.transform(batch).values.ravel() == pytest.approx(np.array([0, 1, -1]) / math.sqrt(2 / 3))
    assert scale.transform(batch_of(snip=[[1e300]])).values.item() == 5.0


def test_log_min_max():
    batch = batch_of(snip=[[0.0], [math.e - 1], [math.e**2 - 1]])
    nodes = NodeScale(scale="log-minmax").fit(batch).transform(batch)
    assert nodes.values.ravel() == pytest.approx(np.array([0, 0.5, 1]))


def test_ragged_lengths_and_gaps_are_masked():
    batch = batch_of(snip=[[1, 2, 3], [3], [], [1, np.nan, np.inf]], zen=[[1, 2, 3], [1], [], [1, 2, np.nan]])
    nodes = NodeScale(scale="minmax").fit(batch).transform(batch)
    assert nodes.mask.tolist() == [[True] * 3, [True, False, False], [False] * 3, [True, True, False]]
    assert nodes.values[~nodes.mask].tolist() == [[0.0, 0.0]] * 6
    assert np.isfinite(nodes.values).all()


def test_a_place_of_one_architecture_is_scaled_by_all_places():
    batch = batch_of(snip=[[0, 10], [4]])
    assert NodeScale(scale="minmax").fit(batch).transform(batch).values[0, 1].item() == pytest.approx(1.0)


def test_a_longer_architecture_is_drawn_in_and_none_of_it_cut_off():
    scale = NodeScale(scale="minmax").fit(batch_of(snip=[[0, 0], [10, 10]]))
    nodes = scale.transform(batch_of(snip=[[1, 3, 5, 9], [1, 3, 8], [np.nan, 4, 5, 5], [6]]))
    assert nodes.values[:, :, 0] == pytest.approx(np.array([[0.2, 0.7], [0.2, 0.8], [0.4, 0.5], [0.6, 0]]))
    assert nodes.mask.tolist() == [[True, True]] * 3 + [[True, False]]


@given(st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=8), st.sampled_from(["log", "minmax"]))
def test_rows_do_not_depend_on_each_other(rows, scale):
    fitted = NodeScale(scale=scale).fit(batch_of(snip=[[1.0, -2.0], [3.0, 5.0]]))
    whole = fitted.transform(batch_of(snip=rows))
    for place, row in enumerate(rows):
        alone = fitted.transform(batch_of(snip=[row]))
        assert np.array_equal(alone.values[0], whole.values[place])
        assert np.array_equal(alone.mask[0], whole.mask[place])
        assert alone.mask.any() == bool(row)


@pytest.mark.parametrize("scale", ["log", "minmax", "log-minmax"])
def test_chunks_do_not_change_what_is_learned(monkeypatch, scale):
    rows = [np.random.default_rng(seed).normal(size=1 + seed % 4) for seed in range(30)]
    batch = batch_of(snip=rows, zen=rows[::-1])
    whole = NodeScale(scale=scale).fit(batch)
    monkeypatch.setattr("predictors.parzc.statistics._AT_ONCE", 24)
    parts = NodeScale(scale=scale).fit(batch)
    assert [len(chunk) for chunk in parts.chunks(batch)] == [3] * 10
    assert parts.centre_ == pytest.approx(whole.centre_)
    assert parts.weight_ == pytest.approx(whole.weight_)
    assert parts.totals(batch) == pytest.approx(whole.totals(batch))


def test_totals_are_the_proxies():
    scale = NodeScale().fit(batch_of(snip=[[1.0, 2.0]]))
    found = scale.totals(batch_of(snip=[[1, math.e - 2], [np.nan, 0], [], [-1, 2 - math.e]]))
    assert found.ravel() == pytest.approx(np.array([1, 0, np.nan, -1]), nan_ok=True)


def test_an_array_that_fewer_than_a_tenth_have_is_read_only_by_name_or_if_there_is_no_other():
    few = [[1.0], *[[]] * 10]
    batch = batch_of(few=few, tenth=[[1.0], [2.0], *[[]] * 9])
    assert NodeScale().fit(batch).names_ == ["nodes:tenth"]
    assert NodeScale(["few"]).fit(batch).names_ == ["nodes:few"]
    assert NodeScale().fit(batch_of(few=few)).names_ == ["nodes:few"]


def test_proxies_are_chosen_by_name():
    batch = batch_of(snip=[[1.0]], zen=[[2.0]])
    assert NodeScale().fit(batch).names_ == ["nodes:snip", "nodes:zen"]
    assert NodeScale(["zen", "nodes:snip"]).fit(batch).names_ == ["nodes:zen", "nodes:snip"]
    assert NodeScale("zen+snip").fit(batch).names_ == ["nodes:zen", "nodes:snip"]
    with pytest.raises(UnknownName, match="Did you mean 'nodes:snip'"):
        NodeScale(["snipp"]).fit(batch)
    with pytest.raises(UnknownName, match="Did you mean 'minmax'"):
        NodeScale(scale="min-max").fit(batch)
    with pytest.raises(NoNodeStatistics, match=r"bench.batch\('computed'\)"):
        NodeScale().fit(ArchBatch([CELL]))
    with pytest.raises(NoNodeStatistics, match="no proxies are chosen"):
        NodeScale([]).fit(batch)
    with pytest.raises(UnknownName, match="nodes:zen"):
        NodeScale().fit(batch).transform(batch_of(snip=[[1.0]]))


def test_rows_next_to_the_nodes_are_tokens_of_their_own():
    batch = batch_of({"proxy:a": np.array([1.0, 2.0, np.nan])}, snip=[[0.0], [1.0], []])
    tokens = RowTokens(encoding_parts("columns+onehot"), NodeScale().fit(batch)).fit(batch)
    assert tokens.widths_ == (1, 1)  # one-hot rows of one graph are constant
    totals, columns = tokens.transform(batch)
    assert totals[2, 0] == pytest.approx((totals[0, 0] + totals[1, 0]) / 2)  # the median stands in
    assert columns[2, 0] == pytest.approx((columns[0, 0] + columns[1, 0]) / 2)
    assert totals.mean() == pytest.approx(0, abs=1e-6)


def test_sinusoidal_weights_by_hand():
    assert node_weights(5, 4) == pytest.approx(np.array([0.5, 1.0, 0.5, 0.0, 0.5]))
    assert (node_weights(1000, 2 * math.pi) >= 0).all()
    with pytest.raises(ValueError, match="above 0"):
        node_weights(3, 0)


def test_the_free_score_is_the_weighted_mean():
    batch = batch_of(snip=[[0, 10, 5], [4, 30, 6], [2, 20]])
    found = free_scores(batch, scale="minmax", period=4)
    assert found == pytest.approx(np.array([0, 0.5 + 1 + 0.5, 0.25 + 0.5]) / 2)
    with pytest.raises(NoNodeStatistics):
        FreeParZC().fit(ArchBatch([CELL]), [1.0])
