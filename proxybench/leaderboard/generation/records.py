"""Results of generators for the leaderboard: `generation/*.jsonl`, one line per problem with every method.

A method gives so many architectures for each seed. A line holds of each seed their mean rank and the best of ten, so
that methods can be compared seed by seed, and of all seeds together how often each accuracy came. Who generated writes
it (experiments/generation.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from proxybench.csv_text import csv_bytes
from proxybench.errors import CorruptData
from proxybench.record_limits import check_costs, check_number, check_task, check_within
from proxybench.records import TaskIdentity, read_lines, write_lines

GENERATION = "generation"
BASELINES = ("unguided", "filter", "evolution")


class GeneratorResult(msgspec.Struct, frozen=True):
    """What a method gave with so many questions to a predictor.

    Attributes:
        method: name.
        calls: questions in all.
        seeds: of the runs.
        mean_rank: of each run's architectures, 1 the best of the population.
        best_of_ten: of ten of them, by what is reported.
        counts: architectures of all runs by objective: below the first of the problem's `edges`, then in each bin.
        median: of the objective, over all runs.
        seconds: of a processor, mean.
        note: what the method does.
    """

    method: str
    calls: int
    seeds: list[int]
    mean_rank: list[float]
    best_of_ten: list[float]
    counts: list[int]
    median: float
    seconds: float | None = None
    note: str = ""

    @property
    def half(self) -> float | None:
        """Half-width of the 95 percent interval of the mean rank, over seeds; None for fewer than 20."""
        return _half(self.mean_rank)


class GenerationProblem(msgspec.Struct, frozen=True):
    """A space with an objective, and what each method generated for it.

    Attributes:
        task: its `target` is the objective.
        report: quantity that the best of ten is said in.
        architectures: that a run gives.
        edges: limits of bins of the objective, rising.
        population: counts of the whole population, as `GeneratorResult.counts`.
        methods: by calls and name.
        made_with: versions and machines.
    """

    task: TaskIdentity
    report: str
    architectures: int
    edges: list[float]
    population: list[int]
    methods: list[GeneratorResult]
    made_with: list[str] = []
    format: int = 1


class RankGain(NamedTuple):
    """How many ranks a method is better than a baseline, over the seeds that both ran: mean, and half its interval."""

    baseline: str
    mean: float
    half: float | None
    wins: float
    seeds: int


def write_generation(path: Path, problems: Iterable[GenerationProblem]) -> Path:
    """Replace the file by these problems, sorted by name, and return its path."""
    return write_lines(path, sorted(problems, key=lambda problem: problem.task.name))


def read_generation(paths: Iterable[Path]) -> list[GenerationProblem]:
    """The problems of some files, by name.

    Raises:
        CorruptData: for a line that is none (naming file and line), one whose numbers do not fit together, or a problem
            that is there twice.
    """
    found: dict[str, GenerationProblem] = {}
    for path, number, problem in read_lines(paths, GenerationProblem, "no generation problem"):
        if problem.task.name in found:
            raise CorruptData(f"{path}:{number}: {problem.task.name} is there twice")
        _refuse_damaged(problem, f"{path}:{number}")
        found[problem.task.name] = problem
    return [found[name] for name in sorted(found)]


def gains(problem: GenerationProblem, method: GeneratorResult) -> list[RankGain]:
    """Beside each baseline with as many questions, or none; seeds are paired. Empty where the method is a baseline."""
    found = []
    own = dict(zip(method.seeds, method.mean_rank, strict=True))
    for other in problem.methods:
        if other is method or other.method not in BASELINES or other.calls not in (0, method.calls):
            continue
        theirs = dict(zip(other.seeds, other.mean_rank, strict=True))
        paired = [theirs[seed] - own[seed] for seed in sorted(own.keys() & theirs.keys())]
        if paired and method.method not in BASELINES:
            wins = float(np.mean([(gain > 0) + 0.5 * (gain == 0) for gain in paired]))
            found.append(RankGain(other.method, float(np.mean(paired)), _half(paired), wins, len(paired)))
    return sorted(found, key=lambda gain: BASELINES.index(gain.baseline))


def generation_csv(problems: Sequence[GenerationProblem]) -> bytes:
    """One row for each problem and method, with the ranks won beside each baseline."""
    columns = ["problem", "method", "calls", "runs", "architectures", "mean_rank", "half", "mean_rank_percent"]
    columns += ["median", "best_of_ten_median", "seconds", "note"]
    beside = [f"{name} vs {baseline}" for baseline in BASELINES for name in ("ranks", "half", "wins")]
    rows = []
    for problem in problems:
        for method in problem.methods:
            found = {gain.baseline: gain for gain in gains(problem, method)}
            mean = float(np.mean(method.mean_rank))
            rows.append(
                [
                    problem.task.name,
                    method.method,
                    method.calls,
                    len(method.seeds),
                    problem.architectures,
                    f"{mean:.1f}",
                    _number(method.half),
                    f"{100 * mean / problem.task.size:.2f}",
                    f"{method.median:g}",
                    f"{np.median(method.best_of_ten):g}",
                    "" if method.seconds is None else f"{method.seconds:g}",
                    method.note,
                    *(cell for baseline in BASELINES for cell in _gain_cells(found.get(baseline))),
                ]
            )
    return csv_bytes([*columns, *beside], rows)


def _gain_cells(gain: RankGain | None) -> list[str]:
    return ["", "", ""] if gain is None else [f"{gain.mean:.1f}", _number(gain.half), f"{gain.wins:.3f}"]


def _check_figures(problem: GenerationProblem) -> None:
    """Raise ValueError for a number that no generation gives."""
    check_task(problem.task)
    check_within("architectures", problem.architectures, 1, 1e12)
    check_within("counts", min(problem.population, default=0), 0, 1e12)
    for edge in problem.edges:
        check_number("edges", edge)
    for method in problem.methods:
        check_within(f"calls of {method.method}", method.calls, 0, 1e12)
        check_within(f"counts of {method.method}", min(method.counts, default=0), 0, 1e12)
        for rank in method.mean_rank:
            check_within(f"a mean rank of {method.method}", rank, 1, problem.task.size)
        for value in (*method.best_of_ten, method.median):
            check_number(f"a figure of {method.method}", value)
        check_costs([(f"seconds of {method.method}", method.seconds)])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _half(values: Sequence[float]) -> float | None:
    from proxybench.ranking.repeats import half_of_runs  # numpy and scipy, which importing a leaderboard does not load

    return half_of_runs(values)


def _refuse_damaged(problem: GenerationProblem, where: str) -> None:
    try:
        _check_figures(problem)
    except ValueError as error:
        raise CorruptData(f"{where}: {error}") from error
    edges = problem.edges
    if len(edges) < 2 or sorted(set(edges)) != edges or len(problem.population) != len(edges):
        raise CorruptData(f"{where}: the edges of bins rise, and one count belongs to each")
    for method in problem.methods:
        runs = {len(method.seeds), len(method.mean_rank), len(method.best_of_ten)}
        if runs != {len(set(method.seeds))} or not method.seeds or len(method.counts) != len(edges):
            raise CorruptData(f"{where}: {method.method} needs a rank and a best of ten a seed, and a count a bin")
    if len({(method.method, method.calls) for method in problem.methods}) != len(problem.methods):
        raise CorruptData(f"{where}: a method with as many questions is there twice")
