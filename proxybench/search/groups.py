"""Runs by what they are runs of: one group for each problem, searcher, options and budget, seed by seed.

A journal holds a line for each run (`outcomes.SearchRecord`) or, of large comparisons, for a block of successive seeds
(`RunBlock`), which leaves out what no statistic needs. Both are read as the same groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData
from proxybench.records import Record, Scalar, TaskIdentity
from proxybench.search.history import History
from proxybench.search.outcomes import Found, SearchRecord, found_of, metrics_of, read_searched
from proxybench.search.problem import Problem


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run: what it returned, in the table's sign, and how it got there.

    Attributes:
        value: objective of the architecture returned.
        regret: how far that is from the optimum of the population.
        rank: of the architecture by what is reported, from 1.
        reported: the quantity beside the objective; None where there is none.
        improvement: RI of what is reported, percent.
        found: each new best architecture.
        last: full trainings and training seconds when the run ended.
    """

    value: float
    regret: float
    rank: int
    reported: float | None
    improvement: float | None
    found: tuple[Found, ...]
    last: tuple[float, float | None]


class RunBlock(Record, frozen=True):
    """Runs of successive seeds as one record: `repeat` is the first seed, the rest as in SearchRecord."""

    report: str = ""
    optimum: float = 0.0
    runs: tuple[Run, ...] = ()


class _Either(RunBlock, frozen=True):
    """A line of a journal: a block, or a single run, which has no `runs`."""

    found: tuple[Found, ...] = ()
    last: tuple[float, float | None] = (0.0, None)


@dataclass
class RunGroup:
    """The runs of a searcher with its options and a budget on a problem, by seed.

    Attributes:
        optimum: of the objective, in the table's sign.
        wall_s: time that each run took, of single runs; of blocks the mean.
        made_with: versions and machine, without the time.
        note: what the records say beside their figures.
    """

    task: TaskIdentity
    report: str
    searcher: str
    params: dict[str, Scalar]
    budget: int
    optimum: float
    runs: dict[int, Run] = field(default_factory=dict)
    wall_s: list[float] = field(default_factory=list)
    made_with: set[str] = field(default_factory=set)
    note: str = ""

    @property
    def options(self) -> str:
        """The options as sorted JSON."""
        return msgspec.json.encode(self.params, order="sorted").decode()

    @property
    def in_order(self) -> list[Run]:
        """The runs by seed."""
        return [self.runs[seed] for seed in sorted(self.runs)]


def short_run(problem: Problem, history: History, signs: tuple[float, float]) -> Run:
    """A run as groups keep it; `signs` as in `search_record`."""
    found = metrics_of(problem, history, signs)
    seconds = None if history.seconds is None else float(history.seconds[-1])
    return _run(found, found_of(problem, history, signs), (float(history.cost[-1]), seconds))


def groups_of(records: Iterable[SearchRecord | RunBlock]) -> list[RunGroup]:
    """The groups of some records, sorted by problem, searcher, options and budget.

    Raises:
        CorruptData: for two runs of one seed.
    """
    groups: dict[tuple[str, str, str, int], RunGroup] = {}
    for record in records:
        runs = record.runs if isinstance(record, RunBlock) and record.runs else (_single(record),)
        key = (record.task.name, record.method, record.cell.params, record.n_train)
        if key not in groups:
            optimum = record.optimum if isinstance(record, RunBlock) and record.runs else _optimum(record)
            groups[key] = RunGroup(record.task, record.report, record.method, record.params, record.n_train, optimum)
        group = groups[key]
        seeds = range(record.repeat, record.repeat + len(runs))
        if not group.runs.keys().isdisjoint(seeds):
            raise CorruptData(f"{record.task.name}: {record.method} has two runs of one seed from {record.repeat} on")
        group.runs.update(zip(seeds, runs, strict=True))
        group.wall_s += [wall / len(runs)] * len(runs) if (wall := record.cost.get("wall_s")) else []
        group.made_with.add(_made_with(record))
        group.note = group.note or record.message
    return [groups[key] for key in sorted(groups)]


def read_groups(paths: Sequence[Path]) -> list[RunGroup]:
    """The groups of journals. Raises CorruptData for a line that is no record, or two runs of one seed."""
    return groups_of(read_searched(paths, _Either))


def _single(record: Record) -> Run:
    assert isinstance(record, (SearchRecord, _Either))
    return _run(record.metrics, record.found, record.last)


def _run(metrics: Mapping[str, float | None], found: tuple[Found, ...], last: tuple[float, float | None]) -> Run:
    return Run(
        value=metrics["value"] or 0.0,
        regret=metrics["simple_regret"] or 0.0,
        rank=int(metrics["rank"] or 0),
        reported=metrics.get("reported"),
        improvement=metrics.get("relative_improvement"),
        found=found,
        last=last,
    )


def _optimum(record: Record) -> float:
    """In records that do not say, the objective is taken for one that should be large."""
    found = record.metrics
    stated = found.get("optimum")
    return (found["value"] or 0.0) + (found["simple_regret"] or 0.0) if stated is None else stated


def _made_with(record: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(record.provenance.items()) if name != "time")
