"""Compares the scores of one sweep with those of another setting, on the networks that both have.

Architectures of one digest count as the same network only with equal numbers of parameters: a published simplification
may identify cells that compute one thing twice, each time with other weights.

    python experiments/cheap_setting.py data/tables/nasbench201-proxies.parquet scores/seed-0/scores.parquet \\
        scores/seed-1/scores.parquet

The first is the cheap setting, the second the reference; a third, of the reference setting with another seed, says how
well two draws of the reference agree, which no other setting can be expected to exceed by much. Prints Spearman's rho
of each proxy, with a 95 % bootstrap interval, and the seconds that an architecture took in each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from proxybench.scores.score_file import SweepScores, read_scores

RESAMPLES = 1000


def by_digest(sweep: SweepScores) -> pd.DataFrame:
    """The scores with digests as index."""
    return sweep.scores.set_index(pd.Index(sweep.digests))


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float, float]:
    """Rho, and the ends of its bootstrap interval over architectures."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    generator = np.random.default_rng(0)
    rows = np.vstack([np.arange(len(first)), generator.integers(len(first), size=(RESAMPLES, len(first)))])
    rhos = [np.corrcoef(rankdata(first[row]), rankdata(second[row]))[0, 1] for row in rows]
    low, high = np.nanquantile(rhos[1:], [0.025, 0.975])
    return float(rhos[0]), float(low), float(high)


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cheap", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("other_seed", type=Path, nargs="?")
    options = parser.parse_args()
    sweeps = [read_scores(path) for path in (options.cheap, options.reference, options.other_seed) if path is not None]
    tables = [by_digest(sweep) for sweep in sweeps]
    common = tables[1].index.intersection(tables[0].index)
    sizes = [table["proxy:params"].reindex(common) for table in tables[:2]]
    common = common[sizes[0].to_numpy() == sizes[1].to_numpy()]
    seconds = [sweep.seconds["seconds"].median() for sweep in sweeps[:2]]
    print(f"{len(common)} architectures; median {seconds[0]:.2f} s each in the first, {seconds[1]:.2f} s in the second")
    print(f"{'proxy':20}{'rho':>8}{'95 % interval':>20}{'two seeds':>12}")
    for name in map(str, tables[1]):
        column = [table[name].reindex(common).to_numpy() for table in tables if name in table]
        rho, low, high = spearman(column[0], column[1])
        seeds = f"{spearman(column[1], column[2])[0]:12.4f}" if len(column) > 2 else ""
        print(f"{name.removeprefix('proxy:'):20}{rho:8.4f}   {low:7.4f} to {high:.4f}{seeds}")


if __name__ == "__main__":
    main()
