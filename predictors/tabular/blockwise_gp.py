"""A Gaussian process over blocks of features, fitted by its marginal likelihood.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006: equations 2.25, 2.26 (prediction), 2.30
(log marginal likelihood) and 5.9 (its gradient). The kernel is a sum over blocks of features,

    k(x, x') = sum_b s_b^2 m(r_b),  r_b^2 = sum_j |x_j - x'_j|^2 / l_j^2,  m(r) = (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r),

Matern with nu = 5/2 (equation 4.17), plus noise on the diagonal. A block has one length scale, one for each of its
features (automatic relevance determination, section 5.1), or one for each group of its features. scikit-learn's kernels
cannot act on a subset of the features, and small training sets cannot support a length scale for each of hundreds of
binary features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_ROOT5 = 5.0**0.5
_PREDICTED_AT_ONCE = 256  # number of rows whose kernel is computed at once, to fit in a core's cache
_LEFT_OUT_OF = 1500


@dataclass(frozen=True)
class Block:
    """A block of features.

    Attributes:
        features: int64[d], their columns.
        relevance: whether each feature has its own length scale.
        groups: the number of consecutive features in each group; the features of a group share a length scale, and all
            groups weigh the same at equal length scales. Empty for one group, or one for each feature with `relevance`.
    """

    features: NDArray[np.int64]
    relevance: bool = False
    groups: tuple[int, ...] = ()

    @property
    def scales(self) -> int:
        """The number of length scales."""
        return len(self.features) if self.relevance else max(1, len(self.groups))

    def divisors(self, lengths: Floats) -> Floats:
        """What features are divided by: float64[1], or float64[d] with relevance or groups."""
        if not self.groups:
            return np.asarray(np.exp(lengths))
        share = np.sqrt(np.array(self.groups) * (len(self.groups) / len(self.features)))
        return np.repeat(np.exp(lengths) * share, self.groups)


class BlockwiseGP:
    """Gaussian process regression of targets with mean 0 and variance about 1.

    Hyperparameters maximise the log marginal likelihood of at most `tuned_on` training rows plus a log-normal prior on
    each, which keeps length scales near 1 and noise near 0.1 unless the data say otherwise.

    Args:
        blocks: the features of each kernel term; features must be on a common scale, without missing values.
        tuned_on: maximum number of rows to fit hyperparameters on.
        limit: maximum number of training rows; if there are more, a random subset is used, since the cost is cubic.
        random_state: seed of both random subsets.
        iterations: maximum number of L-BFGS steps.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        tuned_on: int = 400,
        limit: int = 5000,
        random_state: int = 0,
        iterations: int = 30,
    ) -> None:
        self.blocks = blocks
        self.tuned_on = tuned_on
        self.limit = limit
        self.random_state = random_state
        self.iterations = iterations

    def fit(self, rows: Floats, targets: Floats) -> Self:
        """Learn from rows float64[n, d] and targets float64[n]."""
        from scipy.linalg import cho_factor, cho_solve

        order = np.random.default_rng(self.random_state).permutation(len(rows))
        self.rows_ = rows[np.sort(order[: self.limit])]
        self.targets_ = targets = targets[np.sort(order[: self.limit])]
        few = np.sort(np.random.default_rng(self.random_state).permutation(len(self.rows_))[: self.tuned_on])
        self.theta_ = self._tune(self.rows_[few], targets[few])
        kernel = self._kernel(self.rows_, self.rows_)
        kernel[np.diag_indices_from(kernel)] += np.exp(2 * self.theta_[-1]) + 1e-8
        self.factor_ = cho_factor(kernel, lower=True, overwrite_a=True)
        self.weights_ = cho_solve(self.factor_, targets)
        return self

    def predict(self, rows: Floats) -> Floats:
        """Posterior mean, float64[n]."""
        parts = [self._kernel(part, self.rows_) @ self.weights_ for part in _parts(rows)]
        return np.concatenate(parts)

    def predict_std(self, rows: Floats) -> Floats:
        """Posterior standard deviation of a new measurement, including noise, float64[n]."""
        from scipy.linalg import solve_triangular

        prior = float(np.exp(2 * self._amplitudes(self.theta_)).sum() + np.exp(2 * self.theta_[-1]))
        parts = []
        for part in _parts(rows):
            half = solve_triangular(self.factor_[0], self._kernel(part, self.rows_).T, lower=True)
            parts.append(np.sqrt(np.maximum(prior - (half**2).sum(axis=0), 1e-12)))
        return np.concatenate(parts)

    def leave_one_out(self) -> tuple[Floats, Floats]:
        """Leave-one-out residual and standard deviation of each training row, float64[n] each.

        Equations 5.10 to 5.12, with fixed hyperparameters. If there are more than 1,500 rows, a random subset of 1,500
        is used, since the cost is cubic.
        """
        from scipy.linalg import cho_factor, cho_solve

        n = len(self.rows_)
        some = np.sort(np.random.default_rng(self.random_state).permutation(n)[:_LEFT_OUT_OF])
        kernel = self._kernel(self.rows_[some], self.rows_[some])
        kernel[np.diag_indices_from(kernel)] += np.exp(2 * self.theta_[-1]) + 1e-8
        inverse = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), np.eye(len(some)))
        precision = np.diag(inverse)
        return inverse @ self.targets_[some] / precision, np.sqrt(1 / precision)

    def held_out(self, folds: Sequence[NDArray[np.int64]]) -> Floats:
        """Posterior mean of each training row given the rows outside its fold, float64[n].

        Equation 5.12 for several rows at once, with fixed hyperparameters: a fold's residuals are the inverse of its
        block of K^-1, times its part of K^-1 y.

        Args:
            folds: positions of training rows, disjoint, and together all of them; there must be at most `limit` rows.
        """
        from scipy.linalg import cho_solve

        inverse = cho_solve(self.factor_, np.eye(len(self.rows_)))
        found = self.targets_.copy()
        for fold in folds:
            found[fold] -= np.linalg.solve(inverse[np.ix_(fold, fold)], self.weights_[fold])
        return found

    # theta: log amplitude of each block, log length scales block by block, log standard deviation of the noise.

    def _amplitudes(self, theta: Floats) -> Floats:
        return theta[: len(self.blocks)]

    def _lengths(self, theta: Floats) -> list[Floats]:
        ends = np.cumsum([block.scales for block in self.blocks])[:-1]
        return np.split(theta[len(self.blocks) : -1], ends)

    def _kernel(self, one: Floats, other: Floats) -> Floats:
        total = np.zeros((len(one), len(other)))
        for block, amplitude, lengths in zip(
            self.blocks, self._amplitudes(self.theta_), self._lengths(self.theta_), strict=True
        ):
            divisors = block.divisors(lengths)
            a, b = one[:, block.features] / divisors, other[:, block.features] / divisors
            total += covariance(squared(a, b), 5 / _spread(block), np.exp(2 * amplitude))
        return total

    def _tune(self, rows: Floats, targets: Floats) -> Floats:
        """The hyperparameters, float64[blocks + scales + 1]."""
        from scipy.optimize import minimize

        distances = [_distances(rows[:, block.features], block) for block in self.blocks]
        start = np.concatenate(
            [
                np.full(len(self.blocks), -0.5 * np.log(max(1, len(self.blocks)))),
                np.zeros(sum(block.scales for block in self.blocks)),
                [np.log(0.3)],
            ]
        )
        found = minimize(
            lambda theta: self._loss(theta, start, distances, targets),
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-5.0, 5.0)] * len(start),
            options={"maxiter": self.iterations},
        )
        return np.asarray(found.x)

    def _loss(self, theta: Floats, start: Floats, distances: Sequence[Floats], targets: Floats) -> tuple[float, Floats]:
        """Minus the log posterior of the hyperparameters, and its gradient."""
        from scipy.linalg import cho_factor, cho_solve

        n = len(targets)
        noise = np.exp(2 * theta[-1])
        kernel = np.eye(n) * (noise + 1e-6)
        terms = []
        for amplitude, lengths, squares in zip(self._amplitudes(theta), self._lengths(theta), distances, strict=True):
            inverse = np.exp(-2 * lengths)
            values, slopes = _matern(np.tensordot(inverse, squares, axes=1))
            scale = np.exp(2 * amplitude)
            kernel += scale * values
            terms.append((scale * values, scale * slopes, inverse))
        factor = cho_factor(kernel, lower=True)
        weights = cho_solve(factor, targets)
        outer = np.outer(weights, weights) - cho_solve(factor, np.eye(n))
        gradient = [(outer * values).sum() for values, _, _ in terms]
        for (_, slopes, inverse), squares in zip(terms, distances, strict=True):
            gradient += list(-inverse * np.tensordot(squares, outer * slopes, axes=([1, 2], [0, 1])))
        gradient.append(noise * np.trace(outer))
        likelihood = -0.5 * targets @ weights - np.log(np.diag(factor[0])).sum()
        prior = -0.5 * ((theta - start) ** 2).sum()
        return -(likelihood + prior), -(np.array(gradient) - (theta - start))


def covariance(squares: Floats, factor: float, scale: float) -> Floats:
    """Matern-5/2 times `scale`, with root = sqrt(factor * squares); overwrites `squares`.

    For large arrays memory bandwidth dominates, so only two arrays are written to.
    """
    squares *= factor
    root = np.sqrt(squares)
    squares *= scale / 3
    squares += scale * root  # scale * (1 + root + root ** 2 / 3), but for the 1
    squares += scale
    np.negative(root, out=root)
    squares *= np.exp(root, out=root)
    return squares


def _matern(squares: Floats) -> tuple[Floats, Floats]:
    """Matern-5/2 of squared distances, and its derivative with respect to them."""
    root = _ROOT5 * np.sqrt(np.maximum(squares, 0.0))
    decay = np.exp(-root)
    return (1 + root + root**2 / 3) * decay, -5 / 6 * (1 + root) * decay


def squared(one: Floats, other: Floats) -> Floats:
    """Squared Euclidean distances, float64[len(one), len(other)]."""
    squares: Floats = one @ (-2 * other.T)
    squares += (one**2).sum(axis=1)[:, None]
    squares += (other**2).sum(axis=1)
    return np.maximum(squares, 0.0, out=squares)


def _spread(block: Block) -> int:
    """The divisor of squared distances, so that a length scale of 1 suits any number of features."""
    return max(1, len(block.features))


def _distances(rows: Floats, block: Block) -> Floats:
    """Squared distances for each length scale, float64[scales, n, n]."""
    if block.groups:
        parts = np.split(rows, np.cumsum(block.groups)[:-1], axis=1)
        return np.stack([squared(part, part) / (part.shape[1] * len(parts)) for part in parts])
    if not block.relevance:
        return squared(rows, rows)[None] / _spread(block)
    return np.asarray((rows.T[:, :, None] - rows.T[:, None, :]) ** 2 / _spread(block))


def _parts(rows: Floats) -> list[Floats]:
    return [rows[start : start + _PREDICTED_AT_ONCE] for start in range(0, max(1, len(rows)), _PREDICTED_AT_ONCE)]
