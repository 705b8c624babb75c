"""The quality of the top of a ranking. Ties by score are averaged exactly, see `policy`.

Precision, recall and the best rank found are the measures of the NAS literature: precision at T of RoBoT (ICLR 2024),
"top 10 %" of Abdelfattah et al. (ICLR 2021), N@K of TA-GATES (NeurIPS 2022) and PWLNAS, BR@K of Ning et al.
(NeurIPS 2021).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from proxybench.ranking.policy import Booleans, Floats, Integers, Top, counted, top_size


def precision_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top, top: Top | None = None) -> float:
    """Expected share of the `k` best by score that are in the true `top` (k unless given)."""
    target, score = counted(y_true, y_score)
    size, true_size = top_size(k, len(target)), top_size(k if top is None else top, len(target))
    if len(target) < max(size, true_size):
        return math.nan
    return float(_chosen(score, size)[_true_top(target, true_size)].sum() / size)


def recall_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top, top: Top | None = None) -> float:
    """Expected share of the true `top` (k unless given) that is among the `k` best by score."""
    target, score = counted(y_true, y_score)
    size, true_size = top_size(k, len(target)), top_size(k if top is None else top, len(target))
    if len(target) < max(size, true_size):
        return math.nan
    return float(_chosen(score, size)[_true_top(target, true_size)].mean())


def ndcg_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top) -> float:
    """Normalised discounted cumulative gain of the `k` best by score, in [0, 1]; NaN where all targets are equal.

    The gain of an architecture is its target scaled to [0, 1] between the worst and the best that count; the
    discount at position i is 1 / log2(1 + i) (Jarvelin and Kekalainen, ACM TOIS 2002). Zhang et al. (AceNAS, 2021)
    argue for it in NAS. A single very poor architecture compresses the gains of all others.
    """
    target, score = counted(y_true, y_score)
    size = top_size(k, len(target))
    if len(target) < size or not np.ptp(target) > 0:
        return math.nan
    gain = (target - target.min()) / np.ptp(target)
    discount = np.zeros(len(target))
    discount[:size] = 1 / np.log2(np.arange(size) + 2)
    return float(_mean_of_ties(score, discount) @ gain / (np.sort(gain)[::-1] @ discount))


def regret_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top) -> float:
    """Best target of all minus the expected best target among the `k` best by score, in the target's unit."""
    target, score = counted(y_true, y_score)
    size = top_size(k, len(target))
    if len(target) < size:
        return math.nan
    return float(target.max() - expected_best(target, score, size))


def best_rank_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top) -> float:
    """Expected best true rank among the `k` best by score (N@K); rank 1 is the best, equal targets share the lower."""
    target, score = counted(y_true, y_score)
    size = top_size(k, len(target))
    if len(target) < size:
        return math.nan
    rank = 1 + len(target) - np.searchsorted(np.sort(target), target, side="right")
    return -expected_best(-rank.astype(np.float64), score, size)


def best_rank_share_at_k(y_true: ArrayLike, y_score: ArrayLike, k: Top) -> float:
    """Expected best true rank among the `k` best by score, divided by the number of architectures: in (0, 1].

    BR@K of Ning et al., "Evaluating efficient performance estimators of neural architectures", NeurIPS 2021, where k is
    a fraction: 0.02 means that the best architecture found is as good as the best 2 percent. Smaller is better.
    """
    target, score = counted(y_true, y_score)
    return best_rank_at_k(target, score, k) / len(target) if len(target) else math.nan


def expected_best(values: Floats, score: Floats, k: int) -> float:
    """Expected largest of `values` among the `k` best by score, over all orders of tied scores; 1 <= k <= n."""
    border = np.sort(score)[len(score) - k]
    sure = values[score > border]
    tied = np.sort(values[score == border])[::-1]
    found = np.maximum(tied, sure.max() if len(sure) else -math.inf)
    return float(found[0] - largest_drawn(len(tied), k - len(sure)) @ (found[0] - found))


def largest_drawn(n: int, drawn: int) -> Floats:
    """Probability that the j-th largest of `n` distinct values is the largest of `drawn` taken without replacement.

    C(n - j, drawn - 1) / C(n, drawn) for j = 1 .. n, by recursion: float64[n], sums to one.
    """
    ahead = np.arange(1, n)
    steps = np.maximum(n - ahead - drawn + 1, 0) / (n - ahead)
    chances: Floats = drawn / n * np.concatenate(([1.0], np.cumprod(steps)))
    return chances


def _chosen(score: Floats, k: int) -> Floats:
    """Probability of each architecture to be among the `k` best by score when equal scores are ordered at random."""
    places = np.zeros(len(score))
    places[:k] = 1
    return _mean_of_ties(score, places)


def _mean_of_ties(score: Floats, by_place: Floats) -> Floats:
    """For each architecture the mean of `by_place` (best place first) over the places that its equal scores hold."""
    _, group, copies = np.unique(-score, return_inverse=True, return_counts=True)
    ends: Integers = np.cumsum(copies)
    total = np.concatenate(([0.0], np.cumsum(by_place)))
    mean: Floats = (total[ends] - total[ends - copies]) / copies
    return mean[group]


def _true_top(target: Floats, k: int) -> Booleans:
    """The architectures at least as good as the k-th best: bool[n]."""
    best: Booleans = target >= np.sort(target)[len(target) - k]
    return best
