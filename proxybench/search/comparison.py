"""The large comparison: all searchers on all tables, many seeds, resumable; and what follows from its records.

`compare` spends the time it is given and can be called again, or by several processes at once; `summary` says for
each problem how every searcher did beside a baseline.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from proxybench.harness.journal import Journal
from proxybench.records import Record
from proxybench.search.experiment import Entry, Posed, Setting, run_missing
from proxybench.search.outcomes import SearchRecord, read_runs
from proxybench.search.problem import Floats
from proxybench.tables.benchmark import load

BASELINE = "random"
ENTRIES = (
    "random",
    "evolution",
    "local",
    "mcts",
    "ranking",
    "robot",
    "robot:proposals=random",
    "robot:proposals=single",
    "robot:climb=false",
    "robot-paper:proposals=random",
    "robot-paper:proposals=random,scale=rank",
    "robot-paper:proposals=random,scale=signed_log",
)
COSTLY = ("robot-paper", "robot-paper:scale=rank", "robot:proposals=bo", "gp", "bananas")  # 0.1 s and more a run
BUDGETS = (20, 100)
_TRANSNAS = ("transnas101-micro", "transnas101-macro")
_BLOCK = 10  # seeds between two looks at the clock


def settings() -> list[Setting]:
    """The problems. The first three are the paper's: CIFAR-10 validation after 12 epochs, whatever is reported."""
    nasbench201 = ("cifar10", "cifar100", "ImageNet16-120")
    paper = [
        Setting("nasbench201", one, "cifar10/val_acc@12", "test_acc@200", columns_of="cifar10") for one in nasbench201
    ]
    own = [Setting("nasbench201", one, "val_acc@200", "test_acc@200", columns_of="cifar10") for one in nasbench201]
    transnas = [
        Setting(table, one, columns_of=columns)
        for table in _TRANSNAS
        for one in load(table).datasets
        for columns in (None, "all")
    ]
    others = [
        Setting("nasbench101", "cifar10", "val_acc@108", where=("proxy:zen",)),
        Setting("darts-oncenas", columns_of=None),
    ]
    return [*paper, *own, *transnas, *others]


def compare(
    journal: Journal,
    chosen: Iterable[Setting],
    entries: Sequence[str] = ENTRIES,
    budgets: Sequence[int] = BUDGETS,
    seeds: int = 200,
    seconds: float = float("inf"),
    on_record: Callable[[Record], None] | None = None,
) -> bool:
    """Run what is not recorded yet, seeds in blocks over all problems, until the time is up; whether all is done.

    A block of seeds is finished on every problem before the next begins, so that whatever the time allows is a
    comparison on equal seeds.
    """
    end = time.monotonic() + seconds
    posed = [Posed(setting) for setting in chosen]
    parsed = [Entry.parse(text) for text in entries]
    for first in range(0, seeds, _BLOCK):
        for problem in posed:
            for budget in budgets:
                if time.monotonic() > end:
                    return False
                block = range(first, min(first + _BLOCK, seeds))
                for record in run_missing(problem, parsed, budget, block, journal.cells()):
                    journal.append_if_absent(record)
                    if on_record is not None:
                        on_record(record)
    return True


class Compared(NamedTuple):
    """How a searcher did on a problem beside the baseline, over the seeds that both ran.

    Attributes:
        median_rank: of the architecture returned, by what is reported; `rank_low` and `rank_high` are the limits of
            its 95 percent interval from order statistics.
        value: mean objective; `reported` the mean of what is reported, None where there is none.
        relative_improvement: mean RI, percent.
        wins: share of seeds with a better objective than the baseline, ties counted half.
        p_value: of Wilcoxon's signed-rank test on the objective, seed by seed, two-sided; 1 where all are equal.
    """

    problem: str
    budget: int
    searcher: str
    options: str
    seeds: int
    median_rank: float
    rank_low: float
    rank_high: float
    value: float
    reported: float | None
    relative_improvement: float | None
    wins: float
    p_value: float


def summary(runs: Iterable[SearchRecord], baseline: str = BASELINE) -> list[Compared]:
    """One row for each problem, budget and searcher; problems without the baseline, as Entry.parse reads, are left out.

    The p-values are not corrected for how many there are.
    """
    entry = Entry.parse(baseline)
    against = entry.name, msgspec.json.encode(entry.options, order="sorted").decode()
    groups: dict[tuple[str, int], dict[tuple[str, str], dict[int, SearchRecord]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for one in runs:
        options = msgspec.json.encode(one.params, order="sorted").decode()
        groups[one.task.name, one.n_train][one.method, options][one.repeat] = one
    return [
        row
        for (problem, budget), searchers in sorted(groups.items())
        if against in searchers
        for row in _rows(problem, budget, searchers, searchers[against])
    ]


def _rows(
    problem: str,
    budget: int,
    searchers: dict[tuple[str, str], dict[int, SearchRecord]],
    baseline: dict[int, SearchRecord],
) -> Iterator[Compared]:
    for (name, options), by_seed in sorted(searchers.items()):
        seeds = sorted(by_seed.keys() & baseline.keys())
        if not seeds:
            continue
        runs = [by_seed[seed] for seed in seeds]
        # Regrets, not values: they are larger-is-worse in every table.
        gain = _metric([baseline[seed] for seed in seeds], "simple_regret") - _metric(runs, "simple_regret")
        ranks = np.sort(_metric(runs, "rank"))
        low, high = _order_statistics(len(ranks))
        yield Compared(
            problem, budget, name, options, len(seeds),
            float(np.median(ranks)), float(ranks[low]), float(ranks[high]),
            float(_metric(runs, "value").mean()), _mean(runs, "reported"), _mean(runs, "relative_improvement"),
            float(((gain > 0) + 0.5 * (gain == 0)).mean()), _signed_rank(gain),
        )  # fmt: skip


def _metric(runs: Sequence[SearchRecord], name: str) -> Floats:
    return np.array([one.metrics[name] for one in runs], dtype=np.float64)


def _mean(runs: Sequence[SearchRecord], name: str) -> float | None:
    known = [value for one in runs if (value := one.metrics.get(name)) is not None]
    return float(np.mean(known)) if known else None


def _order_statistics(n: int) -> tuple[int, int]:
    """Places of the sorted sample between which the median lies with 95 percent probability, where n allows."""
    from scipy.stats import binom

    low = max(0, int(binom.ppf(0.025, n, 0.5)) - 1)
    return low, n - 1 - low


def _signed_rank(gain: Floats) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(gain).pvalue) if (gain != 0).any() else 1.0


__all__ = ["BUDGETS", "ENTRIES", "Compared", "compare", "read_runs", "settings", "summary"]
