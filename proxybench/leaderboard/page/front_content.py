"""What the front page holds as plain values: benchmarks, tasks, methods, a line for each entry, heat maps, ranks.

Lines refer to tasks and methods by index, squares of heat maps to tasks and search problems. Details of a benchmark are
in a file of their own, see `benchmark_content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from proxybench.leaderboard.page.facts import SECTIONS, Facts
from proxybench.leaderboard.page.heat import SEARCHERS, Cell, Heat, Row
from proxybench.leaderboard.page.names import shown_name
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.page.sources import base_name, is_ours, own_tasks
from proxybench.leaderboard.page.standings import standings
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.overall import Ranked
from proxybench.leaderboard.ranks.pools import GUESTS
from proxybench.records import Record

EVERYTHING = "everything"


def front_content(
    entries: Sequence[Entry],
    ranked: Ranked,
    suites: Mapping[str, Iterable[str]],
    heats: Sequence[Heat],
    facts: Facts,
) -> dict[str, Any]:
    """All of these, ready to be written as JSON."""
    tasks = sorted({entry.task.name: entry.task for entry in entries}.items())
    benchmark_of = {name: task.benchmark for name, task in tasks}
    task_numbers = {name: number for number, (name, _) in enumerate(tasks)}
    problems = sorted({name for heat in heats if heat.group == SEARCHERS for name in _task_names(heat)})
    problem_numbers = {name: number for number, name in enumerate(problems)}
    own = own_tasks(suites)
    labels = sorted({(entry.method, entry.params, entry.kind) for entry in entries})
    label_numbers = {label: number for number, label in enumerate(labels)}
    ranks = {id(place.entry): place.rank for found in ranked.values() for places in found.values() for place in places}
    return {
        "version": facts.version,
        "repository": facts.repository,
        "date": last_day(record for entry in entries for record in entry.records),
        "records": sum(len(entry.records) for entry in entries),
        "sections": dict(SECTIONS),
        "benchmarks": {
            name: {"section": facts.section(name), **_about(facts.benchmarks.get(name))}
            for name in sorted(set(benchmark_of.values()))
        },
        "tasks": [
            {**msgspec.structs.asdict(task), "suites": sorted(suite for suite in suites if name in suites[suite])}
            for name, task in tasks
        ],
        "about": {name: _about(found) for name, found in sorted(facts.methods.items())},
        "methods": [_method(*label) for label in labels],
        "entries": [
            [
                label_numbers[entry.method, entry.params, entry.kind],
                task_numbers[entry.task.name],
                entry.n_train,
                *_estimate(entry),
                ranks.get(id(entry)),
                int(entry.complete) + 2 * is_ours(entry, own),
                rounded(entry.seconds_per_architecture, 3),
                rounded(entry.cost("fit_s"), 3),
            ]
            for entry in entries
        ],
        "problems": problems,
        "heat": [_heat(heat, problem_numbers if heat.group == SEARCHERS else task_numbers) for heat in heats],
        "ranks": [found for heat in heats for found in _standings(heat, benchmark_of, facts)],
    }


def last_day(records: Iterable[Record]) -> str:
    """The day of the latest record, from its provenance; empty if no record has a time."""
    return max((record.provenance.get("time", "")[:10] for record in records), default="")


def _about(found: msgspec.Struct | None) -> dict[str, Any]:
    return msgspec.structs.asdict(found) if found is not None else {}


def _method(method: str, params: str, kind: str) -> dict[str, Any]:
    name = base_name(method, kind)
    return {"label": shown_name(name, params), "name": name, "kind": kind, "variant": params != "{}"}


def _estimate(entry: Entry) -> list[float | None]:
    tau = entry.metric("kendall")
    return [rounded(value, 4) for value in ((tau.mean, tau.low, tau.high) if tau else (None, None, None))]


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
                "cells": {name: _cell(cell, numbers) for name, cell in row.cells.items() if name in heat.columns},
            }
            for row in heat.rows
        ],
    }


def _cell(cell: Cell, numbers: Mapping[str, int]) -> list[Any]:
    """Value, limits of the interval, first task by its number, number of tasks, size, marks."""
    return [
        rounded(cell.value, 5),
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
