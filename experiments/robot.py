"""Which choices RoBoT's published result on NAS-Bench-201 depends on: population, metrics, scale, optimiser.

    python experiments/robot.py [--seeds 200] [--budget 20]

The paper's setting: 20 queries of CIFAR-10 validation accuracy after 12 epochs, test accuracy of what is returned on
the three data sets. Published: 94.36 / 73.51 / 46.34, without deviation over ten seeds. Each line is a setting: the
mean test accuracies and their standard deviations over seeds, the median rank of what was returned by the objective,
in how many seeds it was the best of all, and T0.

Populations: `digest` one cell of each of 6,466 functions, `index` all 15,625 cells, `scored` the 9,445 cells that have
published metrics, ties broken by index; `reversed` the same with the last index first. Metrics: the paper's six, or
all 13 that are published.
"""

from __future__ import annotations

import argparse

import numpy as np

import proxybench as pb
from proxybench.grammar import Quantity
from proxybench.search import Problem, find_problem, make_searcher, run
from proxybench.tables.quantities import signed_values

SIX = ("grad_norm", "snip", "grasp", "fisher", "synflow", "jacov")
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
POPULATIONS = {
    "digest": {},
    "index": {"distinct": "index"},
    "scored": {"distinct": "index", "where": ["proxy:synflow"]},
}
METRICS = {"6": SIX, "13": None}
SCALES = ("minmax", "rank", "signed_log")


def reversed_order(problem: Problem) -> Problem:
    """The same problem with its candidates in the opposite order."""
    return Problem(
        problem.space,
        problem.archs[::-1],
        {epochs: values[::-1] for epochs, values in problem.answers.items()},
        columns={name: values[::-1] for name, values in problem.columns.items()},
        rows=problem.rows[::-1],
        key=problem.space.format,
        name=problem.name,
    )


def line(problem: Problem, tests, seeds: int, budget: int, name: str, **options) -> str:
    """What a searcher found, over seeds."""
    found, paid = [], []
    for seed in range(seeds):
        searcher = make_searcher(name, problem, np.random.default_rng(seed), budget, **options)
        found.append(run(searcher, problem, budget).best)
        paid.append(getattr(searcher, "paid", None) or budget)
    ranks = [(problem.values > problem.values[best]).sum() + 1 for best in found]
    accuracies = tests[:, problem.rows[found]]
    shown = "  ".join(f"{one.mean():.2f} +- {one.std(ddof=1):.2f}" for one in accuracies)
    best = np.mean(np.array(ranks) == 1)
    return f"{shown}  median rank {np.median(ranks):6g}, the best in {best:4.0%}  T0 {np.mean(paid):4.1f}"


def main(seeds: int, budget: int) -> None:
    """Measure and print."""
    bench = pb.load("nasbench201")
    tests = np.array([signed_values(bench, Quantity.parse("test_acc@200"), dataset) for dataset in DATASETS])
    problems = {name: find_problem(bench, "cifar10", "val_acc@12", **choice) for name, choice in POPULATIONS.items()}
    problems["reversed"] = reversed_order(problems["scored"])
    for population, problem in problems.items():
        best = problem.rows[int(problem.values.argmax())]
        optimum = tests[:, best].round(2).tolist()
        print(f"{population}: {len(problem):,} candidates; the best by the objective has {optimum}")
        print(f"    random search                {line(problem, tests, seeds, budget, 'random')}")
        print(f"    robot (default here)         {line(problem, tests, seeds, budget, 'robot')}")
        for count, metrics in METRICS.items():
            for scale in SCALES:
                for proposals in ("bo", "random"):
                    options = {"metrics": metrics, "scale": scale, "proposals": proposals}
                    shown = line(problem, tests, seeds, budget, "robot-paper", **options)
                    print(f"    paper, {count:>2s}, {scale:10s} {proposals:6s}   {shown}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--budget", type=int, default=20)
    given = parser.parse_args()
    main(given.seeds, given.budget)
