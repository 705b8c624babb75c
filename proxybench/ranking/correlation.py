"""Correlation of scores with a target over all architectures that count (see `policy`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from predictors.ranks import count_pairs, mean_ranks, tau_b
from proxybench.ranking.policy import Floats, Top, counted, top_size


def kendall(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Kendall's tau-b (Kendall, "The treatment of ties in ranking problems", Biometrika 1945)."""
    return tau_b(*counted(y_true, y_score))


def kendall_a(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Kendall's tau-a: (concordant - discordant pairs) / all pairs, so that tied pairs count as neither."""
    pairs = count_pairs(*counted(y_true, y_score))
    if pairs.everything in (pairs.tied_first, pairs.tied_second):
        return math.nan
    return pairs.balance / pairs.everything


def kendall_top(y_true: ArrayLike, y_score: ArrayLike, top: Top) -> float:
    """Kendall's tau-b among the true `top`: every architecture at least as good as the k-th best by target."""
    target, score = counted(y_true, y_score)
    size = top_size(top, len(target))
    if len(target) < size:
        return math.nan
    best = target >= np.sort(target)[len(target) - size]
    return kendall(target[best], score[best])


def spearman(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Spearman's rho: Pearson's correlation of the ranks, ties given their mean rank."""
    target, score = counted(y_true, y_score)
    return pearson(mean_ranks(target), mean_ranks(score))


def pearson(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Pearson's correlation of the values. If scores span many orders of magnitude, a few points dominate it."""
    target, score = counted(y_true, y_score)
    if not _varies(target, score):
        return math.nan
    target, score = standardised(target), standardised(score)
    return float(np.clip(target @ score / math.sqrt(target @ target) / math.sqrt(score @ score), -1, 1))


def standardised(values: Floats) -> Floats:
    """Values, not all equal, centred and scaled to at most one, so that their squares do not overflow."""
    scaled = values / np.abs(values).max()
    centred: Floats = scaled - scaled.mean()
    centred /= np.abs(centred).max()
    return centred


def _varies(target: Floats, score: Floats) -> bool:
    return len(target) > 1 and bool(target.min() < target.max()) and bool(score.min() < score.max())
