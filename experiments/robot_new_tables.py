"""RoBoT with its default settings on tables that had no part in choosing them, against other searchers.

    python experiments/robot_new_tables.py run RUNS.jsonl SECONDS [--seeds 200] [--budgets 20 100]
        [--searchers NAME ...] [--tables NAME ...]
    python experiments/robot_new_tables.py write RUNS.jsonl ...

`run` spends SECONDS on runs that RUNS.jsonl does not hold yet and can be called again; a budget that pays for all
candidates of a table is left out. `write` makes docs/results/robot-new-tables.csv, one row for each problem, budget and
searcher.

The objective of each problem is the quantity that the leaderboard's tasks rank on its table. Metrics are the
table's own. Where the table has none, they are this project's: the proxies of small networks for NAS-RobBench-201,
those of full-size networks for the pooling table, and parameters and FLOPs for vision transformers and GPT.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from proxybench.csv_text import csv_bytes
from proxybench.grammar import Quantity
from proxybench.jobs.journal import Journal
from proxybench.leaderboard.searches.records import SearcherRuns
from proxybench.leaderboard.searches.verdicts import SearcherTest, searcher_tests, short_names
from proxybench.scores.network_counts import network_counts
from proxybench.search.core.problem import Problem
from proxybench.search.experiments.comparison import compare
from proxybench.search.experiments.experiment import HINDSIGHT, ProblemSetting, TableSearch
from proxybench.search.experiments.run_groups import read_groups
from proxybench.search.experiments.summary import searched_problems
from proxybench.tables.benchmark import load

PAGE = Path(__file__).parents[1] / "docs" / "results" / "robot-new-tables.csv"
RANDOM_WEIGHTS = "robot-paper(proposals=random)"
SEARCHERS = ("robot", "random", RANDOM_WEIGHTS, f'ranking(metrics="{HINDSIGHT}")', "evolution", "gp")
BUDGETS = (20, 100)
COLUMNS = (
    "problem", "candidates", "metrics", "budget", "searcher", "runs", "median_rank", "median_rank_low",
    "median_rank_high", "mean_regret", "robot_wins", "robot_p_holm", "robot_is",
)  # fmt: skip
_WITHOUT_METRICS = ("vit-bench-autoformer", "vit-bench-pit", "hw-gpt-s", "hw-gpt-m", "hw-gpt-l")
_FULL_SIZE = "resnet20-pooling"


@dataclass(frozen=True)
class Columns:
    """The metrics that are added to a problem, and their description in its identity."""

    text: str
    values: dict[str, np.ndarray]


class WithColumns(TableSearch):
    """A problem on a table without metrics of its own, with those that this project computes for its space."""

    def __init__(self, setting: ProblemSetting) -> None:
        super().__init__(setting)
        added, own = self._columns(), self.problem
        self.problem = Problem(
            own.space,
            own.archs,
            own.answers,
            reported=own.reported,
            columns={**own.columns, **added.values},
            seconds=own.seconds,
            rows=own.rows,
            name=own.name,
        )
        population = f"{self.task.population}, with {added.text}"
        name = f"{self.task.name.removesuffix(')')}, with {added.text})"
        self.task = msgspec.structs.replace(self.task, name=name, population=population)

    def _columns(self) -> Columns:
        if self.bench.name == _FULL_SIZE:
            batch = self.bench.batch("full-size", self.dataset)
            return Columns(
                "full-size proxies", {name: column[self.problem.rows] for name, column in batch.columns.items()}
            )
        counts = network_counts(self.bench.space.name, self.problem.archs)
        if counts is None:
            raise ValueError(f"the parts of {self.bench.space.name} are not counted; see proxybench/scores/parts.py")
        return Columns("parameters and FLOPs", {f"cost:{name}": values for name, values in counts.items()})


def problems(tables: Sequence[str] = ()) -> Iterator[TableSearch]:
    """The problems of the named tables, or of all."""
    for setting in settings():
        if not tables or setting.benchmark in tables:
            own = setting.benchmark in (*_WITHOUT_METRICS, _FULL_SIZE)
            yield WithColumns(setting) if own else TableSearch(setting)


def settings() -> Iterator[ProblemSetting]:
    """The problems, smallest tables first."""
    yield ProblemSetting("resnet20-pooling", "cifar10", "test_acc@1000")
    for table in ("vit-bench-pit", "vit-bench-autoformer"):
        for dataset in load(table).datasets:
            accuracy = "test_acc" if "test_acc" in load(table).metrics(dataset) else "supernet_acc"
            yield ProblemSetting(table, dataset, f"{accuracy}@300")
    for dataset in load("nasbench-mr").datasets:
        metric = "val_miou" if dataset.startswith("cityscapes") else "val_acc"
        yield ProblemSetting(
            "nasbench-mr", dataset, str(Quantity(metric, load("nasbench-mr").epochs(metric, dataset)[-1]))
        )
    yield ProblemSetting("ofa-mobilenetv3", "imagenet", "supernet_acc@180")
    for dataset in load("nasrobbench201").datasets:
        yield ProblemSetting("nasrobbench201", dataset, "robust_acc@autoattack@50", computed=True)
    for size in "sml":
        yield ProblemSetting(f"hw-gpt-{size}", "openwebtext", "supernet_ppl@1")
    yield ProblemSetting("nasbench101", "cifar10", "test_acc@108")


def write(paths: Sequence[Path]) -> None:
    """The CSV file of all runs, each searcher compared with RoBoT seed by seed."""
    found = searched_problems(read_groups(paths))
    names = short_names(found)
    baselines = [runs.label for problem in found for runs in problem.searchers if runs.label != "robot"]
    tests = {
        (test.problem.task.name, test.runs.budget, test.baseline): test
        for test in searcher_tests(found, list(dict.fromkeys(baselines)))
        if test.runs.label == "robot"
    }
    rows = [
        [
            names[problem.task.name].partition(" (")[0],
            problem.task.size,
            _metrics(problem.task.population),
            *_row(runs, test),
        ]
        for problem in found
        for runs in sorted(problem.searchers, key=lambda runs: (runs.budget, runs.label))
        for test in [tests.get((problem.task.name, runs.budget, runs.label))]
    ]
    PAGE.write_bytes(csv_bytes(list(COLUMNS), rows))
    print(f"{PAGE}: {len(rows)} rows of {len(found)} problems, {PAGE.stat().st_size / 1e3:.0f} kB")


def _row(runs: SearcherRuns, test: SearcherTest | None) -> list[object]:
    against = ["", "", ""] if test is None else [f"{test.wins:.3f}", f"{test.p_holm:.3g}", test.verdict]
    return [runs.budget, runs.label, len(runs.regret), *runs.rank, f"{np.mean(runs.regret):.4g}", *against]


def _metrics(population: str) -> str:
    return population.partition("with ")[2] or "those of the table"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(dest="form", required=True)
    form = forms.add_parser("run")
    form.add_argument("runs", type=Path)
    form.add_argument("seconds", type=float)
    form.add_argument("--seeds", type=int, default=200)
    form.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    form.add_argument("--searchers", nargs="*", default=SEARCHERS)
    form.add_argument("--tables", nargs="*", default=[])
    form = forms.add_parser("write")
    form.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    if given.form == "write":
        write(given.runs)
        return
    journal, searched = Journal(given.runs), list(problems(given.tables))
    end = time.monotonic() + given.seconds
    for budget in given.budgets:
        larger = [one for one in searched if len(one.problem) > budget]
        left = end - time.monotonic()
        done = compare(journal, larger, given.searchers, [budget], seeds=given.seeds, seconds=left)
        print(f"T={budget}: {'all done' if done else 'time is up; call again to go on'}", flush=True)


if __name__ == "__main__":
    main()
