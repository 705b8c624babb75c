"""The methods that a name stands for on a task: the columns of its table, predictors, and scores of this project."""

from __future__ import annotations

from collections.abc import Sequence

import predictors
from proxybench.errors import DataNotAvailable
from proxybench.evaluation.entrants import ALWAYS, COLUMNS, COMPUTED, ONE_SHOT, PREDICTORS
from proxybench.evaluation.tasks import Task
from proxybench.proxies import PROXIES
from proxybench.scores.score_file import SweepScores
from proxybench.scores.shipped import required_full_size, shipped_sweeps
from proxybench.scores.source_names import PUBLISHED
from proxybench.tables.benchmark import Benchmark


def groups_of(task: Task, bench: Benchmark, methods: Sequence[str] = ()) -> dict[str, list[str]]:
    """The methods that a name stands for on a task: "columns", "predictors", and plain names of this project's scores.

    Args:
        task: the task.
        bench: the edition of its table that it uses.
        methods: the methods that will be looked up; reading scores that none of them needs takes a while.

    Raises:
        DataNotAvailable: if the task needs full-size scores that do not come with the project.
    """
    columns = [name for name in bench.metrics(task.dataset) if name.startswith(("proxy:", ONE_SHOT))]
    published = [name.removeprefix("proxy:") for name in columns]
    learned = [f"val_acc@{epochs}" for epochs in task.curves] + predictors.available()
    if task.grows:
        own = _names(required_full_size(bench.space.name))
        named = [name if name.startswith(ONE_SHOT) else f"{name}{PUBLISHED}" for name in published]
        return {COLUMNS: own + named, PREDICTORS: learned}
    needed = task.columns == "all" or any(_is_computed(method, published) for method in methods)
    computed = _computed(bench) if needed else []
    groups = {COLUMNS: published + (computed if task.columns == "all" else []), PREDICTORS: learned}
    for name in computed:  # if the table has no score under the plain name, it means this project's
        plain = name.removesuffix(COMPUTED)
        groups[name] = [name]
        if plain not in published:
            groups[plain] = [name]
    return groups


def _names(sweep: SweepScores) -> list[str]:
    """Names of the proxies of a sweep, without those that take part in every task anyway."""
    names = (str(column).removeprefix("proxy:") for column in sweep.scores)
    return [name for name in names if name not in ALWAYS]


def _is_computed(method: str, published: Sequence[str]) -> bool:
    """Whether a method may be ranked by a score of this project, whose files take a while to read."""
    return method.endswith(COMPUTED) or (method in PROXIES and method not in (*published, *ALWAYS))


def _computed(bench: Benchmark) -> list[str]:
    """Methods that rank by a score of this project, without those that take part in every task anyway."""
    try:
        sweeps = shipped_sweeps(bench.space.name)
    except DataNotAvailable:
        return []
    return [f"{name}{COMPUTED}" for name in dict.fromkeys(name for sweep in sweeps for name in _names(sweep))]
