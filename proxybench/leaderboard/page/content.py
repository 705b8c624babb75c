"""All content of the page: what it holds itself, and the details of each benchmark."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from proxybench.leaderboard.generation.records import GenerationProblem
from proxybench.leaderboard.page.benchmark_content import benchmark_content
from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.front_content import front_content, tasks_of
from proxybench.leaderboard.page.generation_content import generation_content
from proxybench.leaderboard.page.heat import heats_of
from proxybench.leaderboard.page.html import render
from proxybench.leaderboard.page.line_content import line_content
from proxybench.leaderboard.page.search_content import search_content
from proxybench.leaderboard.page.searcher_heat import searcher_heats
from proxybench.leaderboard.page.sources import own_tasks
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.overall import Ranked
from proxybench.leaderboard.ranks.scores import TaskScores
from proxybench.leaderboard.searches.records import SearchedProblem
from proxybench.records import TaskIdentity


def page_files(
    entries: Sequence[Entry],
    ranked: Ranked,
    suites: Mapping[str, Iterable[str]],
    searches: Sequence[SearchedProblem],
    generation: Sequence[GenerationProblem],
    scores: Mapping[str, TaskScores],
    facts: Facts,
    csv_folder: str = "",
) -> dict[str, bytes]:
    """The files of the page by name; `csv_folder` as in `html.render`."""
    listed = {name: list(tasks) for name, tasks in suites.items()}
    heats = [*heats_of(entries, listed, facts), *searcher_heats(searches, facts)]
    searched = search_content(searches)
    front = {
        **front_content(entries, heats, facts),
        "baselines": searched["baselines"],
        "totals": searched["totals"],
        "generation": generation_content(generation),
    }
    own = own_tasks(listed)
    tasks = tasks_of(entries)
    benchmarks = sorted({task.benchmark for task in tasks})
    details: dict[str, dict[str, Any]] = {
        benchmark: {
            **benchmark_content([entry for entry in entries if entry.task.benchmark == benchmark], ranked, own, scores),
            "card": msgspec.to_builtins(facts.benchmarks.get(benchmark, {})),
            "tasks": [_task(task, listed) for task in tasks if task.benchmark == benchmark],
            "searches": [found for found in searched["problems"] if found["benchmark"] == benchmark],
        }
        for benchmark in benchmarks
    }
    return render(front, details, line_content(entries, ranked, own), csv_folder)


def _task(task: TaskIdentity, suites: Mapping[str, Collection[str]]) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(task),
        "suites": sorted(name for name, tasks in suites.items() if task.name in tasks),
    }
