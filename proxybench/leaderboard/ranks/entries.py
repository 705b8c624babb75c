"""Entries: all repeats of a method on a task combined, with mean, spread, and what is missing.

An entry is complete if every expected repeat ran without failure and every expected architecture was tried.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from proxybench.errors import CorruptData
from proxybench.records import Kind, Record, TaskIdentity

LEVEL = 0.95
Over = Literal["architectures", "splits"]
_COVERED: dict[Over, tuple[str, ...]] = {  # other intervals have too low a coverage, see proxybench.ranking.intervals
    "architectures": ("kendall", "kendall_a", "spearman"),
    "splits": (
        "kendall",
        "kendall_a",
        "spearman",
        "pearson",
        "kendall_answered",
        "spearman_answered",
        "kendall_within_params",
    ),
}
_WORDS = {"failed": "failed", "timeout": "timed out", "unsupported": "not supported"}


class Estimate(NamedTuple):
    """A metric of an entry.

    Attributes:
        mean: over repeats.
        sd: sample standard deviation over repeats; None for fewer than two.
        low: lower end of a 95 percent interval of the mean: Student's t over repeats, within [-1, 1]; for a single
            record the one recorded. None for metrics whose intervals have too low a coverage, such as those of the top,
            even if an old record has one.
        high: upper end; None if `low` is.
        repeats: number of repeats in the mean.
    """

    mean: float
    sd: float | None
    low: float | None
    high: float | None
    repeats: int

    @property
    def over(self) -> Over:
        """What the interval is over: splits, one for each repeat, or for a single record architectures."""
        return "splits" if self.repeats > 1 else "architectures"


@dataclass(frozen=True, eq=False)
class Entry:
    """All records of one (task, method, params, n_train), by repeat.

    Attributes:
        due_repeats: numbers of the repeats that a complete entry has.
        due_architectures: number of architectures to be tried, for each record.
    """

    task: TaskIdentity
    method: str
    kind: Kind
    params: str
    n_train: int
    records: tuple[Record, ...]
    due_repeats: frozenset[int]
    due_architectures: tuple[int, ...]

    @property
    def trained_on(self) -> int:
        """The number of architectures the method was trained on; 0 for methods that do not learn."""
        return self.n_train if self.kind in ("predictor", "search") else 0

    @property
    def label(self) -> str:
        """The method with its parameters: what distinguishes it from others with the same training size."""
        return label_of(self.method, self.params)

    def metric(self, name: str) -> Estimate | None:
        """A metric over the repeats that have it; None if none has."""
        return self._metrics.get(name)

    def values(self, name: str) -> dict[int, float]:
        """A metric by repeat, for the repeats that have it."""
        return {record.repeat: value for record in self.records if (value := record.metrics.get(name)) is not None}

    @property
    def metric_names(self) -> list[str]:
        """Names of the metrics with a value in any repeat."""
        return sorted(self._metrics)

    def count(self, name: str) -> int | None:
        """A metric that counts architectures, its minimum over repeats; None if no repeat has it."""
        values = [value for record in self.records if (value := record.metrics.get(name)) is not None]
        return int(min(values)) if values else None

    def cost(self, name: str) -> float | None:
        """Mean cost over the repeats that have it."""
        values = [value for record in self.records if (value := record.cost.get(name)) is not None]
        return math.fsum(values) / len(values) if values else None

    @property
    def seconds_per_architecture(self) -> float | None:
        """Seconds to score one architecture, stated by the source or measured here."""
        stated = self.cost("seconds_per_architecture")
        return self.cost("predict_s") if stated is None else stated

    @property
    def outcome(self) -> str:
        """`ok`, or the outcome of the first repeat that was not ok."""
        return next((record.outcome for record in self.records if record.outcome != "ok"), "ok")

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Why the entry is incomplete, in words."""
        reasons = []
        expected = zip(self.records, self.due_architectures, strict=True)
        tried = [(count, due) for record, due in expected if (count := record.metrics.get("attempted")) is not None]
        short = [(int(count), due) for count, due in tried if count < due]
        bad = [record for record in self.records if record.outcome != "ok"]
        if bad:
            share = f"{len(bad)} of {len(self.records)} repeats " if len(self.records) > 1 else ""
            reasons.append(share + _WORDS[self.outcome])
        absent = self.due_repeats - {record.repeat for record in self.records}
        if absent:
            reasons.append(f"{len(absent)} of {len(self.due_repeats)} repeats not recorded")
        if short and not bad:
            reasons.append(f"{short[0][0]} of {short[0][1]} architectures tried")
        return tuple(reasons)

    @cached_property
    def _metrics(self) -> dict[str, Estimate]:
        names = {name for record in self.records for name, value in record.metrics.items() if value is not None}
        return {name: _estimate(name, self.records) for name in sorted(names)}


def label_of(method: str, params: str) -> str:
    """A method with its parameters, sorted JSON."""
    return method if params == "{}" else f"{method} {params}"


def entries_of(records: Iterable[Record]) -> list[Entry]:
    """Records as entries, sorted by task, method, parameters and training size.

    Raises:
        CorruptData: if a task is recorded with two identities, or a method with two kinds.
    """
    groups: defaultdict[tuple[str, str, str, int], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.key):
        groups[record.key[:4]].append(record)
    _refuse_mixtures(groups.values())
    due = _Due(record for chosen in groups.values() for record in chosen)
    return [
        Entry(
            task=chosen[0].task,
            method=chosen[0].method,
            kind=chosen[0].kind,
            params=params,
            n_train=n_train,
            records=tuple(chosen),
            due_repeats=due.repeats(chosen),
            due_architectures=tuple(due.architectures(record) for record in chosen),
        )
        for (_, _, params, n_train), chosen in sorted(groups.items())
    ]


def _refuse_mixtures(groups: Iterable[Sequence[Record]]) -> None:
    tasks: dict[str, TaskIdentity] = {}
    for chosen in groups:
        for record in chosen:
            task = tasks.setdefault(record.task.name, record.task)
            if record.task != task:
                raise CorruptData(
                    f"task {task.name} is recorded with two identities; "
                    f"{record.method} was scored on other data than the other methods; run it again"
                )
            if record.kind != chosen[0].kind:
                raise CorruptData(
                    f"{record.method} on {task.name} is recorded as {chosen[0].kind} and {record.kind}; "
                    "remove the records of one of them"
                )


class _Due:
    """The requirements for a complete entry, derived from others on the same task and split."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._repeats: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self._tried: defaultdict[tuple[str, int, int], int] = defaultdict(int)
        self._control: dict[tuple[str, int, int], int] = {}
        for record in records:
            split = record.task.name, record.n_train, record.repeat
            self._repeats[split[:2]].add(record.repeat)
            attempted = int(record.metrics.get("attempted") or 0)
            self._tried[split] = max(self._tried[split], attempted)
            if record.kind == "control" and attempted:
                self._control[split] = attempted

    def repeats(self, chosen: Sequence[Record]) -> frozenset[int]:
        """On a split with a training part the repeats of any method on it, otherwise all up to the last recorded."""
        first = chosen[0]
        if first.n_train:
            return frozenset(self._repeats[first.task.name, first.n_train])
        return frozenset(range(max(record.repeat for record in chosen) + 1))

    def architectures(self, record: Record) -> int:
        """The number that the random control scores, which never fails; without it all, or the most of any method."""
        split = record.task.name, record.n_train, record.repeat
        if split in self._control:
            return self._control[split]
        return self._tried[split] if record.n_train else record.task.size


def _estimate(name: str, records: Sequence[Record]) -> Estimate:
    having = [record for record in records if record.metrics.get(name) is not None]
    values = [value for record in having if (value := record.metrics[name]) is not None]
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        own = having[0].intervals if name in _COVERED["architectures"] else {}
        low, high = own.get(name, (None, None))
        return Estimate(mean, None, low, high, 1)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = _t_quantile(len(values) - 1) * sd / math.sqrt(len(values))
    if name not in _COVERED["splits"]:
        return Estimate(mean, sd, None, None, len(values))
    return Estimate(mean, sd, max(-1.0, mean - half), min(1.0, mean + half), len(values))


def _t_quantile(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
