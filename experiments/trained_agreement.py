r"""Compares the accuracies of a table of our own trainings with published ones of the same architectures.

    proxybench fetch nasbench201
    python experiments/trained_agreement.py data/tables/trained-nasbench201.parquet nasbench201 --epochs 200
    python experiments/trained_agreement.py data/tables/trained-nasbench101.parquet nasbench101 --epochs 108 \
        --target val_acc --seed max

Prints for each budget and metric how many architectures both tables have (by the space's digest, which means the same
function), Spearman's rho and Kendall's tau-b over them, and rho among the published better half; and rho for a single
seed, which shows how much of the disagreement is noise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import proxybench as pb
from proxybench.spaces import get_space
from proxybench.training.reliability import agreement, by_seed
from proxybench.training.table import read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("benchmark")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--target", default="test_acc")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", default="mean", help="of the published table, or what it says instead of one")
    options = parser.parse_args(sys.argv[1:])

    table, bench = read_table(options.table), pb.load(options.benchmark)
    space = get_space(table.setting["space"])
    values = bench.values(options.target, dataset=options.dataset, epochs=options.epochs, seed=options.seed)
    published = dict(zip(bench.digests, values, strict=True))
    for budget in table.setting["recipe"]["budgets"]:
        for metric in ("val_acc", "test_acc"):
            archs, runs = by_seed(table.values, metric, budget)
            theirs = np.array([published.get(space.digest(space.parse(arch)), np.nan) for arch in archs])
            found = agreement(runs.mean(axis=1), theirs)
            single = np.mean([agreement(run, theirs)["spearman"] for run in runs.T])
            print(
                f"{metric} after {budget} epochs: {found['architectures']:.0f} architectures, "
                f"rho {found['spearman']:.3f}, tau {found['kendall']:.3f}, rho of the better half "
                f"{found['spearman_top']:.3f}; one seed: rho {single:.3f}"
            )


if __name__ == "__main__":
    main()
