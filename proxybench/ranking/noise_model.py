"""A model of how a target is measured: true values, the noise of one training around them, divergences, rounding.

- Trainings that diverge, and other heavy tails: a run over OUTLYING local standard deviations from its architecture's
  reference run (the upper median of its runs) is an outlier. Outliers come at their observed rate, and how far one
  falls from the true value is drawn from those observed.
- All other noise is normal. Its variance is a smooth function of the mean, pooled over neighbours in the ranking.
- The distribution of the true values is that of the measured means with this noise taken out (Richardson, JOSA 1972;
  Lucy, Astronomical Journal 1974), in units of the local standard deviation. True values are assumed to be distinct.
- Values on a grid, such as accuracies with two decimals or whole numbers of test images, are rounded to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from proxybench.ranking.correlation import kendall
from proxybench.ranking.policy import Booleans, Floats

OUTLYING = 6.0  # local standard deviations from the reference run
_NEIGHBOURS = 100  # architectures whose variances are pooled; fewer where there are fewer than twice as many
_SIMULATIONS = 5
_STEP = 0.2  # of the grid on which noise is removed, in local standard deviations
_WIDEST_GAP = 8.0  # further apart, architectures are never confused, and the grid need not hold what is between
_REACH = 5.0  # standard deviations beyond which a normal density is cut off
_NORMAL_MAD = 0.6745  # median of the absolute value of a standard normal


@dataclass(frozen=True)
class NoiseModel:
    """A model of the measurements of a population; all simulations share their random numbers.

    Attributes:
        truth: true values, ascending, float64[n].
        deviation: standard deviation of the normal noise of one run, float64[n].
        runs: number of runs in the target's mean, int64[n].
        noise: standard normal, float64[simulations, most runs, n].
        fall: how far an outlier falls from the true value, NaN for a run that is none, as `noise`.
        spacing: of the grid that values are rounded to; 0 for none.
        outlying: share of the measured runs that are outliers.
    """

    truth: Floats
    deviation: Floats
    runs: Floats
    noise: Floats
    fall: Floats
    spacing: float
    outlying: float

    @classmethod
    def fit(cls, table: Floats, averaged: int | None, seed: int, rounds: int) -> NoiseModel:
        """The model of measurements [n, s], NaN where a seed was not run, at least one of each row.

        With few rounds of taking noise out, the true values stay smoothly distributed and spread too far; with many
        they fall into clumps, whether or not there are any.
        """
        spacing = grid_spacing(table)
        outlying, falls = _outliers(table, spacing)
        rng = np.random.default_rng((seed, _SIMULATIONS, 2))
        spread = table + spacing * (rng.random(table.shape) - 0.5)  # so that the gaps of a grid do not make clusters
        bulk = np.where(outlying, math.nan, spread)
        counts = np.isfinite(bulk).sum(axis=1)
        means = np.nanmean(bulk, axis=1)
        order = np.argsort(means, kind="stable")
        bulk, counts, means = bulk[order], counts[order], means[order]
        squares = np.nansum((bulk - means[:, None]) ** 2, axis=1)
        variance = _pooled(squares, counts - 1.0)
        floor = max(1e-9 * float(np.ptp(means)), np.finfo(float).tiny)
        scale = np.maximum(np.sqrt(variance), floor)
        deviation = np.sqrt(np.maximum(variance - 2 * spacing**2 / 12, 0.0))  # less rounding, and the spread
        truth = _without_noise(means, scale, counts, rounds)
        runs = np.isfinite(table).sum(axis=1)[order] if averaged is None else np.full(len(means), averaged)
        shape = (_SIMULATIONS, max(2, int(runs.max())), len(means))
        noise = rng.standard_normal(shape)
        fall = np.full(shape, math.nan)
        share = float(outlying.sum() / np.isfinite(table).sum())
        if share:
            struck = rng.random(shape) < share
            fall[struck] = rng.choice(falls, int(struck.sum()))
        return cls(truth, np.interp(truth, means, deviation), runs.astype(np.float64), noise, fall, spacing, share)

    def between(self, factor: float) -> float:
        """Mean tau-b of two single runs, with the standard deviation of the noise multiplied by `factor`."""
        runs = (self._run(factor, number) for number in range(len(self.noise)))
        return float(np.mean([kendall(run[0], run[1]) for run in runs]))

    def attainable(self, factor: float) -> float:
        """Mean tau-b of the true values with the mean over runs, with the noise multiplied by `factor`."""
        taus = []
        for number in range(len(self.noise)):
            run = self._run(factor, number)
            counts = np.arange(len(run))[:, None] < self.runs
            taus.append(kendall(self.truth, np.where(counts, run, 0.0).sum(axis=0) / self.runs))
        return float(np.mean(taus))

    def _run(self, factor: float, number: int) -> Floats:
        fall = self.fall[number]
        run = self.truth + np.where(np.isnan(fall), factor * self.deviation * self.noise[number], fall)
        rounded: Floats = np.round(run / self.spacing) * self.spacing if self.spacing else run
        return rounded


def grid_spacing(values: Floats) -> float:
    """The spacing of the grid of all values, if some are equal; 0 if they are on no grid."""
    found = np.unique(values[np.isfinite(values)])
    if len(found) < 2 or len(found) == np.isfinite(values).sum():
        return 0.0
    steps = np.diff(found)
    spacing = float(steps[steps > 1e-7 * np.abs(found).max()].min(initial=math.inf))
    if not math.isfinite(spacing):
        return 0.0
    width = float(found[-1] - found[0])
    refined = width / max(1, round(width / spacing))  # one step may be known to few digits, all of them are
    places = (found - found[0]) / refined
    fits = float(np.abs(places - np.round(places)).max()) < 0.05 and abs(refined / spacing - 1) < 0.01
    return refined if fits else 0.0


def _outliers(table: Floats, spacing: float) -> tuple[Booleans, Floats]:
    """Which runs are outliers, bool[n, s], and how far each is from its architecture's reference run."""
    rows = np.sort(np.where(np.isfinite(table), table, math.inf), axis=1)
    counts = np.isfinite(table).sum(axis=1)
    reference = rows[np.arange(len(rows)), counts // 2]
    repeated = np.flatnonzero(counts > 1)
    if not len(repeated):
        return np.zeros(table.shape, dtype=np.bool_), np.empty(0)
    best = table[repeated]
    gaps = np.abs(best - reference[repeated][:, None])
    gaps[np.arange(len(best)), np.nanargmin(gaps, axis=1)] = math.nan
    order = np.argsort(reference[repeated], kind="stable")
    typical = np.nanmedian(gaps, axis=1)[order]
    window = max(1, min(_NEIGHBOURS, len(repeated) // 2))
    start = np.clip(np.arange(len(repeated)) - window // 2, 0, len(repeated) - window)
    views = np.lib.stride_tricks.sliding_window_view(typical, window)
    local = np.median(views, axis=1)[start] / (math.sqrt(2) * _NORMAL_MAD)
    scale = np.empty(len(repeated))
    scale[order] = np.maximum(local, spacing / 2)
    outlying = np.zeros(table.shape, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        outlying[repeated] = (gaps > OUTLYING * scale[:, None]) & (scale[:, None] > 0)
    return outlying, (table - reference[:, None])[outlying]


def _without_noise(means: Floats, scale: Floats, counts: Floats, rounds: int) -> Floats:
    """As many values, distributed as the means would be without their noise: upwards, all different."""
    gaps = np.diff(means) / ((scale[1:] + scale[:-1]) / 2)
    place = np.concatenate(([0.0], np.cumsum(np.minimum(gaps, _WIDEST_GAP))))
    size = int(place[-1] / _STEP) + 2
    cell = np.round(place / _STEP).astype(np.int64)
    kinds = [
        (1 / (math.sqrt(kind) * _STEP), np.bincount(cell[counts == kind], minlength=size)) for kind in np.unique(counts)
    ]

    density = _blurred(np.bincount(cell, minlength=size).astype(np.float64), 1 / _STEP) + 1e-12
    for _ in range(rounds):
        ratio = sum(_blurred(seen / np.maximum(_blurred(density, width), 1e-300), width) for width, seen in kinds)
        density = density * ratio
    shares = np.concatenate(([0.0], np.cumsum(density))) / density.sum()
    edges = (np.arange(size + 1) - 0.5) * _STEP
    drawn = np.interp((np.arange(len(means)) + 0.5) / len(means), shares, edges)
    values: Floats = np.interp(drawn, place + 1e-12 * np.arange(len(place)), means)
    return values


def _blurred(values: Floats, width: float) -> Floats:
    """The values convolved with a normal density of this standard deviation, mirrored at both ends, float64[n].

    scipy.ndimage.gaussian_filter1d adds in the same order, so it gives the same bits, but takes long to import.
    """
    radius = int(_REACH * width + 0.5)
    weights = np.exp(-0.5 / (width * width) * np.arange(-radius, radius + 1) ** 2)
    weights = weights / weights.sum()
    mirrored, n = np.pad(values, radius, mode="symmetric"), len(values)
    result: Floats = mirrored[radius : radius + n] * weights[radius]
    for place in range(radius):
        result += (mirrored[place : place + n] + mirrored[2 * radius - place : 2 * radius - place + n]) * weights[place]
    return result


def _pooled(squares: Floats, freedom: Floats) -> Floats:
    """Variance of one run: squares over degrees of freedom, pooled over the nearest neighbours in the ranking."""
    repeated = np.flatnonzero(freedom > 0)
    if not len(repeated):
        return np.zeros(len(squares))
    window = max(1, min(_NEIGHBOURS, len(repeated) // 2))
    sums = np.concatenate(([0.0], np.cumsum(squares[repeated])))
    degrees = np.concatenate(([0.0], np.cumsum(freedom[repeated])))
    start = np.clip(np.searchsorted(repeated, np.arange(len(squares))) - window // 2, 0, len(repeated) - window)
    pooled: Floats = (sums[start + window] - sums[start]) / (degrees[start + window] - degrees[start])
    return pooled
