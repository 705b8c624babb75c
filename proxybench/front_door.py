"""The main entry point: evaluates methods on tasks in one call. The command `run` is a thin wrapper around it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proxybench.errors import ProxybenchError
from proxybench.evaluation.entrants import COLUMNS
from proxybench.evaluation.network_proxies import NetworkSetting, with_scores
from proxybench.evaluation.objects import methods_as_text
from proxybench.evaluation.plan_runs import forget, run_plan, write_suite_scores
from proxybench.evaluation.plans import RunPlan, chosen_tasks, plan_tasks
from proxybench.evaluation.tasks import OWN, Task
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import RunSummary
from proxybench.leaderboard.build import LOCAL
from proxybench.progress import job_progress, network_progress
from proxybench.records import read_records
from proxybench.results import RUNS, Results
from proxybench.tables.benchmark import Benchmark

QUICK = "quick"
TASKS_FILE = ".toml"  # end of the name of a tasks file


def evaluate(
    methods: Any = None,
    *,
    suite: str | None = None,
    tasks: str | Path | Sequence[str | Path] = (),
    benchmark: str | Benchmark | None = None,
    scores: str | Path | None = None,
    repeats: int = 1,
    sizes: Sequence[int] = (),
    without: Sequence[str] = (),
    jobs: int | None = None,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    dask: str | None = None,
    folder: str | Path | None = None,
    networks: NetworkSetting | None = None,
    redo: bool = False,
    retry_failed: bool = False,
    keep_scores: bool = False,
    progress: bool = True,
) -> Results:
    """Evaluate methods on tasks and rank them.

        results = pb.evaluate(["synflow", my_scorer, make("gbdt", rounds=50)], suite="quick")

    A scorer is a function from an `ArchBatch` of n architectures to n scores, where larger is better. A proxy is a
    function of a network's `Probe` (see `proxybench.proxies.proxy`) and is computed on the networks of the tasks'
    architectures. A predictor has `fit` and `predict`. They run in separate processes, with copies of the data they may
    see, but are still trusted code: they have the rights of the user who runs them. Parameters, FLOPs and random
    scores are always evaluated too.

    Args:
        methods: one, or a sequence of any mixture of: names (`proxybench list methods`), `name(argument=value, ...)`,
            `module:name`, functions, predictor classes, predictor objects. By default every proxy among a task's
            columns, or none if `scores` are given.
        suite: name of a suite of tasks (`proxybench list suites`); "quick" if no tasks and no benchmark are given.
        tasks: names of tasks (`proxybench list tasks`), from the suite or benchmark if one is given; or a tasks file
            such as "mine.toml", in the format of `data/tasks.toml`.
        benchmark: a benchmark, such as the one that `proxybench.table` returns, or its name: all its tasks. A table of
            the user's own results has a task for each trained metric, and one for predictors.
        scores: a CSV or parquet file of scores computed elsewhere, with a column `arch` or `digest` and one column for
            each score, which is ranked like a method.
        repeats: splits per training size, on tasks that have a training part.
        sizes: numbers of training architectures; if empty, all sizes of a task.
        without: methods to exclude from "columns" and "predictors".
        jobs: worker processes; None means one per processor.
        timeout_s: wall-clock seconds for one job.
        memory_mb: memory of a worker.
        dask: address of a Dask scheduler to run the jobs on.
        folder: records are kept in `folder`/runs, and jobs recorded there are not run again; None means a temporary
            folder.
        networks: how to build the networks that network proxies score; see `NetworkSetting`.
        redo: discard the folder's records of these jobs.
        retry_failed: rerun jobs that are recorded as failed in the folder.
        keep_scores: also write the scores of single architectures to `folder`/local, for the page built there.
        progress: show a progress bar in terminals and notebooks.

    Raises:
        UnknownName: for an unknown suite, task, method or training size; suggests the nearest.
        InvalidMethod: for an object that is not a method.
        CorruptData: for damaged records in the folder, or a damaged tasks file or file of scores.
        InvalidTable: if a file of scores cannot be read; names row and column.
        ProxybenchError: if records of published tables and of the user's own tasks would share a folder.
        ValueError: if `keep_scores` is given without a folder.
        WorkerFailed: if workers cannot start.
    """
    if keep_scores and folder is None:
        raise ValueError("keep_scores=True needs a folder to write to; pass folder=")
    if methods is None:
        methods = COLUMNS if scores is None else ()
    given = [methods] if isinstance(methods, str) or not isinstance(methods, Sequence) else list(methods)
    workers = jobs or os.cpu_count() or 1
    chosen = _chosen(suite, tasks, benchmark)
    if folder is not None:
        _refuse_mixture(Path(folder), chosen)
    with ExitStack() as stack:
        texts = stack.enter_context(methods_as_text(given))
        kept = Path(folder) if folder is not None else Path(stack.enter_context(TemporaryDirectory()))
        plan = plan_tasks(chosen, texts, repeats, without, sizes, None if scores is None else Path(scores))
        with network_progress() if progress else nullcontext() as on_networks:
            plan.specs = with_scores(plan.specs, plan.tasks, networks or NetworkSetting(), workers, on_networks)
        on_record = stack.enter_context(job_progress(len(plan.specs))) if progress else None
        summary = _run(
            plan,
            kept / RUNS,
            redo=redo,
            retry_failed=retry_failed,
            jobs=workers,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            dask=dask,
            on_record=on_record,
        )
        if keep_scores:
            write_suite_scores(plan, kept / LOCAL)
        keys = {spec.key for spec in plan.specs}
        paths = [kept / RUNS / f"{home}.jsonl" for home in plan.parts()]
        return Results((one for one in read_records(paths) if one.key in keys), plan.absent, summary)


def _chosen(
    suite: str | None, tasks: str | Path | Sequence[str | Path], benchmark: str | Benchmark | None
) -> list[Task]:
    given = [tasks] if isinstance(tasks, (str, Path)) else list(tasks)
    files = [Path(one) for one in given if isinstance(one, Path) or one.endswith(TASKS_FILE)]
    names = [one for one in given if isinstance(one, str) and not one.endswith(TASKS_FILE)]
    if len(files) > 1:
        raise ProxybenchError(f"one tasks file at a time, not {', '.join(map(str, files))}")
    if suite is None and benchmark is None and not given:
        suite = QUICK
    name = benchmark.name if isinstance(benchmark, Benchmark) else benchmark
    return chosen_tasks(suite, names, name, files[0] if files else None)


def _refuse_mixture(folder: Path, tasks: Sequence[Task]) -> None:
    """Keep records of the user's own tasks and tables apart from published ones: one folder has one of the two."""
    present = {path.stem.startswith(OWN) for path in (folder / RUNS).glob("*.jsonl")}
    wanted = {task.home.startswith(OWN) for task in tasks}
    if len(present | wanted) > 1:
        raise ProxybenchError(
            f"{folder} would mix records of published tasks with records of your own; use another folder for yours, "
            "such as --folder own-leaderboard"
        )


def _run(
    plan: RunPlan, runs: Path, *, redo: bool, retry_failed: bool, on_record: Callable[..., None] | None, **how: Any
) -> RunSummary:
    summary = RunSummary()
    for home, part in plan.parts().items():
        journal = Journal(runs / f"{home}.jsonl")
        forget(part, journal, everything=redo, failures=retry_failed)
        summary += run_plan(part, journal, on_record=on_record, **how)
    return summary
