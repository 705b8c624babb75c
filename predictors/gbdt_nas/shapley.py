"""Exact Shapley interaction values of tree models, which LightGBM does not compute.

Lundberg et al.: From Local Explanations to Global Understanding with Explainable AI for Trees, Nature Machine
Intelligence 2020: conditional expectations along the paths of the trees, weighted by training rows, and interaction
values whose rows add up to the Shapley values. No library is needed: a single leaf is a game in product form,

    v(S) = value * prod over S of met_k * prod over the others of share_k,

whose weighted sum over coalitions is an integral (Owen's multilinear extension). With
f_k(t) = t met_k + (1 - t) share_k,

    phi_i  = value * integral from 0 to 1 of (met_i - share_i) prod over k != i of f_k(t) dt,
    phi_ij = value * integral from 0 to 1 of (met_i - share_i) (met_j - share_j) prod over k != i, j of f_k(t) dt.

The integrand is a polynomial of degree below d, so Gauss-Legendre quadrature with d // 2 + 1 points is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from predictors.gbdt_nas.trees import Leaf

Floats = NDArray[np.float64]


def interaction_values(leaves: Sequence[Leaf], rows: Floats) -> Floats:
    """The contribution of each pair of features beyond those of the two alone, float64[n, d, d], symmetric.

    Each contribution is split equally between the two sides of the diagonal; the diagonal holds the remainder of each
    feature's Shapley value, so that each row of the matrix sums to it.

    Args:
        leaves: the model's leaves, from `predictors.gbdt_nas.trees.trees`.
        rows: float64[n, d].
    """
    values = np.zeros((*rows.shape, rows.shape[1]))
    for leaf, patterns, of_row in _games(leaves, rows):
        gains, weights = _terms(leaf, patterns)
        pairs = np.einsum("mq,miq,mjq->mij", weights, gains, gains) / 2
        own = np.arange(len(leaf.features))
        pairs[:, own, own] = 0.0
        pairs[:, own, own] = np.einsum("mq,miq->mi", weights, gains) - pairs.sum(axis=2)
        values[:, leaf.features[:, None], leaf.features] += pairs[of_row]
    return values


def _games(leaves: Sequence[Leaf], rows: Floats) -> Iterator[tuple[Leaf, NDArray[np.bool_], NDArray[np.int64]]]:
    """Each leaf with conditions, the distinct patterns of conditions met, bool[m, d], and the pattern of each row."""
    for leaf in leaves:
        if len(leaf.features) and len(rows):
            met = leaf.met(rows)
            codes = met @ (1 << np.arange(met.shape[1], dtype=np.int64))
            _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
            yield leaf, met[first], of_row


def _terms(leaf: Leaf, patterns: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(met_i - share_i) / f_i(t), float64[m, d, q], and value * weight * product of all f_k(t), [m, q]."""
    t, weights = _quadrature(len(leaf.features) // 2 + 1)
    met = patterns[:, :, None].astype(np.float64)
    share = leaf.share[:, None]
    factors = t * met + (1 - t) * share  # positive, since shares are positive and t is inside (0, 1)
    return (met - share) / factors, leaf.value * weights * factors.prod(axis=1)


@cache
def _quadrature(points: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (nodes + 1) / 2, weights / 2
