"""Gains of methods over one of them on the same splits: differences in Kendall's tau, repeat by repeat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from predictors.errors import unknown_name
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.ranking.comparison import mann_whitney
from proxybench.ranking.intervals import half_interval

METRIC = "kendall"


class PairedGain(NamedTuple):
    """The gain of an entry over another one with the same task and training size.

    Attributes:
        entry: of the method.
        gain: mean over the repeats that both have.
        low: lower end of its 95 percent interval, Student's t over repeats; None for fewer than two.
        high: upper end.
        better: number of repeats in which it is above 0.
        repeats: number of repeats that both have.
        p_value: two-sided, of the Mann-Whitney U test between the taus of the two over these repeats; None for fewer
            than two.
    """

    entry: Entry
    gain: float
    low: float | None
    high: float | None
    better: int
    repeats: int
    p_value: float | None


def paired_gains(entries: Iterable[Entry], label: str) -> list[PairedGain]:
    """The gains of all other methods over the one with this label, sorted by task, training size and gain.

    Raises:
        UnknownName: if no entry has the label.
    """
    groups: dict[tuple[str, int], dict[str, Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.task.name, entry.n_train), {})[entry.label] = entry
    labels = {label for group in groups.values() for label in group}
    if label not in labels:
        raise unknown_name("method", label, sorted(labels))
    return [gain for _, group in sorted(groups.items()) if label in group for gain in _gains_over(group[label], group)]


def _gains_over(base: Entry, group: Mapping[str, Entry]) -> list[PairedGain]:
    """Gains over `base` within a group of entries with one task and training size."""
    base_taus, found = _by_repeat(base), []
    for entry in group.values():
        own = _by_repeat(entry)
        both = sorted(own.keys() & base_taus.keys())
        gains = [own[repeat] - base_taus[repeat] for repeat in both]
        if not gains or entry is base:
            continue
        mean, half = math.fsum(gains) / len(gains), half_interval(gains)
        low, high = (None, None) if half is None else (mean - half, mean + half)
        drawn = [own[repeat] for repeat in both], [base_taus[repeat] for repeat in both]
        p_value = mann_whitney(*drawn).p_value if len(both) > 1 else None
        found.append(PairedGain(entry, mean, low, high, sum(gain > 0 for gain in gains), len(gains), p_value))
    return sorted(found, key=lambda one: (-one.gain, one.entry.label))


def _by_repeat(entry: Entry) -> dict[int, float]:
    return {record.repeat: value for record in entry.records if (value := record.metrics.get(METRIC)) is not None}
