r"""One search for several tasks (FBNetV5) against random search, on tables with the same architectures on every task.

    python experiments/several_tasks.py [--queries 100] [--seeds 50] [--csv several_tasks.csv]

The tasks are the seven of TransNAS-Bench-101 micro and the eight settings of NAS-Bench-MR. A query answers for all
tasks, so that the cost does not depend on their number; random search answers for all of them too. Prints, for each
task, the mean rank of the best architecture found (1 is the best of the table) and in which share of the seeds it beats
that of random search, a tie counting half. The rate of the distributions was chosen among .3, 1 and 3 by the mean rank
over the tasks of TransNAS-Bench-101 micro, with seeds 0 to 9; the seeds here start at 100.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import proxybench as pb
from proxybench.search.experiments.several_tasks import compare_searches, find_tasks

TABLES = ("transnas101-micro", "nasbench-mr")
FIRST_SEED = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    frames = []
    for table in TABLES:
        seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
        found = compare_searches(find_tasks(pb.load(table)), options.queries, seeds)
        frames.append(found.assign(table=table))
        print(table, found.to_string(index=False, float_format="%.2f"), sep="\n", flush=True)
    if options.csv is not None:
        pd.concat(frames).to_csv(options.csv, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
