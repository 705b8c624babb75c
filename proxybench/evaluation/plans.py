"""Which tasks of a list, suite or benchmark take part in a run, and the jobs of methods on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import predictors
from predictors.errors import unknown_name
from proxybench.errors import DataNotAvailable
from proxybench.evaluation.entrants import ALWAYS, COLUMNS, PREDICTORS, InvalidMethod, find_entrant
from proxybench.evaluation.job_specs import specify, specify_scores
from proxybench.evaluation.method_groups import groups_of
from proxybench.evaluation.own_tasks import own_tasks
from proxybench.evaluation.score_files import score_columns
from proxybench.evaluation.tasks import Task, load_tasks, read_tasks
from proxybench.jobs.job_spec import JobSpec
from proxybench.records import JobKey
from proxybench.tables.benchmark import Benchmark, load


@dataclass
class RunPlan:
    """The jobs of a run, and the tasks left out with the reason."""

    specs: list[JobSpec] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def parts(self) -> dict[str, RunPlan]:
        """The plan split by the suite that its tasks' records are filed under (`Task.home`), without absent tasks."""
        parts: dict[str, RunPlan] = {}
        homes = {task.name: task.home for task in self.tasks}
        for task in self.tasks:
            parts.setdefault(task.home, RunPlan()).tasks.append(task)
        for spec in self.specs:
            parts[homes[spec.task.name]].specs.append(spec)
        return parts


def suite_tasks(suite: str, among: Mapping[str, Task] | None = None) -> list[Task]:
    """The tasks of a suite, by default of this project's list. Raises UnknownName, listing the suites."""
    tasks = (load_tasks() if among is None else among).values()
    chosen = [task for task in tasks if suite in task.suites]
    if not chosen:
        raise unknown_name("suite", suite, sorted({name for task in tasks for name in task.suites}))
    return chosen


def chosen_tasks(
    suite: str | None = None, names: Sequence[str] = (), benchmark: str | None = None, file: Path | None = None
) -> list[Task]:
    """The tasks of a tasks file, a benchmark, a suite or the whole list; only those named `names`, if any are.

    A benchmark without tasks in the list, such as a table of the user's own results, has those of `own_tasks`.

    Raises:
        UnknownName: for an unknown suite, benchmark or task.
        DataNotAvailable: if the tasks file does not exist, or the table of a benchmark without tasks is not here.
        CorruptData: if the tasks file does not follow its format.
        InvalidTable: if nothing can be ranked by the table.
    """
    among = read_tasks(file) if file is not None else load_tasks()
    if suite is not None:
        among = {task.name: task for task in suite_tasks(suite, among)}
    if benchmark is not None:
        listed = {name: task for name, task in among.items() if task.benchmark == benchmark}
        among = listed or {task.name: task for task in own_tasks(load(benchmark))}
    for name in names:
        if name not in among:
            raise unknown_name("task", name, among, f"of suite {suite!r}" if suite else "")
    return [task for name, task in among.items() if name in names or not names]


def plan_suite(
    suite: str,
    methods: Sequence[str] = (COLUMNS,),
    repeats: int = 1,
    without: Sequence[str] = (),
    tasks: Sequence[str] = (),
    sizes: Sequence[int] = (),
) -> RunPlan:
    """The jobs of a suite whose tables are present.

    Args:
        suite: a suite name of tasks.
        methods: as accepted by `find_entrant`; "columns" means every proxy and one-shot estimate of a task's table,
            "predictors" every registered predictor and, on tasks that provide accuracies early in training, those too.
            The controls (parameters, FLOPs, random) always take part.
        repeats: splits of each training size, on tasks that have a training part.
        without: methods to exclude from "columns" and "predictors".
        tasks: names of tasks of the suite; if empty, all.
        sizes: numbers of training architectures, on tasks that have a training part; if empty, all.

    Raises:
        UnknownName: if no task belongs to the suite, a task is not in the suite, no task has a training size, or a
            method is neither a predictor nor a column of the tables.
        InvalidMethod: if a method does not exist.
    """
    return plan_tasks(chosen_tasks(suite, tasks), methods, repeats, without, sizes)


def plan_tasks(
    tasks: Sequence[Task],
    methods: Sequence[str] = (COLUMNS,),
    repeats: int = 1,
    without: Sequence[str] = (),
    sizes: Sequence[int] = (),
    scores: Path | None = None,
) -> RunPlan:
    """The jobs of the given tasks whose tables are present; other arguments and errors as in `plan_suite`.

    Each column of `scores`, a file of scores computed elsewhere (`score_files`), is another method.
    """
    _require_sizes(tasks, sizes)
    plan = RunPlan()
    known = {COLUMNS, PREDICTORS, *ALWAYS}
    for task in tasks:
        try:
            bench = task.edition(load(task.benchmark))
            task.identity(bench)
        except DataNotAvailable as error:
            plan.absent[task.name] = str(error)
            continue
        plan.tasks.append(task)
        groups = groups_of(task, bench, (*methods, *without))
        known |= {*groups, *(name for group in groups.values() for name in group)}
        named = [name for method in methods for name in groups.get(method, [method])]
        for method in dict.fromkeys([*(name for name in named if name not in without), *ALWAYS]):
            plan.specs += [
                specify(task, bench, method, *split) for split in _splits(task, bench, method, repeats, sizes)
            ]
        if scores is not None:
            plan.specs += [
                specify_scores(task, bench, scores, name, column, *split)
                for name, column in score_columns(scores).items()
                for split in _splits_of(task, False, repeats, sizes)
            ]
    _refuse_namesakes(plan.specs)
    for method in (*methods, *without) if plan.tasks else ():
        entrant = find_entrant(method)
        if not entrant.learns and not entrant.target and entrant.name not in known:
            raise unknown_name("method", method, [*predictors.available(), *sorted(known)])
    return plan


def _refuse_namesakes(specs: Iterable[JobSpec]) -> None:
    methods: dict[JobKey, object] = {}
    for spec in specs:
        other = methods.setdefault(spec.key, spec.payload["method"])
        if other != spec.payload["method"]:
            raise InvalidMethod(f"{other} and {spec.payload['method']} are both ranked as {spec.method!r}; rename one")


def _require_sizes(tasks: Sequence[Task], sizes: Sequence[int]) -> None:
    known = sorted({str(size) for task in tasks for size in task.sizes}, key=int)
    for size in map(str, sizes):
        if size not in known:
            raise unknown_name("number of training architectures", size, known)


def _splits(task: Task, bench: Benchmark, method: str, repeats: int, sizes: Sequence[int]) -> Iterable[tuple[int, int]]:
    """(n_train, repeat) of each job of a method on a task; none for methods that learn if there is no training part.

    Without one, the repeats of an estimate with the weights of supernets are the seeds of the supernets, all of them.
    """
    entrant = find_entrant(method)
    if task.train_target is None and entrant.kind == "one-shot" and method in bench.metrics(task.dataset):
        seeds = bench.seeds(method, task.dataset)
        return [(0, int(seed)) for seed in seeds if seed.isdecimal()] or [(0, 0)]
    return _splits_of(task, entrant.learns, repeats, sizes)


def _splits_of(task: Task, learns: bool, repeats: int, sizes: Sequence[int]) -> Iterable[tuple[int, int]]:
    if task.train_target is None:
        return [] if learns else [(0, 0)]
    chosen = [size for size in task.sizes if size in sizes or not sizes]
    return [(n_train, repeat) for n_train in chosen for repeat in range(repeats)]
