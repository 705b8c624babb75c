"""The heat maps of searchers: the share of runs with less regret than random search, by benchmark and budget."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.heat import SEARCHERS, Cell, Heat, Row, half_of, ordered
from proxybench.leaderboard.page.names import shown_name
from proxybench.leaderboard.ranks.blocks import largest_block
from proxybench.leaderboard.searches.records import SearchedProblem
from proxybench.leaderboard.searches.verdicts import BASELINES, SearcherTest, searcher_tests

RANDOM = BASELINES[0]
QUANTILE = 1.96  # of the normal distribution, for 95 percent


def searcher_heats(problems: Sequence[SearchedProblem], facts: Facts) -> list[Heat]:
    """One map for each budget; a cell is the mean over the problems of a benchmark, pairs of runs with equal seeds."""
    tests: defaultdict[int, list[SearcherTest]] = defaultdict(list)
    for test in searcher_tests(problems, [RANDOM]):
        tests[test.runs.budget].append(test)
    return [_heat(budget, found, facts) for budget, found in sorted(tests.items())]


def _heat(budget: int, tests: Sequence[SearcherTest], facts: Facts) -> Heat:
    by_name: defaultdict[str, defaultdict[str, list[SearcherTest]]] = defaultdict(lambda: defaultdict(list))
    for test in tests:
        benchmark = test.problem.task.benchmark
        by_name[shown_name(test.runs.searcher, test.runs.options)][benchmark].append(test)
    variants = {name for name, found in by_name.items() if next(iter(found.values()))[0].runs.params}
    compared = {}
    for benchmark in sorted({test.problem.task.benchmark for test in tests}):
        having = {
            name: {test.problem.task.name for test in found[benchmark]}
            for name, found in by_name.items()
            if benchmark in found
        }
        compared[benchmark] = tuple(largest_block(having, variants, *half_of(set(having) - variants)).tasks)
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
    return ordered(SEARCHERS, budget, rows, compared, facts)


def _cell(tests: Sequence[SearcherTest], compared: Sequence[str]) -> Cell:
    """The mean share over the compared problems, or over all if the searcher has none of them.

    Its interval is Wald's for the pairs of one problem, averaged over problems.
    """
    shown = [test for test in tests if test.problem.task.name in compared] or list(tests)
    halves = [QUANTILE * math.sqrt(test.wins * (1 - test.wins) / test.seeds) for test in shown]
    mean, half = math.fsum(test.wins for test in shown) / len(shown), math.fsum(halves) / len(halves)
    names = tuple(sorted(test.problem.task.name for test in shown))
    return Cell(
        value=mean,
        low=max(0.0, mean - half),
        high=min(1.0, mean + half),
        tasks=names,
        size=min(test.seeds for test in shown),
        same=names == tuple(compared),
    )
