"""Compiled counting over many weightings of the same architectures at once.

A bootstrap resample is a whole-number weight per architecture. All kernels take weights int32[n, lanes], one lane per
resample, with the architectures sorted by (target, score), both ascending; the innermost loops run over lanes, for
which the compiler uses vector instructions. Counts of pairs are exact (int64). Importing this module imports numba.
Each kernel takes about a second to compile, once per machine, since numba keeps the result next to this file or in the
user's cache folder.
"""

from __future__ import annotations

import math

import numpy as np

from proxybench.compiled import compiled
from proxybench.ranking.policy import Booleans, Floats, Integers, Weights


@compiled
def discordant_pairs(weights: Weights, score_rank: Integers, tree: Weights, counts: Integers) -> None:
    """Count the discordant pairs of the resampled architectures.

    In ascending order of targets, each architecture is discordant with those already visited that have a better score;
    a Fenwick tree over the ranks of the scores keeps the weight visited so far. Among equal targets the scores are in
    ascending order, so that such pairs do not count.

    Args:
        weights: int[n, lanes], rows sorted by (target, score).
        score_rank: dense rank of each row's score, from 1.
        tree: scratch memory, of the type of weights, at least [largest rank + 1, lanes].
        counts: result int64[lanes].
    """
    rows, lanes = weights.shape
    ranks = 0
    for row in range(rows):
        ranks = max(ranks, score_rank[row])
    for node in range(ranks + 1):
        for lane in range(lanes):
            tree[node, lane] = 0
    seen = np.zeros(lanes, np.int32)
    not_above = np.zeros(lanes, weights.dtype)
    for lane in range(lanes):
        counts[lane] = 0
    for row in range(rows):
        for lane in range(lanes):
            not_above[lane] = 0
        node = score_rank[row]
        while node > 0:
            for lane in range(lanes):
                not_above[lane] += tree[node, lane]
            node &= node - 1
        for lane in range(lanes):
            counts[lane] += np.int64(weights[row, lane]) * np.int64(seen[lane] - not_above[lane])
            seen[lane] += weights[row, lane]
        node = score_rank[row]
        while node <= ranks:
            for lane in range(lanes):
                tree[node, lane] += weights[row, lane]
            node += node & -node


@compiled
def tied_pairs(weights: Weights, order: Integers, new: Booleans, counts: Integers) -> None:
    """Count the pairs of resampled architectures that are equal.

    Args:
        weights: int[n, lanes].
        order: rows, equal ones next to each other.
        new: along `order`, whether a row differs from the one before.
        counts: result int64[lanes].
    """
    lanes = weights.shape[1]
    equal = np.zeros(lanes, np.int64)
    for lane in range(lanes):
        counts[lane] = 0
    for place in range(len(order)):
        row = order[place]
        if new[place]:
            for lane in range(lanes):
                counts[lane] += equal[lane] * (equal[lane] - 1) // 2
                equal[lane] = weights[row, lane]
        else:
            for lane in range(lanes):
                equal[lane] += weights[row, lane]
    for lane in range(lanes):
        counts[lane] += equal[lane] * (equal[lane] - 1) // 2


@compiled
def rank_moments(
    weights: Weights,
    by_score: Integers,
    new_score: Booleans,
    new_target: Booleans,
    drawn: Integers,
    ranks: Weights,
    moments: Integers,
) -> None:
    """Sums of products of the doubled, centred mean ranks of the resampled architectures, for Spearman's rho.

    Args:
        weights: int[n, lanes], rows sorted by (target, score).
        by_score: the rows by score, ascending.
        new_score: along `by_score`, whether the score differs from that of the row before.
        new_target: whether a row's target differs from that of the row before.
        drawn: int64[lanes], sum of the weights.
        ranks: scratch memory, of the type of weights, [n, lanes].
        moments: result int64[3, lanes]: target x score, target squared, score squared; exact below two million rows.
    """
    rows, lanes = weights.shape
    below = np.zeros(lanes, np.int64)
    group = np.zeros(lanes, np.int64)
    for kind in range(3):
        for lane in range(lanes):
            moments[kind, lane] = 0
    start = 0
    while start < rows:
        stop = start
        for lane in range(lanes):
            group[lane] = 0
        while stop < rows and (stop == start or not new_score[stop]):
            row = by_score[stop]
            for lane in range(lanes):
                group[lane] += weights[row, lane]
            stop += 1
        for place in range(start, stop):
            row = by_score[place]
            for lane in range(lanes):
                ranks[row, lane] = 2 * below[lane] + group[lane] - drawn[lane]
        for lane in range(lanes):
            rank = 2 * below[lane] + group[lane] - drawn[lane]
            moments[2, lane] += group[lane] * rank * rank
            below[lane] += group[lane]
        start = stop
    for lane in range(lanes):
        below[lane] = 0
    products = np.zeros(lanes, np.int64)
    start = 0
    while start < rows:
        stop = start
        for lane in range(lanes):
            group[lane] = 0
            products[lane] = 0
        while stop < rows and (stop == start or not new_target[stop]):
            for lane in range(lanes):
                group[lane] += weights[stop, lane]
                products[lane] += np.int64(weights[stop, lane]) * np.int64(ranks[stop, lane])
            stop += 1
        for lane in range(lanes):
            rank = 2 * below[lane] + group[lane] - drawn[lane]
            moments[0, lane] += products[lane] * rank
            moments[1, lane] += group[lane] * rank * rank
            below[lane] += group[lane]
        start = stop


@compiled
def value_moments(weights: Weights, target: Floats, score: Floats, moments: Floats) -> None:
    """Sums of products of the resampled, centred values, for Pearson's correlation.

    Args:
        weights: int[n, lanes].
        target: float64[n].
        score: float64[n].
        moments: result float64[3, lanes]: target x score, target squared, score squared.
    """
    rows, lanes = weights.shape
    drawn = np.zeros(lanes)
    means = np.zeros((2, lanes))
    low = np.full((2, lanes), math.inf)
    high = np.full((2, lanes), -math.inf)
    for row in range(rows):
        for lane in range(lanes):
            weight = weights[row, lane]
            drawn[lane] += weight
            means[0, lane] += weight * target[row]
            means[1, lane] += weight * score[row]
            low[0, lane] = min(low[0, lane], target[row] if weight else math.inf)
            low[1, lane] = min(low[1, lane], score[row] if weight else math.inf)
            high[0, lane] = max(high[0, lane], target[row] if weight else -math.inf)
            high[1, lane] = max(high[1, lane], score[row] if weight else -math.inf)
    for lane in range(lanes):
        means[0, lane] = low[0, lane] if low[0, lane] == high[0, lane] else means[0, lane] / drawn[lane]
        means[1, lane] = low[1, lane] if low[1, lane] == high[1, lane] else means[1, lane] / drawn[lane]
        for kind in range(3):
            moments[kind, lane] = 0.0
    for row in range(rows):
        for lane in range(lanes):
            x = target[row] - means[0, lane]
            y = score[row] - means[1, lane]
            moments[0, lane] += weights[row, lane] * x * y
            moments[1, lane] += weights[row, lane] * x * x
            moments[2, lane] += weights[row, lane] * y * y


@compiled
def true_top(
    weights: Weights, target: Floats, sizes: Integers, first: Integers, held: Integers, ends: Integers
) -> None:
    """Find the first row of the true top of each resample: all rows at least as good as the k-th best drawn.

    Args:
        weights: int[n, lanes], rows sorted by target, ascending.
        target: float64[n].
        sizes: k of each lane.
        first: result int64[lanes], the first row of the top, -1 if fewer than k are drawn.
        held: result int64[lanes], number of drawn architectures in the top, with copies.
        ends: result int64[2, lanes], the first and the last row drawn.
    """
    rows, lanes = weights.shape
    for lane in range(lanes):
        ends[0, lane], ends[1, lane] = 0, rows - 1
        while ends[0, lane] < rows - 1 and weights[ends[0, lane], lane] == 0:
            ends[0, lane] += 1
        while ends[1, lane] > 0 and weights[ends[1, lane], lane] == 0:
            ends[1, lane] -= 1
        row, taken = rows, 0
        while row > 0 and taken < sizes[lane]:
            row -= 1
            taken += weights[row, lane]
        enough = taken >= sizes[lane] > 0
        while enough and row > 0 and target[row - 1] == target[row]:
            row -= 1
            taken += weights[row, lane]
        first[lane] = row if enough else -1
        held[lane] = taken if enough else 0


@compiled
def chosen_top(
    weights: Weights,
    target: Floats,
    downwards: Integers,
    new_score: Booleans,
    sizes: Integers,
    first: Integers,
    discounts: Floats,
    found: Floats,
) -> None:
    """Describe the best by score of each resample, in expectation over all orders of equal scores.

    Args:
        weights: int[n, lanes], rows sorted by (target, score).
        target: float64[n].
        downwards: rows with the best score first, equal scores with the best target first.
        new_score: along `downwards`, whether the score differs from that of the row before.
        sizes: k of each lane.
        first: first row of the true top of each lane; lanes with a negative one are skipped.
        discounts: float64[at least the largest k + 1], sum of the discounts of the first places.
        found: result float64[4, lanes]: architectures of the true top, best target, best true rank, DCG of unscaled
            targets.
    """
    rows, lanes = weights.shape
    for lane in range(lanes):
        for kind in range(4):
            found[kind, lane] = math.nan
        if first[lane] < 0:
            continue
        size, taken, place, best = sizes[lane], 0, 0, -1
        hits, gain = 0.0, 0.0
        while True:  # groups of equal scores, down to the one that completes the top
            start, tied, group_hits, group_best, group_gain = place, 0, 0, -1, 0.0
            while place < rows and (place == start or not new_score[place]):
                row = downwards[place]
                copies = int(weights[row, lane])
                if copies > 0:
                    tied += copies
                    group_gain += copies * target[row]
                    group_best = max(group_best, row)
                    if row >= first[lane]:
                        group_hits += copies
                place += 1
            if tied == 0:
                continue
            drawn = min(tied, size - taken)
            hits += group_hits * drawn / tied
            gain += group_gain / tied * (discounts[taken + drawn] - discounts[taken])
            if taken + tied >= size:
                break
            taken += tied
            best = max(best, group_best)
        none_yet, seen, above, ahead = 1.0, 0, 0, rows - 1
        peak = target[max(best, group_best)]
        shortfall, rank = 0.0, 0.0
        for inside in range(start, place):  # `drawn` of the `tied`, best target first
            row = downwards[inside]
            if none_yet <= 0.0 or row <= best:
                break
            if weights[row, lane] == 0:
                continue
            while target[ahead] > target[row]:
                above += weights[ahead, lane]
                ahead -= 1
            chance = none_yet
            for _ in range(weights[row, lane]):
                none_yet *= max(0, tied - seen - drawn) / (tied - seen)
                seen += 1
            shortfall += (chance - none_yet) * (peak - target[row])
            rank += (chance - none_yet) * (1 + above)
        if none_yet > 0.0:
            while target[ahead] > target[best]:
                above += weights[ahead, lane]
                ahead -= 1
            shortfall += none_yet * (peak - target[best])
            rank += none_yet * (1 + above)
        found[0, lane] = hits
        found[1, lane] = peak - shortfall
        found[2, lane] = rank
        found[3, lane] = gain
