"""Measures fit on 1,563 cells of NAS-Bench-201 and prediction of all 15,625, for each graph predictor.

    python tests/bench/bench_graph_predictors.py [--threads 2] [GCN GIN GATES GraphTransformer FLAN]

Targets are made up (operations weighted, plus noise): time does not depend on them but for the early stop, which is
switched off here, so this is the longest a fit takes. Default parameters otherwise, and so one thread. Fails where a
fit takes more than 90 s or a prediction more than 2 s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import predictors.graph
from predictors.arch import ArchBatch
from proxybench.spaces.nasbench201 import OPERATIONS, NASBench201

TRAIN, FIT_SECONDS, PREDICT_SECONDS = 1_563, 90, 2


def main(names: list[str], threads: int) -> None:
    """Measure and print."""
    cells = ArchBatch(list(NASBench201()))
    rng = np.random.default_rng(0)
    worth = dict(zip(OPERATIONS, (-3.0, 1.0, 2.0, 3.0, 0.5), strict=True))
    targets = np.array([sum(worth.get(op, 0.0) for op in arch.ops) for arch in cells]) + rng.normal(0, 1, len(cells))
    train = rng.permutation(len(cells))[:TRAIN]
    slow = []
    for name in names:
        model = getattr(predictors.graph, name)(patience=1.0, threads=threads)
        fit_s, fit_cpu_s = seconds(partial(model.fit, cells[train], targets[train]))
        predict_s, predict_cpu_s = seconds(partial(model.predict, cells))
        print(
            f"{name:<18} fit {fit_s:6.1f} s ({fit_cpu_s:.1f} s of processors)"
            f"  predict {predict_s:5.2f} s ({predict_cpu_s:.2f} s)  tau {model.score(cells, targets):.3f}"
        )
        if fit_s > FIT_SECONDS or predict_s > PREDICT_SECONDS:
            slow.append(name)
    if slow:
        raise SystemExit(f"slower than {FIT_SECONDS} s to fit or {PREDICT_SECONDS} s to predict: {', '.join(slow)}")


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """On the clock, and of processors."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


if __name__ == "__main__":
    every = [name for name in predictors.graph.__all__ if name != "GraphPredictor"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(every)}; all by default")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    main(asked.names or every, asked.threads)
