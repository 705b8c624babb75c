"""Measures searches on NAS-Bench-201: a run of RoBoT, and what a step of each searcher costs.

    python tests/bench/bench_search.py [SEEDS]
    python tests/bench/bench_search.py compare RUNS.jsonl SECONDS [SEEDS]

The second form is the large comparison: it spends SECONDS on what RUNS.jsonl does not hold yet (several processes may
share the file) and prints how each searcher does beside random search and beside random weights.

Processor time of one thread, 20 queries a run, CIFAR-10 validation accuracy after 12 epochs, 6,466 candidates. What is
shared by all runs on a problem (parsing, normalised metrics) is paid before. Fails where 200 runs of RoBoT, default or
published, would take more than 60 s on two cores.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import proxybench as pb
from proxybench.harness.journal import Journal
from proxybench.search import find_problem, make_searcher, run
from proxybench.search.comparison import compare, read_runs, settings, summary
from proxybench.search.experiment import Entry

BUDGET, RUNS, CORES, NEEDED_S = 20, 200, 2, 60.0
MEASURED = ("robot", "robot-paper")
OTHERS = ("random", "evolution", "local", "mcts", "ranking", "robot:proposals=random", "gp", "guided:predictor=ridge")


def seconds_of_a_run(problem, text: str, seeds: int) -> float:
    entry = Entry.parse(text)
    start = 0.0
    for seed in range(-1, seeds):  # one run before the clock starts
        if seed == 0:
            start = time.process_time()
        searcher = make_searcher(entry.name, problem, np.random.default_rng(seed + 1), BUDGET, **entry.arguments)
        run(searcher, problem, BUDGET)
    return (time.process_time() - start) / seeds


def main(seeds: int) -> None:
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


def comparison(path: Path, seconds: float, seeds: int) -> None:
    journal = Journal(path)
    done = compare(journal, settings(), seeds=seeds, seconds=seconds)
    print(f"{len(journal.cells())} runs recorded; {'all done' if done else 'call again to go on'}")
    runs = read_runs(path)
    for baseline in ("random", "robot-paper:proposals=random"):
        print(f"beside {baseline}: problems in which it is better, worse (p < .05, not corrected), of how many")
        outcomes: dict[tuple[int, str, str], list[int]] = defaultdict(list)
        for row in summary(runs, baseline):
            shown = f"{row.searcher} {row.options} rank {row.median_rank:g} p {row.p_value:.2g}"
            print(f"{row.problem} T={row.budget}: {shown}")
            clear = row.p_value < 0.05
            outcomes[row.budget, row.searcher, row.options].append(clear * (1 if row.wins > 0.5 else -1))
        for (budget, searcher, options), signs in sorted(outcomes.items()):
            print(f"T={budget} {searcher} {options}: {signs.count(1)}, {signs.count(-1)}, {len(signs)}")


if __name__ == "__main__" and sys.argv[1:2] == ["compare"]:
    comparison(Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 200)
elif __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
