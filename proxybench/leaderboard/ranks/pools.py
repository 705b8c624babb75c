"""Pools: groups of entries that compete on a task, and their ranks.

A pool is a kind of method on a split: training-free methods, those that use labels, one-shot estimates, predictors
trained on n architectures, searches that trained n. Controls and costs compete in every pool: those of the same split,
or otherwise of the whole population. Ranks are computed separately in each pool.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxybench.leaderboard.ranks.entries import Entry

UNTRAINED = "training-free"
GUESTS = ("control", "cost")


class Pool(NamedTuple):
    """A pool by kind and training size of the split; all its methods are scored on the held-out part."""

    kind: str
    n_train: int

    @property
    def name(self) -> str:
        """The name in files, such as `predictor, n_train 100`."""
        if not self.n_train:
            return self.kind
        learns = self.kind in ("predictor", "search")
        return f"{self.kind}, {'n_train' if learns else 'split of n_train'} {self.n_train}"

    @property
    def order(self) -> tuple[int, str, int]:
        """Sorts pools by their cost: no training, labels, a supernet, predictors and searches by budget."""
        kinds = ("training-free", "training-free with labels", "one-shot", "predictor", "search")
        return kinds.index(self.kind) if self.kind in kinds else len(kinds), self.kind, self.n_train

    @property
    def measure(self) -> tuple[str, bool]:
        """The metric that ranks the pool, and whether larger is better.

        Searches return an architecture, not a ranking of all, and are ranked by its regret.
        """
        return ("regret_at_1", False) if self.kind == "search" else ("kendall", True)


class Place(NamedTuple):
    """The rank of an entry in its pool on a task; ties share their mean rank, None if there is no value.

    The rank of an incomplete entry is the one it would have among the complete entries.
    """

    entry: Entry
    rank: float | None


def pools_of(entries: Sequence[Entry]) -> dict[Pool, list[Place]]:
    """Pools of the entries of one task, each best first; entries without a value come last.

    Complete entries are ranked among themselves. An incomplete one is given the rank that it has among them on what it
    has: the repeats that it ran, the architectures that it tried. It changes nobody else's rank.
    """
    members: defaultdict[Pool, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind not in GUESTS:
            members[Pool(entry.kind, entry.n_train)].append(entry)
    pools = sorted(members, key=lambda pool: pool.order) or [Pool(UNTRAINED, 0)]
    return {pool: _ranked(pool, [*members[pool], *_guests(entries, pool.n_train)]) for pool in pools}


def _guests(entries: Iterable[Entry], n_train: int) -> list[Entry]:
    """Controls and costs of this split, otherwise of the whole population."""
    chosen: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.kind in GUESTS and entry.n_train in (0, n_train):
            name = entry.method, entry.params
            if name not in chosen or entry.n_train == n_train:
                chosen[name] = entry
    return list(chosen.values())


def _ranked(pool: Pool, entries: Sequence[Entry]) -> list[Place]:
    metric, more_is_better = pool.measure
    sign = -1 if more_is_better else 1

    def value(entry: Entry) -> float:
        estimate = entry.metric(metric)
        assert estimate is not None
        return sign * estimate.mean

    valued = [entry for entry in entries if entry.metric(metric) is not None]
    complete = sorted((entry for entry in valued if entry.complete), key=lambda entry: (value(entry), entry.label))
    places = _mid_ranks(complete, [value(entry) for entry in complete])
    places += [Place(entry, _rank_among(entry, complete, metric, sign)) for entry in valued if not entry.complete]
    rest = sorted((entry for entry in entries if entry.metric(metric) is None), key=lambda entry: entry.label)
    return sorted(places, key=_order) + [Place(entry, None) for entry in rest]


def _order(place: Place) -> tuple[float, bool, str]:
    assert place.rank is not None
    return place.rank, place.entry.complete, place.entry.label


def _rank_among(entry: Entry, complete: Sequence[Entry], metric: str, sign: int) -> float:
    """The rank of an incomplete entry among the complete ones, over the repeats that it has."""
    values = entry.values(metric)
    own = sign * math.fsum(values.values()) / len(values)
    others = [one.values(metric) for one in complete]
    shared = [[found[repeat] for repeat in values if repeat in found] or list(found.values()) for found in others]
    rivals = [sign * math.fsum(found) / len(found) for found in shared]
    return 1 + sum(rival < own for rival in rivals) + rivals.count(own) / 2


def _mid_ranks(entries: Sequence[Entry], values: Sequence[float]) -> list[Place]:
    """Ranks from 1 on for ascending values; equal ones share their mean rank."""
    return [
        Place(entry, 1 + values.index(value) + (values.count(value) - 1) / 2)
        for entry, value in zip(entries, values, strict=True)
    ]
