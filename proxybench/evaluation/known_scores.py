"""Scores known without running a method: columns of the table, costs, scores of sweeps and files, the control."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import DataNotAvailable
from proxybench.evaluation.entrants import BY_LOSS, COMPUTED, CONTROL, COSTS, EARLY, ONE_SHOT, Entrant, random_scores
from proxybench.evaluation.network_proxies import scores_in
from proxybench.evaluation.score_files import scores_of_file
from proxybench.evaluation.tasks import Task
from proxybench.jobs.failure import MethodLacking
from proxybench.scores.network_counts import network_counts
from proxybench.scores.score_file import SweepScores
from proxybench.scores.shipped import required_full_size, shipped_scores_of
from proxybench.scores.source_names import PUBLISHED
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.store.schema import MEAN

Floats = NDArray[np.float64]
Scores = tuple[Floats, NDArray[np.bool_]]  # of the population, and which architectures were attempted


def known_scores(task: Task, bench: Benchmark, entrant: Entrant, rows: NDArray[np.int64], repeat: int = 0) -> Scores:
    """Scores of the population, and a mask of the architectures attempted; a failed attempt is NaN.

    Args:
        task: the task.
        bench: the edition of its table that it uses.
        entrant: the method.
        rows: indices of the population.
        repeat: the seed of the supernet, of estimates that the table has for several, on a task without a training
            part.

    Raises:
        MethodLacking: if a file of scores is missing, or has changed since the run was planned.
    """
    everywhere = np.ones(len(rows), dtype=bool)
    if entrant.column:
        file = Path(entrant.scores)
        if not file.is_file() or sha256_of(file) != entrant.code:
            raise MethodLacking(f"{file} has changed since this run was planned")
        return scores_of_file(file, entrant.column, bench, rows)
    if entrant.network:
        if not Path(entrant.scores).is_file():
            raise MethodLacking(f"the scores of {entrant.name} are missing at {entrant.scores or 'their place'}")
        return scores_in(Path(entrant.scores), entrant.name, [bench.digests[row] for row in rows]), everywhere
    if entrant.name == CONTROL:
        return random_scores([bench.digests[row] for row in rows], task.name), everywhere
    if EARLY.fullmatch(entrant.name):
        epochs = int(entrant.name.partition("@")[2])
        if epochs not in task.curves:
            return _nothing(rows)
        return bench.values("val_acc", dataset=task.dataset, epochs=epochs, seed=MEAN)[rows], everywhere
    if entrant.name.endswith(COMPUTED):
        return _computed_scores(bench, entrant.name.removesuffix(COMPUTED), rows)
    if task.grows and entrant.kind != "one-shot" and not entrant.name.endswith(PUBLISHED):
        return _sweep_scores(required_full_size(bench.space.name), bench, entrant.name, rows)
    if entrant.kind == "one-shot":
        return _of_supernet(task, bench, entrant.name, repeat, rows)
    published = entrant.name.removesuffix(PUBLISHED)
    column = published if published in COSTS else f"proxy:{published}"
    if column in bench.metrics(task.dataset):
        return bench.values(column, dataset=task.dataset)[rows], bench.measured(column, dataset=task.dataset)[rows]
    if entrant.name in COSTS:
        return _counted(bench, entrant.name, rows)
    return _nothing(rows)


def why_no_score(task: Task, bench: Benchmark, entrant: Entrant) -> str:
    """Why no architecture of the population has a score: the most frequent reason in a file of scores that has any."""
    unknown = f"the table has no {entrant.name} for this population"
    if not task.grows or entrant.kind == "one-shot" or entrant.name.endswith((COMPUTED, PUBLISHED)):
        return unknown
    scores = required_full_size(bench.space.name)
    reasons = Counter(found[entrant.name] for found in scores.unanswered if entrant.name in found)
    if reasons:
        return reasons.most_common(1)[0][0]
    return f"the full-size scores of {bench.space.name} lack {entrant.name}"


def supernet_costs(task: Task, bench: Benchmark, entrant: Entrant, repeat: int) -> dict[str, float | None]:
    """Processor seconds of the training of a supernet, `fit_s`, and of one estimate, `predict_s`, if they are known."""
    name = entrant.name.removeprefix(ONE_SHOT).removesuffix(BY_LOSS)
    found: dict[str, float | None] = {}
    for cost, column in (("fit_s", f"supernet_s:{name}"), ("predict_s", f"oneshot_s:{name}")):
        if column in bench.metrics(task.dataset):
            found[cost] = float(np.mean(_of_supernet(task, bench, column, repeat, task.rows(bench))[0]))
    return found


def published_seconds(task: Task, bench: Benchmark, entrant: Entrant) -> float | None:
    """Mean time the source took for one score, if it is known."""
    if task.grows and not entrant.name.endswith(PUBLISHED):
        return None
    column = f"proxy_s:{entrant.name.removesuffix(PUBLISHED)}"
    if column not in bench.metrics(task.dataset):
        return None
    seconds = bench.values(column, dataset=task.dataset)[task.rows(bench)]
    return float(np.mean(seconds[np.isfinite(seconds)])) if np.isfinite(seconds).any() else None


def _of_supernet(task: Task, bench: Benchmark, column: str, repeat: int, rows: NDArray[np.int64]) -> Scores:
    """A column of one supernet of several, or of the only one; the mean over them on a task with a training part."""
    if column not in bench.metrics(task.dataset):
        return _nothing(rows)
    seed = str(repeat) if task.train_target is None else MEAN
    values = bench.values(column, dataset=task.dataset, seed=seed)
    return values[rows], bench.measured(column, dataset=task.dataset, seed=seed)[rows]


def _computed_scores(bench: Benchmark, proxy: str, rows: NDArray[np.int64]) -> Scores:
    """Scores of small networks, computed by this project."""
    try:
        return _sweep_scores(shipped_scores_of(bench.space.name, proxy), bench, proxy, rows)
    except DataNotAvailable:
        return _nothing(rows)


def _counted(bench: Benchmark, cost: str, rows: NDArray[np.int64]) -> Scores:
    """Parameters or FLOPs of this project's networks; NaN and not attempted where they are unknown."""
    scores, attempted = _computed_scores(bench, cost, rows)
    if not attempted.any():
        counts = network_counts(bench.space.name, (bench.arch(row) for row in rows.tolist()))
        if counts is not None:
            return counts[cost], np.isfinite(counts[cost])
    return scores, attempted


def _sweep_scores(computed: SweepScores, bench: Benchmark, proxy: str, rows: NDArray[np.int64]) -> Scores:
    """Scores in the file of a sweep; NaN and not attempted if it lacks the proxy or the architecture."""
    row_of = {digest: row for row, digest in enumerate(computed.digests)}
    places = np.array([row_of.get(bench.digests[row], -1) for row in rows])
    column = f"proxy:{proxy}"
    known = column in computed.scores
    values = computed.scores[column].to_numpy() if known else np.full(len(computed.digests), np.nan)
    return np.where(places < 0, np.nan, values[places]), (places >= 0) & known


def _nothing(rows: NDArray[np.int64]) -> Scores:
    return np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool)
