"""Runs a suite: the jobs of its tasks and methods, executed here or on a cluster, recorded in one journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import predictors
from predictors.errors import unknown_name
from proxybench.errors import DataNotAvailable
from proxybench.evaluation.entrants import (
    ALWAYS,
    COLUMNS,
    COMPUTED,
    ONE_SHOT,
    PREDICTORS,
    InvalidMethod,
    find_entrant,
)
from proxybench.evaluation.evaluate import training_free_scores
from proxybench.evaluation.job_specs import entrant_of, specify, specify_scores
from proxybench.evaluation.own_tasks import own_tasks
from proxybench.evaluation.score_files import score_columns
from proxybench.evaluation.tasks import Task, load_tasks, read_tasks
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore, RunSummary
from proxybench.jobs.run import run_in_processes
from proxybench.proxies import PROXIES
from proxybench.records import JobKey, Record
from proxybench.scores.score_file import SweepScores
from proxybench.scores.shipped import required_full_size, shipped_sweeps
from proxybench.scores.source_names import PUBLISHED
from proxybench.tables.benchmark import Benchmark, load

EVALUATE = "proxybench.evaluation.evaluate:evaluate"
FAILURES = ("failed", "timeout")


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


def forget(plan: RunPlan, journal: Journal, *, everything: bool = False, failures: bool = False) -> int:
    """Drop the records of the plan's jobs that are to be rerun; returns their number.

    Records of tasks whose population has grown since are always dropped: they are not comparable with new ones.

    Args:
        plan: the plan of the jobs.
        journal: the journal with the records.
        everything: drop all of them, not only those of a user's method whose file has changed, and also records of
            older versions of the tasks or their tables.
        failures: drop those that failed or timed out.
    """
    codes = {spec.key: entrant_of(spec).code for spec in plan.specs}
    tasks = {spec.task.name: spec.task for spec in plan.specs}
    growing = {task.name for task in plan.tasks if task.grows}

    def unwanted(record: Record) -> bool:
        stale = record.task != tasks.get(record.task.name, record.task)
        if stale and (everything or record.task.name in growing):
            return True
        if record.key not in codes:
            return False
        return everything or record.code != codes[record.key] or (failures and record.outcome in FAILURES)

    return journal.drop(unwanted)


def run_plan(
    plan: RunPlan,
    journal: Journal,
    *,
    jobs: int = 1,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    dask: str | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> RunSummary:
    """Run the jobs missing from the journal, on this machine or on the Dask cluster at `dask`."""
    store = JournalStore(plan.specs, EVALUATE, journal, on_record)
    if dask is None:
        run_in_processes(store, jobs, timeout_s=timeout_s, memory_mb=memory_mb)
    else:
        from proxybench.jobs.dask_run import run_on_cluster

        run_on_cluster(store, dask, timeout_s=timeout_s, memory_mb=memory_mb)
    return store.summary


def write_suite_scores(plan: RunPlan, folder: Path) -> list[Path]:
    """Scores of single architectures by the training-free methods, for the plots of a locally built page."""
    from proxybench.evaluation.population import target_values
    from proxybench.leaderboard.ranks.scores import write_scores

    paths = []
    for task in plan.tasks:
        bench = task.edition(load(task.benchmark))
        methods = {
            spec.method: training_free_scores(task, bench, entrant_of(spec))[0]
            for spec in plan.specs
            if spec.task.name == task.name and spec.kind != "predictor"
        }
        archs = [bench.archs[row] for row in task.rows(bench)]
        paths.append(write_scores(folder, task.name, target_values(task, bench), methods, archs))
    return paths


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
