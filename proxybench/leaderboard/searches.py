"""Searches as the leaderboard keeps them: `searches/*.jsonl`, one line a problem, and in it every searcher's runs.

A line holds of each run the regret of what it returned, so that searchers can be tested against each other seed by
seed, and of all runs together the best-so-far curves. Who searched writes it (proxybench.search.summary).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData
from proxybench.records import Scalar, TaskIdentity, read_lines, write_lines

SEARCHES = "searches"


class Curve(msgspec.Struct, frozen=True):
    """The best so far of several runs, in the table's sign, at p points.

    Attributes:
        axis: "trainings" or "seconds".
        at: the points.
        mean: of the objective; `half` is half of its 95 percent interval, null for a single run.
        median: of the objective; `low` and `high` are the quartiles.
        reported: mean of what is reported; null where nothing is.
    """

    axis: str
    at: list[float]
    mean: list[float]
    half: list[float] | None
    median: list[float]
    low: list[float]
    high: list[float]
    reported: list[float] | None = None


class Searched(msgspec.Struct, frozen=True, omit_defaults=True):
    """The runs of a searcher with its options and a budget.

    Attributes:
        seeds: of the runs, as ranges: "0-199" or "0-9,20-29".
        regret: of what each run returned, in the order of seeds; the optimum less the objective, or the reverse where
            small is good.
        rank: of what was returned by what is reported: median and the limits of its 95 percent interval,
            null for fewer than five runs.
        value: mean and median of the objective of what was returned.
        reported: mean and median of what stands beside it; null where nothing does.
        improvement: mean RI, percent.
        train_s: simulated training seconds of a run, mean.
        wall_s: seconds that a run took, mean.
        note: what else is to be known.
    """

    searcher: str
    params: dict[str, Scalar]
    budget: int
    seeds: str
    regret: list[float]
    rank: tuple[float, float | None, float | None]
    value: tuple[float, float]
    reported: tuple[float, float] | None = None
    improvement: float | None = None
    train_s: float | None = None
    wall_s: float | None = None
    curves: list[Curve] = []
    note: str = ""

    @property
    def options(self) -> str:
        """The options as sorted JSON, empty for none."""
        return msgspec.json.encode(self.params, order="sorted").decode() if self.params else ""

    @property
    def label(self) -> str:
        """Name and options in a line: `robot scale=rank`."""
        given = [f"{key}={_text(value)}" for key, value in sorted(self.params.items())]
        return " ".join([self.searcher, *given])

    @property
    def numbers(self) -> list[int]:
        """The seeds, one by one."""
        return [seed for first, last in map(_limits, self.seeds.split(",")) for seed in range(first, last + 1)]


class SearchedProblem(msgspec.Struct, frozen=True):
    """A problem and how every searcher did on it.

    Attributes:
        task: its `target` is the objective.
        report: quantity beside the objective; empty for none.
        optimum: of the objective over the population, in the table's sign.
        searched: by searcher, options and budget.
        made_with: versions and machines.
    """

    task: TaskIdentity
    report: str
    optimum: float
    searched: list[Searched]
    made_with: list[str] = []
    format: int = 1


def seed_ranges(seeds: Iterable[int]) -> str:
    """Seeds as ranges, `0-9,20-29`."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ",".join(f"{first}-{last}" for first, last in ranges)


def write_searches(path: Path, problems: Iterable[SearchedProblem]) -> Path:
    """Replace the file by these problems, sorted by name, and return its path."""
    return write_lines(path, sorted(problems, key=lambda problem: problem.task.name))


def read_searches(paths: Iterable[Path]) -> list[SearchedProblem]:
    """The problems of some files by name; the searchers on a problem that several files hold are put together.

    Raises:
        CorruptData: for a line that is none (naming file and line), problems of one name that differ, or a searcher
            with the same options and budget twice on a problem.
    """
    found: dict[str, SearchedProblem] = {}
    for path, _, problem in read_lines(paths, SearchedProblem, "no searched problem"):
        name = problem.task.name
        found[name] = _together(found[name], problem, path) if name in found else problem
        _refuse_damaged(found[name], path)
    return [found[name] for name in sorted(found)]


def _together(one: SearchedProblem, other: SearchedProblem, path: Path) -> SearchedProblem:
    if (one.task, one.report, one.optimum) != (other.task, other.report, other.optimum):
        raise CorruptData(f"{path}: {one.task.name} is another problem than in the files before")
    return msgspec.structs.replace(
        one,
        searched=sorted([*one.searched, *other.searched], key=lambda runs: (runs.searcher, runs.options, runs.budget)),
        made_with=sorted({*one.made_with, *other.made_with}),
    )


def _refuse_damaged(problem: SearchedProblem, path: Path) -> None:
    seen = set()
    for runs in problem.searched:
        key = (runs.searcher, runs.options, runs.budget)
        if key in seen:
            raise CorruptData(
                f"{path}: {runs.label} with {runs.budget} trainings is there twice on {problem.task.name}"
            )
        seen.add(key)
        try:
            complete = len(runs.numbers) == len(runs.regret) > 0
        except ValueError:
            complete = False
        if not complete:
            raise CorruptData(f"{path}: {runs.label} on {problem.task.name} needs one regret for each of {runs.seeds}")


def _limits(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
