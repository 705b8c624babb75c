"""The leaderboard of this project brought up to date: what `make leaderboard` runs.

The methods that are fast are evaluated again on the tables that come with the project and on the published ones that
can be had; the recorded results of everything else are taken from the released leaderboard.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from proxybench.board_facts import board_facts
from proxybench.errors import CorruptData
from proxybench.front_door import evaluate
from proxybench.jobs.journal import Journal
from proxybench.leaderboard.build import LOCAL, RUNS, Leaderboard, write, write_local
from proxybench.leaderboard.generation.records import GENERATION
from proxybench.leaderboard.page.html import PAGE, missing_extra
from proxybench.leaderboard.ranks.overall import Comparison
from proxybench.leaderboard.searches.records import SEARCHES
from proxybench.progress import download_progress
from proxybench.records import read_records
from proxybench.results import Results
from proxybench.tables.fetch import Fetched, fetch
from proxybench.tables.sources.registry import load_registry

SLOW = ("parzc_paper", "pretrained")  # minutes for one fit; learns what costs nothing from a training part alone


class Part(NamedTuple):
    """A suite, the methods that are evaluated on it, and whether the scores of single architectures are kept."""

    suite: str
    methods: str
    without: tuple[str, ...] = ()
    keep_scores: bool = False


SHIPPED = (
    Part("trained", "columns", keep_scores=True),
    Part("trained-predictors", "predictors", SLOW),
    Part("trained-curves", "predictors", SLOW),
)
PUBLISHED = (Part("published", "columns", keep_scores=True), Part("full-size", "columns"))


@dataclass
class Update:
    """What an update of the leaderboard did.

    Attributes:
        folder: the folder of the leaderboard.
        results: what was evaluated, by suite.
        fetched: the outcome for each published table.
        board: the leaderboard that was built.
        page: the page; None if the library that draws its charts is not installed.
        seconds: how long it took.
    """

    folder: Path
    results: dict[str, Results] = field(default_factory=dict)
    fetched: Sequence[Fetched] = ()
    board: Leaderboard | None = None
    page: Path | None = None
    seconds: float = 0.0

    @property
    def jobs(self) -> int:
        """How many jobs were evaluated."""
        return sum(len(results) for results in self.results.values())

    @property
    def left_out(self) -> dict[str, list[str]]:
        """The published tables that were left out, by what to do about it: the last line of the failure."""
        reasons: dict[str, list[str]] = {}
        for one in self.fetched:
            if one.outcome == "failed":
                reasons.setdefault(one.message.splitlines()[-1].strip(), []).append(one.name)
        return reasons

    def comparison(self, scope: str, kind: str) -> Comparison | None:
        """The comparison of the methods of a kind that need no training part, over the tasks of a scope."""
        found = () if self.board is None else self.board.comparisons
        return next((one for one in found if one.scope == scope and one.pool == (kind, 0)), None)


def update(
    folder: Path,
    released: Path | None = None,
    *,
    repeats: int = 1,
    jobs: int = 2,
    published: bool = True,
    shipped: Sequence[Part] = SHIPPED,
    on_step: Callable[[str], None] = lambda step: None,
) -> Update:
    """Evaluate the methods again, and build the CSV files and the page.

    Args:
        folder: the folder of the leaderboard; its records of other jobs stay.
        released: the folder of a released leaderboard, whose records are used for jobs that `folder` has no records of.
        repeats: splits for each training size of the predictors.
        jobs: worker processes.
        published: whether to fetch the published tables and evaluate on them too.
        shipped: what is evaluated on the tables that come with the project.
        on_step: called with a short description before each step.

    Raises:
        CorruptData: if records are damaged.
    """
    start = time.perf_counter()
    done = Update(folder)
    if released is not None and released.resolve() != folder.resolve():
        on_step(f"taking over the recorded results of {released}")
        take_over(released, folder)
    parts = list(shipped)
    if published:
        on_step("fetching the published tables")
        with download_progress() as (on_bytes, on_file):
            done.fetched = fetch(load_registry().benchmarks, on_bytes=on_bytes, on_step=on_file)
        parts += PUBLISHED
    for part in parts:
        on_step(f"evaluating the suite {part.suite}")
        done.results[part.suite] = evaluate(
            part.methods,
            suite=part.suite,
            without=part.without,
            repeats=repeats if part.methods == "predictors" else 1,
            jobs=jobs,
            folder=folder,
            redo=True,
            keep_scores=part.keep_scores,
        )
    on_step("building the tables and the page")
    done.board = Leaderboard.of(folder)
    facts = board_facts()
    write(folder, done.board, facts)
    if not missing_extra():
        done.page = write_local(folder, done.board, facts)[0] if (folder / LOCAL).is_dir() else folder / PAGE
    done.seconds = time.perf_counter() - start
    return done


def take_over(released: Path, folder: Path) -> None:
    """Add the records of a released leaderboard to a folder that lacks them.

    A record of the folder stays, unless the released leaderboard knows another version of its task.

    Raises:
        CorruptData: if records are damaged.
    """
    for path in sorted((released / RUNS).glob("*.jsonl")):
        records = read_records([path])
        tasks = {record.task.name: record.task for record in records}
        journal = Journal(folder / RUNS / path.name)
        journal.drop(lambda record, tasks=tasks: record.task != tasks.get(record.task.name, record.task))  # type: ignore[misc]
        journal.append_absent(records)
    for kind in (SEARCHES, GENERATION):
        for path in sorted((released / kind).glob("*.jsonl")):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            if (folder / kind / path.name).is_symlink():
                raise CorruptData(f"{folder / kind / path.name} is a link; remove it")
            shutil.copyfile(path, folder / kind / path.name)
