"""Compares the ranking of NAS-Bench-201 by our proxies at the published size with published figures.

    proxybench fetch nasbench201
    proxybench compute nasbench201 --benchmark nasbench201 --first 60 --images cifar10:cifar-10-python.tar.gz \\
        --proxies near,vkdnw,vkdnw_entropy,intrain,rbflex,wrcor,dextr,trainable_layers,jacobian_entropy \\
        --network channels=16,cells=5 --output scores --table more.parquet
    python experiments/reach.py data/tables/nasbench201-proxies-full-size.parquet more.parquet \\
        --out docs/results/reached.csv

Reads the scores of one or more sweeps and writes, for each proxy, Kendall's tau-b with the test accuracy on CIFAR-10
after 200 epochs (mean of the seeds) over the functions in the sweeps, with a 95 % bootstrap interval. A function stands
for all cells of its digest; its accuracy is that of the cell whose network was scored. The published figures are over
all 15,625 cells, also those that hold weights that nothing reaches. A combination ranks within the functions that have
all its parts.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from proxybench.proxies.combinations import COMBINATIONS, combine
from proxybench.ranking.intervals import interval
from proxybench.scores.score_file import read_scores

Columns = dict[str, NDArray[np.float64]]
_OF_VKDNW = "Tybl and Neumann, VKDNW, CVPR 2025, run by them"
# Kendall's tau on CIFAR-10 over all 15,625 cells; empty where the authors state other figures only.
PUBLISHED: dict[str, tuple[str, str]] = {
    "vkdnw_agg": ("0.750", "Tybl and Neumann, VKDNW, CVPR 2025"),
    "az_nas": ("0.741", "Lee and Ham, AZ-NAS, CVPR 2024"),
    "near": ("0.70", "Husistein et al., NEAR, ICLR 2025, mean of 32 draws"),
    "intrain": ("0.669", "Zhou et al., InTrain, CVPR 2026"),
    "swap": ("0.634", "APD, NeurIPS 2025, run by its authors"),
    "trainable_layers": ("0.626", _OF_VKDNW),
    "vkdnw": ("0.618", "Tybl and Neumann, VKDNW, CVPR 2025"),
    "gradsign": ("0.618", "Lee and Ham, AZ-NAS, CVPR 2024, run by them"),
    "jacov": ("0.616", _OF_VKDNW),
    "zico": ("0.607", _OF_VKDNW),
    "nwot": ("0.571", _OF_VKDNW),
    "synflow": ("0.561", _OF_VKDNW),
    "flops": ("0.623", _OF_VKDNW),
    "params": ("0.57", "Li et al., ZiCo, ICLR 2023, run by them"),
    "snip": ("0.46", "Li et al., ZiCo, ICLR 2023, run by them"),
    "rbflex": ("", "Yamasaki et al., RBFleX-NAS, IEEE TNNLS 2025"),
    "wrcor": ("", "WRCor, 2025: Spearman's rho 0.812"),
    "dextr": ("", "Asthana et al., Dextr, TMLR 2025: Spearman's rho 0.90"),
    "jacobian_entropy": ("0.752", "IBFS, ICML 2025; the data set is not stated"),
    "zen": ("0.29", "Li et al., ZiCo, ICLR 2023, run by them"),
}
FIELDS = ("proxy", "published", "source", "functions", "tau", "low", "high")


def scored(paths: list[Path], bench: pb.Benchmark) -> tuple[Columns, NDArray[np.float64]]:
    """By proxy, the score of each function in any of the sweeps, NaN where none has it; and the test accuracies."""
    sweeps = [read_scores(path) for path in paths]
    texts = {digest: text for sweep in sweeps for digest, text in zip(sweep.digests, sweep.archs, strict=True)}
    archs = [bench.space.parse(text) for text in texts.values()]
    columns: Columns = {}
    for sweep in sweeps:
        for name, values in sweep.join(archs, bench.space, list(texts)).columns.items():
            columns.setdefault(name.removeprefix("proxy:"), values)
    row_of = {arch: row for row, arch in enumerate(bench)}
    accuracy = bench.values("test_acc", dataset="cifar10", epochs=200)[[row_of[arch] for arch in archs]]
    return columns, accuracy


def score_of(name: str, columns: Columns) -> NDArray[np.float64] | None:
    """The scores of a proxy, or the ranks of a combination; None if a part is missing."""
    parts = COMBINATIONS[name].parts if name in COMBINATIONS else (name,)
    if not columns.keys() >= set(parts):
        return None
    return combine(name, columns) if name in COMBINATIONS else columns[name]


def main() -> None:
    """Compute and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("reached.csv"))
    options = parser.parse_args()
    columns, accuracy = scored(options.scores, pb.load("nasbench201"))
    lines = []
    for name, (published, source) in PUBLISHED.items():
        scores = score_of(name, columns)
        if scores is None:
            continue
        known = np.isfinite(scores)
        found = interval(accuracy[known], scores[known])
        figures = {"tau": found.value, "low": found.low, "high": found.high}
        lines.append(
            {"proxy": name, "published": published, "source": source, "functions": int(known.sum())}
            | {field: f"{value:.3f}" for field, value in figures.items()}
        )
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
