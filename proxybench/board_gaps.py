"""The gaps of the leaderboard: methods that a task lets compete, and that have no result there, with the reason.

Due on a task without a training part are its columns, the parameters, FLOPs and random controls, and, if it ranks
scores of networks at the benchmark's own size, every registered proxy; on a task with a training part every registered
predictor, at each of its training sizes up to 800, where larger sizes are due for the five predictors that are best so
far. One repeat is enough. On a table that only a user's official file provides, nothing is due until it is imported. A
method recorded as not supported does not apply to the task: it is neither due nor a gap, and its recorded message says
why.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import predictors
from proxybench.errors import DataNotAvailable
from proxybench.evaluation.entrants import ALWAYS, COLUMNS, find_entrant
from proxybench.evaluation.method_groups import groups_of
from proxybench.evaluation.plan_runs import FAILURES
from proxybench.evaluation.tasks import Task
from proxybench.proxies import PROXIES
from proxybench.records import Record, TaskIdentity, params_text
from proxybench.tables.benchmark import Benchmark, load
from proxybench.tables.catalogue import official_kind
from proxybench.tables.computed import FULL_SIZE

Reason = Literal["not run", "table missing", "scores missing", "failed", "stale"]
Pool = Literal["training-free", "one-shot", "predictors"]
DEFAULTS = params_text({})
MOST_FOR_ALL = 800  # training sizes above this are due for the best predictors alone
BEST = 5


@dataclass(frozen=True)
class Gap:
    """A method without a result on a task.

    Attributes:
        reason: not run; its table or its scores are missing; it failed or timed out; or its records were made on
            another population or version of the task.
        detail: the message of the record or of the missing data; for "not run" the training sizes, if only some lack.
    """

    task: str
    pool: Pool
    method: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class PoolSummary:
    """The numbers of a pool over all tasks.

    Attributes:
        due: pairs of task and method that should have a result.
        filled: those that have one.
        inapplicable: pairs that are recorded as not supported, which are not due.
        importable: pairs whose table a user has to import, which are not due either.
        reasons: number of gaps by reason.
    """

    pool: str
    due: int
    filled: int
    inapplicable: int
    importable: int
    reasons: Mapping[str, int]

    @property
    def percent(self) -> float:
        """The share that is filled, in percent; 100 if nothing is due."""
        return 100 * self.filled / self.due if self.due else 100.0


@dataclass(frozen=True)
class Gaps:
    """The gaps of a leaderboard, and the numbers by pool and in total."""

    gaps: tuple[Gap, ...]
    pools: tuple[PoolSummary, ...]
    total: PoolSummary


@dataclass(frozen=True)
class _Due:
    """A task, its table if that is on this machine, what is missing otherwise, and the identity that records need."""

    task: Task
    bench: Benchmark | None
    reason: Reason | None = None
    detail: str = ""
    identity: TaskIdentity | None = None

    def outdates(self, record: Record) -> bool:
        """Whether a record was made for another version of the task, or before its population grew."""
        if self.identity is not None:
            return record.task != self.identity
        return record.task.version != self.task.version


def find_gaps(tasks: Sequence[Task], records: Iterable[Record]) -> Gaps:
    """The gaps of these tasks in a leaderboard with these records, which may hold others.

    Raises:
        CorruptData: if a table is damaged.
    """
    recorded: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if params_text(record.params) == DEFAULTS:
            recorded[record.task.name, record.method].append(record)
    gaps: list[Gap] = []
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        here = _as_it_is_here(task)
        best = _best_predictors(task, recorded)
        for method, lacking in _due(here, recorded).items():
            known = recorded.get((task.name, method), [])
            pool = _pool(method, known)
            found = _judged(here, method, pool, lacking, known, _due_sizes(task, method in best))
            counts[pool][found.reason if isinstance(found, Gap) else found] += 1
            if isinstance(found, Gap):
                gaps.append(found)
    pools = tuple(_summary(pool, counts[pool]) for pool in sorted(counts, reverse=True))
    total = sum(counts.values(), Counter())
    return Gaps(tuple(gaps), pools, _summary("total", total))


def _as_it_is_here(task: Task) -> _Due:
    try:
        bench = task.edition(load(task.benchmark))
    except DataNotAvailable as error:
        return _Due(task, None, "table missing", str(error))
    try:
        return _Due(task, bench, identity=task.identity(bench) if task.grows else None)
    except DataNotAvailable as error:
        return _Due(task, bench, "scores missing", str(error))


def _due(here: _Due, recorded: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The methods due on a task, and which scores are missing for those that cannot be run."""
    task, bench = here.task, here.bench
    if task.train_target is not None:
        return dict.fromkeys([f"val_acc@{epochs}" for epochs in task.curves] + predictors.available(), "")
    if bench is None:
        methods = dict.fromkeys((method for name, method in recorded if name == task.name), "")
    else:
        methods = {} if here.reason else dict.fromkeys(groups_of(task, bench)[COLUMNS], "")
    if task.columns == FULL_SIZE:
        space = task.benchmark if bench is None else bench.space.name
        for proxy in PROXIES:
            if proxy not in ALWAYS:
                methods.setdefault(proxy, f"the full-size scores of {space} that come with the project lack this proxy")
    return methods | dict.fromkeys(ALWAYS, "")


def _due_sizes(task: Task, best: bool) -> set[int]:
    """The training sizes at which a method is due on a task; 0 stands for a task without a training part."""
    if task.train_target is None:
        return {0}
    return {n for n in task.sizes if best or n <= _most_for_all(task)}


def _most_for_all(task: Task) -> int:
    """The largest training size that is due for every predictor of a task with a training part."""
    return max((n for n in task.sizes if n <= MOST_FOR_ALL), default=min(task.sizes))


def _best_predictors(task: Task, recorded: Mapping[tuple[str, str], Sequence[Record]]) -> set[str]:
    """The predictors with the highest mean tau at the largest size that is due for all, where there are more sizes."""
    if task.train_target is None or max(task.sizes) == (most := _most_for_all(task)):
        return set()
    reached: dict[str, float] = {}
    for method in predictors.available():
        found = [record for record in recorded.get((task.name, method), []) if record.n_train == most]
        taus = [tau for record in found if (tau := record.metrics.get("kendall")) is not None]
        if taus:
            reached[method] = statistics.fmean(taus)
    return set(sorted(reached, key=lambda method: -reached[method])[:BEST])


def _judged(
    here: _Due, method: str, pool: Pool, lacking: str, found: Sequence[Record], sizes: set[int]
) -> Gap | Literal["filled", "inapplicable", "importable"]:
    """What the records of a method on a task amount to, if it is due at these training sizes.

    `lacking` says which scores are missing, if they are.
    """
    current = [record for record in found if not here.outdates(record)]

    def gap(reason: Reason, detail: str = "") -> Gap:
        return Gap(here.task.name, pool, method, reason, detail)

    for record in current:
        if record.outcome in FAILURES:
            return gap("failed", f"{record.outcome}: {record.message}")
    done = {record.n_train for record in current}
    if sizes <= done:
        return "filled" if any(record.outcome == "ok" for record in current) else "inapplicable"
    if current:
        return gap("not run", f"n = {', '.join(map(str, sorted(sizes - done)))}")
    if found:
        return gap("stale", f"recorded for version {found[0].task.version} on {found[0].task.population}")
    if here.bench is None and official_kind(here.task.benchmark) is not None:
        return "importable"
    if here.reason is not None:
        return gap(here.reason, here.detail)
    return gap("scores missing", lacking) if lacking else gap("not run")


def _pool(method: str, found: Sequence[Record]) -> Pool:
    """A recorded method may be the user's own, whose name alone says nothing."""
    kind = found[0].kind if found else find_entrant(method).kind
    return "predictors" if kind == "predictor" else "one-shot" if kind == "one-shot" else "training-free"


def _summary(pool: str, counts: Counter[str]) -> PoolSummary:
    reasons = {reason: counts[reason] for reason in get_args(Reason) if counts[reason]}
    filled = counts["filled"]
    due = filled + sum(reasons.values())
    return PoolSummary(pool, due, filled, counts["inapplicable"], counts["importable"], reasons)
