"""Measures GBDT-NAS on NAS-Bench-101: what its steps cost, and how many architectures it trains to find the best.

    python tests/bench/bench_gbdt_nas.py
    python tests/bench/bench_gbdt_nas.py reach RUNS.jsonl SECONDS [REPEATS [FIRST [METHOD ...]]]
    python tests/bench/bench_gbdt_nas.py show RUNS.jsonl

The first form measures processor time of one thread. The second spends SECONDS on runs that RUNS.jsonl does not hold
yet, repeat FIRST to REPEATS - 1 of the METHODs or of all, and can be called again; a run that has begun is finished.
Processes that share the file take different FIRST. It ends with what the third form prints. A run asks until it was
told the optimum of the population: 30,001 cells with the 108-epoch validation accuracy.

Two things differ from the paper, whose population is all 423,624 cells. N and K, 1,000 there, are the same share of
30,001 here, 71. And few neighbours of a cell are in the population, 1.5 on average: regularised evolution as it stands
is caught among a handful of cells after some 100 queries. So a mutation here leads to a random one of the candidates
not asked yet that differ from the parent in the fewest operations and edges.
"""

from __future__ import annotations

import math
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from predictors.gbdt_nas import ChoiceGBDT
from predictors.gbdt_nas.shapley import interaction_values
from proxybench.jobs.journal import Journal
from proxybench.search import run
from proxybench.search.base import Query
from proxybench.search.evolution import RegularisedEvolution
from proxybench.search.experiment import Posed, Setting
from proxybench.search.gbdt_nas import GBDTNAS, _encoded
from proxybench.search.mcts import TreeSearch
from proxybench.search.outcomes import SearchRecord, read_runs, search_record
from proxybench.search.problem import Problem
from proxybench.search.random_search import RandomSearch
from proxybench.search.summary import median_interval

SETTING = Setting("nasbench101", "cifar10", "val_acc@108")
CELLS, PUBLISHED_BATCH = 423_624, 1000
METHODS = {
    "gbdt-nas": {"pruning": "none"},
    "gbdt-nas-s": {"pruning": "first"},
    "gbdt-nas-s2": {"pruning": "second"},
    "gbdt-nas-pairs": {"pruning": "pairs"},
    "random": {},
    "evolution": {},
    "mcts": {},
    "mcts-narrow": {"exploration": 0.1},
}
PUBLISHED_RATIOS = {"random": 22, "evolution": 8, "mcts": 6, "mcts-narrow": 6}
ALLOWED_S = {"fit": 1.0, "rank all": 2.0, "Shapley values": 10.0, "interactions": 20.0}


class UntilFound:
    """A searcher that asks nothing more once it was told a value."""

    def __init__(self, searcher, value: float) -> None:
        self._searcher = searcher
        self._value = value
        self._found = False

    def ask(self):
        return None if self._found else self._searcher.ask()

    def tell(self, query, value: float) -> None:
        self._found |= value >= self._value
        self._searcher.tell(query, value)


class Nearest:
    """The candidates of a problem with other neighbours: those not asked that differ in the fewest choices."""

    def __init__(self, problem: Problem) -> None:
        rows = problem.once(_encoded)[1]
        self._bits = (rows > 0) @ (1 << np.arange(rows.shape[1], dtype=np.uint64))  # 41 columns, one number a candidate
        self.asked = np.zeros(len(problem), dtype=bool)

    def __len__(self) -> int:
        return len(self._bits)

    def neighbours(self, candidate: int) -> list[int]:
        differences = np.bitwise_count(self._bits ^ self._bits[candidate])
        differences[self.asked] = 255
        return np.flatnonzero(differences == differences.min()).tolist()


class Evolution(RegularisedEvolution):
    """Regularised evolution among the candidates not asked yet."""

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float) -> None:
        self._near = Nearest(problem)
        super().__init__(self._near, rng, budget)

    def tell(self, query: Query, value: float) -> None:
        self._near.asked[query.candidate] = True
        super().tell(query, value)


def options_of(method: str, size: int) -> dict:
    batch = round(PUBLISHED_BATCH / CELLS * size)
    given = METHODS[method]
    return {**given, "start": batch, "every": batch} if "pruning" in given else given


def one_run(posed: Posed, method: str, repeat: int) -> SearchRecord:
    start = time.perf_counter()
    problem, rng = posed.problem, np.random.default_rng(repeat)
    options = options_of(method, len(problem))
    make = {"random": RandomSearch, "evolution": Evolution, "mcts": TreeSearch, "mcts-narrow": TreeSearch}.get(
        method, GBDTNAS
    )
    searcher = UntilFound(make(problem, rng, len(problem), **options), problem.values.max())
    record = search_record(
        posed.task,
        problem,
        run(searcher, problem, len(problem)),
        searcher=method,
        options={**options, **({"mutation": "nearest"} if method == "evolution" else {}), "until": "optimum"},
        budget=len(problem),
        seed=repeat,
        wall_s=time.perf_counter() - start,
    )
    return msgspec.structs.replace(record, queried=())  # up to 30,001 rows, of which nothing here makes use


def reach(path: Path, seconds: float, repeats: int = 100, first: int = 0, methods: Sequence[str] = ()) -> None:
    if unknown := set(methods) - set(METHODS):
        sys.exit(f"unknown {', '.join(sorted(unknown))}; there are {', '.join(METHODS)}")
    end = time.monotonic() + seconds
    posed, journal = Posed(SETTING), Journal(path)
    done = {(cell.method, cell.repeat) for cell in journal.cells()}
    for repeat, method in ((repeat, method) for repeat in range(first, repeats) for method in methods or METHODS):
        if time.monotonic() > end:
            print("time is up; call again to go on")
            break
        if (method, repeat) not in done:
            journal.append_if_absent(one_run(posed, method, repeat))
    show(path)


def show(path: Path) -> None:
    queries: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for record in sorted(read_runs(path), key=lambda record: record.repeat):
        reached = record.metrics["value_rank"] == 1
        queries[record.method].append(record.found[-1].queries if reached else math.inf)
        costs[record.method].append(record.cost["wall_s"])
    for method in (method for method in METHODS if method in queries):
        values = np.sort(queries[method])
        _, low, high = median_interval(values)
        limits = "" if low is None else f" [{low:.0f}, {high:.0f}]"
        interval = f"median {middle(values):7.0f}{limits}, mean {values.mean():7.0f}"
        reached = f"{len(values):4d} runs, {np.isfinite(values).mean():4.0%} reached"
        print(f"{method:15s} {reached}; {interval}; {np.mean(costs[method]):.1f} s a run")
    for ours in ("gbdt-nas", "gbdt-nas-s"):
        for other, published in PUBLISHED_RATIOS.items():
            if queries[ours] and queries[other]:
                ratio = middle(np.array(queries[other])) / middle(np.array(queries[ours]))
                print(f"{other} / {ours}: {ratio:.1f}, published for the whole space {published}")


def middle(values: np.ndarray) -> float:
    """The median, infinite where half of the runs did not reach the optimum."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] / 2 + ordered[len(ordered) // 2] / 2)


def steps() -> None:
    problem = Posed(SETTING).problem
    encoding, rows = problem.once(_encoded)
    told = np.random.default_rng(0).permutation(len(problem))[:1000]
    ChoiceGBDT().fit_rows(encoding, rows[told[:100]], problem.values[told[:100]])  # loads LightGBM
    model, spent = ChoiceGBDT(), {}
    for name, step in {
        "fit": lambda: model.fit_rows(encoding, rows[told], problem.values[told]),
        "rank all": lambda: model.score_rows(rows),
        "Shapley values": lambda: model.booster_.predict(rows[told], pred_contrib=True),
        "interactions": lambda: interaction_values(model.leaves_, rows[told]),
    }.items():
        start = time.process_time()
        step()
        spent[name] = time.process_time() - start
        print(f"{name:15s} {spent[name]:6.2f} s, allowed {ALLOWED_S[name]:g} (1,000 of {len(problem)} cells told)")
    slow = [name for name, seconds in spent.items() if seconds > ALLOWED_S[name]]
    sys.exit(f"too slow: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__" and sys.argv[1:2] == ["reach"]:
    reach(Path(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:6]), methods=sys.argv[6:])
elif __name__ == "__main__" and sys.argv[1:2] == ["show"]:
    show(Path(sys.argv[2]))
elif __name__ == "__main__":
    steps()
