"""The metrics of one score column under many bootstrap resamples at once, by the compiled kernels."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from proxybench.ranking.columns import Column
from proxybench.ranking.correlation import standardised
from proxybench.ranking.kernels import (
    chosen_top,
    discordant_pairs,
    rank_moments,
    tied_pairs,
    true_top,
    value_moments,
)
from proxybench.ranking.metrics import RankMetric
from proxybench.ranking.policy import Floats, Integers, Top, Weights, top_size


class Scratch:
    """Memory that a thread reuses for all its columns; allocating it each time would take longer than counting."""

    def __init__(self, weights: Weights) -> None:
        shape = (len(weights) + 1, weights.shape[1])
        self.weights, self.tree, self.ranks = (np.empty(shape, dtype=weights.dtype) for _ in range(3))


class WeightedColumn:
    """A column under weightings int[all rows, lanes] of the caller's rows; results have one value per lane."""

    def __init__(self, column: Column, weights: Weights, scratch: Scratch) -> None:
        self.column, self.scratch, self.lanes = column, scratch, weights.shape[1]
        self.weights = np.take(weights, column.rows, axis=0, out=scratch.weights[: len(column)], mode="clip")
        self._tops: dict[str, _Top] = {}

    def value(self, metric: RankMetric) -> Floats:
        """The metric under each weighting: float64[lanes]."""
        if not len(self.column):
            return np.full(self.lanes, math.nan)
        if metric.family == "kendall_top" and metric.top is not None:
            return self._kendall_top(metric.top)
        if metric.top is not None:
            return self._top(metric.top).value(metric.family)
        if metric.family == "spearman":
            return self._spearman()
        if metric.family == "pearson":
            return self._pearson()
        return _tau(self._pairs, plain=metric.family == "kendall_a")

    @cached_property
    def drawn(self) -> Integers:
        """Number of architectures that each weighting draws, with copies."""
        drawn: Integers = self.weights.sum(axis=0, dtype=np.int64)
        return drawn

    @cached_property
    def _pairs(self) -> Integers:
        return _pairs(self.column, self.weights, self.drawn, self.scratch)

    def _kendall_top(self, top: Top) -> Floats:
        first = self._top(top).first
        enough = first >= 0
        if not enough.any():
            return np.full(self.lanes, math.nan)
        start = int(first[enough].min())
        inside = (np.arange(start, len(self.column))[:, None] >= first) & enough
        weights = np.where(inside, self.weights[start:], self.weights.dtype.type(0))
        drawn = weights.sum(axis=0, dtype=np.int64)
        return _tau(_pairs(self.column.top_rows(start), weights, drawn, self.scratch), plain=False)

    def _spearman(self) -> Floats:
        column, moments = self.column, np.empty((3, self.lanes), dtype=np.int64)
        rank_moments(
            self.weights, column.by_score, column.new_score, column.new_target, self.drawn, self.scratch.ranks, moments
        )
        return _correlation(moments.astype(np.float64))

    def _pearson(self) -> Floats:
        moments = np.zeros((3, self.lanes))
        if self.column.varies:
            value_moments(self.weights, standardised(self.column.target), standardised(self.column.score), moments)
        return _correlation(moments)

    def _top(self, top: Top) -> _Top:
        key = repr(top)  # 1 is one architecture, 1.0 is all of them
        if key not in self._tops:
            self._tops[key] = _Top(self.column, self.weights, self.drawn, top)
        return self._tops[key]


class _Top:
    """The top of each weighting: the best by score compared with the best by target."""

    def __init__(self, column: Column, weights: Weights, drawn: Integers, top: Top) -> None:
        self.column, self.weights, self.drawn = column, weights, drawn
        self.sizes = np.array([top_size(top, int(number)) for number in drawn], dtype=np.int64)
        self.first, self.held = np.empty_like(drawn), np.empty_like(drawn)
        ends = np.empty((2, len(drawn)), dtype=np.int64)
        true_top(weights, column.target, self.sizes, self.first, self.held, ends)
        self.worst, self.best = column.target[ends]
        largest = int(min(self.sizes.max(), drawn.max()))
        self.discounts = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(largest) + 2))))

    def value(self, family: str) -> Floats:
        """The metric of this family: float64[lanes], NaN where fewer than k are drawn."""
        hits: Floats = self._found[0]
        best: Floats = self._found[1]
        if family == "precision_at":
            return hits / self.sizes
        if family == "recall_at":
            return hits / np.maximum(self.held, 1)
        if family == "regret_at":
            regret: Floats = self.best - best
            return regret
        if family == "best_rank_at":
            rank: Floats = self._found[2]
            return rank
        if family == "best_rank_share_at":
            share: Floats = self._found[2] / np.maximum(self.drawn, 1)
            return share
        return self._ndcg(self._found[3])

    @cached_property
    def _found(self) -> Floats:
        found = np.empty((4, len(self.sizes)))
        downwards, new_score = self.column.downwards()
        chosen_top(
            self.weights, self.column.target, downwards, new_score, self.sizes, self.first, self.discounts, found
        )
        return found

    def _ndcg(self, gain: Floats) -> Floats:
        """NDCG from the DCG of unscaled targets: scaling a target is affine, and so is the DCG in the targets."""
        ideal = np.empty((4, len(self.sizes)))
        downwards = np.arange(len(self.column), dtype=np.int64)[::-1].copy()
        each = np.ones(len(self.column), dtype=np.bool_)
        chosen_top(self.weights, self.column.target, downwards, each, self.sizes, self.first, self.discounts, ideal)
        offset = self.worst * self.discounts[np.minimum(self.sizes, len(self.discounts) - 1)]
        value = np.full(len(self.sizes), math.nan)
        np.divide(gain - offset, ideal[3] - offset, out=value, where=self.best > self.worst)
        return value


def _pairs(column: Column, weights: Weights, drawn: Integers, scratch: Scratch) -> Integers:
    """All pairs, discordant pairs, pairs tied in target, in score, in both: int64[5, lanes]."""
    pairs = np.empty((5, len(drawn)), dtype=np.int64)
    pairs[0] = drawn * (drawn - 1) // 2
    listed = np.arange(len(column), dtype=np.int64)
    discordant_pairs(weights, column.score_rank, scratch.tree, pairs[1])
    tied_pairs(weights, listed, column.new_target, pairs[2])
    tied_pairs(weights, column.by_score, column.new_score, pairs[3])
    tied_pairs(weights, listed, column.new_pair, pairs[4])
    return pairs


def _tau(pairs: Integers, plain: bool) -> Floats:
    """Kendall's tau-b, or tau-a if `plain`: float64[lanes], NaN if all are tied in target or in score."""
    everything, discordant, tied_target, tied_score, tied_both = pairs
    balance = (everything - tied_target - tied_score + tied_both - 2 * discordant).astype(np.float64)
    defined = (everything > tied_target) & (everything > tied_score)
    tau = np.full(len(balance), math.nan)
    if plain:
        np.divide(balance, everything, out=tau, where=defined)
    else:
        np.divide(balance, np.sqrt(everything - tied_target), out=tau, where=defined)
        np.divide(tau, np.sqrt(everything - tied_score), out=tau, where=defined)
    return np.clip(tau, -1, 1, out=tau)


def _correlation(moments: Floats) -> Floats:
    product, first, second = moments
    value = np.full(len(product), math.nan)
    np.divide(product, np.sqrt(first) * np.sqrt(second), out=value, where=(first > 0) & (second > 0))
    return np.clip(value, -1, 1, out=value)
