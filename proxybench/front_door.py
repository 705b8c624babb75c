"""The main entry point: evaluates methods on tasks in one call. The command `run` is a thin wrapper around it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proxybench.evaluation.entrants import COLUMNS
from proxybench.evaluation.network_proxies import NetworkSetting, with_scores
from proxybench.evaluation.objects import methods_as_text
from proxybench.evaluation.suites import RunPlan, chosen_tasks, forget, plan_tasks, run_plan, write_suite_scores
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import RunSummary
from proxybench.leaderboard.build import LOCAL
from proxybench.progress import job_progress, network_progress
from proxybench.records import read_records
from proxybench.results import RUNS, Results

QUICK = "quick"


def evaluate(
    methods: Any = COLUMNS,
    *,
    suite: str | None = None,
    tasks: Sequence[str] = (),
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
    scores: bool = False,
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
            `module:name`, functions, predictor classes, predictor objects.
        suite: name of a suite of tasks (`proxybench list suites`); "quick" if no tasks are given either.
        tasks: names of tasks (`proxybench list tasks`), from the suite if one is given.
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
        scores: also write the scores of single architectures to `folder`/local, for the page built there.
        progress: show a progress bar in terminals and notebooks.

    Raises:
        UnknownName: for an unknown suite, task, method or training size; suggests the nearest.
        InvalidMethod: for an object that is not a method.
        CorruptData: for damaged records in the folder.
        ValueError: if `scores` is given without a folder.
        WorkerFailed: if workers cannot start.
    """
    if scores and folder is None:
        raise ValueError("scores=True needs a folder to write to; pass folder=")
    given = [methods] if isinstance(methods, str) or not isinstance(methods, Sequence) else list(methods)
    workers = jobs or os.cpu_count() or 1
    chosen = chosen_tasks(suite or (None if tasks else QUICK), tasks)
    with ExitStack() as stack:
        texts = stack.enter_context(methods_as_text(given))
        kept = Path(folder) if folder is not None else Path(stack.enter_context(TemporaryDirectory()))
        plan = plan_tasks(chosen, texts, repeats, without, sizes)
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
        if scores:
            write_suite_scores(plan, kept / LOCAL)
        keys = {spec.key for spec in plan.specs}
        paths = [kept / RUNS / f"{home}.jsonl" for home in plan.parts()]
        return Results((one for one in read_records(paths) if one.key in keys), plan.absent, summary)


def _run(
    plan: RunPlan, runs: Path, *, redo: bool, retry_failed: bool, on_record: Callable[..., None] | None, **how: Any
) -> RunSummary:
    summary = RunSummary()
    for home, part in plan.parts().items():
        journal = Journal(runs / f"{home}.jsonl")
        forget(part, journal, everything=redo, failures=retry_failed)
        summary += run_plan(part, journal, on_record=on_record, **how)
    return summary
