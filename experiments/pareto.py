"""Measures NSGA-II against random search where accuracy stands against latency or energy.

    python experiments/pareto.py [--seeds 200] [--budget 200]

NAS-Bench-201, CIFAR-10: validation accuracy after 200 epochs against what HW-NAS-Bench measured. Prints the share of
the hypervolume that the whole table's front has, after 20, 50, 100 and 200 trainings, mean and 95 percent interval, and
on how many seeds NSGA-II is ahead at the end (sign test). The reference point is the worst of each objective.
"""

from __future__ import annotations

import argparse

from scipy.stats import binomtest

from proxybench.ranking.repeats import half_of_runs
from proxybench.search.experiments.experiment import ProblemSetting, TableSearch
from proxybench.search.experiments.two_objectives import TWO_OBJECTIVE_SEARCHERS, FrontProblem, share_after

AGAINST = ("latency_ms@edgegpu", "latency_ms@pixel3", "energy_mj@eyeriss")
AFTER = (20, 50, 100, 200)


def main(seeds: int, budget: int) -> None:
    """Measure and print."""
    for cost in AGAINST:
        problem = FrontProblem(
            TableSearch(ProblemSetting("nasbench201", "cifar10", "val_acc@200", where=(cost,))), cost
        )
        found = {name: list(problem.runs([name], budget, range(seeds))) for name in TWO_OBJECTIVE_SEARCHERS}
        for name, runs in found.items():
            shares = {after: share_after(runs, after) for after in AFTER if after <= budget}
            halves = {at: half_of_runs(one) for at, one in shares.items()}
            shares_text = "  ".join(
                f"{at}: {one.mean():.4f}" + ("" if halves[at] is None else f" +- {halves[at]:.4f}")
                for at, one in shares.items()
            )
            print(f"{cost:20s} {name:7s} {seeds} seeds  {shares_text}")
        pairs = zip(*(share_after(found[name], budget) for name in ("nsga2", "random")), strict=True)
        ahead = sum(own > other for own, other in pairs)
        print(f"{cost:20s} nsga2 ahead on {ahead} of {seeds}, p = {binomtest(ahead, seeds).pvalue:.2g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--budget", type=int, default=200)
    given = parser.parse_args()
    main(given.seeds, given.budget)
