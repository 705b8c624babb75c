"""The heat maps of searchers: the share of runs with less regret than random search, by benchmark and budget."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.heat import Cell, Heat, Row, ordered
from proxybench.leaderboard.page.names import shown_name
from proxybench.leaderboard.searches.records import SearchedProblem
from proxybench.leaderboard.searches.verdicts import BASELINES, SearcherTest, searcher_tests

RANDOM = BASELINES[0]


def searcher_heats(problems: Sequence[SearchedProblem], facts: Facts) -> list[Heat]:
    """One map for each budget; a cell is the mean over the problems of a benchmark, pairs of runs with equal seeds."""
    tests: defaultdict[int, list[SearcherTest]] = defaultdict(list)
    for test in searcher_tests(problems, [RANDOM]):
        tests[test.runs.budget].append(test)
    return [_heat(budget, found, facts) for budget, found in sorted(tests.items())]


def _heat(budget: int, tests: Sequence[SearcherTest], facts: Facts) -> Heat:
    by_name: defaultdict[str, defaultdict[str, list[SearcherTest]]] = defaultdict(lambda: defaultdict(list))
    problems: defaultdict[str, set[str]] = defaultdict(set)
    for test in tests:
        benchmark = test.problem.task.benchmark
        by_name[shown_name(test.runs.searcher, test.runs.options)][benchmark].append(test)
        problems[benchmark].add(test.problem.task.name)
    compared = {benchmark: tuple(sorted(names)) for benchmark, names in problems.items()}
    rows = [
        Row(
            name=name,
            method=(first := next(iter(found.values()))[0].runs).searcher,
            kind="search",
            variant=bool(first.params),
            cells={benchmark: _cell(own, compared[benchmark]) for benchmark, own in found.items()},
            values={test.problem.task.name: test.wins for own in found.values() for test in own},
        )
        for name, found in by_name.items()
    ]
    return ordered("searchers", budget, rows, compared, facts)


def _cell(tests: Sequence[SearcherTest], compared: Sequence[str]) -> Cell:
    """The mean share; its interval is Wald's for the pairs of one problem, averaged over problems."""
    halves = [1.96 * math.sqrt(test.wins * (1 - test.wins) / test.seeds) for test in tests]
    mean, half = math.fsum(test.wins for test in tests) / len(tests), math.fsum(halves) / len(halves)
    names = tuple(sorted(test.problem.task.name for test in tests))
    return Cell(
        value=mean,
        low=max(0.0, mean - half),
        high=min(1.0, mean + half),
        tasks=names,
        size=min(test.seeds for test in tests),
        same=names == tuple(compared),
    )
