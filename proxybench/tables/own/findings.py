"""What a card says about the user's results: gaps, seeds and their agreement, isomorphic architectures, ties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from proxybench.ranking.correlation import kendall
from proxybench.tables.store.merge import BlockKey, MeasuredColumn, MergedTable
from proxybench.tables.store.schema import UNTRAINED

_FEWEST = 3  # architectures with both seeds, for their agreement to mean anything
Metric = tuple[str, str, int]


def findings(table: MergedTable, digests: Sequence[str]) -> list[str]:
    """Sentences about the content of a table, for its card.

    Args:
        table: one block per data set, epochs and seed.
        digests: the space's digest of each architecture.
    """
    notes = [_isomorphic(digests)]
    for (dataset, metric, epochs), runs in _runs(table).items():
        name = f"{metric} on {dataset} after {epochs} epoch{'s' if epochs > 1 else ''}"
        notes.append(_gaps(name, runs, len(digests)))
        if len(runs) > 1:
            notes.append(_agreement(name, runs))
        notes.append(_ties(name, runs))
    return notes


def _isomorphic(digests: Sequence[str]) -> str:
    twins = sum(count for count in Counter(digests).values() if count > 1)
    if not twins:
        return "No two architectures are isomorphic."
    return f"{twins:,} of {len(digests):,} architectures are isomorphic to another one; each keeps its own results."


def _runs(table: MergedTable) -> dict[Metric, dict[str, MeasuredColumn]]:
    """The columns of each trained metric by seed."""
    runs: dict[Metric, dict[str, MeasuredColumn]] = {}
    for key, block in table.blocks.items():
        for metric, column in block.items():
            if key.epochs != UNTRAINED["epochs"]:
                runs.setdefault((key.dataset, metric, key.epochs), {})[key.seed] = column
    return runs


def _gaps(name: str, runs: Mapping[str, MeasuredColumn], n: int) -> str:
    counts = Counter(np.sum([one.measured for one in runs.values()], axis=0).tolist())
    failed = sum(int((one.measured & ~np.isfinite(one.values)).sum()) for one in runs.values())
    left_out = int((~np.isfinite(_means(runs))).sum())
    trained = ", ".join(f"{count:,} with {trainings}" for trainings, count in sorted(counts.items(), reverse=True))
    return (
        f"{name}: architectures by number of trainings: {trained}. Failed trainings (NaN): {failed:,}. Architectures "
        f"left out of rankings, since they were not measured or a training failed: {left_out:,} of {n:,}. Nothing is "
        "filled in."
    )


def _agreement(name: str, runs: Mapping[str, MeasuredColumn]) -> str:
    taus, counts = [], []
    for one, other in combinations(runs.values(), 2):
        both = np.isfinite(one.values) & np.isfinite(other.values)
        if both.sum() >= _FEWEST:
            taus.append(kendall(one.values[both], other.values[both]))
            counts.append(int(both.sum()))
    if not taus or not np.isfinite(taus).any():
        return f"{name}: too few architectures were trained with two seeds to compare the seeds."
    n = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    values = np.array([one.values for one in runs.values()])
    several = np.isfinite(values).sum(axis=0) > 1
    deviation = np.nanstd(values[:, several], axis=0, ddof=1).mean()
    return (
        f"{name}: {len(runs)} seeds; Kendall's tau between two of them is {np.nanmean(taus):.3f} on average (n = {n}), "
        f"the standard deviation over seeds {deviation:.4g} on average."
    )


def _ties(name: str, runs: Mapping[str, MeasuredColumn]) -> str:
    values = _means(runs)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return f"{name}: fewer than two architectures have a value, so nothing can be ranked."
    _, counts = np.unique(values, return_counts=True)
    tied = float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))
    warning = " All values are equal, so nothing can be ranked." if len(counts) == 1 else ""
    return f"{name}: {len(counts):,} different values among {len(values):,}; {tied:.2%} of the pairs are tied.{warning}"


def _means(runs: Mapping[str, MeasuredColumn]) -> NDArray[np.float64]:
    """The mean over the measured runs, as queries give it; a failed run makes it NaN."""
    count = np.sum([one.measured for one in runs.values()], axis=0)
    total = np.sum([np.where(one.measured, one.values, 0.0) for one in runs.values()], axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def content_digest_parts(table: MergedTable) -> list[bytes]:
    """The content of a table as bytes in a fixed order, for its digest."""
    parts: list[bytes] = [repr(table.archs).encode()]
    for key in sorted(table.blocks):
        for metric, column in sorted(table.blocks[key].items()):
            parts += [repr((tuple(BlockKey(*key)), metric)).encode()]
            parts += [np.where(column.measured, column.values, 0.0).tobytes(), column.measured.tobytes()]
    return parts
