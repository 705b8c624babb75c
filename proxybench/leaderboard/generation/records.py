"""Results of generators for the leaderboard: `generation/*.jsonl`, one line per problem with every method.

A method generates a number of architectures for each seed. A line holds for each seed their mean rank and the best of
ten, so that methods can be compared seed by seed, and for all seeds together the distribution of their accuracies.
experiments/generation.py writes these lines.
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
    """The architectures that a method generated with a number of predictions.

    Attributes:
        method: name.
        calls: number of predictions.
        seeds: of the runs.
        mean_rank: of each run's architectures, where 1 is the best of the population.
        best_of_ten: the best of ten of them by the reported quantity.
        counts: architectures of all runs by objective: below the first of the problem's `edges`, then in each bin.
        median: of the objective, over all runs.
        seconds: mean processor seconds.
        note: description of the method.
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
    """A space with an objective, and the architectures that each method generated for it.

    Attributes:
        task: its `target` is the objective.
        report: quantity of the best of ten.
        architectures: number of architectures that a run generates.
        edges: limits of bins of the objective, ascending.
        population: counts of the whole population, as in `GeneratorResult.counts`.
        methods: sorted by calls and name.
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
    """The gain of a method over a baseline in ranks, over the seeds that both ran: mean, and half of its interval."""

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
        CorruptData: for a line that is not a problem (naming file and line), numbers that contradict each other, or
            a problem that occurs twice.
    """
    found: dict[str, GenerationProblem] = {}
    for path, number, problem in read_lines(paths, GenerationProblem, "not a generation problem"):
        if problem.task.name in found:
            raise CorruptData(f"{path}:{number}: {problem.task.name} occurs twice; remove one of them")
        _refuse_damaged(problem, f"{path}:{number}")
        found[problem.task.name] = problem
    return [found[name] for name in sorted(found)]


def gains(problem: GenerationProblem, method: GeneratorResult) -> list[RankGain]:
    """Gains over each baseline with the same number of predictions, or without any; empty for a baseline."""
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
    """One row for each problem and method, with the ranks gained over each baseline."""
    columns = ["problem", "method", "calls", "runs", "architectures", "mean_rank", "half", "mean_rank_percent"]
    columns += ["median", "best_of_ten_median", "seconds", "note"]
    compared = [f"{name} vs {baseline}" for baseline in BASELINES for name in ("ranks", "half", "wins")]
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
    return csv_bytes([*columns, *compared], rows)


def _gain_cells(gain: RankGain | None) -> list[str]:
    return ["", "", ""] if gain is None else [f"{gain.mean:.1f}", _number(gain.half), f"{gain.wins:.3f}"]


def _check_figures(problem: GenerationProblem) -> None:
    """Raise ValueError for a number that cannot come from a generation."""
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
    from proxybench.ranking.repeats import half_of_runs  # loads scipy, which importing a leaderboard does not

    return half_of_runs(values)


def _refuse_damaged(problem: GenerationProblem, where: str) -> None:
    try:
        _check_figures(problem)
    except ValueError as error:
        raise CorruptData(f"{where}: {error}") from error
    edges = problem.edges
    if len(edges) < 2 or sorted(set(edges)) != edges or len(problem.population) != len(edges):
        raise CorruptData(f"{where}: the edges of bins must be ascending, with one count for each")
    for method in problem.methods:
        runs = {len(method.seeds), len(method.mean_rank), len(method.best_of_ten)}
        if runs != {len(set(method.seeds))} or not method.seeds or len(method.counts) != len(edges):
            raise CorruptData(
                f"{where}: {method.method} needs a rank and a best of ten for each seed, and a count for each bin"
            )
    if len({(method.method, method.calls) for method in problem.methods}) != len(problem.methods):
        raise CorruptData(f"{where}: a method with the same number of predictions occurs twice")
