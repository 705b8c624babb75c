"""Runs the jobs of a plan, here or on a cluster, recorded in one journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from proxybench.evaluation.evaluate import training_free_scores
from proxybench.evaluation.job_specs import entrant_of
from proxybench.evaluation.plans import RunPlan
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore, RunSummary
from proxybench.jobs.run import run_in_processes
from proxybench.records import Record
from proxybench.tables.benchmark import load

EVALUATE = "proxybench.evaluation.evaluate:evaluate"
FAILURES = ("failed", "timeout")


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
