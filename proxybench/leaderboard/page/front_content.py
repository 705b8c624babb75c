"""What the front page holds as plain values: benchmarks, tasks, methods, heat maps and average ranks.

Squares of heat maps refer to tasks and search problems by index. What only one view shows is in a file of its own: the
details of a benchmark, see `benchmark_content`, and a line for each entry, see `line_content`.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from proxybench.leaderboard.page.facts import SECTIONS, Facts
from proxybench.leaderboard.page.heat import SEARCHERS, Cell, Heat, Row
from proxybench.leaderboard.page.names import shown_name
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.page.sources import base_name
from proxybench.leaderboard.page.standings import standings
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS
from proxybench.records import Kind, Record, TaskIdentity

EVERYTHING = "everything"


def front_content(entries: Sequence[Entry], heats: Sequence[Heat], facts: Facts) -> dict[str, Any]:
    """All of these, ready to be written as JSON."""
    tasks = tasks_of(entries)
    benchmark_of = {task.name: task.benchmark for task in tasks}
    task_numbers = {task.name: number for number, task in enumerate(tasks)}
    problems = sorted({name for heat in heats if heat.group == SEARCHERS for name in _task_names(heat)})
    problem_numbers = {name: number for number, name in enumerate(problems)}
    of_label: defaultdict[tuple[str, str, Kind], list[Entry]] = defaultdict(list)
    of_benchmark: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of_label[label_of(entry)].append(entry)
        of_benchmark[entry.task.benchmark].append(entry)
    return {
        "version": facts.version,
        "repository": facts.repository,
        "date": last_day(record for entry in entries for record in entry.records),
        "records": sum(len(entry.records) for entry in entries),
        "sections": dict(SECTIONS),
        "benchmarks": {
            name: {
                "section": facts.section(name),
                "title": facts.benchmarks[name].title if name in facts.benchmarks else "",
                "methods": len({label_of(entry) for entry in found}),
                "training_free": any(not entry.n_train for entry in found),
            }
            for name, found in sorted(of_benchmark.items())
        },
        "tasks": [{"name": task.name, "benchmark": task.benchmark, "size": task.size} for task in tasks],
        "about": {name: msgspec.structs.asdict(found) for name, found in sorted(facts.methods.items())},
        "methods": [_method(*label, found) for label, found in sorted(of_label.items())],
        "problems": problems,
        "heat": [_heat(heat, problem_numbers if heat.group == SEARCHERS else task_numbers) for heat in heats],
        "ranks": [found for heat in heats for found in _standings(heat, benchmark_of, facts)],
    }


def last_day(records: Iterable[Record]) -> str:
    """The day of the latest record, from its provenance; empty if no record has a time."""
    return max((record.provenance.get("time", "")[:10] for record in records), default="")


def tasks_of(entries: Iterable[Entry]) -> list[TaskIdentity]:
    """The tasks of these entries by name: the order in which everything on the page refers to them."""
    return [task for _, task in sorted({entry.task.name: entry.task for entry in entries}.items())]


def label_of(entry: Entry) -> tuple[str, str, Kind]:
    """What a method of the page is; their ascending order is that in which everything on the page refers to them."""
    return entry.method, entry.params, entry.kind


def _method(method: str, params: str, kind: Kind, entries: Iterable[Entry]) -> dict[str, Any]:
    name = base_name(method, kind)
    return {
        "label": shown_name(name, params),
        "name": name,
        "kind": kind,
        "variant": params != "{}",
        "seconds": _median_seconds(entries),
    }


def _median_seconds(entries: Iterable[Entry]) -> float | None:
    """The median of the seconds per architecture of these entries; None if no entry has any."""
    seconds = [entry.seconds_per_architecture for entry in entries if entry.seconds_per_architecture is not None]
    return rounded(statistics.median_high(seconds), 3) if seconds else None


def _task_names(heat: Heat) -> set[str]:
    """The tasks, or the search problems, that the squares of a heat map stand for."""
    return {name for row in heat.rows for cell in row.cells.values() for name in cell.tasks}


def _heat(heat: Heat, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "group": heat.group,
        "n": heat.n,
        "columns": list(heat.columns),
        "tasks": {name: len(heat.compared[name]) for name in heat.columns},
        "rows": [
            {
                "name": row.name,
                "method": row.method,
                "kind": row.kind,
                "variant": row.variant,
                "cells": [_cell(row.cells[name], numbers) if name in row.cells else None for name in heat.columns],
            }
            for row in heat.rows
        ],
    }


def _cell(cell: Cell, numbers: Mapping[str, int]) -> list[Any]:
    """Value, limits of the interval, first task by its number, number of tasks, size, marks."""
    return [
        rounded(cell.value, 4),
        *(rounded(value, 3) for value in (cell.low, cell.high)),
        numbers[cell.tasks[0]],
        len(cell.tasks),
        cell.size,
        list(cell.trained_on),
        int(cell.same),
        int(cell.ours),
    ]


def _standings(heat: Heat, benchmark_of: Mapping[str, str], facts: Facts) -> list[dict[str, Any]]:
    """Average ranks of the methods of a heat map, in each section and over all; none for searchers."""
    made: list[dict[str, Any]] = []
    if heat.group == SEARCHERS:
        return made
    rows = [row for row in heat.rows if not row.variant]
    sections = list(dict.fromkeys(facts.section(name) for name in heat.columns))
    for section in [*sections, *([EVERYTHING] if len(sections) > 1 else [])]:
        found = standings(
            {row.name: _within(row, section, benchmark_of, facts) for row in rows},
            {row.name for row in rows if row.kind in GUESTS},
        )
        if found is not None:
            methods = {row.name for row in rows if _within(row, section, benchmark_of, facts)}
            made.append(
                {
                    "group": heat.group,
                    "n": heat.n,
                    "section": section,
                    "ranks": [[name, rounded(rank, 4)] for name, rank in found.ranks.items()],
                    "tasks": list(found.tasks),
                    "of": len({task for row in rows for task in _within(row, section, benchmark_of, facts)}),
                    "left_out": sorted(methods - set(found.ranks)),
                    "difference": rounded(found.difference, 4),
                    "p_value": rounded(found.p_value, 3),
                }
            )
    return made


def _within(row: Row, section: str, benchmark_of: Mapping[str, str], facts: Facts) -> dict[str, float]:
    """The values of a row on the tasks of a section."""
    return {
        task: value
        for task, value in row.values.items()
        if section in (EVERYTHING, facts.section(benchmark_of.get(task, "")))
    }
