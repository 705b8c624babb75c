"""`proxybench.search(...)`: searchers on a table in one call. The command `search` is a thin wrapper around it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from proxybench.jobs.journal import Journal
from proxybench.progress import job_progress
from proxybench.search import SEARCHERS
from proxybench.search.core.base import is_multi_fidelity
from proxybench.search.experiments.experiment import ConfiguredSearcher, ProblemSetting, TableSearch, run_experiment
from proxybench.search.experiments.results import SearchResults
from proxybench.tables.benchmark import Benchmark


def search(
    benchmark: str | Benchmark,
    searchers: str | Sequence[str] = ("random", "robot"),
    *,
    budget: int = 20,
    seeds: int = 10,
    first_seed: int = 0,
    dataset: str | None = None,
    objective: str | None = None,
    report: str | None = None,
    where: Sequence[str] = (),
    columns_of: str | None = None,
    computed: bool = False,
    every_row: bool = False,
    journal: str | Path | None = None,
    progress: bool = True,
) -> SearchResults:
    """Run searchers on a table, once per seed.

        found = pb.search("trained-nasbench201", ["random", "robot", "guided(predictor=gbdt, every=5)"], budget=20)

    Args:
        benchmark: a table on this machine, or its name.
        searchers: `NAME` or `NAME(argument=value, ...)` (`proxybench list searchers`).
        budget: full trainings that a run pays for.
        seeds: runs of each searcher.
        first_seed: seed of the first run; the others count up from it.
        dataset: data set of the table; may be None if it has only one.
        objective: quantity that a query returns, `[DATASET/]METRIC[@EPOCHS][#SEED]`; by default the validation result
            at the most epochs.
        report: quantity to report for the result; by default test_acc if the table has it.
        where: metrics that must be measured.
        columns_of: data set whose proxies are available at no cost, or "all"; by default `dataset`.
        computed: whether proxies computed by this project are available too.
        every_row: treat isomorphic architectures as distinct.
        journal: file in which runs are recorded; runs already in it are skipped.
        progress: show a progress bar in terminals and notebooks.

    Raises:
        UnknownName: for an unknown table, searcher, option, data set or metric; suggests the nearest.
        InvalidText: if a searcher or quantity is malformed.
        InvalidProblem: if the budget is below one training, or the population lacks the objective.
        CorruptData: if the journal holds anything else.
    """
    texts = [searchers] if isinstance(searchers, str) else searchers
    chosen = list({text: ConfiguredSearcher.parse(text) for text in texts}.values())
    setting = ProblemSetting(
        benchmark if isinstance(benchmark, str) else benchmark.name,
        dataset,
        objective,
        report,
        tuple(where),
        "index" if every_row else "digest",
        columns_of,
        fidelities=any(is_multi_fidelity(SEARCHERS[configured.name]) for configured in chosen),
        computed=computed,
    )
    table_search, wanted = TableSearch(setting), range(first_seed, first_seed + seeds)
    kept = None if journal is None else Journal(Path(journal))
    with job_progress(len(chosen) * seeds) if progress else nullcontext() as on_record:
        return SearchResults(run_experiment(table_search, chosen, budget, wanted, kept, on_record))
