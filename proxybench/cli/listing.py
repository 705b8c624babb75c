"""The list command: the names that other commands accept, one kind at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table

Rows = list[dict[str, Any]]


class Kind(StrEnum):
    """What can be listed."""

    BENCHMARKS = "benchmarks"
    SUITES = "suites"
    TASKS = "tasks"
    METHODS = "methods"
    PROXIES = "proxies"
    PREDICTORS = "predictors"
    SEARCHERS = "searchers"
    SPACES = "spaces"


def list_(what: Annotated[Kind, typer.Argument(help="What to list.")] = Kind.BENCHMARKS, as_json: Json = False) -> None:
    """List the benchmarks and which of them are on this machine, or the names that other commands accept."""
    if what is Kind.BENCHMARKS:
        _benchmarks(as_json)
        return
    rows = _LISTS[what]()
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows])


def _benchmarks(as_json: bool) -> None:
    from proxybench.tables.catalogue import list_benchmarks

    infos = list_benchmarks().values()
    if as_json:
        print_json([dataclasses.asdict(info) for info in infos])
        return
    rows = [
        (
            info.name,
            "comes with the project" if info.shipped else "yours" if info.own else "here" if info.available else "-",
            f"{info.architectures:,}" if info.architectures else "",
            info.space,
            f"{info.bytes / 1e6:.1f} MB" if info.bytes else "",
            info.title,
        )
        for info in infos
    ]
    print_table(("benchmark", "table", "architectures", "space", "download", "what"), rows)


def _suites() -> Rows:
    from proxybench.evaluation.tasks import load_tasks

    tasks_of: dict[str, list[str]] = {}
    for task in load_tasks().values():
        for suite in task.suites:
            tasks_of.setdefault(suite, []).append(task.name)
    return [{"suite": suite, "tasks": len(tasks), "names": tasks} for suite, tasks in sorted(tasks_of.items())]


def _tasks() -> Rows:
    """The tasks of this project, then those of the user's own tables."""
    from proxybench.errors import ProxybenchError
    from proxybench.evaluation.own_tasks import own_tasks
    from proxybench.evaluation.tasks import load_tasks
    from proxybench.tables.benchmark import load
    from proxybench.tables.store.places import own_names

    tasks = list(load_tasks().values())
    for name in own_names():
        with suppress(ProxybenchError):  # a damaged table, or one in which nothing can be ranked, has no tasks
            tasks += own_tasks(load(name))

    return [
        {
            "task": task.name,
            "suites": list(task.suites),
            "benchmark": task.benchmark,
            "dataset": task.dataset,
            "target": str(task.target),
            "trained on": str(task.train_target) if task.train_target else None,
            "sizes": list(task.sizes),
            "architectures": task.size,
        }
        for task in tasks
    ]


def _methods() -> Rows:
    """Every name that `run --method` accepts without a table or the user's own file."""
    from proxybench.evaluation.entrants import ALWAYS, CONTROL, PREDICTORS

    controls = [
        {"method": name, "kind": "control" if name == CONTROL else "cost", "what": "takes part in every run"}
        for name in ALWAYS
    ]
    proxies = [{"method": row["proxy"], "kind": "proxy", "what": row["formula"]} for row in _proxies()]
    learned = [{"method": row["predictor"], "kind": "predictor", "what": row["what"]} for row in _predictors()]
    groups = [
        {"method": "columns", "kind": "group", "what": "every proxy and one-shot estimate of a task's table"},
        {"method": PREDICTORS, "kind": "group", "what": "every registered predictor"},
    ]
    names = {row["method"] for row in controls}
    return controls + [row for row in proxies if row["method"] not in names] + learned + groups


def _proxies() -> Rows:
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    from proxybench.proxies import PROXIES

    return [
        {
            "proxy": name,
            "needs": sorted(proxy.needs),
            "values of nodes": proxy.per_layer,
            "formula": proxy.formula,
            "source": proxy.source,
        }
        for name in sorted(PROXIES)
        for proxy in [PROXIES[name]]
    ]


def _predictors() -> Rows:
    from predictors import PREDICTORS

    return _classes("predictor", PREDICTORS)


def _searchers() -> Rows:
    from proxybench.search import SEARCHERS

    return _classes("searcher", SEARCHERS)


def _classes(kind: str, registry: Mapping[str, Any]) -> Rows:
    return [{kind: name, "what": _first_line(registry, name)} for name in sorted(registry)]


def _first_line(registry: Mapping[str, Any], name: str) -> str:
    try:
        return (registry[name].__doc__ or "").strip().partition("\n")[0]
    except ModuleNotFoundError as error:
        return f"({error.name} is not installed)"


def _spaces() -> Rows:
    from proxybench.spaces import SPACES, EnumerableSpace, get_space, installed_spaces

    return [
        {
            "space": name,
            "architectures": len(space) if isinstance(space, EnumerableSpace) else None,
            "source": space.source,
            "example": space.example,
        }
        for name in sorted({*SPACES, *installed_spaces()})
        for space in [get_space(name)]
    ]


_LISTS: dict[Kind, Callable[[], Rows]] = {
    Kind.SUITES: _suites,
    Kind.TASKS: _tasks,
    Kind.METHODS: _methods,
    Kind.PROXIES: _proxies,
    Kind.PREDICTORS: _predictors,
    Kind.SEARCHERS: _searchers,
    Kind.SPACES: _spaces,
}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
