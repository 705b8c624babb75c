"""Tasks of all proxies computed at a benchmark's own size: a population that grows with the file of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

import proxybench as pb
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.evaluation import population as populations
from proxybench.evaluation.entrants import find_entrant
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.known_scores import known_scores
from proxybench.evaluation.method_groups import groups_of
from proxybench.evaluation.plan_runs import EVALUATE, forget
from proxybench.evaluation.plans import plan_tasks, suite_tasks
from proxybench.evaluation.tasks import Target, Task, load_tasks
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore
from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.proxies import PROXIES
from proxybench.resources import data_path
from proxybench.scores import shipped

SUITE = "full-size"
TABLE = "trained-nasbench201"  # it comes with the project, and has the architectures that nasbench201's scores cover
SCORES = Path(data_path(shipped.FULL_SIZE.format(space="nasbench201")))
TASK = Task(
    name="mine-full-size",
    suites=("mine",),
    benchmark=TABLE,
    dataset="cifar10",
    population="architectures with full-size scores",
    target=Target("test_acc", 3),
    version=1,
    columns="full-size",
)


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes the first n architectures of nasbench201's full-size scores all that there are."""
    monkeypatch.setattr(shipped, "FULL_SIZE", str(tmp_path / "{space}.parquet"))

    def use(count: int) -> None:
        pq.write_table(pq.read_table(SCORES).slice(0, count), tmp_path / "nasbench201.parquet")
        forget_scores()

    yield use
    monkeypatch.undo()
    forget_scores()


def forget_scores() -> None:
    """Nothing of the files read earlier in this process stays in memory."""
    for function in (shipped.full_size_scores, shipped.full_size_digest, populations._population):
        function.cache_clear()


def test_the_population_is_what_has_been_scored_one_architecture_for_each_digest() -> None:
    bench = pb.load(TABLE)
    chosen = [bench.digests[row] for row in TASK.rows(bench)]
    assert sorted(chosen) == sorted(set(bench.digests) & set(shipped.full_size_scores("nasbench201").digests))
    assert len(chosen) == len(set(chosen)) > 100


def test_a_record_names_the_size_and_the_digest_of_its_population(scored) -> None:
    identities = []
    for count in (30, 40):
        scored(count)
        identities.append(TASK.identity(pb.load(TABLE)))
    small, large = identities
    assert (small.size, large.size) == (30, 40)
    assert small.population.startswith("architectures with full-size scores: 30, digest ")
    assert small.population.split()[-1] != large.population.split()[-1]
    assert small.table != large.table


def test_a_plain_name_is_the_score_of_this_project() -> None:
    bench, scores = pb.load(TABLE), shipped.full_size_scores("nasbench201")
    rows = TASK.rows(bench)
    places = [list(scores.digests).index(bench.digests[row]) for row in rows]
    for name in ("zico", "params"):
        expected = scores.scores[f"proxy:{name}"].to_numpy()[places]
        found, attempted = known_scores(TASK, bench, find_entrant(name), rows)
        assert attempted.all()
        assert np.array_equal(found, expected)
        column = f"cost:{name}" if name == "params" else f"proxy:{name}"
        assert np.array_equal(TASK.batch(bench).column(column), expected)


def test_a_published_score_takes_part_under_the_name_of_its_kind(real_tables: Path) -> None:
    task, bench = load_tasks()["nasbench201-cifar10-full-size"], pb.load("nasbench201")
    names = groups_of(task, task.edition(bench))["columns"]
    assert {"synflow", "synflow@published", "zico"} <= set(names)
    assert not {"zico@published", "params", "random", "synflow@proxybench"} & set(names)
    rows = task.rows(bench)
    published, measured = known_scores(task, bench, find_entrant("synflow@published"), rows)
    np.testing.assert_array_equal(published, bench.values("proxy:synflow", dataset="cifar10")[rows])
    assert 0 < measured.sum() < len(rows)
    assert find_entrant("snip@published").kind == "training-free with labels"


def test_a_record_of_a_smaller_population_is_made_again_and_never_mixed(scored, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs" / "mine.jsonl")
    scored(30)
    small = plan_tasks([TASK], ["synflow"])
    for spec in small.specs:
        journal.append(evaluate(spec))
    assert forget(small, journal) == 0
    old = evaluate(small.specs[0])
    scored(40)
    large = plan_tasks([TASK], ["synflow"])
    with pytest.raises(CorruptData, match="another version of task mine-full-size"), _store(large, journal):
        pass
    with pytest.raises(CorruptData, match="two identities"):
        entries_of([old, evaluate(large.specs[1])])
    assert forget(large, journal) == len(small.specs)
    with _store(large, journal) as store:
        assert len(store) == len(large.specs)


def test_without_scores_the_task_says_how_to_compute_them(scored) -> None:
    scored(30)
    task = msgspec.structs.replace(TASK, benchmark="trained-nds-darts")
    with pytest.raises(DataNotAvailable, match="compute them with: proxybench compute nds-darts --first"):
        task.identity(pb.load("trained-nds-darts"))
    assert set(plan_tasks([task]).absent) == {"mine-full-size"}


def test_its_population_cannot_be_fixed_too() -> None:
    with pytest.raises(ValueError, match="grows with the full-size scores, so it has no size"):
        msgspec.structs.replace(TASK, size=150)


def test_every_task_of_the_suite_has_the_target_of_another_task() -> None:
    """Those are checked against the tables; the suite covers twelve tables and NAS-Bench-201."""
    others = {
        (task.benchmark, task.dataset, str(task.target)) for task in load_tasks().values() if SUITE not in task.suites
    }
    tasks = suite_tasks(SUITE)
    assert {(task.benchmark, task.dataset, str(task.target)) for task in tasks} <= others
    assert len({task.benchmark for task in tasks}) == 13
    assert all(task.grows and task.home == SUITE for task in tasks)


def test_every_shipped_score_is_a_proxy_of_the_registry() -> None:
    for task in suite_tasks(SUITE):
        try:
            scores = shipped.full_size_scores(pb.load(task.benchmark).space.name)
        except DataNotAvailable:
            continue
        assert scores is None or {str(name).removeprefix("proxy:") for name in scores.scores} <= set(PROXIES)


def _store(plan, journal: Journal) -> JournalStore:
    return JournalStore(plan.specs, EVALUATE, journal)
