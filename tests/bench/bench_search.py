"""Measures searches on NAS-Bench-201: a run of RoBoT, and the cost of a step of each searcher.

    python tests/bench/bench_search.py [SEEDS]

Processor time of one thread, 20 queries a run, CIFAR-10 validation accuracy after 12 epochs, 6,466 candidates. Data
shared by all runs on a problem (parsing, normalised metrics) is prepared before. Fails where 200 runs of RoBoT, default
or published, would take more than 60 s on two cores.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import proxybench as pb
from proxybench.search import find_problem, make_searcher, run
from proxybench.search.experiments.experiment import ConfiguredSearcher

BUDGET, RUNS, CORES, NEEDED_S = 20, 200, 2, 60.0
MEASURED = ("robot", "robot-paper")
OTHERS = ("random", "evolution", "local", "mcts", "ranking", "robot(proposals=mixed)", "gp", "bananas")


def seconds_of_a_run(problem, text: str, seeds: int) -> float:
    configured = ConfiguredSearcher.parse(text)
    start = 0.0
    for seed in range(-1, seeds):  # one run before the clock starts
        if seed == 0:
            start = time.process_time()
        searcher = make_searcher(
            configured.name, problem, np.random.default_rng(seed + 1), BUDGET, **configured.arguments
        )
        run(searcher, problem, BUDGET)
    return (time.process_time() - start) / seeds


def measure(seeds: int) -> None:
    problem = find_problem(pb.load("nasbench201"), "cifar10", "val_acc@12", "test_acc@200")
    slow = []
    for text in MEASURED:
        seconds = seconds_of_a_run(problem, text, seeds)
        total = seconds * RUNS / CORES
        print(f"{text:26s} {1000 * seconds:8.1f} ms a run; {RUNS} on {CORES} cores {total:.1f} s, allowed {NEEDED_S:g}")
        slow += [text] if total > NEEDED_S else []
    for text in OTHERS:
        seconds = seconds_of_a_run(problem, text, max(2, seeds // 5))
        print(f"{text:26s} {1000 * seconds:8.1f} ms a run, {1000 * seconds / BUDGET:6.2f} ms a query")
    sys.exit(f"too slow: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
