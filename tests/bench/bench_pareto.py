"""Measures NSGA-II against random search where accuracy stands against latency or energy.

    python tests/bench/bench_pareto.py [--seeds 200] [--budget 200]

NAS-Bench-201, CIFAR-10: validation accuracy after 200 epochs against what HW-NAS-Bench measured. Prints the share of
the hypervolume that the whole table's front has, after 20, 50, 100 and 200 trainings, mean and 95 percent interval, and
on how many seeds NSGA-II is ahead at the end (sign test). The reference point is the worst of each objective.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import binomtest

import proxybench as pb
from proxybench.search import find_problem, make_searcher
from proxybench.search.curves import half_width
from proxybench.search.nsga2 import NSGA2
from proxybench.search.pareto import hypervolume, objectives, run_pareto

AGAINST = ("latency_ms@edgegpu", "latency_ms@pixel3", "energy_mj@eyeriss")
AFTER = (20, 50, 100, 200)


def main(seeds: int, budget: int) -> None:
    """Measure and print."""
    bench = pb.load("nasbench201")
    for cost in AGAINST:
        problem = find_problem(bench, "cifar10", "val_acc@200", where=[cost])
        points = objectives(bench, problem, "cifar10", [cost])
        whole = hypervolume(points, points.min(axis=0))
        shares = {"nsga2": [], "random": []}
        for seed in range(seeds):
            for name, found in shares.items():
                rng = np.random.default_rng(seed)
                searcher = NSGA2(problem, rng, budget) if name == "nsga2" else make_searcher(name, problem, rng, budget)
                found.append(run_pareto(searcher, problem, points, budget).hypervolume / whole)
        for name, found in shares.items():
            at = [point - 1 for point in AFTER if point <= budget]
            values = np.array([[one[min(place, len(one) - 1)] for place in at] for one in found])
            told = "  ".join(
                f"{place + 1}: {one.mean():.4f} +- {half_width(one):.4f}"
                for place, one in zip(at, values.T, strict=True)
            )
            print(f"{cost:20s} {name:7s} {seeds} seeds  {told}")
        ahead = sum(a[-1] > b[-1] for a, b in zip(shares["nsga2"], shares["random"], strict=True))
        print(f"{cost:20s} nsga2 ahead on {ahead} of {seeds}, p = {binomtest(ahead, seeds).pvalue:.2g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--budget", type=int, default=200)
    given = parser.parse_args()
    main(given.seeds, given.budget)
