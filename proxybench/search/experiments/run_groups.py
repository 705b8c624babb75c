"""Runs grouped by problem, searcher, options and budget, and sorted by seed.

A journal holds a line per run (`outcomes.SearchRecord`) or, for large comparisons, per block of successive seeds
(`RunBlock`), which omits data that no statistic needs. Both are read into the same groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData
from proxybench.records import Record, Scalar, TaskIdentity
from proxybench.search.core.history import History
from proxybench.search.core.problem import Problem
from proxybench.search.experiments.run_records import (
    Incumbent,
    SearchRecord,
    incumbents_of,
    metrics_of,
    read_search_records,
)


class RunSummary(msgspec.Struct, frozen=True, array_like=True):
    """A run: its result, in the table's sign, and its progress.

    Attributes:
        value: objective of the architecture returned.
        regret: difference between that and the optimum of the population.
        rank: rank of the architecture by the reported quantity, from 1.
        reported: the reported quantity; None if nothing is reported.
        improvement: RI of the reported quantity, in percent.
        found: each new best architecture.
        last: full trainings and training seconds when the run ended.
    """

    value: float
    regret: float
    rank: int
    reported: float | None
    improvement: float | None
    found: tuple[Incumbent, ...]
    last: tuple[float, float | None]


class RunBlock(Record, frozen=True):
    """Runs of successive seeds as one record: `repeat` is the first seed, the other fields are as in SearchRecord."""

    report: str = ""
    optimum: float = 0.0
    runs: tuple[RunSummary, ...] = ()


class _Either(RunBlock, frozen=True):
    """A line of a journal: a block, or a single run, which has no `runs`."""

    found: tuple[Incumbent, ...] = ()
    last: tuple[float, float | None] = (0.0, None)


@dataclass
class RunGroup:
    """The runs of a searcher with its options and a budget on a problem, sorted by seed.

    Attributes:
        optimum: optimum of the objective, in the table's sign.
        wall_s: time of each run; for blocks the mean.
        made_with: versions and machine, without the time.
        note: other information in the records.
    """

    task: TaskIdentity
    report: str
    searcher: str
    params: dict[str, Scalar]
    budget: int
    optimum: float
    runs: dict[int, RunSummary] = field(default_factory=dict)
    wall_s: list[float] = field(default_factory=list)
    made_with: set[str] = field(default_factory=set)
    note: str = ""

    @property
    def options(self) -> str:
        """The options as sorted JSON."""
        return msgspec.json.encode(self.params, order="sorted").decode()

    @property
    def in_order(self) -> list[RunSummary]:
        """The runs by seed."""
        return [self.runs[seed] for seed in sorted(self.runs)]


def run_summary(problem: Problem, history: History, signs: tuple[float, float]) -> RunSummary:
    """A run as stored in groups; `signs` as in `search_record`."""
    found = metrics_of(problem, history, signs)
    seconds = None if history.seconds is None else float(history.seconds[-1])
    return _run(found, incumbents_of(problem, history, signs), (float(history.cost[-1]), seconds))


def groups_of(records: Iterable[SearchRecord | RunBlock]) -> list[RunGroup]:
    """The groups of some records, sorted by problem, searcher, options and budget.

    Raises:
        CorruptData: if there are two runs with one seed.
    """
    groups: dict[tuple[str, str, str, int], RunGroup] = {}
    for record in records:
        runs = record.runs if isinstance(record, RunBlock) and record.runs else (_single(record),)
        key = (record.task.name, record.method, record.key.params, record.n_train)
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
    """The groups of journals. Raises CorruptData if a line is not a record, or there are two runs with one seed."""
    return groups_of(read_search_records(paths, _Either))


def _single(record: Record) -> RunSummary:
    assert isinstance(record, (SearchRecord, _Either))
    return _run(record.metrics, record.found, record.last)


def _run(
    metrics: Mapping[str, float | None], found: tuple[Incumbent, ...], last: tuple[float, float | None]
) -> RunSummary:
    return RunSummary(
        value=metrics["value"] or 0.0,
        regret=metrics["simple_regret"] or 0.0,
        rank=int(metrics["rank"] or 0),
        reported=metrics.get("reported"),
        improvement=metrics.get("relative_improvement"),
        found=found,
        last=last,
    )


def _optimum(record: Record) -> float:
    """If a record does not say, the objective is assumed to be larger-is-better."""
    found = record.metrics
    stated = found.get("optimum")
    return (found["value"] or 0.0) + (found["simple_regret"] or 0.0) if stated is None else stated


def _made_with(record: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(record.provenance.items()) if name != "time")
