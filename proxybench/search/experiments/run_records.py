"""Records of search runs: one line per (problem, searcher, options, budget, seed), like those of the harness.

A SearchRecord is a Record with the result and the queries, so the harness's journal can store it: only whole lines,
no duplicates, a torn last line dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from proxybench.records import Record, Scalar, TaskIdentity, read_lines
from proxybench.search.core.history import History
from proxybench.search.core.problem import Problem
from proxybench.search.experiments.regret import rank_of, regrets

RecordKind = TypeVar("RecordKind", bound=Record)


class Incumbent(NamedTuple):
    """A new best architecture at some point of a run.

    Attributes:
        queries: full trainings paid for when it was found.
        seconds: training seconds so far; None if the table does not record them.
        value: its objective, in the table's sign.
        reported: its reported quantity; None if nothing is reported.
    """

    queries: float
    seconds: float | None
    value: float
    reported: float | None


class SearchRecord(Record, frozen=True):
    """The outcome of a run: `method` is the searcher, `params` its options, `n_train` the budget, `repeat` the seed.

    Attributes:
        arch: text of the architecture returned.
        report: the quantity reported in addition to the objective; empty if none.
        queried: table rows in the order in which they were paid for.
        found: each new best architecture; the first line is the first query.
        last: full trainings and training seconds when the run ended.
    """

    arch: str = ""
    report: str = ""
    queried: tuple[int, ...] = ()
    found: tuple[Incumbent, ...] = ()
    last: tuple[float, float | None] = (0.0, None)


def search_record(
    task: TaskIdentity,
    problem: Problem,
    history: History,
    *,
    searcher: str,
    options: Mapping[str, Scalar],
    budget: int,
    seed: int,
    report: str = "",
    signs: tuple[float, float] = (1.0, 1.0),
    findings: Mapping[str, float] | None = None,
    wall_s: float = 0.0,
) -> SearchRecord:
    """The record of a run.

    Args:
        task: identity of the problem.
        problem: the problem searched.
        history: history of the run.
        searcher: name of the searcher.
        options: its options that differ from the defaults.
        budget: full trainings allowed.
        seed: seed of the run.
        report: the reported quantity.
        signs: signs of objective and report; -1 if smaller is better in the table.
        findings: more metrics.
        wall_s: time of the run.
    """
    from proxybench.jobs.provenance import provenance

    metrics = metrics_of(problem, history, signs) | dict(findings or {})
    seconds = None if history.seconds is None else float(history.seconds[-1])
    return SearchRecord(
        task=task,
        method=searcher,
        kind="search",
        outcome="ok",
        metrics={name: value if np.isfinite(value) else None for name, value in metrics.items()},
        params=dict(options),
        repeat=seed,
        n_train=budget,
        cost={"train_s": seconds, "wall_s": wall_s},
        provenance=provenance(),
        arch=problem.space.format(problem.archs[history.best]),
        report=report,
        queried=tuple(problem.rows[history.candidates].tolist()),
        found=incumbents_of(problem, history, signs),
        last=(float(history.cost[-1]), seconds),
    )


def read_runs(path: Path) -> list[SearchRecord]:
    """The runs of a file, in its order. Raises CorruptData, naming file and line, if a line is not a run."""
    return list(read_search_records([path], SearchRecord))


def read_search_records(paths: Iterable[Path], kind: type[RecordKind]) -> Iterator[RecordKind]:
    """The records of searches in files. Raises CorruptData, naming file and line, if a line is not a record."""
    return (record for _, _, record in read_lines(paths, kind, "not a record") if record.kind == "search")


def metrics_of(problem: Problem, history: History, signs: tuple[float, float]) -> dict[str, float]:
    """Metrics of a run: value, reported and optimum in the table's sign, ranks from 1, RI in percent, regrets."""
    best = history.best
    shown = problem.values if problem.reported is None else problem.reported
    mean = float(shown.mean())
    metrics = {
        "queries": float(history.queries),
        "trainings": float(history.cost[-1]),
        "value": signs[0] * float(problem.values[best]),
        "optimum": signs[0] * float(problem.values.max()),
        "value_rank": float(rank_of(best, problem.values)),
        "rank": float(rank_of(best, shown)),
        # RI of Yang, Esperanca, Carlucci (ICLR 2020), relative to the mean of the population (a random architecture).
        "relative_improvement": 100 * (float(shown[best]) - mean) / abs(mean) if mean else float("nan"),
    }
    if problem.reported is not None:
        metrics["reported"] = signs[1] * float(problem.reported[best])
    return metrics | regrets(history, problem)


def incumbents_of(problem: Problem, history: History, signs: tuple[float, float]) -> tuple[Incumbent, ...]:
    """Each new best architecture of a run, in the table's sign."""
    incumbents = history.incumbents
    changes = np.flatnonzero(np.diff(incumbents, prepend=-1))
    found = []
    for place in changes.tolist():
        query = int(incumbents[place])
        candidate = int(history.candidates[query])
        reported = None if problem.reported is None else signs[1] * float(problem.reported[candidate])
        seconds = None if history.seconds is None else float(history.seconds[place])
        found.append(Incumbent(float(history.cost[place]), seconds, signs[0] * float(history.values[query]), reported))
    return tuple(found)
