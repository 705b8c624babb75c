"""Search results for the leaderboard: `searches/*.jsonl`, one line per problem with every searcher's runs.

A line holds the regret of each run, so that searchers can be tested against each other seed by seed, and the
best-so-far curves of all runs together. `proxybench.search.experiments.summary` makes these lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
from filelock import FileLock

from proxybench.errors import CorruptData
from proxybench.grammar import InvalidText, parse_recorded
from proxybench.ranking.repeats import FEWEST_RUNS
from proxybench.record_limits import LARGEST, check_costs, check_interval, check_number, check_task, check_within
from proxybench.records import Scalar, TaskIdentity, read_lines, write_lines

SEARCHES = "searches"
FIRST_TRAININGS = 10  # before the tenth, the mean depends on rare failures that most runs do not have


class Curve(msgspec.Struct, frozen=True):
    """The best so far of several runs, in the table's sign, at p points.

    Attributes:
        axis: "trainings" or "seconds".
        at: the points.
        mean: of the objective; `half` is half of its 95 percent interval, null if it has none, see `halves`.
        median: of the objective; `low` and `high` are the quartiles.
        reported: mean of the reported quantity; null if there is no such quantity.
    """

    axis: str
    at: list[float]
    mean: list[float]
    half: list[float | None] | None
    median: list[float]
    low: list[float]
    high: list[float]
    reported: list[float] | None = None


class SearcherRuns(msgspec.Struct, frozen=True, omit_defaults=True):
    """The runs of a searcher with its options and a budget.

    Attributes:
        seeds: of the runs, as ranges: "0-199" or "0-9,20-29".
        regret: of the architecture that each run returned, in the order of seeds: the optimum minus the objective, or
            the reverse if smaller is better.
        rank: of the returned architectures by the reported quantity: median and the limits of its 95 percent interval,
            null for fewer than five runs.
        value: mean and median of the objective of the returned architectures.
        reported: mean and median of their reported quantity; null if there is no such quantity.
        improvement: mean RI, percent.
        train_s: mean simulated training seconds of a run.
        wall_s: mean seconds of a run.
        note: other information about the runs.
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
        """The options in the current notation as sorted JSON, empty for none."""
        return msgspec.json.encode(self._shown, order="sorted").decode() if self.params else ""

    @property
    def label(self) -> str:
        """Name and options in a line: `robot scale=rank`."""
        options = [f"{key}={_text(value)}" for key, value in sorted(self._shown.items())]
        return " ".join([self.searcher, *options])

    @property
    def _shown(self) -> dict[str, Scalar]:
        """The options in the current notation: `gin(members=1)` for `gin[members=1]`, as recorded by version 0.1."""
        return {key: current_notation(value) for key, value in self.params.items()}

    @property
    def numbers(self) -> list[int]:
        """The seeds, one by one."""
        return [seed for first, last in map(_limits, self.seeds.split(",")) for seed in range(first, last + 1)]

    def halves(self, curve: Curve) -> list[float | None]:
        """`half` of a curve where its coverage suffices: for at least 20 runs that differ, from the tenth training on.

        On the time axis trainings are assumed to be evenly spaced.
        """
        halves = curve.half or [None] * len(curve.at)
        if len(self.regret) < FEWEST_RUNS:
            return [None] * len(curve.at)
        after = trained(curve.at, self.budget)
        return [half if half and count >= FIRST_TRAININGS else None for half, count in zip(halves, after, strict=True)]


class SearchedProblem(msgspec.Struct, frozen=True):
    """A problem and the results of every searcher on it.

    Attributes:
        task: its `target` is the objective.
        report: quantity reported in addition to the objective; empty for none.
        optimum: of the objective over the population, in the table's sign.
        searchers: their runs, sorted by searcher, options and budget.
        made_with: versions and machines.
    """

    task: TaskIdentity
    report: str
    optimum: float
    searchers: list[SearcherRuns] = msgspec.field(name="searched")
    made_with: list[str] = []
    format: int = 1


def trained(at: Sequence[float], budget: float) -> list[float]:
    """The number of trainings at each point of an axis, evenly spaced, the last at the end of the budget."""
    return [budget * point / at[-1] if at[-1] else 0.0 for point in at]


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


def merge_searches(path: Path, problems: Iterable[SearchedProblem]) -> Path:
    """Add these problems to the file and return its path.

    Runs of a searcher with the same options and budget replace those in the file, if they include all their seeds.
    Everything else in the file stays.

    Raises:
        CorruptData: when the file is damaged, or runs in it would be lost or mixed with those of another problem.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        merged = {problem.task.name: problem for problem in (read_searches([path]) if path.exists() else ())}
        for problem in problems:
            kept = merged.get(problem.task.name)
            merged[problem.task.name] = (
                problem if kept is None else _together(_without(kept, problem, path), problem, path)
            )
        return write_searches(path, merged.values())


def read_searches(paths: Iterable[Path]) -> list[SearchedProblem]:
    """The problems of some files by name; searchers on a problem in several files are combined.

    Raises:
        CorruptData: for a line that is not a problem (naming file and line), problems of one name that differ, or a
            searcher that occurs twice on a problem with the same options and budget.
    """
    found: dict[str, SearchedProblem] = {}
    for path, number, problem in read_lines(paths, SearchedProblem, "not a search problem"):
        name = problem.task.name
        try:
            _check_figures(problem)
        except ValueError as error:
            raise CorruptData(f"{path}:{number}: {name}: {error}") from error
        found[name] = _together(found[name], problem, path) if name in found else problem
        _refuse_twins(found[name], path)
    return [found[name] for name in sorted(found)]


def _together(one: SearchedProblem, other: SearchedProblem, path: Path) -> SearchedProblem:
    if (one.task, one.report, one.optimum) != (other.task, other.report, other.optimum):
        raise CorruptData(
            f"{path}: {one.task.name} differs from the problem of this name in an earlier file; remove one of them"
        )
    return msgspec.structs.replace(
        one,
        searchers=sorted(
            [*one.searchers, *other.searchers], key=lambda runs: (runs.searcher, runs.options, runs.budget)
        ),
        made_with=sorted({*one.made_with, *other.made_with}),
    )


def _without(kept: SearchedProblem, new: SearchedProblem, path: Path) -> SearchedProblem:
    """The problem without the runs that the new ones replace."""
    replacing = {(runs.searcher, runs.options, runs.budget): set(runs.numbers) for runs in new.searchers}
    left = []
    for runs in kept.searchers:
        seeds = replacing.get((runs.searcher, runs.options, runs.budget))
        if seeds is None:
            left.append(runs)
        elif not seeds.issuperset(runs.numbers):
            raise CorruptData(
                f"{path} holds runs of {runs.label} with seeds {runs.seeds} that would be lost; "
                "search with these seeds too, or choose another name for the file of runs"
            )
    return msgspec.structs.replace(kept, searchers=left)


def _refuse_twins(problem: SearchedProblem, path: Path) -> None:
    seen = set()
    for runs in problem.searchers:
        key = (runs.searcher, runs.options, runs.budget)
        if key in seen:
            raise CorruptData(
                f"{path}: {runs.label} with {runs.budget} trainings occurs twice on {problem.task.name}; remove one"
            )
        seen.add(key)


def _check_figures(problem: SearchedProblem) -> None:
    """Raise ValueError for a number that cannot come from a search."""
    check_task(problem.task)
    check_number("optimum", problem.optimum)
    for runs in problem.searchers:
        if not runs.regret or _count_of(runs.seeds) != len(runs.regret):
            raise ValueError(f"{runs.label} needs one regret for each of {runs.seeds[:100]}")
        check_within(f"the budget of {runs.label}", runs.budget, 1, 1e12)
        for regret in runs.regret:
            check_within(f"a regret of {runs.label}", regret, 0, LARGEST)
        median, low, high = runs.rank
        check_interval(f"the rank of {runs.label}", low, high)
        ends = [1.0, median if low is None else low, median, median if high is None else high, problem.task.size]
        if ends != sorted(ends):
            shown = "" if low is None else f" between {low:g} and {high:g}"
            raise ValueError(f"the rank of {runs.label} cannot be {median:g}{shown}")
        for value in (*runs.value, *(runs.reported or ()), runs.improvement or 0.0):
            check_number(f"a figure of {runs.label}", value)
        check_costs([(f"train_s of {runs.label}", runs.train_s), (f"wall_s of {runs.label}", runs.wall_s)])
        for curve in runs.curves:
            _check_curve(curve, f"the {curve.axis[:100]} curve of {runs.label}")


def _check_curve(curve: Curve, name: str) -> None:
    given = [curve.at, curve.mean, curve.half, curve.median, curve.low, curve.high, curve.reported]
    columns = [values for values in given if values is not None]
    if {len(values) for values in columns} != {len(curve.at)}:
        raise ValueError(f"{name} needs one figure of each kind for each of its points")
    for value in (value for values in columns for value in values if value is not None):
        check_number(f"a figure of {name}", value)
    if any(low > high for low, high in zip(curve.low, curve.high, strict=True)):
        raise ValueError(f"the quartiles of {name} are reversed")
    if min([*curve.at, *(half for half in curve.half or [] if half is not None)], default=0) < 0:
        raise ValueError(f"{name} has a negative point or half interval")


def _count_of(seeds: str) -> int:
    """The number of seeds in the ranges. Raises ValueError if they are not ascending ranges."""
    limits = [_limits(text) for text in seeds.split(",")]
    flat = [number for pair in limits for number in pair]
    rising = all(first <= last for first, last in limits) and all(a < b for (_, a), (b, _) in pairwise(limits))
    if not rising or flat[0] < 0:
        raise ValueError(f"seeds {seeds[:100]!r} are not ascending ranges such as '0-9,20-29'")
    return sum(last - first + 1 for first, last in limits)


def _limits(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        return int(first), int(last or first)
    except ValueError as error:
        raise ValueError(f"seeds {text[:100]!r} are not a range such as '0-9'") from error


def current_notation(value: Scalar) -> Scalar:
    """The value of an option; calls with square brackets, as in records of version 0.1, get parentheses."""
    if not isinstance(value, str) or "[" not in value:
        return value
    try:
        return str(parse_recorded(value))
    except InvalidText:
        return value


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
