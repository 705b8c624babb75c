"""Measures how long ParZC takes to learn from 781 cells of NAS-Bench-201, and to predict all 15,625.

    python tests/bench/bench_parzc.py [--threads 2]

On everything known without training (`bench.batch("all")`), in its default settings. The bounds, 60 s to fit and 3 s to
predict, are for two cores. Fails if one is exceeded. Its quality, and the contribution of its parts, are recorded by
`proxybench run --suite predictors-full` and shown by `proxybench leaderboard show --task TASK --compare parzc`.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import proxybench as pb
from predictors.parzc import ParZC
from proxybench.evaluation.splits import hash_split
from proxybench.evaluation.tasks import load_tasks

TASK, TRAIN, FIT_SECONDS, PREDICT_SECONDS = "nasbench201-cifar10-predict-all-columns", 781, 60, 3


def main(threads: int) -> None:
    """Measure and print."""
    task = load_tasks()[TASK]
    bench = pb.load(task.benchmark)
    rows = task.rows(bench)
    batch = task.batch(bench)
    told = task.train_target
    assert told is not None
    targets = bench.values(told.metric, dataset=task.dataset, epochs=told.epochs, seed=told.seed)[rows]
    train = hash_split(task.name, 0, [bench.digests[row] for row in rows], TRAIN).train
    start = time.perf_counter()
    model = ParZC(threads=threads).fit(batch[train], targets[train])
    fitted = time.perf_counter()
    predicted = model.predict(batch)
    done = time.perf_counter()
    assert np.isfinite(predicted).all()
    print(
        f"ParZC, {threads} threads: fit on {TRAIN} in {fitted - start:.1f} s, {len(batch):,} in {done - fitted:.2f} s"
    )
    if fitted - start > FIT_SECONDS or done - fitted > PREDICT_SECONDS:
        raise SystemExit(f"slower than {FIT_SECONDS} s to fit or {PREDICT_SECONDS} s to predict")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args().threads)
