"""The large comparison: all searchers on all tables, many seeds, resumable.

`compare` runs for the given time and can be called again, or by several processes at once. To evaluate its journal,
see `groups.read_groups`, `summary.searched_problems`, and the tests in proxybench.leaderboard.searches.verdicts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from proxybench.grammar import parse_call
from proxybench.jobs.journal import Journal
from proxybench.records import Record
from proxybench.scores.shipped import shipped_files
from proxybench.search import SEARCHERS
from proxybench.search.core.base import is_multi_fidelity, needs_metrics
from proxybench.search.core.metrics import metric_names
from proxybench.search.core.problem import InvalidProblem, Problem
from proxybench.search.experiments.experiment import HINDSIGHT, ConfiguredSearcher, ProblemSetting, TableSearch
from proxybench.tables.benchmark import load
from proxybench.tables.catalogue import list_benchmarks
from proxybench.tables.quantities import has_objective

COMPARED = (
    "random",
    "evolution",
    "local",
    "mcts",
    "ranking",
    f'ranking(metrics="{HINDSIGHT}")',
    "robot",
    "robot(proposals=mixed)",
    "robot(refit=false)",
    "robot(operations=false)",
    "robot(climb=false)",
    "robot-paper(proposals=random)",
    "robot-paper(proposals=random, scale=rank)",
    "robot-paper(proposals=random, scale=signed_log)",
    "robot-paper",
    "asha",
    "hyperband",
)
SHORTER = ("random", "evolution", "asha", "hyperband")  # if the table has answers at fewer epochs
GUIDED = ("gp", "bananas", "guided(every=5)")  # the latter two with LightGBM; up to 0.3 s for a run of 20 queries
GRAPH = ("guided(predictor=gin(members=1, min_steps=60), acquisition=greedy, every=5)",)  # 0.5 s
BUDGETS = (20, 100)
_TRANSNAS = ("transnas101-micro", "transnas101-macro")
_BLOCK = 10  # seeds of a record, and between two looks at the clock
_FEWEST = 200  # minimum size of this project's own tables that is worth searching


def settings() -> list[ProblemSetting]:
    """The problems. The first three are the paper's: CIFAR-10 validation after 12 epochs, with different reports."""
    nasbench201 = ("cifar10", "cifar100", "ImageNet16-120")
    paper = [
        ProblemSetting("nasbench201", one, "cifar10/val_acc@12", "test_acc@200", columns_of="cifar10")
        for one in nasbench201
    ]
    own = [
        ProblemSetting("nasbench201", one, "val_acc@200", "test_acc@200", columns_of="cifar10") for one in nasbench201
    ]
    transnas = [ProblemSetting(table, one) for table in _TRANSNAS for one in load(table).datasets]
    others = [
        ProblemSetting("nasbench101", "cifar10", "val_acc@108", computed=True),
        ProblemSetting("darts-oncenas"),
        ProblemSetting("nasbench201", "cifar10", "val_acc@200", "test_acc@200", columns_of="cifar10", fidelities=True),
    ]
    return [*paper, *own, *transnas, *others, *_trained_here()]


def compare(
    journal: Journal,
    problems: Sequence[TableSearch],
    searchers: Sequence[str] = COMPARED,
    budgets: Sequence[int] = BUDGETS,
    seeds: int = 200,
    seconds: float = float("inf"),
    on_record: Callable[[Record], None] | None = None,
) -> bool:
    """Run unrecorded searches, seeds in blocks over all problems, until the time is up; returns whether all is done.

    A block of seeds is finished on every problem before the next begins, so that the comparison always uses equal
    seeds. On problems with answers at fewer epochs only searchers that can use them run, in addition to random
    search and evolution. `ranking(metrics="best in hindsight")` is the metric whose ranking found the best
    architecture, which cannot be known beforehand.
    """
    end = time.monotonic() + seconds
    for first in range(0, seeds, _BLOCK):
        for problem in problems:
            numbers = range(first, min(first + _BLOCK, seeds))
            for configured, budget in _wanted(problem, searchers, budgets, first, journal):
                if time.monotonic() > end:
                    return False
                block = problem.run_block(configured, budget, numbers)
                journal.append_if_absent(block)
                if on_record is not None:
                    on_record(block)
    return True


def _wanted(
    table_search: TableSearch, searchers: Sequence[str], budgets: Sequence[int], first: int, journal: Journal
) -> Iterator[tuple[ConfiguredSearcher, int]]:
    recorded = journal.recorded()
    for text in _suited(table_search, searchers):
        for budget in budgets:
            configured = ConfiguredSearcher.parse(text)
            if table_search.key(configured, budget, first) not in recorded:
                yield configured, budget


def _suited(table_search: TableSearch, searchers: Sequence[str]) -> list[str]:
    """The searchers that can run on the problem: without training-free metrics in the table there are no rankings."""
    fidelities = len(table_search.problem.levels) > 1
    chosen = [text for text in searchers if text in SHORTER] if fidelities else list(searchers)
    chosen = [text for text in chosen if fidelities or not is_multi_fidelity(SEARCHERS[parse_call(text).name])]
    if not _has_metrics(table_search.problem):
        chosen = [text for text in chosen if not needs_metrics(SEARCHERS[parse_call(text).name])]
    return chosen


def _has_metrics(problem: Problem) -> bool:
    try:
        return bool(metric_names(problem))
    except InvalidProblem:
        return False


def _trained_here() -> list[ProblemSetting]:
    """One problem per data set of the tables that come with this project, with the proxies that come with it."""
    found = []
    for name, info in list_benchmarks().items():
        if info.shipped and (info.architectures or 0) >= _FEWEST:
            bench = load(name)
            computed = bool(shipped_files(bench.space.name))
            found += [
                ProblemSetting(name, one, computed=computed) for one in bench.datasets if has_objective(bench, one)
            ]
    return found
