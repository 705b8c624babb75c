"""`proxybench.search(...)`: searchers on a table in one call. The verb `search` is thin over it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from proxybench.jobs.journal import Journal
from proxybench.progress import cell_progress
from proxybench.search import SEARCHERS
from proxybench.search.base import is_multi_fidelity
from proxybench.search.experiment import Entry, Posed, Setting, run_experiment
from proxybench.search.results import SearchResults


def search(
    benchmark: str,
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
    """Run searchers on a table, once for each seed.

        found = pb.search("trained-nasbench201", ["random", "robot", "guided(predictor=gbdt, every=5)"], budget=20)

    Args:
        benchmark: name of a table on this machine.
        searchers: `NAME` or `NAME(argument=value, ...)` (`proxybench list searchers`).
        budget: full trainings that a run pays.
        seeds: runs of each searcher.
        first_seed: seed of the first run; the others follow it.
        dataset: of the table; may be None where it has one.
        objective: quantity that a query answers, `[DATASET/]METRIC[@EPOCHS][#SEED]`; by default the validation result
            at the most epochs.
        report: quantity reported of what was found; by default test_acc where the table has it.
        where: metrics that must be measured.
        columns_of: data set whose proxies are known without cost, or "all"; by default `dataset`.
        computed: whether the proxies that this project computed itself are known too.
        every_row: count isomorphic architectures as different ones.
        journal: file that keeps the runs; those in it are not run again.
        progress: show a progress bar in terminals and notebooks.

    Raises:
        UnknownName: for an unknown table, searcher, option, data set or metric; suggests the nearest.
        InvalidText: for a searcher or quantity in another form.
        InvalidProblem: for a budget below one training, or a population that lacks the objective.
        CorruptData: for a journal that holds something else.
    """
    texts = [searchers] if isinstance(searchers, str) else searchers
    entries = list({text: Entry.parse(text) for text in texts}.values())
    setting = Setting(
        benchmark,
        dataset,
        objective,
        report,
        tuple(where),
        "index" if every_row else "digest",
        columns_of,
        fidelities=any(is_multi_fidelity(SEARCHERS[entry.name]) for entry in entries),
        computed=computed,
    )
    posed, wanted = Posed(setting), range(first_seed, first_seed + seeds)
    kept = None if journal is None else Journal(Path(journal))
    with cell_progress(len(entries) * seeds) if progress else nullcontext() as on_record:
        return SearchResults(run_experiment(posed, entries, budget, wanted, kept, on_record))
