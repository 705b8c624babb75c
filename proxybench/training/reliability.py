"""How reliably trainings rank architectures: agreement between the seeds of a table, and with another table."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from predictors.inputs import aligned, as_floats
from proxybench.ranking.correlation import kendall, spearman

Floats = NDArray[np.float64]


def by_seed(values: pa.Table, metric: str, epochs: int) -> tuple[list[str], Floats]:
    """Architectures in the order of the table, and the values for each seed, float64[n, S]; NaN if missing.

    Args:
        values: canonical rows, as `table.read_table` gives them.
        metric: column.
        epochs: budget.
    """
    keys = zip(*(values.column(name).to_pylist() for name in ("arch", "epochs", "seed")), strict=True)
    rows = [(arch, seed, row) for row, (arch, budget, seed) in enumerate(keys) if budget == epochs]
    column = values.column(metric).to_numpy()
    archs = {arch: place for place, arch in enumerate(dict.fromkeys(arch for arch, _, _ in rows))}
    seeds = {seed: place for place, seed in enumerate(sorted({seed for _, seed, _ in rows}))}
    found = np.full((len(archs), len(seeds)), np.nan)
    for arch, seed, row in rows:
        found[archs[arch], seeds[seed]] = column[row]
    return list(archs), found


def split_half(runs: ArrayLike) -> Floats:
    """Spearman's rho between the means of one half of the seeds and those of the rest, for every way to halve them.

    With an odd number of seeds one part has one more; for three seeds, each is compared with the mean of the others.

    Args:
        runs: [n, S], at least two seeds.
    """
    table = as_floats(runs, "runs")
    seeds = range(table.shape[1])
    halves = [half for half in combinations(seeds, len(seeds) // 2) if len(seeds) % 2 or 0 in half]
    return np.array(
        [spearman(table[:, half].mean(axis=1), np.delete(table, half, axis=1).mean(axis=1)) for half in halves]
    )


def spearman_brown(runs: ArrayLike) -> float:
    """Reliability of the mean over S seeds: S r / (1 + (S - 1) r) for the mean rho r of two single seeds.

    The expected correlation with the mean of S other seeds (Spearman, 1910; Brown, 1910), exact for Pearson's
    correlation and equal noise.

    Args:
        runs: [n, S], at least two seeds.
    """
    table = as_floats(runs, "runs")
    seeds = table.shape[1]
    single = np.mean([spearman(table[:, one], table[:, two]) for one, two in combinations(range(seeds), 2)])
    return float(seeds * single / (1 + (seeds - 1) * single))


def agreement(trained: ArrayLike, published: ArrayLike) -> dict[str, float]:
    """Rank agreement of the trained accuracies with published accuracies of the same architectures.

    Args:
        trained: [n].
        published: [n], NaN if missing.

    Returns:
        `architectures`: number with both; `spearman`; `kendall`; `spearman_top`: rho within the better published half.
    """
    ours, theirs = aligned(trained=trained, published=published)
    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[both], theirs[both]
    top = theirs >= np.median(theirs)
    return {
        "architectures": float(len(ours)),
        "spearman": spearman(theirs, ours),
        "kendall": kendall(theirs, ours),
        "spearman_top": spearman(theirs[top], ours[top]),
    }
