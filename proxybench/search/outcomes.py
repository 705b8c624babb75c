"""Records of search runs: one line for each (problem, searcher, options, budget, seed), beside those of the harness.

A SearchRecord is a Record with what was returned and asked, so that the journal of the harness keeps it: whole lines
only, none twice, a torn last one dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from proxybench.records import Record, Scalar, TaskIdentity, read_lines
from proxybench.search.history import History
from proxybench.search.problem import Problem
from proxybench.search.regret import rank_of, regrets

RecordKind = TypeVar("RecordKind", bound=Record)


class Found(NamedTuple):
    """The best architecture so far, from a point of a run on.

    Attributes:
        queries: full trainings paid when it was found.
        seconds: training seconds by then; None where the table does not record them.
        value: its objective, in the table's sign.
        reported: the quantity that stands beside it; None where there is none.
    """

    queries: float
    seconds: float | None
    value: float
    reported: float | None


class SearchRecord(Record, frozen=True):
    """The outcome of a run: `method` is the searcher, `params` its options, `n_train` the budget, `repeat` the seed.

    Attributes:
        arch: text of the architecture returned.
        report: which quantity stands beside the objective; empty for none.
        queried: table rows in the order in which they were paid for.
        found: each new best architecture; the first line is the first query.
        last: full trainings and training seconds when the run ended.
    """

    arch: str = ""
    report: str = ""
    queried: tuple[int, ...] = ()
    found: tuple[Found, ...] = ()
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
        problem: that was searched.
        history: of the run.
        searcher: its name.
        options: its options where they are not the defaults.
        budget: full trainings allowed.
        seed: of the run.
        report: the quantity beside the objective.
        signs: -1 where smaller is better in the table, of objective and report.
        findings: more metrics.
        wall_s: time that the run took here.
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
        found=found_of(problem, history, signs),
        last=(float(history.cost[-1]), seconds),
    )


def read_runs(path: Path) -> list[SearchRecord]:
    """The runs of a file, in its order. Raises CorruptData for a line that is none, naming file and line."""
    return list(read_searched([path], SearchRecord))


def read_searched(paths: Iterable[Path], kind: type[RecordKind]) -> Iterator[RecordKind]:
    """The records of searches in some files. Raises CorruptData for a line that is no record, naming file and line."""
    return (record for _, _, record in read_lines(paths, kind, "not a record") if record.kind == "search")


def metrics_of(problem: Problem, history: History, signs: tuple[float, float]) -> dict[str, float]:
    """How a run did: value, reported and optimum in the table's sign, ranks from 1, RI in percent, regrets."""
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
        # RI of Yang, Esperanca, Carlucci (ICLR 2020), against the mean of the population: a random architecture's.
        "relative_improvement": 100 * (float(shown[best]) - mean) / abs(mean) if mean else float("nan"),
    }
    if problem.reported is not None:
        metrics["reported"] = signs[1] * float(problem.reported[best])
    return metrics | regrets(history, problem)


def found_of(problem: Problem, history: History, signs: tuple[float, float]) -> tuple[Found, ...]:
    """Each new best architecture of a run, in the table's sign."""
    incumbents = history.incumbents
    changes = np.flatnonzero(np.diff(incumbents, prepend=-1))
    found = []
    for place in changes.tolist():
        query = int(incumbents[place])
        candidate = int(history.candidates[query])
        reported = None if problem.reported is None else signs[1] * float(problem.reported[candidate])
        seconds = None if history.seconds is None else float(history.seconds[place])
        found.append(Found(float(history.cost[place]), seconds, signs[0] * float(history.values[query]), reported))
    return tuple(found)
