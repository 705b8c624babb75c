"""Compares the ranking of NAS-Bench-201 by our proxies at the published size with published figures.

    proxybench fetch nasbench201
    proxybench compute nasbench201 --benchmark nasbench201 --first 60 --images cifar10:cifar-10-python.tar.gz \\
        --proxies near,vkdnw,vkdnw_entropy,intrain,rbflex,wrcor,trainable_layers,jacobian_entropy \\
        --network channels=16,cells=5 --output scores --table more.parquet
    python experiments/reach.py data/tables/nasbench201-proxies-full-size.parquet more.parquet \\
        --out docs/results/reached.csv

Reads the scores of one or more sweeps of the same architectures and writes, for each proxy with a published figure,
Kendall's tau-b with the test accuracy on CIFAR-10 after 200 epochs (mean of the seeds):

- over distinct functions: one cell of each digest, with a 95 % bootstrap interval;
- over all cells of these functions, most of which hold weights that nothing reaches: the published population of 15,625
  cells counts them all, so this is the figure to compare, but its interval is wider than that over functions.

Combinations rank within the functions or cells that have all their parts.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from proxybench.proxies.combinations import COMBINATIONS, combine
from proxybench.ranking.correlation import kendall
from proxybench.ranking.intervals import interval
from proxybench.scores.score_file import read_scores

Columns = dict[str, NDArray[np.float64]]
# Kendall's tau on CIFAR-10 over all 15,625 cells, as their authors or VKDNW's authors report it.
_OF_VKDNW = "Tybl and Neumann, VKDNW, CVPR 2025, run by them"
PUBLISHED = {
    "vkdnw_agg": (0.750, "Tybl and Neumann, VKDNW, CVPR 2025"),
    "az_nas": (0.741, "Lee and Ham, AZ-NAS, CVPR 2024"),
    "near": (0.70, "Husistein et al., NEAR, ICLR 2025, mean of 32 draws"),
    "intrain": (0.669, "Zhou et al., InTrain, CVPR 2026"),
    "swap": (0.634, "APD, NeurIPS 2025, run by its authors"),
    "trainable_layers": (0.626, _OF_VKDNW),
    "vkdnw": (0.618, "Tybl and Neumann, VKDNW, CVPR 2025"),
    "gradsign": (0.618, "Lee and Ham, AZ-NAS, CVPR 2024, run by them"),
    "jacov": (0.616, _OF_VKDNW),
    "zico": (0.607, _OF_VKDNW),
    "nwot": (0.571, _OF_VKDNW),
    "synflow": (0.561, _OF_VKDNW),
    "flops": (0.623, _OF_VKDNW),
    "params": (0.57, "Li et al., ZiCo, ICLR 2023, run by them"),
    "snip": (0.46, "Li et al., ZiCo, ICLR 2023, run by them"),
    "zen": (0.29, "Li et al., ZiCo, ICLR 2023, run by them"),
}
FIELDS = ("proxy", "published", "source", "functions", "tau_functions", "low", "high", "cells", "tau_cells")


def columns_of(paths: list[Path], bench: pb.Benchmark) -> Columns:
    """By proxy, the score of each cell of the table, NaN where no sweep has it; the first file wins."""
    archs = list(bench)
    found: Columns = {}
    for path in paths:
        for name, values in read_scores(path).join(archs, bench.space, bench.digests).columns.items():
            found.setdefault(name.removeprefix("proxy:"), values)
    return found


def scores_of(name: str, columns: Columns, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The scores of the cells in `rows`; those of a combination are ranked among them. None if a part is missing."""
    parts = COMBINATIONS[name].parts if name in COMBINATIONS else (name,)
    if not columns.keys() >= set(parts):
        return None
    chosen = {part: columns[part][rows] for part in parts}
    return combine(name, chosen) if name in COMBINATIONS else chosen[name]


def main() -> None:
    """Compute and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("reached.csv"))
    options = parser.parse_args()
    bench = pb.load("nasbench201")
    accuracy = bench.values("test_acc", dataset="cifar10", epochs=200)
    columns = columns_of(options.scores, bench)
    cells = np.arange(len(accuracy))
    _, functions = np.unique(np.array(bench.digests), return_index=True)
    lines = []
    for name, (published, source) in PUBLISHED.items():
        line: dict[str, object] = {"proxy": name, "published": published, "source": source}
        for kind, rows in (("functions", functions), ("cells", cells)):
            scores = scores_of(name, columns, rows)
            if scores is None:
                break
            known = np.isfinite(scores)
            line |= {kind: int(known.sum()), f"tau_{kind}": f"{kendall(accuracy[rows][known], scores[known]):.3f}"}
            if kind == "functions":
                found = interval(accuracy[rows][known], scores[known])
                line |= {"low": f"{found.low:.3f}", "high": f"{found.high:.3f}"}
        else:
            lines.append(line)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
