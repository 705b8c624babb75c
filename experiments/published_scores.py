"""Compares our proxies with the published scores of the same architectures, and both with the accuracy.

    proxybench fetch nasbench201
    python experiments/published_scores.py nasbench201 cifar10 test_acc --epochs 200 --cells 500 \\
        --images cifar10:cifar-10-python.tar.gz --network channels=16,cells=5 --workers 2 --folder scores

Takes the architectures with a published synflow whose digests come first in the order of BLAKE2b, computes the proxies
in a resumable sweep in FOLDER (one for each seed), and prints for each: Spearman's rho with the published column, rho
between our first two seeds where two are given, and Kendall's tau-b of either with the target, on the same cells.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors.arch import ArchBatch
from proxybench.grammar import parse_arguments
from proxybench.images.batch import load_batch
from proxybench.ranking.metrics import rank_metrics
from proxybench.scores.score_file import read_scores
from proxybench.sweeps.front import do_work
from proxybench.sweeps.merge import merge
from proxybench.sweeps.selection import choose_proxies, items_of
from proxybench.sweeps.sweep import begin_sweep


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("dataset")
    parser.add_argument("target")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--images", default="noise")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--resolution", type=int)
    parser.add_argument("--network", default="")
    parser.add_argument("--classes", type=int)
    parser.add_argument("--initialisation", default="torch")
    parser.add_argument("--proxies", default="all")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("scores"))
    return parser.parse_args()


def chosen_rows(bench: pb.Benchmark, dataset: str, cells: int) -> NDArray[np.int64]:
    """Rows of one architecture a digest, by hash, among those with a published synflow."""
    there = np.flatnonzero(bench.measured("proxy:synflow", dataset=dataset))
    order = sorted(there, key=lambda row: hashlib.blake2b(bench.digests[row].encode()).digest())
    first = {bench.digests[row]: row for row in reversed(order)}
    return np.array([row for row in order if first[bench.digests[row]] == row][:cells])


def computed(options: argparse.Namespace, bench: pb.Benchmark, rows: NDArray[np.int64], seed: int) -> ArchBatch:
    """Our scores of the rows, as columns of a batch in their order."""
    proxies, left_out = choose_proxies(options.proxies.split(","))
    print("\n".join(left_out), file=sys.stderr)
    archs = [bench.arch(int(row)) for row in rows]
    digests = [bench.digests[row] for row in rows]
    folder = options.folder / f"seed-{seed}"
    batch = load_batch(options.images, options.batch, resolution=options.resolution, seed=seed)
    work = begin_sweep(
        folder,
        bench.space.name,
        items_of(archs, bench.space, digests),
        proxies,
        batch,
        network=parse_arguments(options.network),
        classes=options.classes,
        initialisation=options.initialisation,
        seed=seed,
    )
    do_work(work, options.workers, None, lambda done: print(f"\r{done} of {len(rows)}", end="", file=sys.stderr))
    merge(work, folder / "scores.parquet")
    return read_scores(folder / "scores.parquet").join(archs, bench.space, digests)


def main() -> None:
    """Compute and print."""
    options = arguments()
    bench = pb.load(options.benchmark)
    rows = chosen_rows(bench, options.dataset, options.cells)
    target = bench.values(options.target, dataset=options.dataset, epochs=options.epochs)[rows]
    seeds = [computed(options, bench, rows, int(seed)) for seed in options.seeds.split(",")]
    print(f"{len(rows)} architectures of {options.benchmark}, {options.dataset}, {options.target}")
    print(f"{'proxy':18}{'rho published':>15}{'rho seeds':>11}{'tau ours':>10}{'tau published':>15}{'failed':>8}")
    for name in sorted(seeds[0].columns):
        ours = seeds[0].columns[name]
        plain = name.removeprefix("proxy:")
        column = plain if plain in ("params", "flops") else name
        figures = [float("nan")] * 4
        figures[2] = rank_metrics(target, ours)["kendall"]
        if column in bench.metrics(options.dataset):
            theirs = bench.values(column, dataset=options.dataset)[rows]
            figures[0] = rank_metrics(theirs, ours)["spearman"]
            figures[3] = rank_metrics(target, theirs)["kendall"]
        if len(seeds) > 1:
            figures[1] = rank_metrics(seeds[1].columns[name], ours)["spearman"]
        failed = int(np.isnan(ours).sum())
        print(f"{plain:18}{figures[0]:15.4f}{figures[1]:11.4f}{figures[2]:10.3f}{figures[3]:15.3f}{failed:8}")


if __name__ == "__main__":
    main()
