"""CSV: the rows of a task, and the methods over several tasks. An empty field is a missing value.

Records made before the metrics of `ranking.metrics.TOP_SLICES` existed do not have them: only the file of a task with a
record that has them gets their columns, after all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from proxybench.csv_text import csv_bytes
from proxybench.leaderboard.ranks.entries import Entry, Estimate
from proxybench.leaderboard.ranks.overall import Comparison
from proxybench.leaderboard.ranks.pools import Place, Pool
from proxybench.ranking.metrics import TOP_SLICES

TASK_COLUMNS = (
    "task",
    "pool",
    "rank",
    "method",
    "params",
    "kind",
    "n_train",
    "trained_on",
    "complete",
    "kendall_tau_b",
    "kendall_tau_b_sd",
    "kendall_tau_b_low_over_architectures",
    "kendall_tau_b_high_over_architectures",
    "kendall_tau_b_low_over_splits",
    "kendall_tau_b_high_over_splits",
    "spearman",
    "spearman_sd",
    "spearman_low_over_architectures",
    "spearman_high_over_architectures",
    "spearman_low_over_splits",
    "spearman_high_over_splits",
    "precision_at_10",
    "regret_at_1",
    "share_of_ceiling",
    "repeats",
    "repeats_due",
    "attempted",
    "failed",
    "population_size",
    "seconds_per_architecture",
    "fit_s",
    "outcome",
    "missing",
    "benchmark",
    "dataset",
    "population",
    "split",
    "target",
    "task_version",
)
SLICES = ("kendall_top_10_percent", *TOP_SLICES)
OVERALL_COLUMNS = (
    "scope",
    "pool",
    "place",
    "method",
    "params",
    "kind",
    "average_rank",
    "compared_on",
    "average_rank_where_ranked",
    "ranked_on",
    "tasks",
    "wins",
    "kendall_tau_b",
    "spearman",
    "seconds_per_architecture",
    "fit_s",
    "n_train",
    "critical_difference",
    "friedman_p",
)


def task_csv(pools: Mapping[Pool, Sequence[Place]]) -> bytes:
    """Rows of a task by pool, best first."""
    entries = [place.entry for places in pools.values() for place in places]
    columns = (*TASK_COLUMNS, *SLICES) if any(map(_has_slices, entries)) else TASK_COLUMNS
    return _csv(columns, (_task_row(pool, place) for pool, places in pools.items() for place in places))


def overall_csv(comparisons: Iterable[Comparison]) -> bytes:
    """Methods by scope and pool, best first."""
    return _csv(OVERALL_COLUMNS, (row for comparison in comparisons for row in _overall_rows(comparison)))


def failed(entry: Entry) -> int | None:
    """The number of architectures for which the method was tried and gave no score, the maximum over repeats."""
    gaps = [
        int(attempted - answered)
        for record in entry.records
        if (attempted := record.metrics.get("attempted")) is not None
        and (answered := record.metrics.get("answered")) is not None
    ]
    return max(gaps, default=None)


def _has_slices(entry: Entry) -> bool:
    """Whether one of the records was made with the metrics of TOP_SLICES, even if none is defined there."""
    return any(name in record.metrics for record in entry.records for name in TOP_SLICES)


def _task_row(pool: Pool, place: Place) -> dict[str, object]:
    entry, rank = place
    task = entry.task
    return {
        "task": task.name,
        "pool": pool.name,
        "rank": _rank(rank),
        "method": entry.method,
        "params": "" if entry.params == "{}" else entry.params,
        "kind": entry.kind,
        "n_train": entry.n_train,
        "trained_on": entry.trained_on,
        "complete": "yes" if entry.complete else "no",
        **_estimate("kendall_tau_b", entry.metric("kendall")),
        **_estimate("spearman", entry.metric("spearman")),
        "precision_at_10": _mean(entry.metric("precision_at_10"), 2),
        "regret_at_1": _mean(entry.metric("regret_at_1"), 4),
        "share_of_ceiling": _mean(entry.metric("share_of_ceiling"), 4),
        "repeats": len(entry.records),
        "repeats_due": len(entry.due_repeats),
        "attempted": _count(entry.count("attempted")),
        "failed": _count(failed(entry)),
        "population_size": task.size,
        "seconds_per_architecture": _seconds(entry.seconds_per_architecture),
        "fit_s": _seconds(entry.cost("fit_s")),
        "outcome": entry.outcome,
        "missing": "; ".join(entry.missing),
        "benchmark": task.benchmark,
        "dataset": task.dataset,
        "population": task.population,
        "split": task.split,
        "target": task.target,
        "task_version": task.version,
        **{name: _mean(entry.metric(name), 4) for name in SLICES},
    }


def _overall_rows(comparison: Comparison) -> Iterable[dict[str, object]]:
    found = comparison.significance
    for standing in comparison.standings:
        yield {
            "scope": comparison.scope,
            "pool": comparison.pool.name,
            "place": _rank(standing.place),
            "method": standing.method,
            "params": "" if standing.params == "{}" else standing.params,
            "kind": standing.kind,
            "average_rank": _number(standing.average_rank, 3),
            "compared_on": len(comparison.compared_on),
            "average_rank_where_ranked": _number(standing.average_rank_where_ranked, 3),
            "ranked_on": standing.ranked_on,
            "tasks": len(comparison.tasks),
            "wins": standing.wins,
            "kendall_tau_b": _number(standing.kendall, 4),
            "spearman": _number(standing.spearman, 4),
            "seconds_per_architecture": _seconds(standing.seconds_per_architecture),
            "fit_s": _seconds(standing.fit_s),
            "n_train": comparison.pool.n_train,
            "critical_difference": _number(found.difference, 3) if found else "",
            "friedman_p": f"{found.p_value:.3g}" if found and found.p_value is not None else "",
        }


def _estimate(name: str, estimate: Estimate | None) -> dict[str, str]:
    over = estimate.over if estimate else "architectures"
    return {
        name: _mean(estimate, 4),
        f"{name}_sd": _number(estimate.sd if estimate else None, 4),
        f"{name}_low_over_{over}": _number(estimate.low if estimate else None, 4),
        f"{name}_high_over_{over}": _number(estimate.high if estimate else None, 4),
    }


def _mean(estimate: Estimate | None, digits: int) -> str:
    return _number(estimate.mean if estimate else None, digits)


def _rank(rank: float | None) -> str:
    """A rank, without decimals unless tied."""
    return "" if rank is None else f"{rank:g}"


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _seconds(value: float | None) -> str:
    """Four significant digits: some methods take microseconds, some hours."""
    return "" if value is None else f"{value:.4g}"


def _number(value: float | None, digits: int) -> str:
    """A fixed number of digits, without the sign of a rounded zero."""
    return "" if value is None else f"{value:z.{digits}f}"


def _csv(columns: Sequence[str], rows: Iterable[dict[str, object]]) -> bytes:
    return csv_bytes(columns, ([row.get(column, "") for column in columns] for row in rows))
