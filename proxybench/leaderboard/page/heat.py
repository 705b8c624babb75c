"""Heat maps: methods by benchmarks, each cell the mean of a method over the tasks of a benchmark.

The methods of a column are compared on the same tasks, those of `largest_block` with at least half of the methods. A
method that lacks one of these has the mean of the tasks that it has, and is marked. A proxy has one row: where this
project computed it at the size of the benchmark's networks, these scores count, otherwise its other scores, otherwise
those of the publishers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.sources import PROXIES, base_name, is_ours, name_of, own_tasks
from proxybench.leaderboard.ranks.blocks import largest_block
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS

KINDS = {  # the kinds of methods in each group
    "proxies": PROXIES,
    "predictors": ("predictor",),
    "one-shot": ("one-shot",),
}
SEARCHERS = "searchers"  # a group of its own, see `searcher_heat`
SIZES = (20, 50, 100, 200, 400, 1000)
LATENCIES = "devices"  # the suite of tasks that rank latencies
FEW = 1 / 3  # of the columns: a row with less says little about its method
NEAR = 1.5  # a training size stands for one of SIZES if it differs by at most this factor


@dataclass(frozen=True)
class Cell:
    """A method on a benchmark.

    Attributes:
        value: mean over `tasks`; of Kendall's tau, or of the share of runs that a searcher wins.
        low: mean of the lower ends of the tasks' 95 percent intervals; None if a task has none.
        high: mean of the upper ends. The tasks of a benchmark are not independent, so this is the widest that the
            interval of the mean can be.
        tasks: names of the tasks.
        size: number of architectures of the largest task.
        trained_on: the training sizes of the tasks, ascending; empty for methods that do not learn.
        same: whether these are the tasks on which the column compares methods.
        ours: whether this project computed the scores, rather than the publishers.
    """

    value: float
    low: float | None
    high: float | None
    tasks: tuple[str, ...]
    size: int
    trained_on: tuple[int, ...] = ()
    same: bool = True
    ours: bool = True


@dataclass(frozen=True)
class Row:
    """A method with its cells by benchmark; `values` holds its measure by task, of complete entries."""

    name: str
    method: str
    kind: str
    variant: bool
    cells: dict[str, Cell]
    values: dict[str, float]


@dataclass(frozen=True)
class Heat:
    """The rows of a group, best first, and its columns in the order of the page.

    Attributes:
        group: one of KINDS, or SEARCHERS.
        n: one of SIZES, of searchers the budget; 0 where nothing is trained.
        compared: by benchmark, the tasks on which the methods of the column are compared.
    """

    group: str
    n: int
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    compared: Mapping[str, tuple[str, ...]]


def heats_of(entries: Sequence[Entry], suites: Mapping[str, Iterable[str]], facts: Facts) -> list[Heat]:
    """The heat maps of the records: proxies, predictors by training size, one-shot estimates; those with a column.

    Tasks of LATENCIES are left out: a mean of latencies and accuracies of one benchmark would say nothing of either.
    """
    own, latencies = own_tasks(suites), set(suites.get(LATENCIES, ()))
    entries = [entry for entry in entries if entry.task.name not in latencies]
    found = []
    for group, kinds in KINDS.items():
        for n in SIZES if group == "predictors" else (0,):
            chosen = {task: _nearest(sizes, n) for task, sizes in _sizes(entries, kinds).items()}
            shown = [
                entry
                for entry in entries
                if entry.kind in (*kinds, *GUESTS) and entry.n_train == chosen.get(entry.task.name)
            ]
            heat = _heat(group, n, shown, own, facts)
            if heat.columns:
                found.append(heat)
    return found


def _sizes(entries: Iterable[Entry], kinds: Sequence[str]) -> dict[str, set[int]]:
    """The training sizes of some kinds of methods by task."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.kind in kinds:
            found[entry.task.name].add(entry.n_train)
    return found


def _nearest(sizes: Iterable[int], n: int) -> int | None:
    """The size that stands for n: the nearest one, as a factor; None if all differ too much."""
    if not n:
        return min(sizes)
    ratio, size = min((max(size, n) / max(min(size, n), 1), size) for size in sizes)
    return size if ratio <= NEAR else None


def _heat(group: str, n_train: int, entries: Sequence[Entry], own: set[str], facts: Facts) -> Heat:
    rows: defaultdict[str, defaultdict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        rows[name_of(entry)][entry.task.benchmark].append(entry)
    kept = {
        name: {benchmark: _one_source(found, own) for benchmark, found in by_benchmark.items()}
        for name, by_benchmark in rows.items()
    }
    first = {name: next(iter(found.values()))[0] for name, found in kept.items()}
    hosts = {name for name, entry in first.items() if entry.kind not in GUESTS and entry.params == "{}"}
    compared = {}
    for benchmark in sorted({entry.task.benchmark for entry in entries}):
        having = {name: found[benchmark] for name, found in kept.items() if benchmark in found}
        tasks_of = {name: _complete(found) for name, found in having.items()}
        compared[benchmark] = tuple(largest_block(tasks_of, set(having) - hosts, *half_of(set(having) & hosts)).tasks)
    made = [
        Row(
            name=name,
            method=base_name(entry.method, entry.kind),
            kind=entry.kind,
            variant=entry.params != "{}",
            cells={
                benchmark: cell
                for benchmark, found in kept[name].items()
                if (cell := _cell(found, compared[benchmark], own))
            },
            values={
                one.task.name: tau.mean
                for found in kept[name].values()
                for one in found
                if one.complete and (tau := one.metric("kendall"))
            },
        )
        for name, entry in first.items()
    ]
    return ordered(group, n_train, made, compared, facts)


def _one_source(entries: Sequence[Entry], own: set[str]) -> list[Entry]:
    """The entries of one source: this project's at the benchmark's own size, its others, or those of the publishers."""
    ours = [entry for entry in entries if is_ours(entry, own)]
    full_size = [entry for entry in ours if entry.kind in PROXIES and entry.task.name in own]
    return full_size or ours or list(entries)


def half_of(hosts: Collection[str]) -> tuple[int, int]:
    """The fewest methods and tasks of the block of a column: half of its methods, so that few are marked."""
    return (len(hosts) + 1) // 2, 1


def _complete(entries: Iterable[Entry]) -> set[str]:
    return {entry.task.name for entry in entries if entry.complete and entry.metric("kendall")}


def _cell(entries: Sequence[Entry], compared: Sequence[str], own: set[str]) -> Cell | None:
    by_task = {entry.task.name: entry for entry in entries if entry.metric("kendall")}
    if not by_task:
        return None
    same = bool(compared) and set(compared) <= _complete(entries)
    names = tuple(name for name in compared if name in by_task) or tuple(sorted(by_task))
    taus = [tau for name in names if (tau := by_task[name].metric("kendall"))]
    return Cell(
        value=_mean([tau.mean for tau in taus]) or 0.0,
        low=_mean([tau.low for tau in taus]),
        high=_mean([tau.high for tau in taus]),
        tasks=names,
        size=max(by_task[name].task.size for name in names),
        trained_on=tuple(sorted({by_task[name].trained_on for name in names} - {0})),
        same=same,
        ours=all(is_ours(by_task[name], own) for name in names),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def ordered(group: str, n: int, rows: Sequence[Row], compared: Mapping[str, tuple[str, ...]], facts: Facts) -> Heat:
    """Columns by section and number of methods; rows by their mean difference from the mean of a column.

    Rows with less than FEW of the columns of the first section come after the others, and rows of a single column last,
    if there are more than two columns.
    """
    count = {name: sum(name in row.cells and row.kind not in GUESTS for row in rows) for name in compared}
    order = ("published", "yours", "ours")
    columns = sorted(
        (name for name in compared if count[name]),
        key=lambda name: (order.index(facts.section(name)), -count[name], name),
    )
    means = {name: _mean([row.cells[name].value for row in rows if name in row.cells]) or 0.0 for name in columns}
    first = facts.section(columns[0]) if columns else ""
    many = FEW * sum(facts.section(name) == first for name in columns)

    def key(row: Row) -> tuple[bool, bool, float, str]:
        own = {name: cell.value - means[name] for name, cell in row.cells.items() if name in means}
        leading = [value for name, value in own.items() if facts.section(name) == first]
        mean = _mean(leading or list(own.values()))
        lone = len(columns) > 2 and len(own) < 2
        return lone, len(leading) < max(1, many), -(mean if mean is not None else -math.inf), row.name

    shown = [row for row in rows if any(name in row.cells for name in columns)]
    return Heat(group, n, tuple(sorted(shown, key=key)), tuple(columns), compared)
